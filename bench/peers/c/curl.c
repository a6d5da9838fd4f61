/* libcurl's easy interface with one handle per thread, as its documentation requires, and cJSON for the answers. A
 * batch uses the multi interface. */
#include "harness.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number of requests in flight of a batch, and of what takes no thread. */
enum { CONCURRENCY = 8, MOST = QUEUED };

struct request {
    CURL *easy;
    struct curl_slist *headers;
    char *answer;
    size_t length, capacity;
};

static size_t receive(char *data, size_t size, size_t count, void *argument) {
    struct request *request = argument;
    size_t bytes = size * count;
    if (request->length + bytes >= request->capacity) {
        request->capacity = (request->length + bytes + 1) * 2;
        request->answer = realloc(request->answer, request->capacity);
        if (request->answer == NULL) {
            return 0;
        }
    }
    memcpy(request->answer + request->length, data, bytes);
    request->length += bytes;
    request->answer[request->length] = '\0';
    return bytes;
}

static struct request *new_request(void) {
    char token[256];
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL || (request->easy = curl_easy_init()) == NULL) {
        fail("curl: no handle");
    }
    snprintf(token, sizeof token, "X-Vault-Token: %s", setting("VAULT_TOKEN"));
    request->headers = curl_slist_append(NULL, token);
    request->headers = curl_slist_append(request->headers, "X-Vault-Request: true");
    curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(request->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(request->easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(request->easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(request->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(request->easy, CURLOPT_TIMEOUT, 60L);
    if (getenv("VAULT_CACERT") != NULL) {
        curl_easy_setopt(request->easy, CURLOPT_CAINFO, getenv("VAULT_CACERT"));
    }
    return request;
}

static void free_request(struct request *request) {
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    free(request->answer);
    free(request);
}

void *peer_open(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fail("curl: no library");
    }
    return new_request();
}

void *peer_thread(void *client) {
    (void)client;
    return new_request();
}

void peer_thread_end(void *client, void *mine) {
    (void)client;
    free_request(mine);
}

static void aim_at(struct request *request, const char *mount, const char *branch, const char *path, const char *query) {
    char url[512];
    snprintf(url, sizeof url, "%s/v1/%s/%s/%s%s", setting("VAULT_ADDR"), mount, branch, path, query);
    curl_easy_setopt(request->easy, CURLOPT_URL, url);
    request->length = 0;
}

static void aim(struct request *request, const char *branch, const char *path, const char *query) {
    aim_at(request, "secret", branch, path, query);
}

static cJSON *answer_of(struct request *request, CURLcode outcome) {
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    cJSON *answer = request->length == 0 ? NULL : cJSON_ParseWithLength(request->answer, request->length);
    if (outcome != CURLE_OK || status != 200 || answer == NULL) {
        fail("curl: %s, HTTP %ld", curl_easy_strerror(outcome), status);
    }
    return answer;
}

static cJSON *exchange(struct request *request) {
    return answer_of(request, curl_easy_perform(request->easy));
}

static cJSON *data_of(const cJSON *answer) {
    return cJSON_GetObjectItemCaseSensitive(answer, "data");
}

static char *value_of(cJSON *answer) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(data_of(data_of(answer)), "value");
    if (!cJSON_IsString(value)) {
        fail("curl: no value");
    }
    char *copy = strdup(value->valuestring);
    cJSON_Delete(answer);
    return copy;
}

static cJSON *read_secret(struct request *request, const char *path) {
    aim(request, "data", path, "");
    curl_easy_setopt(request->easy, CURLOPT_HTTPGET, 1L);
    return exchange(request);
}

char *peer_get(void *client, const char *path) {
    return value_of(read_secret(client, path));
}

void peer_release(char *value) {
    free(value);
}

void *peer_document(void *client, const char *path) {
    return read_secret(client, path);
}

size_t peer_texts(void *document) {
    size_t total = 0;
    const cJSON *field;
    cJSON_ArrayForEach(field, data_of(data_of(document))) {
        if (!cJSON_IsString(field)) {
            fail("curl: a field has no text");
        }
        total += strlen(field->valuestring);
    }
    return total;
}

void peer_document_free(void *document) {
    cJSON_Delete(document);
}

size_t peer_versions(void *client, const char *path) {
    (void)client;
    (void)path;
    return 0;
}

void peer_store(void *client, const char *path, const char *value) {
    struct request *request = client;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(cJSON_AddObjectToObject(body, "data"), "value", value);
    char *text = cJSON_PrintUnformatted(body);
    aim(request, "data", path, "");
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, text);
    cJSON_Delete(exchange(request));
    cJSON_free(text);
    cJSON_Delete(body);
}

size_t peer_list(void *client, const char *folder) {
    struct request *request = client;
    size_t count = 0;
    aim(request, "metadata", folder, "?list=true");
    curl_easy_setopt(request->easy, CURLOPT_HTTPGET, 1L);
    cJSON *answer = exchange(request);
    const cJSON *key;
    cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(data_of(answer), "keys")) {
        size_t length = strlen(key->valuestring);
        if (key->valuestring[length - 1] == '/') {
            char inner[512];
            snprintf(inner, sizeof inner, "%s/%.*s", folder, (int)length - 1, key->valuestring);
            count += peer_list(client, inner);
        } else {
            count++;
        }
    }
    cJSON_Delete(answer);
    return count;
}

