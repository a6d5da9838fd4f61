/* Replaces the process-wide callback while other threads run it: each is destroyed once and not called afterwards. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

enum { THREADS = 4, LINES = 500, CALLBACKS = 500 };

struct listener {
    pthread_mutex_t lock;
    int inside;
    int destroyed;
    int late;
};

static struct listener listeners[CALLBACKS];
static hf_manager *manager;

static void heard(int32_t level, const char *message, void *user_data)
{
    struct listener *listener = user_data;

    (void)level;
    (void)message;
    pthread_mutex_lock(&listener->lock);
    listener->inside++;
    listener->late += listener->destroyed;
    pthread_mutex_unlock(&listener->lock);

    pthread_mutex_lock(&listener->lock);
    listener->inside--;
    pthread_mutex_unlock(&listener->lock);
}

static void destroyed(void *user_data)
{
    struct listener *listener = user_data;

    pthread_mutex_lock(&listener->lock);
    listener->late += listener->inside;
    listener->destroyed++;
    pthread_mutex_unlock(&listener->lock);
}

static void *talk(void *unused)
{
    int line;

    for (line = 0; line < LINES; line++) {
        char *value = NULL;

        if (hf_get_secret(manager, "no reference", NULL, &value, NULL) != HF_ERR_INVALID_REFERENCE)
            exit(1);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[THREADS];
    int i;

    manager = open_env();
    for (i = 0; i < CALLBACKS; i++)
        pthread_mutex_init(&listeners[i].lock, NULL);
    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, talk, NULL) != 0)
            return 1;
    }
    for (i = 0; i < CALLBACKS; i++)
        hf_set_log_callback(heard, &listeners[i], destroyed, HF_LOG_TRACE);
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    hf_set_log_callback(NULL, NULL, NULL, HF_LOG_OFF);

    for (i = 0; i < CALLBACKS; i++)
        CHECK(listeners[i].destroyed == 1 && listeners[i].late == 0, "callback %d: destroyed %d times, late %d", i,
              listeners[i].destroyed, listeners[i].late);
    hf_manager_free(manager);
    return result();
}
