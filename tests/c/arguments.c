/* Calls every function that can fail with NULL for each of its pointers and invalid UTF-8 for each of its strings. */
#include "check.h"

#define MOST_PARAMETERS 7

/* Parameters as untyped pointers, in the order of the signature; numbers are fixed by the wrapper. */
typedef void *arguments[MOST_PARAMETERS];

enum kind {
    END,
    OBJECT,          /* must not be NULL */
    OPTIONAL_OBJECT, /* may be NULL */
    STRING,
    OPTIONAL_STRING,
    OUT,             /* T **, must not be NULL */
    OPTIONAL_OUT,
    BUFFER,          /* char[], must not be NULL */
    OUT_LENGTH       /* size_t *, must not be NULL */
};

struct parameter {
    const char *name;
    enum kind kind;
};

struct function {
    const char *name;
    hf_status (*call)(arguments a, hf_error **error);
    hf_status outcome; /* with good arguments; the manager is one of the env backend */
    struct parameter parameters[MOST_PARAMETERS + 1];
};

static hf_status options_set(arguments a, hf_error **error)
{
    return hf_options_set(a[0], a[1], a[2], error);
}

static hf_status options_set_log_callback(arguments a, hf_error **error)
{
    return hf_options_set_log_callback(a[0], NULL, NULL, NULL, HF_LOG_WARN, error);
}

static hf_status manager_open(arguments a, hf_error **error)
{
    return hf_manager_open(a[0], a[1], a[2], error);
}

static hf_status manager_default(arguments a, hf_error **error)
{
    return hf_manager_default(a[0], a[1], error);
}

static hf_status call_set_timeout_ms(arguments a, hf_error **error)
{
    return hf_call_set_timeout_ms(a[0], 60000, error);
}

static hf_status store_secret(arguments a, hf_error **error)
{
    return hf_store_secret(a[0], a[1], a[2], a[3], a[4], a[5], error);
}

static hf_status get_secret(arguments a, hf_error **error)
{
    return hf_get_secret(a[0], a[1], a[2], a[3], error);
}

static hf_status get_secret_into(arguments a, hf_error **error)
{
    return hf_get_secret_into(a[0], a[1], a[2], a[3], 64, a[4], error);
}

static hf_status update_secret(arguments a, hf_error **error)
{
    return hf_update_secret(a[0], a[1], a[2], a[3], a[4], error);
}

static hf_status delete_secret(arguments a, hf_error **error)
{
    return hf_delete_secret(a[0], a[1], a[2], error);
}

static hf_status list_secrets(arguments a, hf_error **error)
{
    return hf_list_secrets(a[0], a[1], a[2], a[3], error);
}

static hf_status get_secrets(arguments a, hf_error **error)
{
    return hf_get_secrets(a[0], a[1], 1, a[2], a[3], error);
}

static hf_status store_secrets(arguments a, hf_error **error)
{
    return hf_store_secrets(a[0], a[1], a[2], 1, a[3], a[4], error);
}

static hf_status canonical_reference(arguments a, hf_error **error)
{
    return hf_canonical_reference(a[0], a[1], a[2], error);
}

static hf_status metadata_set(arguments a, hf_error **error)
{
    return hf_metadata_set(a[0], a[1], a[2], error);
}