/* Takes the value of a finished request, and reuses the request for the next path, if there is one. */
static size_t finish(CURLM *multi, CURLMsg *done, const char *const **next, const char *const *end) {
    struct request *request = NULL;
    curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, (char **)&request);
    peer_release(value_of(answer_of(request, done->data.result)));
    curl_multi_remove_handle(multi, request->easy);
    if (*next < end) {
        aim(request, "data", *(*next)++, "");
        curl_multi_add_handle(multi, request->easy);
    }
    return 1;
}

/* Gets all paths with the multi interface, `concurrency` at a time. */
static size_t gather(const char *const *paths, size_t count, int concurrency) {
    static CURLM *multi;
    static struct request *requests[MOST];
    const char *const *next = paths, *const *end = paths + count;
    size_t found = 0;
    if (multi == NULL) {
        multi = curl_multi_init();
        for (int i = 0; i < MOST; i++) {
            requests[i] = new_request();
        }
    }
    for (int i = 0; i < concurrency && next < end; i++) {
        aim(requests[i], "data", *next++, "");
        curl_multi_add_handle(multi, requests[i]->easy);
    }
    for (int running = 1, left; found < count;) {
        curl_multi_perform(multi, &running);
        for (CURLMsg *done; (done = curl_multi_info_read(multi, &left)) != NULL;) {
            if (done->msg == CURLMSG_DONE) {
                found += finish(multi, done, &next, end);
                running++;
            }
        }
        if (found < count && running > 0) {
            curl_multi_poll(multi, NULL, 0, 100, NULL);
        }
    }
    return found;
}

size_t peer_batch(void *client, const char *const *paths, size_t count) {
    (void)client;
    return gather(paths, count, CONCURRENCY);
}

size_t peer_queue(void *client, const char *path, size_t count, int64_t *times) {
    const char **paths = malloc(count * sizeof *paths);
    (void)client;
    if (paths == NULL || times != NULL) {
        fail("curl: no memory, or times are wanted");
    }
    for (size_t i = 0; i < count; i++) {
        paths[i] = path;
    }
    size_t found = gather(paths, count, QUEUED);
    free(paths);
    return found;
}

/* The text in base64, which the caller frees. */
static char *base64(const char *text) {
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    char *encoded = malloc((length + 2) / 3 * 4 + 1), *next = encoded;
    if (encoded == NULL) {
        fail("curl: no memory");
    }
    for (size_t i = 0; i < length; i += 3) {
        unsigned long group = 0;
        for (size_t j = 0; j < 3; j++) {
            group = group << 8 | (i + j < length ? (unsigned char)text[i + j] : 0);
        }
        for (size_t j = 0; j < 4; j++) {
            *next++ = i + j <= length ? LETTERS[group >> (18 - 6 * j) & 63] : '=';
        }
    }
    *next = '\0';
    return encoded;
}

/* Sends a body to the transit engine, and frees it. */
static cJSON *transit(struct request *request, const char *operation, const char *key, cJSON *body) {
    char *text = cJSON_PrintUnformatted(body);
    aim_at(request, "transit", operation, key, "");
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, text);
    cJSON *answer = exchange(request);
    cJSON_free(text);
    cJSON_Delete(body);
    return answer;
}

static cJSON *with_text(cJSON *object, const char *name, const char *text) {
    char *encoded = base64(text);
    cJSON_AddStringToObject(object, name, encoded);
    free(encoded);
    return object;
}

static int is_ciphertext(const cJSON *object) {
    return cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, "ciphertext"));
}

void peer_encrypt(void *client, const char *text) {
    cJSON *answer = transit(client, "encrypt", "bench", with_text(cJSON_CreateObject(), "plaintext", text));
    if (!is_ciphertext(data_of(answer))) {
        fail("curl: no ciphertext");
    }
    cJSON_Delete(answer);
}

void peer_verify(void *client, const char *text, const char *signature) {
    cJSON *body = with_text(cJSON_CreateObject(), "input", text);
    cJSON_AddStringToObject(body, "signature", signature);
    cJSON *answer = transit(client, "verify", "bench-ed25519", body);
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data_of(answer), "valid"))) {
        fail("curl: not valid");
    }
    cJSON_Delete(answer);
}

/* One request after the other. */
size_t peer_encrypt_many(void *client, const char *text, size_t count) {
    size_t made = 0;
    for (size_t left = count; left > 0;) {
        cJSON *body = cJSON_CreateObject(), *items = cJSON_AddArrayToObject(body, "batch_input");
        for (int i = 0; i < ITEMS_OF_REQUEST && left > 0; i++, left--) {
            cJSON_AddItemToArray(items, with_text(cJSON_CreateObject(), "plaintext", text));
        }
        cJSON *answer = transit(client, "encrypt", "bench", body);
        const cJSON *result;
        cJSON_ArrayForEach(result, cJSON_GetObjectItemCaseSensitive(data_of(answer), "batch_results")) {
            made += (size_t)is_ciphertext(result);
        }
        cJSON_Delete(answer);
    }
    return made;
}
