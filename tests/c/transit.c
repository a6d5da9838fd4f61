/* Single operations with keys of the transit engine, on a server. */
#include "transit.h"

static hf_manager *manager;
static hf_error *error = NULL;

#define MANY_BYTES (1 << 20)

static const char CANARY[] = "canary\0behind a NUL";

/* One parameter that is bytes. The caller frees the result, as that of the next two functions. */
static hf_fields *bytes_parameter(const char *name, const char *data, size_t length)
{
    hf_fields *parameters = hf_fields_new();

    CHECK_STATUS(HF_OK, hf_fields_set_bytes(parameters, name, data, length, &error));
    return parameters;
}

static hf_fields *parameter(const char *name, const char *text)
{
    hf_fields *parameters = hf_fields_new();

    CHECK_STATUS(HF_OK, hf_fields_set(parameters, name, text, &error));
    return parameters;
}

static char *encrypt(int line, const hf_transit *key, const void *data, size_t length, const hf_fields *parameters)
{
    char *ciphertext = NULL;

    check_status(line, "encrypt", hf_transit_encrypt(key, data, length, parameters, NULL, &ciphertext, &error), HF_OK,
                 &error);
    if (ciphertext == NULL)
        exit(1);
    CHECK(strncmp(ciphertext, "vault:v", 7) == 0, "line %d: %s", line, ciphertext);
    return ciphertext;
}

#define ENCRYPT(key, data, length, parameters) encrypt(__LINE__, key, data, length, parameters)

/* Decrypts, and checks the status and, with HF_OK, the data. */
static void decrypts(int line, const hf_transit *key, const char *ciphertext, const hf_fields *parameters,
                     hf_status expected, const void *data, size_t length)
{
    hf_bytes *bytes = (hf_bytes *)transit_mount;
    hf_status status = hf_transit_decrypt(key, ciphertext, parameters, NULL, &bytes, &error);

    check_status(line, "decrypt", status, expected, &error);
    CHECK((bytes != NULL) == (status == HF_OK), "line %d", line);
    if (status == HF_OK) {
        CHECK(hf_bytes_len(bytes) == length && (length == 0 || memcmp(hf_bytes_data(bytes), data, length) == 0),
              "line %d: other data, %zu bytes", line, hf_bytes_len(bytes));
    }
    hf_bytes_free(bytes);
}

#define DECRYPTS(key, ciphertext, parameters, expected) \
    decrypts(__LINE__, key, ciphertext, parameters, expected, CANARY, sizeof CANARY)

/* Any bytes come back as they were. */
static void check_data(const hf_transit *key)
{
    unsigned char *large = malloc(MANY_BYTES);
    const struct {
        const void *data;
        size_t length;
    } all[] = {{NULL, 0}, {"", 0}, {"a", 1}, {"\0", 1}, {"\xff\xfe\x80", 3},
                 {CANARY, sizeof CANARY}, {large, MANY_BYTES}};
    size_t i;

    if (large == NULL)
        exit(1);
    for (i = 0; i < MANY_BYTES; i++)
        large[i] = (unsigned char)(i * 31 + i / 256);
    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        char *ciphertext = ENCRYPT(key, all[i].data, all[i].length, NULL);

        CHECK(strncmp(ciphertext, "vault:v1:", 9) == 0, "%s", ciphertext);
        decrypts(__LINE__, key, ciphertext, NULL, HF_OK, all[i].data, all[i].length);
        hf_free_string(ciphertext);
    }
    free(large);
}

