/* Many items of the transit engine in one call, on a server. */
#include "transit.h"

/* More than one request takes. */
#define ROWS 2500

static hf_manager *manager;
static hf_error *error = NULL;

static hf_fields *context_of(const char *text)
{
    hf_fields *parameters = hf_fields_new();

    CHECK_STATUS(HF_OK, hf_fields_set_bytes(parameters, "context", text, strlen(text), &error));
    return parameters;
}

/* Checks one item: its status and, with HF_OK, its bytes. Without HF_OK there are an error and no bytes. */
static void check_item(int line, const hf_results *results, size_t index, hf_status expected, const void *data,
                       size_t length)
{
    size_t got = 77;
    hf_status status = hf_results_status(results, index);
    const char *bytes = hf_results_bytes(results, index, &got);
    const hf_error *why = hf_results_error(results, index);

    CHECK(status == expected && hf_results_bytes(results, index, NULL) == bytes, "line %d, item %zu: %s, %s", line,
          index, hf_status_name(status), hf_error_message(why));
    CHECK((bytes != NULL) == (status == HF_OK) && (why != NULL) == (status < 0), "line %d, item %zu", line, index);
    CHECK(why == NULL || (hf_error_status(why) == status && strstr(hf_error_message(why), "canary") == NULL),
          "line %d, item %zu: %s", line, index, hf_error_message(why));
    CHECK(got == length, "line %d, item %zu: %zu bytes", line, index, got);
    CHECK(bytes == NULL || data == NULL || (memcmp(bytes, data, length) == 0 && bytes[length] == '\0'),
          "line %d, item %zu: other data", line, index);
}

/* A result that is a text, as text and as bytes. */
static void check_text(int line, const hf_results *results, size_t index, const char *prefix)
{
    const char *text = hf_results_text(results, index);

    CHECK(text != NULL && strncmp(text, prefix, strlen(prefix)) == 0, "line %d, item %zu: %s", line, index,
          shown(text));
    check_item(line, results, index, HF_OK, text, text == NULL ? 0 : strlen(text));
}

/* Empty data, a NUL and bytes that are no text come back, in their order. */
static void check_data(const hf_transit *key)
{
    const void *const data[] = {NULL, "", "\0canary", "\xff\xfe", "canary"};
    const size_t lengths[] = {0, 0, 7, 2, 6};
    const char *ciphertexts[5];
    hf_results *encrypted = NULL, *rewrapped = NULL, *decrypted = NULL;
    size_t i;

    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, 5, NULL, NULL, NULL, &encrypted, &error));
    CHECK(hf_results_len(encrypted) == 5, "%zu", hf_results_len(encrypted));
    for (i = 0; i < 5; i++) {
        check_text(__LINE__, encrypted, i, "vault:v1:");
        ciphertexts[i] = hf_results_text(encrypted, i);
    }
    CHECK_STATUS(HF_OK, hf_transit_rewrap_many(key, ciphertexts, 5, NULL, NULL, NULL, &rewrapped, &error));
    hf_results_free(encrypted);
    for (i = 0; i < 5; i++) {
        check_text(__LINE__, rewrapped, i, "vault:v1:");
        ciphertexts[i] = hf_results_text(rewrapped, i);
    }
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, 5, NULL, NULL, NULL, &decrypted, &error));
    hf_results_free(rewrapped);
    for (i = 0; i < 5; i++) {
        check_item(__LINE__, decrypted, i, HF_OK, data[i], lengths[i]);
        CHECK(hf_results_text(decrypted, i) == NULL, "decrypted data are no text");
    }
    CHECK(hf_results_document(decrypted, 0) == NULL, "no document");
    CHECK(hf_results_status(decrypted, 5) == HF_ERR_INVALID_ARGUMENT && hf_results_bytes(decrypted, 5, NULL) == NULL,
          "past the end");
    hf_results_free(decrypted);
}