static const struct function FUNCTIONS[] = {
    {"hf_options_set", options_set, HF_OK, {{"options", OBJECT}, {"name", STRING}, {"value", STRING}, {NULL, END}}},
    {"hf_options_set_log_callback", options_set_log_callback, HF_OK, {{"options", OBJECT}, {NULL, END}}},
    {"hf_manager_open", manager_open, HF_OK,
     {{"options", OPTIONAL_OBJECT}, {"call", OPTIONAL_OBJECT}, {"out_manager", OUT}, {NULL, END}}},
    {"hf_manager_default", manager_default, HF_OK, {{"call", OPTIONAL_OBJECT}, {"out_manager", OUT}, {NULL, END}}},
    {"hf_call_set_timeout_ms", call_set_timeout_ms, HF_OK, {{"call", OBJECT}, {NULL, END}}},
    {"hf_store_secret", store_secret, HF_OK,
     {{"manager", OBJECT},
      {"key", STRING},
      {"value", STRING},
      {"metadata", OPTIONAL_OBJECT},
      {"call", OPTIONAL_OBJECT},
      {"out_reference", OPTIONAL_OUT},
      {NULL, END}}},
    {"hf_get_secret", get_secret, HF_OK,
     {{"manager", OBJECT}, {"reference", STRING}, {"call", OPTIONAL_OBJECT}, {"out_value", OUT}, {NULL, END}}},
    {"hf_get_secret_into", get_secret_into, HF_OK,
     {{"manager", OBJECT},
      {"reference", STRING},
      {"call", OPTIONAL_OBJECT},
      {"buffer", BUFFER},
      {"out_length", OUT_LENGTH},
      {NULL, END}}},
    {"hf_update_secret", update_secret, HF_OK,
     {{"manager", OBJECT},
      {"reference", STRING},
      {"value", STRING},
      {"metadata", OPTIONAL_OBJECT},
      {"call", OPTIONAL_OBJECT},
      {NULL, END}}},
    {"hf_delete_secret", delete_secret, HF_OK,
     {{"manager", OBJECT}, {"reference", STRING}, {"call", OPTIONAL_OBJECT}, {NULL, END}}},
    {"hf_list_secrets", list_secrets, HF_OK,
     {{"manager", OBJECT}, {"prefix", OPTIONAL_STRING}, {"call", OPTIONAL_OBJECT}, {"out_list", OUT}, {NULL, END}}},
    {"hf_get_secrets", get_secrets, HF_OK,
     {{"manager", OBJECT}, {"references", OBJECT}, {"call", OPTIONAL_OBJECT}, {"out_results", OUT}, {NULL, END}}},
    {"hf_store_secrets", store_secrets, HF_OK,
     {{"manager", OBJECT},
      {"keys", OBJECT},
      {"values", OBJECT},
      {"call", OPTIONAL_OBJECT},
      {"out_results", OUT},
      {NULL, END}}},
    {"hf_canonical_reference", canonical_reference, HF_OK,
     {{"manager", OBJECT}, {"reference", STRING}, {"out_reference", OUT}, {NULL, END}}},
    {"hf_metadata_set", metadata_set, HF_OK,
     {{"metadata", OBJECT}, {"key", STRING}, {"value", STRING}, {NULL, END}}},
};

/* A stray continuation byte, a truncated sequence, an overlong "/", a surrogate, a code point above U+10FFFF,
 * Latin-1. */
static const char *const NOT_UTF8[] = {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "m\xfcller"};

static hf_manager *manager;
static hf_options *options;
static hf_call *call;
static hf_metadata *metadata;
static char *reference;

/* Out-parameters. A failure has to set them to NULL and 0, so they start with other values. */
static struct {
    void *out;
    char buffer[64];
    size_t length;
} results;

static char stale;

/* The keys and the values of a batch of one. */
static const char *const ONE_TEXT = "arguments";

/* Arguments that every function accepts. */
static void good(const struct function *function, arguments a)
{
    int i;

    for (i = 0; function->parameters[i].kind != END; i++) {
        const char *name = function->parameters[i].name;

        switch (function->parameters[i].kind) {
        case STRING:
        case OPTIONAL_STRING:
            a[i] = strcmp(name, "reference") == 0 ? reference
                   : strcmp(name, "name") == 0    ? (void *)"SECRET_MANAGER_TYPE"
                   : strcmp(name, "value") == 0   ? (void *)"env"
                                                  : (void *)"arguments";
            break;
        case OUT:
        case OPTIONAL_OUT:
            results.out = &stale;
            a[i] = &results.out;
            break;
        case BUFFER:
            strcpy(results.buffer, "stale");
            a[i] = results.buffer;
            break;
        case OUT_LENGTH:
            results.length = 77;
            a[i] = &results.length;
            break;
        default:
            a[i] = strcmp(name, "manager") == 0      ? (void *)manager
                   : strcmp(name, "options") == 0    ? (void *)options
                   : strcmp(name, "call") == 0       ? (void *)call
                   : strcmp(name, "metadata") == 0   ? (void *)metadata
                   : strcmp(name, "references") == 0 ? (void *)&reference
                                                     : (void *)&ONE_TEXT;
        }
    }
}