static void check_bad_ciphertexts(const hf_transit *key)
{
    static const char *const BAD[] = {"", "canary", "vault:v1:", "vault:v1:!!!!", "vault:v99:AAAA", "vault:v0:AAAA"};
    char *ciphertext = ENCRYPT(key, CANARY, sizeof CANARY, NULL), *last = ciphertext + strlen(ciphertext) - 6;
    hf_transit *other = make_key(manager, "other", "{}");
    size_t i;

    for (i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        DECRYPTS(key, BAD[i], NULL, HF_ERR_INVALID_ARGUMENT);
    DECRYPTS(other, ciphertext, NULL, HF_ERR_INVALID_ARGUMENT);
    *last = *last == 'A' ? 'B' : 'A';
    DECRYPTS(key, ciphertext, NULL, HF_ERR_INVALID_ARGUMENT);
    hf_free_string(ciphertext);
    hf_transit_free(other);
}

/* A context or associated data other than those of the encryption are refused, and so are none. */
static void check_bound_data(const hf_transit *key, const char *name)
{
    hf_fields *right = bytes_parameter(name, CANARY, sizeof CANARY);
    hf_fields *wrong = bytes_parameter(name, CANARY, sizeof CANARY - 1), *text = parameter(name, "Y2FuYXJ5");
    char *ciphertext = ENCRYPT(key, CANARY, sizeof CANARY, right), *other = NULL, *again = NULL;

    DECRYPTS(key, ciphertext, right, HF_OK);
    DECRYPTS(key, ciphertext, wrong, HF_ERR_INVALID_ARGUMENT);
    DECRYPTS(key, ciphertext, NULL, HF_ERR_INVALID_ARGUMENT);
    DECRYPTS(key, ciphertext, text, HF_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_transit_encrypt(key, "canary", 6, text, NULL, &other, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_transit_rewrap(key, ciphertext, text, NULL, &other, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_transit_rewrap(key, ciphertext, wrong, NULL, &other, &error));
    CHECK(other == NULL, "no ciphertext without HF_OK");
    CHECK_STATUS(HF_OK, hf_transit_rewrap(key, ciphertext, right, NULL, &again, &error));
    DECRYPTS(key, again, right, HF_OK);
    DECRYPTS(key, again, wrong, HF_ERR_INVALID_ARGUMENT);
    hf_free_string(again);
    hf_free_string(ciphertext);
    hf_fields_free(right);
    hf_fields_free(wrong);
    hf_fields_free(text);
}

static void check_derived_key(void)
{
    hf_transit *key = make_key(manager, "derived", "{\"derived\": true}");
    char *ciphertext = NULL;

    check_bound_data(key, "context");
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_transit_encrypt(key, "canary", 6, NULL, NULL, &ciphertext, &error));
    CHECK(ciphertext == NULL, "no context");
    hf_transit_free(key);
}

/* Those that are unknown, have the wrong type or value, or belong to another operation. */
static void check_bad_parameters(const hf_transit *key)
{
    static const struct {
        const char *name, *json;
    } BAD[] = {{"unknown", "1"},          {"Context", "1"},      {"plaintext", "\"\""}, {"nonce", "\"AAAA\""},
               {"batch_input", "[]"},     {"bits", "256"},       {"prehashed", "true"}, {"key_version", "\"x\""},
               {"key_version", "99"},     {"key_version", "-1"}, {"key_version", "{}"}};
    hf_fields *version = bytes_parameter("key_version", "1", 1);
    char *ciphertext = NULL;
    size_t i;

    for (i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        hf_fields *parameters = hf_fields_new();

        CHECK_STATUS(HF_OK, hf_fields_set_json(parameters, BAD[i].name, BAD[i].json, &error));
        check_status(__LINE__, BAD[i].json,
                     hf_transit_encrypt(key, "canary", 6, parameters, NULL, &ciphertext, &error),
                     HF_ERR_INVALID_ARGUMENT, &error);
        CHECK(ciphertext == NULL, "%s %s", BAD[i].name, BAD[i].json);
        hf_fields_free(parameters);
    }
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_transit_encrypt(key, "x", 1, version, NULL, &ciphertext, &error));
    hf_fields_free(version);
}

/* Ciphertexts of old versions, until the key gives them up. */
static void check_versions_of_a_key(void)
{
    hf_transit *key = make_key(manager, "rotated", "{}");
    hf_fields *first = parameter("key_version", "1");
    char *old = ENCRYPT(key, CANARY, sizeof CANARY, NULL), *new = NULL, *other;

    set_up_key(manager, "rotated/rotate", NULL);
    CHECK_STATUS(HF_OK, hf_transit_rewrap(key, old, NULL, NULL, &new, &error));
    CHECK(new != NULL && strncmp(new, "vault:v2:", 9) == 0, "%s", shown(new));
    other = ENCRYPT(key, CANARY, sizeof CANARY, first);
    CHECK(strncmp(other, "vault:v1:", 9) == 0, "%s", other);
    DECRYPTS(key, old, NULL, HF_OK);
    DECRYPTS(key, new, NULL, HF_OK);
    set_up_key(manager, "rotated/config", "{\"min_decryption_version\": 2}");
    DECRYPTS(key, old, NULL, HF_ERR_UNSUPPORTED);
    DECRYPTS(key, new, NULL, HF_OK);
    hf_free_string(other);
    other = NULL;
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_transit_rewrap(key, old, NULL, NULL, &other, &error));
    CHECK(other == NULL, "no ciphertext without HF_OK");
    hf_free_string(old);
    hf_free_string(new);
    hf_fields_free(first);
    hf_transit_free(key);
}

