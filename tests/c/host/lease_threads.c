/* lease_threads.c THREADS SECONDS TTL: threads that use one source of credentials which are replaced all the time. While
 * one of them replaces some, the others go on with these, so a quarter of the TTL, in seconds, has to suffice for that. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>

static hf_manager *manager;
static hf_credentials *credentials;
static double end;
static atomic_ulong gets, highest;

static void request(const char *path, const char *json)
{
    hf_bytes *body = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_request(manager, "POST", path, json, NULL, NULL, &body, &error));
    hf_bytes_free(body);
}

static void *use(void *unused)
{
    unsigned turn = 0;

    while (now() < end) {
        hf_lease *lease = NULL;
        hf_error *error = NULL;
        int64_t next = 0;

        CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &lease, &error));
        CHECK(hf_lease_remaining_ms(lease) > 0, "%ld", (long)hf_lease_remaining_ms(lease));
        CHECK(hf_document_text(hf_lease_fields(lease), "private_key", NULL) != NULL, "the fields");
        if (hf_lease_generation(lease) > atomic_load(&highest))
            atomic_store(&highest, hf_lease_generation(lease));
        if (turn++ % 64 == 0)
            CHECK_STATUS(HF_OK, hf_credentials_refused(credentials, lease, &error));
        if (turn % 64 == 1)
            CHECK_STATUS(HF_OK, hf_manager_maintain(manager, NULL, &next, &error));
        hf_lease_free(lease);
        atomic_fetch_add(&gets, 1);
    }
    return unused;
}

int main(int argc, char **argv)
{
    long threads = number(argc, argv, 1), i;
    pthread_t running[64];
    char role[128];
    hf_fields *fields = hf_fields_new();
    hf_error *error = NULL;

    if (threads > 64)
        return 2;
    manager = open_from_environment();
    request("sys/mounts/threads-pki", "{\"type\": \"pki\"}");
    request("threads-pki/root/generate/internal", "{\"common_name\": \"ca\", \"key_type\": \"ec\"}");
    snprintf(role, sizeof role,
             "{\"allow_any_name\": true, \"key_type\": \"ec\", \"generate_lease\": true, \"ttl\": \"%lds\"}",
             number(argc, argv, 3));
    request("threads-pki/roles/web", role);
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "common_name", "a.test", &error));
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, "threads-pki/issue/web", fields, NULL, &credentials, &error));
    end = now() + (double)number(argc, argv, 2);
    for (i = 0; i < threads; i++)
        pthread_create(&running[i], NULL, use, NULL);
    for (i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    CHECK(atomic_load(&highest) > 1, "they were replaced");
    printf("%lu gets, %lu generations\n", atomic_load(&gets), atomic_load(&highest));
    hf_credentials_free(credentials);
    hf_fields_free(fields);
    hf_manager_free(manager);
    return result();
}
