/* scan_transit.c MASKED      what the library keeps of data that the transit engine has encrypted, and of data keys
 *
 * The text is masked as scan.h has it. Its length is a multiple of three, so each repetition has the same base64 form. */
#include "scan.h"

#include "../transit.h"

#define ROWS 20

static hf_error *error = NULL;

/* The base64 form of a text, which the requests and answers hold, masked as the text itself. A rest of one or two bytes
 * at the end is left out. */
static struct needle base64_of(const struct needle *text)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct needle needle;
    size_t i, j;

    memset(&needle, 0, sizeof needle);
    for (i = 0; i + 3 <= text->length; i += 3) {
        unsigned long group = 0;

        for (j = 0; j < 3; j++)
            group = group << 8 | (text->masked[i + j] ^ MASK);
        for (j = 0; j < 4; j++)
            needle.masked[needle.length++] = (unsigned char)(DIGITS[group >> (18 - 6 * j) & 63] ^ MASK);
    }
    return needle;
}

/* Looks for both forms. The base64 form is never kept, since the caller gets bytes. */
static void expect_forms(const char *when, const struct needle *needle, int present)
{
    struct needle encoded = base64_of(needle);

    expect(when, needle, present);
    expect("  in base64", &encoded, 0);
}

/* Encrypts the text, and makes a signature and an HMAC of it. */
static char *write_text(const hf_transit *key, const struct needle *needle, size_t times, const hf_fields *parameters)
{
    char *text = unmask(needle, "", times), *ciphertext = NULL, *hmac = NULL, *none = NULL;

    CHECK_STATUS(HF_OK, hf_transit_encrypt(key, text, strlen(text), parameters, NULL, &ciphertext, &error));
    CHECK_STATUS(HF_OK, hf_transit_hmac(key, text, strlen(text), NULL, NULL, &hmac, &error));
    CHECK_STATUS(HF_OK, hf_transit_verify(key, text, strlen(text), hmac, NULL, NULL, &error));
    CHECK_STATUS(HF_MISMATCH, hf_transit_verify(key, text, strlen(text) - 1, hmac, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_transit_sign(key, text, strlen(text), NULL, NULL, &none, &error));
    wipe(text);
    hf_free_string(hmac);
    expect_forms("after an encryption, an HMAC and its check", needle, 0);
    return ciphertext;
}

static void read_text(const hf_transit *key, const char *ciphertext, const struct needle *needle,
                      const hf_fields *parameters)
{
    hf_bytes *bytes = NULL;
    char *again = NULL;

    CHECK_STATUS(HF_OK, hf_transit_rewrap(key, ciphertext, parameters, NULL, &again, &error));
    expect_forms("after a rewrap", needle, 0);
    CHECK_STATUS(HF_OK, hf_transit_decrypt(key, again, parameters, NULL, &bytes, &error));
    hf_free_string(again);
    CHECK(is_kept_from_dumps(hf_bytes_data(bytes)), "the data are in core dumps");
    expect_forms("while the caller holds the data", needle, 1);
    hf_bytes_free(bytes);
    expect_forms("after a decryption and hf_bytes_free", needle, 0);
}

static void check_batch(const hf_transit *key, const struct needle *needle, size_t times, const hf_fields *parameters)
{
    char *text = unmask(needle, "", times);
    const void *data[ROWS];
    size_t lengths[ROWS], i;
    const char *ciphertexts[ROWS];
    hf_results *encrypted = NULL, *rewrapped = NULL, *decrypted = NULL;

    for (i = 0; i < ROWS; i++) {
        data[i] = text;
        lengths[i] = strlen(text);
    }
    data[3] = NULL;
    CHECK_STATUS(HF_OK, hf_transit_encrypt_many(key, data, lengths, ROWS, parameters, NULL, NULL, &encrypted, &error));
    wipe(text);
    expect_forms("after the encryption of a batch", needle, 0);
    for (i = 0; i < ROWS; i++)
        ciphertexts[i] = hf_results_text(encrypted, i);
    ciphertexts[4] = "vault:v1:bad";
    CHECK_STATUS(HF_OK, hf_transit_rewrap_many(key, ciphertexts, ROWS, parameters, NULL, NULL, &rewrapped, &error));
    hf_results_free(encrypted);
    expect_forms("after the rewrap of a batch", needle, 0);
    for (i = 0; i < ROWS; i++)
        ciphertexts[i] = hf_results_text(rewrapped, i);
    CHECK_STATUS(HF_OK, hf_transit_decrypt_many(key, ciphertexts, ROWS, parameters, NULL, NULL, &decrypted, &error));
    hf_results_free(rewrapped);
    for (i = 5; i < ROWS; i++)
        CHECK(is_kept_from_dumps(hf_results_bytes(decrypted, i, NULL)), "the data of an item are in core dumps");
    expect_forms("while the caller holds the results", needle, 1);
    hf_results_free(decrypted);
    expect_forms("after a batch and hf_results_free", needle, 0);
}

/* The base64 form is found where it is: in the answer to a request of the caller's own. */
static void check_base64(const hf_manager *manager, const hf_transit *key, const struct needle *needle)
{
    struct needle encoded = base64_of(needle);
    char *text = unmask(needle, "", 1), *ciphertext = NULL, path[300], json[500];
    hf_bytes *body = NULL;

    CHECK_STATUS(HF_OK, hf_transit_encrypt(key, text, strlen(text), NULL, NULL, &ciphertext, &error));
    wipe(text);
    snprintf(path, sizeof path, "%s/decrypt/scanned", transit_mount);
    snprintf(json, sizeof json, "{\"ciphertext\": \"%s\"}", ciphertext);
    hf_free_string(ciphertext);
    CHECK_STATUS(HF_OK, hf_request(manager, "POST", path, json, NULL, NULL, &body, &error));
    expect("while the caller holds a request's answer", &encoded, 1);
    hf_bytes_free(body);
    expect("after hf_bytes_free", &encoded, 0);
}

/* A data key: masked here first, then looked for. */
static void check_data_key(const hf_transit *key)
{
    hf_bytes *made = NULL, *unwrapped = NULL;
    char *wrapped = NULL;
    struct needle needle;
    const unsigned char *bytes;

    CHECK_STATUS(HF_OK, hf_transit_data_key(key, NULL, NULL, &made, &wrapped, &error));
    bytes = hf_bytes_data(made);
    CHECK(is_kept_from_dumps(bytes), "the data key is in core dumps");
    memset(&needle, 0, sizeof needle);
    for (; needle.length < hf_bytes_len(made); needle.length++)
        needle.masked[needle.length] = bytes[needle.length] ^ MASK;
    expect_forms("while the caller holds the data key", &needle, 1);
    hf_bytes_free(made);
    expect_forms("after hf_transit_data_key and hf_bytes_free", &needle, 0);
    CHECK_STATUS(HF_OK, hf_transit_decrypt(key, wrapped, NULL, NULL, &unwrapped, &error));
    CHECK(is_kept_from_dumps(hf_bytes_data(unwrapped)), "the data key is in core dumps");
    expect_forms("while the caller holds the data key again", &needle, 1);
    hf_bytes_free(unwrapped);
    hf_free_string(wrapped);
    expect_forms("after hf_transit_decrypt and hf_bytes_free", &needle, 0);
}

static void check(const hf_transit *key, const struct needle *needle, size_t times, const hf_fields *parameters)
{
    char *ciphertext = write_text(key, needle, times, parameters);

    read_text(key, ciphertext, needle, parameters);
    hf_free_string(ciphertext);
    check_batch(key, needle, times, parameters);
}

int main(int argc, char **argv)
{
    hf_fields *bound = hf_fields_new();
    hf_manager *manager;
    hf_transit *key;
    struct needle needle;

    if (argc != 2)
        return 2;
    make_window();
    needle = unhex(argv[1]);
    CHECK(needle.length % 3 == 0, "%d bytes", (int)needle.length);
    manager = open_transit_server();
    key = make_key(manager, "scanned", "{}");
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(bound, "associated_data", "row", 3, &error));
    check_base64(manager, key, &needle);
    check(key, &needle, 1, NULL);
    check(key, &needle, 1, bound);
    check(key, &needle, 5000, NULL);
    check(key, &needle, 5000, bound);
    check_data_key(key);
    hf_fields_free(bound);
    hf_transit_free(key);
    hf_manager_free(manager);
    expect_forms("after hf_manager_free", &needle, 0);
    return result();
}
