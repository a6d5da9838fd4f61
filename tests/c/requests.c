/* Requests to any endpoint, wrapped answers, and the check of a manager, on a server. */
#include "server.h"

static hf_manager *manager;
static const char *mount;

/* The path of a secret in the mount of the test. */
static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", mount, name);
    return path;
}

/* Sends a request, and checks its status, the HTTP status, and a word of its answer. */
static void check_request(int line, const char *method, const char *path, const char *json, hf_status expected,
                          int32_t http_status, const char *word)
{
    int32_t got = 77;
    hf_bytes *body = NULL;
    hf_error *error = NULL;
    hf_status status = hf_request(manager, method, path, json, NULL, &got, &body, &error);

    check_status(line, path, status, expected, &error);
    CHECK(got == http_status, "line %d: %d", line, (int)got);
    CHECK((body != NULL) == (expected == HF_OK), "line %d", line);
    if (body != NULL) {
        const char *text = hf_bytes_data(body);

        CHECK(strstr(text, word) != NULL && strlen(text) == hf_bytes_len(body), "line %d: %s", line, text);
    }
    hf_bytes_free(body);
}

#define REQUEST(method, path, json, expected, http_status, word) \
    check_request(__LINE__, method, path, json, expected, http_status, word)

static void check_methods(void)
{
    REQUEST("POST", path_of("data/a"), "{\"data\": {\"x\": \"canary\"}}", HF_OK, 200, "\"version\":1");
    REQUEST("PUT", path_of("data/a"), "{\"data\": {\"x\": \"canary2\"}}", HF_OK, 200, "\"version\":2");
    REQUEST("PATCH", path_of("data/a"), "{\"data\": {\"y\": \"new\"}}", HF_OK, 200, "\"version\":3");
    REQUEST("GET", path_of("data/a"), NULL, HF_OK, 200, "canary2");
    REQUEST("GET", path_of("data/a?version=1"), NULL, HF_OK, 200, "\"canary\"");
    REQUEST("LIST", path_of("metadata/"), NULL, HF_OK, 200, "\"keys\":[\"a\"]");
    REQUEST("DELETE", path_of("metadata/a"), NULL, HF_OK, 204, "");
    REQUEST("GET", path_of("data/a"), NULL, HF_NOT_FOUND, 0, "");
    REQUEST("GET", "sys/health", NULL, HF_OK, 200, "\"sealed\":false");
}

static void check_refused_requests(void)
{
    static const char *const METHODS[] = {"", "get", "HEAD", "OPTIONS", "GET ", "canary"};
    static const char *const PATHS[] = {"", "/", "a//b", "a/../b", "./a", "a/%2e%2e/b", "a\nb", "a\177b"};
    static const char *const BODIES[] = {"", "canary", "{\"x\": \"canary\"", "{} {}"};
    hf_bytes *body = NULL;
    hf_error *error = NULL;
    size_t i;

    for (i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++)
        REQUEST(METHODS[i], "sys/health", NULL, HF_ERR_INVALID_ARGUMENT, 0, "");
    for (i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++)
        REQUEST("GET", PATHS[i], NULL, HF_ERR_INVALID_ARGUMENT, 0, "");
    for (i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++)
        REQUEST("POST", path_of("data/b"), BODIES[i], HF_ERR_INVALID_ARGUMENT, 0, "");
    REQUEST("GET", "sys/health", "{}", HF_ERR_INVALID_ARGUMENT, 0, "");
    REQUEST("LIST", path_of("metadata/"), "{}", HF_ERR_INVALID_ARGUMENT, 0, "");
    REQUEST("DELETE", path_of("data/b"), "{}", HF_ERR_INVALID_ARGUMENT, 0, "");
    REQUEST("GET", path_of("data/b"), NULL, HF_NOT_FOUND, 0, "");

    /* By the server, in its words. */
    REQUEST("POST", path_of("data/b"), "{\"x\": \"canary\"}", HF_ERR_INVALID_ARGUMENT, 0, "");
    REQUEST("PATCH", "sys/health", "{}", HF_ERR_UNSUPPORTED, 0, "");
    REQUEST("GET", "no-such-mount/x", NULL, HF_ERR_CONFIG, 0, "");
    CHECK(hf_request(manager, "POST", path_of("data/b"), "{}", NULL, NULL, &body, &error) == HF_ERR_INVALID_ARGUMENT
              && hf_error_http_status(error) == 400 && strstr(hf_error_message(error), "no data provided") != NULL,
          "%s", hf_error_message(error));
    hf_error_free(error);
}

/* Copies the wrapping token of an answer. */
static void copy_token(const hf_bytes *body, char *token, size_t size)
{
    const char *start = body ? strstr(hf_bytes_data(body), "\"token\":\"") : NULL;

    token[0] = '\0';
    CHECK(start != NULL, "no wrapping token");
    if (start != NULL) {
        start += strlen("\"token\":\"");
        snprintf(token, size, "%.*s", (int)strcspn(start, "\""), start);
    }
}

static void check_wrapping(void)
{
    hf_call *call = hf_call_new();
    hf_bytes *body = NULL;
    hf_error *error = NULL;
    char *json = NULL;
    char token[300];

    store_json(manager, "wrapped", "{\"x\": \"canary\"}");
    CHECK_STATUS(HF_OK, hf_call_set_wrap_ttl_ms(call, 60000, &error));
    CHECK_STATUS(HF_OK, hf_request(manager, "GET", path_of("data/wrapped"), NULL, call, NULL, &body, &error));
    copy_token(body, token, sizeof token);
    CHECK(strstr(hf_bytes_data(body), "canary") == NULL && strstr(hf_bytes_data(body), "\"ttl\":60") != NULL,
          "%s", (const char *)hf_bytes_data(body));
    hf_bytes_free(body);
    hf_call_free(call);

    CHECK_STATUS(HF_OK, hf_unwrap(manager, token, NULL, &json, &error));
    CHECK(strstr(json, "\"x\":\"canary\"") != NULL && json[0] == '{', "the answer");
    hf_free_string(json);
    json = NULL;
    CHECK(hf_unwrap(manager, token, NULL, &json, &error) == HF_ERR_AUTH && json == NULL
              && strstr(hf_error_message(error), token) == NULL,
          "%s", hf_error_message(error));
    hf_error_free(error);
    error = NULL;
    CHECK_STATUS(HF_ERR_AUTH, hf_unwrap(manager, "hvs.canary", NULL, &json, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_unwrap(manager, "", NULL, &json, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_unwrap(manager, "canary\ncanary", NULL, &json, &error));

    /* The manager's own token is untouched by that. */
    CHECK_STATUS(HF_OK, hf_manager_check(manager, NULL, &error));
}

static void check_cancelled(void)
{
    hf_call *call = hf_call_new();
    hf_call *copy = hf_call_copy(call);
    hf_bytes *body = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_manager_check(manager, copy, &error));
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_check(manager, copy, &error));
    CHECK_STATUS(HF_ERR_CANCELLED, hf_request(manager, "GET", "sys/health", NULL, copy, NULL, &body, &error));
    hf_call_free(call);
    hf_call_free(copy);
}

int main(void)
{
    mount = getenv("VAULT_MOUNT");
    manager = open_server();
    check_methods();
    check_refused_requests();
    check_wrapping();
    check_cancelled();
    hf_manager_free(manager);
    return result();
}
