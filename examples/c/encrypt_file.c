/* Encrypts a file of any size in constant memory, or decrypts it, with a data key of the transit engine of the server.
 *
 *   cc encrypt_file.c $(pkg-config --cflags --libs handsfree_secrets) -o encrypt_file
 *   ./encrypt_file encrypt backups data.tar data.tar.sealed
 *   ./encrypt_file decrypt backups data.tar.sealed data.tar
 *
 * "backups" is a key of the engine, which has to exist: bao write -f transit/keys/backups. The environment names the
 * server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN. The server sees the data key and none of the data. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <handsfree_secrets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *step, const char *reason) {
    fprintf(stderr, "%s: %s\n", step, reason);
    exit(EXIT_FAILURE);
}

/* Ends the program unless the status is HF_OK. Assign the status to a variable before calling this: within one argument
 * list the compiler may read `error` before the library sets it. */
static void expect_ok(hf_status status, const char *step, hf_error *error) {
    if (status != HF_OK) {
        fail(step, error ? hf_error_message(error) : "not found");
    }
}

static hf_transit *open_key(const char *name) {
    hf_manager *manager = NULL;
    hf_transit *key = NULL;
    hf_error *error = NULL;
    hf_status status = hf_manager_open(NULL, NULL, &manager, &error);

    expect_ok(status, "open", error);
    status = hf_transit_open(manager, name, NULL, &key, &error);
    expect_ok(status, name, error);
    hf_manager_free(manager); /* the key keeps what it needs */
    return key;
}

/* What arrives in the file is authentic, but before HF_OK it may be a beginning only. So it goes to a file of another name,
 * which gets its own when it is whole. */
static void transfer(const hf_transit *key, int is_encryption, const char *source, const char *target) {
    char partial[4096];
    hf_error *error = NULL;
    hf_status status;
    int from = open(source, O_RDONLY | O_CLOEXEC), to;

    if (from < 0) {
        fail(source, "cannot be opened");
    }
    if ((size_t)snprintf(partial, sizeof partial, "%s.partial", target) >= sizeof partial) {
        fail(target, "is too long");
    }
    to = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        fail(partial, "cannot be made");
    }
    status = is_encryption ? hf_envelope_encrypt_fd(key, from, to, NULL, NULL, &error)
                           : hf_envelope_decrypt_fd(key, from, to, NULL, NULL, &error);
    if (status != HF_OK) {
        unlink(partial);
    }
    expect_ok(status, source, error);
    if (fsync(to) != 0 || close(to) != 0 || rename(partial, target) != 0) {
        fail(target, "cannot be written");
    }
    close(from);
}

int main(int count, char **words) {
    hf_transit *key;

    if (count != 5 || (strcmp(words[1], "encrypt") != 0 && strcmp(words[1], "decrypt") != 0)) {
        fail("usage", "encrypt_file encrypt|decrypt KEY FROM TO");
    }
    key = open_key(words[2]);
    transfer(key, strcmp(words[1], "encrypt") == 0, words[3], words[4]);
    hf_transit_free(key);
    return EXIT_SUCCESS;
}
