/* This library, used from C. */
#include "harness.h"

#include <handsfree_secrets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *message(const hf_error *error) {
    return error == NULL ? "not found" : hf_error_message(error);
}

void *peer_open(void) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    if (hf_manager_open(NULL, NULL, &manager, &error) != HF_OK) {
        fail("handsfree: %s", message(error));
    }
    return manager;
}

void *peer_thread(void *client) {
    return client;
}

void peer_thread_end(void *client, void *mine) {
    (void)client;
    (void)mine;
}

char *peer_get(void *client, const char *path) {
    char reference[256];
    char *value = NULL;
    hf_error *error = NULL;
    snprintf(reference, sizeof reference, "vault://%s", path);
    if (hf_get_secret(client, reference, NULL, &value, &error) != HF_OK) {
        fail("handsfree: %s: %s", reference, message(error));
    }
    return value;
}

void peer_release(char *value) {
    hf_free_string(value);
}

void *peer_document(void *client, const char *path) {
    char reference[256];
    hf_document *document = NULL;
    hf_error *error = NULL;
    snprintf(reference, sizeof reference, "vault://%s", path);
    if (hf_get_document(client, reference, NULL, &document, &error) != HF_OK) {
        fail("handsfree: %s: %s", reference, message(error));
    }
    return document;
}

size_t peer_texts(void *document) {
    size_t total = 0, count = hf_document_len(document);
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        if (hf_document_text(document, hf_document_name(document, i), &length) == NULL) {
            fail("handsfree: a field has no text");
        }
        total += length;
    }
    return total;
}

void peer_document_free(void *document) {
    hf_document_free(document);
}

size_t peer_versions(void *client, const char *path) {
    char reference[256];
    hf_versions *versions = NULL;
    hf_error *error = NULL;
    snprintf(reference, sizeof reference, "vault://%s", path);
    if (hf_list_versions(client, reference, NULL, &versions, &error) != HF_OK) {
        fail("handsfree: %s: %s", reference, message(error));
    }
    size_t count = hf_versions_len(versions);
    hf_versions_free(versions);
    return count;
}

void peer_store(void *client, const char *path, const char *value) {
    hf_error *error = NULL;
    if (hf_store_secret(client, path, value, NULL, NULL, NULL, &error) != HF_OK) {
        fail("handsfree: %s: %s", path, message(error));
    }
}

size_t peer_list(void *client, const char *folder) {
    hf_string_list *list = NULL;
    hf_error *error = NULL;
    if (hf_list_secrets(client, folder, NULL, &list, &error) != HF_OK) {
        fail("handsfree: %s: %s", folder, message(error));
    }
    size_t count = hf_string_list_len(list);
    hf_string_list_free(list);
    return count;
}

/* Submits a get, whose value is written to `value`. */
static void submit(void *client, const char *reference, hf_call *call, hf_queue *queue, char **value) {
    hf_error *error = NULL;
    if (hf_call_set_queue(call, queue, (uintptr_t)value, &error) != HF_OK) {
        fail("handsfree: queue: %s", message(error));
    }
    if (hf_get_secret(client, reference, call, value, NULL) != HF_PENDING) {
        fail("handsfree: %s is not in the queue", reference);
    }
}

size_t peer_queue(void *client, const char *path, size_t count, int64_t *times) {
    static hf_queue *queue;
    char reference[256], **values = calloc(count, sizeof *values);
    hf_error *error = NULL;
    if (queue == NULL && hf_queue_new(QUEUED, &queue, &error) != HF_OK) {
        fail("handsfree: queue: %s", message(error));
    }
    snprintf(reference, sizeof reference, "vault://%s", path);
    hf_call *call = hf_call_new();
    if (values == NULL || call == NULL) {
        fail("handsfree: no memory");
    }
    for (size_t i = 0; i < count; i++) {
        int64_t start = times == NULL ? 0 : now();
        submit(client, reference, call, queue, &values[i]);
        if (times != NULL) {
            times[i] = now() - start;
        }
    }
    size_t found = 0;
    for (size_t taken = 0; taken < count; taken++) {
        uintptr_t tag;
        hf_status status;
        if (hf_queue_next(queue, -1, &tag, &status, &error) != HF_OK) {
            fail("handsfree: queue: %s", message(error));
        }
        found += status == HF_OK;
        hf_free_string(*(char **)tag);
    }
    hf_call_free(call);
    free(values);
    return found;
}

