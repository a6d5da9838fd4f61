/* A log callback that calls the manager that is logging, on several threads. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>

static hf_manager *manager;
static atomic_long lines;
static atomic_long inner_calls;
static _Thread_local int inside;

static void heard(int32_t level, const char *message, void *user_data)
{
    (void)level;
    (void)message;
    (void)user_data;
    atomic_fetch_add(&lines, 1);
    if (inside || manager == NULL)
        return;
    inside = 1;
    CHECK(gets_value(manager, "vault://called_back", "v"), "from within a log line");
    atomic_fetch_add(&inner_calls, 1);
    inside = 0;
}

static void *provoke(void *unused)
{
    int i;

    (void)unused;
    for (i = 0; i < 20; i++) {
        char *value = NULL;
        hf_error *error = NULL;

        CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "vault://a__b", NULL, &value, &error));
    }
    return NULL;
}

int main(void)
{
    hf_options *options = hf_options_new();
    hf_error *error = NULL;
    pthread_t threads[8];
    hf_manager *opened = NULL;
    int i;

    CHECK_STATUS(HF_OK, hf_options_set_log_callback(options, heard, NULL, NULL, HF_LOG_TRACE, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &opened, &error));
    hf_options_free(options);
    put(opened, "called_back", "v");
    manager = opened;
    for (i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, provoke, NULL);
    for (i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&inner_calls) == 160, "%ld calls from within lines", atomic_load(&inner_calls));
    hf_manager_free(manager);
    return result();
}
