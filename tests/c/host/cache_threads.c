/* cache_threads.c READERS SECONDS: threads that get a few secrets from one cache, while other ones write these through the
 * same manager, write others behind its back, watch for that, and clear the cache. A get never returns less than what
 * was written, or told, before it began. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define SECRETS 6
#define MOST_READERS 64

/* The first half of the secrets is written by the manager with the cache, the second half by the other one. */
#define IS_OWN(secret) ((secret) < SECRETS / 2)

static hf_manager *cached, *other;
static double end;
static atomic_long reached[SECRETS]; /* the version that was written, or told by the watch */
static atomic_ulong gets, changes;

static void reference_of(int secret, char *reference, size_t size)
{
    snprintf(reference, size, "vault://cached/%d", secret);
}

static hf_manager *open_with_cache(void)
{
    static const char *const settings[][2] = {
        {"VAULT_CACHE_TTL", "100ms"},
        {"VAULT_CACHE_STALE_TTL", "1m"},
        {"VAULT_CACHE_SIZE", "4"},
        {"VAULT_WATCH_INTERVAL", "20ms"},
    };
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    size_t i;

    for (i = 0; i < sizeof settings / sizeof *settings; i++)
        CHECK_STATUS(HF_OK, hf_options_set(options, settings[i][0], settings[i][1], &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        exit(1);
    return manager;
}

static void write_next(const hf_manager *manager, int secret, long version)
{
    char key[32], value[32];

    snprintf(key, sizeof key, "cached_%d", secret);
    snprintf(value, sizeof value, "%ld", version);
    put(manager, key, value);
}

static void get_one(int secret)
{
    char reference[32], *value = NULL;
    hf_error *error = NULL;
    long least = atomic_load(&reached[secret]);

    reference_of(secret, reference, sizeof reference);
    CHECK_STATUS(HF_OK, hf_get_secret(cached, reference, NULL, &value, &error));
    CHECK(value != NULL && atol(value) >= least, "%s: %s, and %ld was there before", reference, value, least);
    hf_free_string(value);
}

static void get_all(const hf_call *call)
{
    char references[SECRETS][32];
    const char *pointers[SECRETS];
    long least[SECRETS];
    hf_results *results = NULL;
    hf_error *error = NULL;
    int i;

    for (i = 0; i < SECRETS; i++) {
        reference_of(i, references[i], sizeof references[i]);
        pointers[i] = references[i];
        least[i] = atomic_load(&reached[i]);
    }
    CHECK_STATUS(HF_OK, hf_get_documents(cached, pointers, SECRETS, call, &results, &error));
    for (i = 0; i < SECRETS; i++) {
        const hf_document *document = hf_results_document(results, (size_t)i);

        CHECK(hf_document_version(document) >= least[i], "%s: %ld was there before", references[i], least[i]);
    }
    hf_results_free(results);
}

static void *read_all(void *unused)
{
    hf_call *young = hf_call_new();
    hf_error *error = NULL;
    unsigned turn = 0;

    CHECK_STATUS(HF_OK, hf_call_set_max_age_ms(young, 5, &error));
    while (now() < end && failures == 0) {
        get_one((int)(turn % SECRETS));
        if (turn % 16 == 0)
            get_all(turn % 32 == 0 ? NULL : young);
        atomic_fetch_add(&gets, 1);
        turn++;
    }
    hf_call_free(young);
    return unused;
}

static void *write_own(void *unused)
{
    long version;
    int i;

    for (version = 2; now() < end; version++) {
        for (i = 0; i < SECRETS; i++) {
            if (!IS_OWN(i))
                continue;
            write_next(cached, i, version);
            atomic_store(&reached[i], version);
        }
        usleep(10000);
    }
    return unused;
}

static void *write_others(void *unused)
{
    long version;
    int i;

    for (version = 2; now() < end; version++) {
        for (i = 0; i < SECRETS; i++) {
            if (!IS_OWN(i))
                write_next(other, i, version);
        }
        usleep(20000);
    }
    return unused;
}

static void *watch_others(void *argument)
{
    hf_watch *watch = argument;
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_change *change = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 100, &error));
    while (now() < end) {
        hf_status status = hf_watch_next(watch, call, &change, &error);
        int secret;

        if (status == HF_NOT_FOUND || status == HF_ERR_TIMEOUT) { /* a look may take longer than this call has */
            hf_error_free(error);
            continue;
        }
        CHECK_STATUS(HF_OK, status);
        secret = hf_change_reference(change)[strlen("vault://cached/")] - '0';
        if (!IS_OWN(secret)) {
            atomic_store(&reached[secret], (long)hf_change_version(change));
            get_one(secret);
            atomic_fetch_add(&changes, 1);
        }
        hf_change_free(change);
    }
    hf_call_free(call);
    return NULL;
}

static void *clear_all(void *unused)
{
    unsigned turn;

    for (turn = 0; now() < end; turn++) {
        hf_error *error = NULL;
        int64_t next = 0;

        CHECK_STATUS(HF_OK, hf_manager_maintain(cached, NULL, &next, &error));
        CHECK_STATUS(HF_OK, hf_manager_cache_clear(cached, turn % 2 == 0 ? "vault://cached/1" : NULL, &error));
        usleep(20000);
    }
    return unused;
}

/* The answers that have come from the cache. */
static long hits(void)
{
    static const char wanted[] = "handsfree_cache_requests_total{result=\"hit\"} ";
    hf_error *error = NULL;
    char *text = NULL;
    const char *sample;
    long count;

    CHECK_STATUS(HF_OK, hf_manager_metrics(cached, &text, &error));
    sample = text == NULL ? NULL : strstr(text, wanted);
    count = sample == NULL ? 0 : atol(sample + strlen(wanted));
    hf_free_string(text);
    return count;
}

int main(int argc, char **argv)
{
    long readers = number(argc, argv, 1), i;
    pthread_t reading[MOST_READERS], working[4];
    hf_watch *watch = NULL;
    hf_error *error = NULL;

    if (readers > MOST_READERS)
        return 2;
    other = open_from_environment();
    cached = open_with_cache();
    for (i = 0; i < SECRETS; i++) {
        write_next(other, (int)i, 1);
        atomic_store(&reached[i], 1);
    }
    CHECK_STATUS(HF_OK, hf_watch_new(cached, &watch, &error));
    CHECK_STATUS(HF_OK, hf_watch_add(watch, "vault://cached/", -1, &error));
    end = now() + (double)number(argc, argv, 2);
    pthread_create(&working[0], NULL, write_own, NULL);
    pthread_create(&working[1], NULL, write_others, NULL);
    pthread_create(&working[2], NULL, watch_others, watch);
    pthread_create(&working[3], NULL, clear_all, NULL);
    for (i = 0; i < readers; i++)
        pthread_create(&reading[i], NULL, read_all, NULL);
    for (i = 0; i < readers; i++)
        pthread_join(reading[i], NULL);
    for (i = 0; i < 4; i++)
        pthread_join(working[i], NULL);
    CHECK(hits() > 0 && atomic_load(&changes) > 0, "the cache was used, and the watch");
    printf("%lu turns of readers, %ld answers from the cache, %lu changes\n", atomic_load(&gets), hits(),
           atomic_load(&changes));
    hf_watch_free(watch);
    hf_manager_free(cached);
    hf_manager_free(other);
    return result();
}