size_t peer_batch(void *client, const char *const *paths, size_t count) {
    enum { LENGTH = 256 };
    char(*texts)[LENGTH] = malloc(count * LENGTH);
    const char **references = malloc(count * sizeof *references);
    hf_results *results = NULL;
    hf_error *error = NULL;
    if (texts == NULL || references == NULL) {
        fail("handsfree: no memory");
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], LENGTH, "vault://%s", paths[i]);
        references[i] = texts[i];
    }
    if (hf_get_secrets(client, references, count, NULL, &results, &error) != HF_OK) {
        fail("handsfree: batch: %s", message(error));
    }
    size_t found = 0;
    for (size_t i = 0; i < hf_results_len(results); i++) {
        found += hf_results_text(results, i) != NULL;
    }
    hf_results_free(results);
    free(references);
    free(texts);
    return found;
}

/* A key of the transit engine, which stays open. */
static hf_transit *open_key(void *client, const char *name) {
    hf_transit *key = NULL;
    hf_error *error = NULL;
    if (hf_transit_open(client, name, NULL, &key, &error) != HF_OK) {
        fail("handsfree: %s: %s", name, message(error));
    }
    return key;
}

static hf_transit *encrypting_key(void *client) {
    static hf_transit *key;
    if (key == NULL) {
        key = open_key(client, "bench");
    }
    return key;
}

void peer_encrypt(void *client, const char *text) {
    char *ciphertext = NULL;
    hf_error *error = NULL;
    hf_transit *key = encrypting_key(client);
    if (hf_transit_encrypt(key, text, strlen(text), NULL, NULL, &ciphertext, &error) != HF_OK) {
        fail("handsfree: encrypt: %s", message(error));
    }
    hf_free_string(ciphertext);
}

void peer_verify(void *client, const char *text, const char *signature) {
    static hf_transit *key;
    hf_error *error = NULL;
    if (key == NULL) {
        key = open_key(client, "bench-ed25519");
    }
    if (hf_transit_verify(key, text, strlen(text), signature, NULL, NULL, &error) != HF_OK) {
        fail("handsfree: verify: %s", message(error));
    }
}

size_t peer_encrypt_many(void *client, const char *text, size_t count) {
    const void **data = malloc(count * sizeof *data);
    size_t *lengths = malloc(count * sizeof *lengths), made = 0;
    hf_results *results = NULL;
    hf_error *error = NULL;
    if (data == NULL || lengths == NULL) {
        fail("handsfree: no memory");
    }
    for (size_t i = 0; i < count; i++) {
        data[i] = text;
        lengths[i] = strlen(text);
    }
    hf_transit *key = encrypting_key(client);
    if (hf_transit_encrypt_many(key, data, lengths, count, NULL, NULL, NULL, &results, &error) != HF_OK) {
        fail("handsfree: encrypt: %s", message(error));
    }
    for (size_t i = 0; i < hf_results_len(results); i++) {
        made += hf_results_text(results, i) != NULL;
    }
    hf_results_free(results);
    free(lengths);
    free(data);
    return made;
}

size_t peer_envelope(void *client, size_t length) {
    static char part[64 * 1024];
    hf_envelope *envelope = NULL;
    hf_bytes *bytes = NULL;
    hf_error *error = NULL;
    size_t left;
    if (hf_envelope_encryptor(encrypting_key(client), NULL, NULL, &envelope, &error) != HF_OK) {
        fail("handsfree: envelope: %s", message(error));
    }
    for (left = length; left >= sizeof part; left -= sizeof part) {
        if (hf_envelope_update(envelope, part, sizeof part, NULL, &bytes, &error) != HF_OK) {
            fail("handsfree: envelope: %s", message(error));
        }
        hf_bytes_free(bytes);
    }
    if (hf_envelope_finish(envelope, NULL, &bytes, &error) != HF_OK) {
        fail("handsfree: envelope: %s", message(error));
    }
    hf_bytes_free(bytes);
    hf_envelope_free(envelope);
    return length - left;
}

static void copy(char *to, const hf_lease *lease, const char *name, size_t size) {
    const char *text = hf_document_text(hf_lease_fields(lease), name, NULL);
    if (text == NULL || strlen(text) >= size) {
        fail("handsfree: no %s of a database", name);
    }
    strcpy(to, text);
}

void peer_credentials(void *client, const char *path, char *user, char *password, size_t size) {
    static hf_credentials *credentials;
    hf_lease *lease = NULL;
    hf_error *error = NULL;
    if (credentials == NULL && hf_credentials_open(client, path, NULL, NULL, &credentials, &error) != HF_OK) {
        fail("handsfree: %s: %s", path, message(error));
    }
    if (hf_credentials_get(credentials, NULL, &lease, &error) != HF_OK) {
        fail("handsfree: %s: %s", path, message(error));
    }
    copy(user, lease, "username", size);
    copy(password, lease, "password", size);
    hf_lease_free(lease);
}
