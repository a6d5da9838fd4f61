/* threads.c THREADS ROUNDS: many threads use one manager, open and free managers, and get and free the default
 * manager, all at the same time. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>

static hf_manager *shared;
static hf_document *document; /* read by all threads at once; its texts are decoded by the first one */
static long rounds;
static pthread_barrier_t start;

static void use(const hf_manager *manager, long thread)
{
    char key[64], reference[80], value[64];
    hf_error *error = NULL;
    hf_string_list *list = NULL;
    long round;

    snprintf(key, sizeof key, "of_thread_%ld", thread);
    snprintf(reference, sizeof reference, "vault://%s", key);
    for (round = 0; round < rounds; round++) {
        snprintf(value, sizeof value, "%ld-%ld", thread, round);
        put(manager, key, value);
        CHECK(gets_value(manager, reference, value), "thread %ld", thread);
        CHECK(gets_value(manager, "vault://of_all", "all"), "thread %ld", thread);
    }
    CHECK_STATUS(HF_OK, hf_update_secret(manager, reference, "last", NULL, NULL, &error));
    CHECK(gets_value(manager, reference, "last"), "thread %ld", thread);
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, key, NULL, &list, &error));
    CHECK(hf_string_list_len(list) >= 1, "thread %ld", thread);
    hf_string_list_free(list);
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
}

static void read_document(long thread)
{
    hf_document *own = hf_document_ref(document);
    const char *name = hf_document_name(own, 0), *text = hf_document_text(own, "value", NULL);

    CHECK(name != NULL && strcmp(name, "metadata") == 0, "thread %ld", thread);
    CHECK(text != NULL && strcmp(text, "all") == 0, "thread %ld", thread);
    CHECK(strcmp(hf_document_json(own, "value", NULL), "\"all\"") == 0, "thread %ld", thread);
    CHECK(strcmp(hf_metadata_get(hf_document_metadata(own), "owner"), "threads") == 0, "thread %ld", thread);
    hf_document_free(own);
}

static void *work(void *argument)
{
    long thread = (long)(intptr_t)argument;
    hf_manager *own, *reference, *process_wide = NULL;
    hf_error *error = NULL;

    pthread_barrier_wait(&start);
    read_document(thread);
    use(shared, thread);

    reference = hf_manager_ref(shared);
    CHECK(gets_value(reference, "vault://of_all", "all"), "thread %ld, a reference of its own", thread);
    hf_manager_free(reference);

    own = open_from_environment();
    CHECK(gets_value(own, "vault://of_all", "all"), "thread %ld, a manager of its own", thread);
    hf_manager_free(own);

    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &process_wide, &error));
    CHECK(gets_value(process_wide, "vault://of_all", "all"), "thread %ld, the default manager", thread);
    if (thread % 8 == 0)
        hf_manager_reset_default();
    hf_manager_free(process_wide);
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = number(argc, argv, 1);
    pthread_t running[256];
    hf_metadata *metadata = hf_metadata_new();
    hf_error *error = NULL;
    long i;

    rounds = number(argc, argv, 2);
    if (threads > 256)
        return 2;
    shared = open_from_environment();
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "owner", "threads", &error));
    CHECK_STATUS(HF_OK, hf_store_secret(shared, "of_all", "all", metadata, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_get_document(shared, "vault://of_all", NULL, &document, &error));
    hf_metadata_free(metadata);
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (i = 0; i < threads; i++)
        pthread_create(&running[i], NULL, work, (void *)(intptr_t)i);
    for (i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    pthread_barrier_destroy(&start);
    hf_document_free(document);
    hf_manager_reset_default();
    hf_manager_free(shared);
    return result();
}