/* Verifies a signature or an HMAC of the data, of other data, and with other parameters. */
static void check_signature(const hf_transit *key, const char *signature, const hf_fields *parameters)
{
    CHECK(signature != NULL && strncmp(signature, "vault:v1:", 9) == 0, "%s", shown(signature));
    CHECK_STATUS(HF_OK, hf_transit_verify(key, CANARY, sizeof CANARY, signature, parameters, NULL, &error));
    CHECK_STATUS(HF_MISMATCH, hf_transit_verify(key, CANARY, 6, signature, parameters, NULL, &error));
    CHECK_STATUS(HF_MISMATCH, hf_transit_verify(key, NULL, 0, signature, parameters, NULL, &error));
    CHECK(hf_transit_verify(key, NULL, 0, signature, parameters, NULL, NULL) == HF_MISMATCH, "without an error");
}

static void check_signatures(const char *name, const char *settings, hf_fields *parameters)
{
    hf_transit *key = make_key(manager, name, settings);
    char *signature = NULL, *hmac = NULL, *empty = NULL;

    CHECK_STATUS(HF_OK, hf_transit_sign(key, CANARY, sizeof CANARY, parameters, NULL, &signature, &error));
    check_signature(key, signature, parameters);
    CHECK_STATUS(HF_OK, hf_transit_sign(key, NULL, 0, parameters, NULL, &empty, &error));
    CHECK_STATUS(HF_OK, hf_transit_verify(key, "", 0, empty, parameters, NULL, &error));
    CHECK_STATUS(HF_OK, hf_transit_hmac(key, CANARY, sizeof CANARY, NULL, NULL, &hmac, &error));
    check_signature(key, hmac, NULL);
    hf_free_string(signature);
    hf_free_string(hmac);
    hf_free_string(empty);
    hf_fields_free(parameters);
    hf_transit_free(key);
}

static hf_fields *rsa_parameters(void)
{
    hf_fields *parameters = parameter("signature_algorithm", "pkcs1v15");

    CHECK_STATUS(HF_OK, hf_fields_set(parameters, "hash_algorithm", "sha2-512", &error));
    return parameters;
}

static void check_hmacs(const hf_transit *key)
{
    static const char *const BAD[] = {"", "canary", "vault:v99:AAAA"};
    hf_fields *hash = parameter("hash_algorithm", "sha2-512"), *unknown = parameter("hash_algorithm", "canary");
    char *hmac = NULL, *other = NULL;
    size_t i;

    CHECK_STATUS(HF_OK, hf_transit_hmac(key, CANARY, sizeof CANARY, hash, NULL, &hmac, &error));
    check_signature(key, hmac, hash);
    CHECK_STATUS(HF_MISMATCH, hf_transit_verify(key, CANARY, sizeof CANARY, hmac, NULL, NULL, &error));
    for (i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        check_status(__LINE__, BAD[i], hf_transit_verify(key, "canary", 6, BAD[i], NULL, NULL, &error),
                     HF_ERR_INVALID_ARGUMENT, &error);
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_transit_sign(key, "canary", 6, NULL, NULL, &other, &error));
    CHECK(hf_transit_hmac(key, "canary", 6, unknown, NULL, &other, NULL) == HF_ERR_INVALID_ARGUMENT, "unknown hash");
    CHECK(other == NULL, "no text without HF_OK");
    hf_free_string(hmac);
    hf_fields_free(hash);
    hf_fields_free(unknown);
}

static void check_data_keys(const hf_transit *key)
{
    static const char *const BITS[] = {NULL, "128", "256", "512"};
    hf_fields *bad = parameter("bits", "1000");
    hf_bytes *data_key = NULL;
    char *wrapped = NULL;
    size_t i;

    for (i = 0; i < sizeof BITS / sizeof BITS[0]; i++) {
        hf_fields *parameters = BITS[i] == NULL ? NULL : parameter("bits", BITS[i]);
        size_t length = BITS[i] == NULL ? 32 : (size_t)atoi(BITS[i]) / 8;

        CHECK_STATUS(HF_OK, hf_transit_data_key(key, parameters, NULL, &data_key, &wrapped, &error));
        CHECK(hf_bytes_len(data_key) == length, "%zu", hf_bytes_len(data_key));
        decrypts(__LINE__, key, wrapped, NULL, HF_OK, hf_bytes_data(data_key), length);
        hf_bytes_free(data_key);
        hf_free_string(wrapped);
        hf_fields_free(parameters);
    }
    CHECK_STATUS(HF_OK, hf_transit_data_key(key, NULL, NULL, NULL, &wrapped, &error));
    CHECK(strncmp(wrapped, "vault:v1:", 9) == 0, "%s", shown(wrapped));
    hf_free_string(wrapped);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_transit_data_key(key, bad, NULL, &data_key, &wrapped, &error));
    CHECK(data_key == NULL && wrapped == NULL, "no key without HF_OK");
    hf_fields_free(bad);
}