/* Items whose arguments are wrong spoil no others, and are not sent. */
static void check_bad_items(const hf_transit *key)
{
    const void *const data[] = {"canary", NULL, "b"};
    const size_t lengths[] = {6, 1, 1};
    const char *ciphertexts[6] = {NULL, "", "m\xfcller", "canary", "vault:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    hf_results *encrypted = NULL, *results = NULL;
    int rewraps;
    size_t i;

    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, 3, NULL, NULL, NULL, &encrypted, &error));
    check_text(__LINE__, encrypted, 0, "vault:v1:");
    check_item(__LINE__, encrypted, 1, HF_ERR_INVALID_ARGUMENT, NULL, 0);
    CHECK(strstr(hf_error_message(hf_results_error(encrypted, 1)), "data[1] is NULL") != NULL, "%s",
          hf_error_message(hf_results_error(encrypted, 1)));
    check_text(__LINE__, encrypted, 2, "vault:v1:");
    ciphertexts[5] = hf_results_text(encrypted, 0);
    for (rewraps = 0; rewraps < 2; rewraps++) {
        CHECK_STATUS(HF_OK, rewraps ? hf_transit_rewrap_many(key, ciphertexts, 6, NULL, NULL, NULL, &results, &error)
                                    : hf_transit_decrypt_many(key, ciphertexts, 6, NULL, NULL, NULL, &results, &error));
        CHECK(hf_results_len(results) == 6, "%zu", hf_results_len(results));
        for (i = 0; i < 5; i++)
            check_item(__LINE__, results, i, HF_ERR_INVALID_ARGUMENT, NULL, 0);
        CHECK(strstr(hf_error_message(hf_results_error(results, 0)), "ciphertexts[0] is NULL") != NULL, "%s",
              hf_error_message(hf_results_error(results, 0)));
        if (rewraps)
            check_text(__LINE__, results, 5, "vault:v1:");
        else
            check_item(__LINE__, results, 5, HF_OK, "canary", 6);
        hf_results_free(results);
    }
    hf_results_free(encrypted);
}

/* The arrays may be NULL where there are no items. */
static void check_no_items(const hf_transit *key)
{
    hf_results *results = NULL;

    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, NULL, NULL, 0, NULL, NULL, NULL, &results, &error));
    CHECK(results != NULL && hf_results_len(results) == 0, "none");
    CHECK(hf_results_bytes(results, 0, NULL) == NULL, "past the end");
    hf_results_free(results);
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, NULL, 0, NULL, NULL, NULL, &results, &error));
    CHECK(results != NULL && hf_results_len(results) == 0, "none");
    hf_results_free(results);
    CHECK_STATUS(HF_OK, hf_transit_rewrap_many(key, NULL, 0, NULL, NULL, NULL, &results, &error));
    CHECK(results != NULL && hf_results_len(results) == 0, "none");
    hf_results_free(results);
}

/* What an item sets is in place of what all items have. */
static void check_item_parameters(void)
{
    hf_transit *key = make_key(manager, "derived", "{\"derived\": true}");
    hf_fields *all = context_of("all"), *own = context_of("own"), *unknown = context_of("own");
    const hf_fields *items[3] = {NULL, NULL, NULL}, *others[3] = {NULL, NULL, NULL};
    const void *const data[] = {"a", "canary", "c"};
    const size_t lengths[] = {1, 6, 1};
    const char *ciphertexts[3];
    hf_results *encrypted = NULL, *results = NULL;
    size_t i;

    CHECK_STATUS(HF_OK, hf_fields_set(unknown, "unknown", "x", &error));
    items[1] = own;
    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, 3, all, items, NULL, &encrypted, &error));
    for (i = 0; i < 3; i++) {
        check_text(__LINE__, encrypted, i, "vault:v1:");
        ciphertexts[i] = hf_results_text(encrypted, i);
    }
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, 3, all, items, NULL, &results, &error));
    for (i = 0; i < 3; i++)
        check_item(__LINE__, results, i, HF_OK, data[i], lengths[i]);
    hf_results_free(results);

    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, 3, all, NULL, NULL, &results, &error));
    check_item(__LINE__, results, 0, HF_OK, "a", 1);
    check_item(__LINE__, results, 1, HF_ERR_INVALID_ARGUMENT, NULL, 0);
    check_item(__LINE__, results, 2, HF_OK, "c", 1);
    hf_results_free(results);

    /* A key that needs a context, which one item has alone; a parameter that no operation has. */
    CHECK_STATUS(HF_OK, hf_transit_rewrap_many(key, ciphertexts, 3, NULL, items, NULL, &results, &error));
    check_item(__LINE__, results, 0, HF_ERR_INVALID_ARGUMENT, NULL, 0);
    check_text(__LINE__, results, 1, "vault:v1:");
    check_item(__LINE__, results, 2, HF_ERR_INVALID_ARGUMENT, NULL, 0);
    hf_results_free(results);
    others[0] = unknown;
    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, 3, all, others, NULL, &results, &error));
    check_item(__LINE__, results, 0, HF_ERR_INVALID_ARGUMENT, NULL, 0);
    check_text(__LINE__, results, 1, "vault:v1:");
    hf_results_free(results);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_transit_encrypt_many(key, data, lengths, 3, unknown, NULL, NULL, &results, &error));
    CHECK(results == NULL, "no results without HF_OK");

    hf_results_free(encrypted);
    hf_fields_free(all);
    hf_fields_free(own);
    hf_fields_free(unknown);
    hf_transit_free(key);
}

