/* soak.c CALLS REFUSED: makes CALLS calls of every kind and outcome that block; see soak.h.
 *
 * VAULT_ADDR is a real server; RECORDED is the address of one that answers every read with the value "recorded";
 * REFUSED is an address on which nothing listens. */
#define _DEFAULT_SOURCE
#include "soak.h"

static hf_manager *real, *recorded;
static const char *refused;

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

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    refused = argv[2];
    real = open_from_environment();
    recorded = open_at(getenv("RECORDED"), HF_OK);
    soak(number(argc, argv, 1), 1, one_round);
    hf_manager_free(recorded);
    hf_manager_free(real);
    return result();
}