static void check_opening(void)
{
    static const char *const BAD[] = {"", "a/b", "..", "a\nb"};
    hf_transit *key = NULL;
    hf_bytes *body = NULL;
    hf_call *call = hf_call_new();
    char path[300];
    size_t i;

    CHECK_STATUS(HF_NOT_FOUND, hf_transit_open(manager, "no-such-key", NULL, &key, &error));
    for (i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        check_status(__LINE__, BAD[i], hf_transit_open(manager, BAD[i], NULL, &key, &error), HF_ERR_INVALID_ARGUMENT,
                     &error);
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_transit_open(manager, "data", call, &key, &error));
    CHECK(key == NULL, "no key without HF_OK");
    hf_call_free(call);
    snprintf(path, sizeof path, "%s/keys/no-such-key", transit_mount);
    CHECK_STATUS(HF_NOT_FOUND, hf_request(manager, "GET", path, NULL, NULL, NULL, &body, &error));
}

/* A key that was deleted while the program held it. */
static void check_deleted_key(void)
{
    hf_transit *key = make_key(manager, "deleted", "{}");
    char *ciphertext = ENCRYPT(key, CANARY, sizeof CANARY, NULL);
    hf_bytes *body = NULL;
    char path[300];

    set_up_key(manager, "deleted/config", "{\"deletion_allowed\": true}");
    snprintf(path, sizeof path, "%s/keys/deleted", transit_mount);
    CHECK_STATUS(HF_OK, hf_request(manager, "DELETE", path, NULL, NULL, NULL, &body, &error));
    hf_bytes_free(body);
    DECRYPTS(key, ciphertext, NULL, HF_ERR_CONFIG);
    hf_free_string(ciphertext);
    hf_transit_free(key);
}

/* Objects are freed in any order; each reference keeps the key, and the key keeps the manager. */
static void check_ownership(void)
{
    hf_transit *key = open_key(manager, "data"), *other = hf_transit_ref(key), *last = hf_transit_ref(other);
    hf_call *call = hf_call_new();
    char *ciphertext = ENCRYPT(key, CANARY, sizeof CANARY, NULL);
    hf_bytes *bytes = NULL;

    CHECK(other == key && last == key, "a reference is the same object");
    hf_transit_free(key);
    DECRYPTS(other, ciphertext, NULL, HF_OK);
    hf_transit_free(other);
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_transit_decrypt(last, ciphertext, NULL, call, &bytes, &error));
    hf_call_free(call);
    hf_manager_free(manager);
    DECRYPTS(last, ciphertext, NULL, HF_OK);
    CHECK_STATUS(HF_OK, hf_transit_decrypt(last, ciphertext, NULL, NULL, &bytes, &error));
    hf_transit_free(last);
    hf_free_string(ciphertext);
    CHECK(hf_bytes_len(bytes) == sizeof CANARY && memcmp(hf_bytes_data(bytes), CANARY, sizeof CANARY) == 0, "data");
    hf_bytes_free(bytes);
}

int main(void)
{
    hf_transit *key;

    manager = open_transit_server();
    key = make_key(manager, "data", "{}");
    check_data(key);
    check_bad_ciphertexts(key);
    check_bound_data(key, "associated_data");
    check_derived_key();
    check_bad_parameters(key);
    check_versions_of_a_key();
    check_signatures("ed25519", "{\"type\": \"ed25519\"}", NULL);
    check_signatures("ecdsa", "{\"type\": \"ecdsa-p256\"}", parameter("marshaling_algorithm", "jws"));
    check_signatures("rsa", "{\"type\": \"rsa-2048\"}", rsa_parameters());
    check_hmacs(key);
    check_data_keys(key);
    check_opening();
    check_deleted_key();
    hf_transit_free(key);
    check_ownership();
    return result();
}