static void free_result(const struct function *function)
{
    if (results.out == NULL || results.out == &stale)
        return;
    if (strcmp(function->name, "hf_list_secrets") == 0)
        hf_string_list_free(results.out);
    else if (strcmp(function->name, "hf_get_secrets") == 0 || strcmp(function->name, "hf_store_secrets") == 0)
        hf_results_free(results.out);
    else if (strncmp(function->name, "hf_manager", 10) == 0)
        hf_manager_free(results.out);
    else
        hf_free_string(results.out);
    results.out = NULL;
}

/* Checks a refused argument: the status, the parameter named in the error, and cleared results; with and without an
 * out-parameter for the error. */
static void refuses(const struct function *function, arguments a, int bad, const char *why)
{
    const struct parameter *parameter = &function->parameters[bad];
    hf_error *error = (hf_error *)&stale;
    int i;

    CHECK(function->call(a, &error) == HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, parameter->name);
    CHECK(hf_error_status(error) == HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, parameter->name);
    CHECK(hf_error_http_status(error) == 0, "%s", function->name);
    CHECK(strncmp(hf_error_message(error), parameter->name, strlen(parameter->name)) == 0
              && strstr(hf_error_message(error), why) != NULL,
          "%s, %s: %s", function->name, parameter->name, hf_error_message(error));
    hf_error_free(error);

    for (i = 0; function->parameters[i].kind != END; i++) {
        if (i == bad)
            continue;
        switch (function->parameters[i].kind) {
        case OUT:
        case OPTIONAL_OUT:
            CHECK(results.out == NULL, "%s, %s", function->name, parameter->name);
            break;
        case BUFFER:
            CHECK(results.buffer[0] == '\0' && results.buffer[1] == 't', "%s, %s", function->name, parameter->name);
            break;
        case OUT_LENGTH:
            CHECK(results.length == 0, "%s, %s", function->name, parameter->name);
            break;
        default:
            break;
        }
    }
    CHECK(function->call(a, NULL) == HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, parameter->name);
}

static void check_function(const struct function *function)
{
    hf_error *error = (hf_error *)&stale;
    hf_status status;
    arguments a;
    size_t sample;
    int i;

    good(function, a);
    status = function->call(a, &error);
    CHECK(status == function->outcome, "%s: %s", function->name, hf_error_message(error));
    CHECK((error == NULL) == (status == HF_OK), "%s", function->name);
    hf_error_free(error);
    free_result(function);
    if (strcmp(function->name, "hf_delete_secret") == 0)
        status = hf_store_secret(manager, "arguments", "value", NULL, NULL, NULL, NULL);

    for (i = 0; function->parameters[i].kind != END; i++) {
        enum kind kind = function->parameters[i].kind;

        good(function, a);
        a[i] = NULL;
        if (kind == OPTIONAL_OBJECT || kind == OPTIONAL_STRING || kind == OPTIONAL_OUT) {
            status = function->call(a, NULL);
            CHECK(status != HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, function->parameters[i].name);
            free_result(function);
            continue;
        }
        refuses(function, a, i, "is NULL");
    }

    for (i = 0; function->parameters[i].kind != END; i++) {
        if (function->parameters[i].kind != STRING && function->parameters[i].kind != OPTIONAL_STRING)
            continue;
        for (sample = 0; sample < sizeof NOT_UTF8 / sizeof NOT_UTF8[0]; sample++) {
            good(function, a);
            a[i] = (void *)NOT_UTF8[sample];
            refuses(function, a, i, "UTF-8");
        }
    }
}