/* Associated data differ by item, too; with them a rewrap is a decryption and an encryption. */
static void check_associated_data(const hf_transit *key)
{
    hf_fields *bound = hf_fields_new();
    const hf_fields *items[2] = {NULL, NULL};
    const void *const data[] = {"canary", "canary"};
    const size_t lengths[] = {6, 6};
    const char *ciphertexts[2];
    hf_results *encrypted = NULL, *results = NULL;

    CHECK_STATUS(HF_OK, hf_fields_set_bytes(bound, "associated_data", "row 1", 5, &error));
    items[1] = bound;
    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, 2, NULL, items, NULL, &encrypted, &error));
    ciphertexts[0] = hf_results_text(encrypted, 0);
    ciphertexts[1] = hf_results_text(encrypted, 1);
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, 2, NULL, NULL, NULL, &results, &error));
    check_item(__LINE__, results, 0, HF_OK, "canary", 6);
    check_item(__LINE__, results, 1, HF_ERR_INVALID_ARGUMENT, NULL, 0);
    hf_results_free(results);
    CHECK_STATUS(HF_OK, hf_transit_rewrap_many(key, ciphertexts, 2, NULL, items, NULL, &results, &error));
    hf_results_free(encrypted);
    ciphertexts[0] = hf_results_text(results, 0);
    ciphertexts[1] = hf_results_text(results, 1);
    encrypted = results;
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, 2, NULL, items, NULL, &results, &error));
    check_item(__LINE__, results, 0, HF_OK, "canary", 6);
    check_item(__LINE__, results, 1, HF_OK, "canary", 6);
    hf_results_free(results);
    hf_results_free(encrypted);
    hf_fields_free(bound);
}

/* The call as a whole fails: a key that cannot encrypt, and a call that was cancelled. */
static void check_failed_calls(const hf_transit *key)
{
    hf_transit *signer = make_key(manager, "signer", "{\"type\": \"ed25519\"}");
    hf_call *call = hf_call_new();
    const void *const data[] = {"canary"};
    const size_t lengths[] = {6};
    const char *const ciphertexts[] = {"vault:v1:AAAA"};
    hf_results *results = NULL;

    CHECK_STATUS(HF_ERR_UNSUPPORTED,
                 hf_transit_encrypt_many(signer, data, lengths, 1, NULL, NULL, NULL, &results, &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED,
                 hf_transit_decrypt_many(signer, ciphertexts, 1, NULL, NULL, NULL, &results, &error));
    CHECK(results == NULL, "no results without HF_OK");
    hf_transit_free(signer);
    hf_call_cancel(call);
    CHECK(hf_transit_encrypt_many(key, data, lengths, 1, NULL, NULL, call, &results, NULL) == HF_ERR_CANCELLED
              || hf_results_status(results, 0) == HF_ERR_CANCELLED,
          "%s", hf_status_name(hf_results_status(results, 0)));
    hf_results_free(results);
    hf_call_free(call);
}

/* More rows than one request takes, one of which is bad. The results outlive key and manager. */
static void check_thousands(hf_transit *key)
{
    static char rows[ROWS][16];
    static const void *data[ROWS];
    static size_t lengths[ROWS];
    static const char *ciphertexts[ROWS];
    hf_results *encrypted = NULL, *decrypted = NULL;
    size_t i;

    for (i = 0; i < ROWS; i++) {
        lengths[i] = (size_t)sprintf(rows[i], "row %zu", i);
        data[i] = rows[i];
    }
    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, ROWS, NULL, NULL, NULL, &encrypted, &error));
    for (i = 0; i < ROWS; i++)
        ciphertexts[i] = hf_results_text(encrypted, i);
    ciphertexts[1234] = "vault:v1:bad";
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, ROWS, NULL, NULL, NULL, &decrypted, &error));
    hf_transit_free(key);
    hf_manager_free(manager);
    hf_results_free(encrypted);
    CHECK(hf_results_len(decrypted) == ROWS, "%zu", hf_results_len(decrypted));
    for (i = 0; i < ROWS; i++) {
        int is_bad = i == 1234;

        check_item(__LINE__, decrypted, i, is_bad ? HF_ERR_INVALID_ARGUMENT : HF_OK, rows[i], is_bad ? 0 : lengths[i]);
    }
    hf_results_free(decrypted);
}

int main(void)
{
    hf_transit *key;

    manager = open_transit_server();
    key = make_key(manager, "data", "{}");
    check_data(key);
    check_bad_items(key);
    check_no_items(key);
    check_item_parameters();
    check_associated_data(key);
    check_failed_calls(key);
    check_thousands(key);
    return result();
}
