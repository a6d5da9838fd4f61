/* Encrypts a column of 1,000 rows in one call, and reads it back, with the transit engine of the server.
 *
 *   cc encrypt_column.c $(pkg-config --cflags --libs handsfree_secrets) -o encrypt_column
 *   ./encrypt_column customers
 *
 * The argument is a key of the engine, which has to exist: bao write -f transit/keys/customers. The environment names
 * the server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN. */
#include <handsfree_secrets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000

struct row {
    char iban[32];    /* what the program works with */
    char *ciphertext; /* what the table has in its place */
};

/* Ends the program unless the status is HF_OK. Assign the status to a variable before calling this: within one argument
 * list the compiler may read `error` before the library sets it. */
static void expect_ok(hf_status status, const char *step, hf_error *error) {
    if (status != HF_OK) {
        fprintf(stderr, "%s: %s: %s\n", step, hf_status_name(status), error ? hf_error_message(error) : "not found");
        hf_error_free(error);
        exit(EXIT_FAILURE);
    }
}

/* Each row has a status of its own: a ciphertext that somebody changed is one bad row, not a failed call. Here, one bad
 * row ends the program; hf_results_error is borrowed, so nothing frees it. */
static void expect_all_ok(const hf_results *results, const char *step) {
    size_t i;

    for (i = 0; i < hf_results_len(results); i++) {
        hf_status status = hf_results_status(results, i);

        if (status != HF_OK) {
            fprintf(stderr, "%s, row %lu: %s: %s\n", step, (unsigned long)i, hf_status_name(status),
                    hf_error_message(hf_results_error(results, i)));
            exit(EXIT_FAILURE);
        }
    }
}

static hf_results *encrypt(const hf_transit *key, const struct row *rows) {
    const void *data[ROWS];
    size_t lengths[ROWS], i;
    hf_error *error = NULL;
    hf_results *results = NULL;
    hf_status status;

    for (i = 0; i < ROWS; i++) {
        data[i] = rows[i].iban;
        lengths[i] = strlen(rows[i].iban);
    }
    status = hf_transit_encrypt_many(key, data, lengths, ROWS, NULL, NULL, NULL, &results, &error);
    expect_ok(status, "encrypt", error);
    expect_all_ok(results, "encrypt");
    return results;
}

static hf_results *decrypt(const hf_transit *key, const struct row *rows) {
    const char *ciphertexts[ROWS];
    size_t i;
    hf_error *error = NULL;
    hf_results *results = NULL;
    hf_status status;

    for (i = 0; i < ROWS; i++) {
        ciphertexts[i] = rows[i].ciphertext;
    }
    status = hf_transit_decrypt_many(key, ciphertexts, ROWS, NULL, NULL, NULL, &results, &error);
    expect_ok(status, "decrypt", error);
    expect_all_ok(results, "decrypt");
    return results;
}

/* Writes the column: the texts of results last as long as the results, so a program that keeps them copies them. */
static void keep_ciphertexts(struct row *rows, const hf_results *results) {
    size_t i;

    for (i = 0; i < ROWS; i++) {
        const char *ciphertext = hf_results_text(results, i);

        rows[i].ciphertext = malloc(strlen(ciphertext) + 1);
        if (!rows[i].ciphertext) {
            exit(EXIT_FAILURE);
        }
        strcpy(rows[i].ciphertext, ciphertext);
    }
}

/* Reads the column; decrypted data are bytes. */
static size_t count_equal(const struct row *rows, const hf_results *results) {
    size_t i, length, equal = 0;

    for (i = 0; i < ROWS; i++) {
        const void *data = hf_results_bytes(results, i, &length);

        equal += length == strlen(rows[i].iban) && memcmp(data, rows[i].iban, length) == 0;
    }
    return equal;
}

int main(int count, char **words) {
    static struct row rows[ROWS];
    hf_error *error = NULL;
    hf_manager *manager = NULL;
    hf_transit *key = NULL;
    hf_results *results;
    hf_status status;
    size_t i;

    if (count != 2) {
        fprintf(stderr, "usage: encrypt_column KEY\n");
        return 2;
    }
    for (i = 0; i < ROWS; i++) {
        snprintf(rows[i].iban, sizeof rows[i].iban, "DE00 1234 5678 %04lu", (unsigned long)i);
    }

    status = hf_manager_open(NULL, NULL, &manager, &error);
    expect_ok(status, "open", error);
    status = hf_transit_open(manager, words[1], NULL, &key, &error);
    expect_ok(status, words[1], error);

    results = encrypt(key, rows);
    keep_ciphertexts(rows, results);
    hf_results_free(results);
    printf("  encrypted %d rows, the first is %.9s...\n", ROWS, rows[0].ciphertext);

    results = decrypt(key, rows);
    printf("  decrypted %lu equal rows\n", (unsigned long)count_equal(rows, results));
    hf_results_free(results); /* wipes the data first */

    for (i = 0; i < ROWS; i++) {
        free(rows[i].ciphertext);
    }
    hf_transit_free(key);
    hf_manager_free(manager);
    return EXIT_SUCCESS;
}
