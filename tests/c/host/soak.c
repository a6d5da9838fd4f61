/* soak.c CALLS REFUSED: makes CALLS calls of every kind and outcome on two threads, and measures the resident memory
 * and the open descriptors after each twentieth of them. The first five measurements are the warm-up.
 *
 * VAULT_ADDR is a real server; RECORDED is the address of one that answers every read with the value "recorded";
 * REFUSED is an address on which nothing listens. */
#define _DEFAULT_SOURCE
#include "descriptors.h"
#include "host.h"

#include <pthread.h>

#define LOOKS 20
#define WARM_UP 5
#define THREADS 2
#define CALLS_A_ROUND 10

static hf_manager *real, *recorded;
static const char *refused;

static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kb = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Rss: %ld", &kb) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return kb;
}

static hf_manager *open_at(const char *address, hf_status expected)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ADDR", address, &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_MAX_RETRIES", "0", &error));
    CHECK_STATUS(expected, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    return manager;
}

/* A document with a field of its own is read, and changed at times. */
static void one_document(const char *reference, long round)
{
    hf_document *document = NULL;
    hf_fields *fields;
    hf_error *error = NULL;
    hf_versions *versions = NULL;

    CHECK_STATUS(HF_OK, hf_get_document(real, reference, NULL, &document, &error));
    CHECK(hf_document_text(document, "value", NULL) != NULL && hf_document_json(document, "value", NULL) != NULL,
          "round %ld", round);
    CHECK(hf_metadata_len(hf_document_metadata(document)) == 0, "round %ld", round);
    hf_document_free(document);
    if (round % 20 != 0)
        return;
    fields = hf_fields_new();
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(fields, "bytes", "soaked", 6, &error));
    CHECK_STATUS(HF_OK, hf_update_document(real, reference, fields, NULL, NULL, NULL, &error));
    hf_fields_free(fields);
    CHECK_STATUS(HF_OK, hf_rotate_secret(real, reference, NULL, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_list_versions(real, reference, NULL, &versions, &error));
    CHECK(hf_versions_len(versions) > 0, "round %ld", round);
    hf_versions_free(versions);
    CHECK_STATUS(HF_OK, hf_manager_check(real, NULL, &error));
}

/* Ten calls: five gets, a document, a store, three that fail. */
static void one_round(long thread, long round)
{
    char key[64], reference[80], *value = NULL;
    hf_error *error = NULL;
    hf_call *cancelled;
    int i;

    snprintf(key, sizeof key, "soak_%ld_%ld", thread, round % 50);
    snprintf(reference, sizeof reference, "vault://%s", key);
    for (i = 0; i < 4; i++)
        CHECK(gets_value(recorded, "vault://any", "recorded"), "round %ld", round);
    put(real, key, "soaked");
    CHECK(gets_value(real, reference, "soaked"), "round %ld", round);
    one_document(reference, round);
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret(real, "vault://nothing_here", NULL, &value, &error));
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(real, "vault://a__b", NULL, &value, &error));
    cancelled = hf_call_new();
    hf_call_cancel(cancelled);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_get_secret(real, reference, cancelled, &value, &error));
    hf_call_free(cancelled);
    if (round % 100 == 0) {
        hf_manager_free(open_at(refused, HF_ERR_CONNECTION));
        hf_manager_free(open_from_environment());
    }
}

struct share {
    long thread;
    long from;
    long to;
};

static void *work(void *argument)
{
    const struct share *share = argument;
    long round;

    for (round = share->from; round < share->to && failures == 0; round++)
        one_round(share->thread, round);
    return NULL;
}

static void one_part(long part, long rounds)
{
    pthread_t threads[THREADS];
    struct share shares[THREADS];
    long i;

    for (i = 0; i < THREADS; i++) {
        shares[i].thread = i;
        shares[i].from = part * rounds;
        shares[i].to = (part + 1) * rounds;
        pthread_create(&threads[i], NULL, work, &shares[i]);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    long calls = number(argc, argv, 1);
    long rounds = calls / CALLS_A_ROUND / THREADS / LOOKS;
    long first_kb = 0, kb = 0, most_kb = 0, first_open = 0, open_now = 0, part;
    double start = now();

    if (argc < 3)
        return 2;
    refused = argv[2];
    real = open_from_environment();
    recorded = open_at(getenv("RECORDED"), HF_OK);
    printf("%10s %12s %12s %8s\n", "calls", "resident kB", "descriptors", "seconds");
    for (part = 0; part < LOOKS && failures == 0; part++) {
        one_part(part, rounds);
        kb = resident_kb();
        open_now = descriptors();
        printf("%10ld %12ld %12ld %8.1f\n", (part + 1) * rounds * CALLS_A_ROUND * THREADS, kb, open_now, now() - start);
        fflush(stdout);
        if (part + 1 == WARM_UP) {
            first_kb = most_kb = kb;
            first_open = open_now;
        }
        if (kb > most_kb)
            most_kb = kb;
    }
    printf("resident memory: %+.2f %% since the %dth look, %+.2f %% at most; descriptors: %+ld\n",
           100.0 * (double)(kb - first_kb) / (double)first_kb, WARM_UP,
           100.0 * (double)(most_kb - first_kb) / (double)first_kb, open_now - first_open);
    CHECK(100 * most_kb <= 101 * first_kb, "%ld kB became %ld kB", first_kb, most_kb);
    CHECK(open_now == first_open, "%ld descriptors became %ld", first_open, open_now);
    hf_manager_free(recorded);
    hf_manager_free(real);
    return result();
}