/* Functions that cannot fail accept NULL, too. */
static void check_null_without_status(void)
{
    hf_options_free(NULL);
    hf_manager_free(NULL);
    hf_call_free(NULL);
    hf_call_cancel(NULL);
    hf_metadata_free(NULL);
    hf_string_list_free(NULL);
    hf_results_free(NULL);
    hf_error_free(NULL);
    hf_free_string(NULL);
    CHECK(hf_manager_ref(NULL) == NULL, "hf_manager_ref");
    CHECK(hf_manager_type(NULL) == NULL, "hf_manager_type");
    CHECK(hf_string_list_len(NULL) == 0, "hf_string_list_len");
    CHECK(hf_results_len(NULL) == 0, "hf_results_len");
    CHECK(hf_results_status(NULL, 0) == HF_ERR_INVALID_ARGUMENT, "hf_results_status");
    CHECK(hf_results_text(NULL, 0) == NULL, "hf_results_text");
    CHECK(hf_results_error(NULL, 0) == NULL, "hf_results_error");
    CHECK(hf_string_list_get(NULL, 0) == NULL, "hf_string_list_get");
    CHECK(hf_error_status(NULL) == HF_ERR_INVALID_ARGUMENT, "hf_error_status");
    CHECK(strcmp(hf_error_message(NULL), "") == 0, "hf_error_message");
    CHECK(hf_error_http_status(NULL) == 0, "hf_error_http_status");
    hf_set_log_callback(NULL, NULL, NULL, HF_LOG_TRACE);
}

static void check_status_names(void)
{
    static const struct {
        hf_status status;
        const char *name;
    } NAMES[] = {
#define NAME(status) {status, #status}
        NAME(HF_OK),
        NAME(HF_NOT_FOUND),
        NAME(HF_ERR_INVALID_ARGUMENT),
        NAME(HF_ERR_INVALID_REFERENCE),
        NAME(HF_ERR_CONFIG),
        NAME(HF_ERR_AUTH),
        NAME(HF_ERR_PERMISSION_DENIED),
        NAME(HF_ERR_CONNECTION),
        NAME(HF_ERR_TLS),
        NAME(HF_ERR_TIMEOUT),
        NAME(HF_ERR_UNAVAILABLE),
        NAME(HF_ERR_RATE_LIMITED),
        NAME(HF_ERR_CONFLICT),
        NAME(HF_ERR_TOO_LARGE),
        NAME(HF_ERR_PROTOCOL),
        NAME(HF_ERR_UNSUPPORTED),
        NAME(HF_ERR_CANCELLED),
        NAME(HF_ERR_INTERNAL),
#undef NAME
    };
    size_t i;

    for (i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        hf_status number = i == 0 ? 0 : i == 1 ? 1 : 1 - (hf_status)i;

        CHECK(NAMES[i].status == number, "%s is part of the ABI", NAMES[i].name);
        CHECK(strcmp(hf_status_name(number), NAMES[i].name) == 0, "%s", NAMES[i].name);
    }
    CHECK(strcmp(hf_status_name(2), "HF_UNKNOWN") == 0, "2");
    CHECK(strcmp(hf_status_name(-17), "HF_UNKNOWN") == 0, "-17");
    CHECK(strcmp(hf_status_name(INT32_MIN), "HF_UNKNOWN") == 0, "INT32_MIN");
}

static void check_numbers(void)
{
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_timeout_ms(call, 0, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_timeout_ms(call, -1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_timeout_ms(call, INT64_MIN, &error));
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, INT64_MAX, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set_log_callback(options, NULL, NULL, NULL, -1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set_log_callback(options, NULL, NULL, NULL, 6, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set(options, "VAULT_ADRR", "x", &error));
}

int main(void)
{
    hf_error *error = NULL;
    size_t i;

    CHECK(strcmp(hf_version(), HF_VERSION_STRING) == 0, "%s", hf_version());
    CHECK(hf_version_number() == HF_VERSION_NUMBER, "%d", (int)hf_version_number());

    manager = open_env();
    options = hf_options_new_isolated();
    call = hf_call_new();
    metadata = hf_metadata_new();
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "arguments", "value", NULL, NULL, &reference, &error));

    for (i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
        check_function(&FUNCTIONS[i]);
    check_null_without_status();
    check_status_names();
    check_numbers();

    hf_free_string(reference);
    hf_metadata_free(metadata);
    hf_call_free(call);
    hf_options_free(options);
    hf_manager_free(manager);
    hf_manager_reset_default();
    return result();
}
