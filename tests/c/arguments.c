/* The functions of options, managers, calls, metadata, secrets and batches with NULL for each of their pointers and
 * invalid UTF-8 for each of their strings. arguments_documents.c has the others. */
#include "arguments.h"

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

static hf_status queue_new(arguments a, hf_error **error)
{
    return hf_queue_new(1, a[0], error);
}

static hf_status call_set_queue(arguments a, hf_error **error)
{
    hf_call *call = a[0] == NULL ? NULL : hf_call_new();
    hf_status status = hf_call_set_queue(call, a[1], 1, error);

    hf_call_free(call);
    return status;
}

static hf_status queue_next(arguments a, hf_error **error)
{
    return hf_queue_next(a[0], 0, a[1], a[2], error);
}

static const struct function FUNCTIONS[] = {
    {"hf_options_set", options_set, HF_OK, {{"options", OBJECT}, {"name", STRING}, {"value", STRING}, {NULL, END}}},
    {"hf_options_set_log_callback", options_set_log_callback, HF_OK, {{"options", OBJECT}, {NULL, END}}},
    {"hf_manager_open", manager_open, HF_OK,
     {{"options", OPTIONAL_OBJECT}, {"call", OPTIONAL_OBJECT}, {"out_manager", OUT}, {NULL, END}}},
    {"hf_manager_default", manager_default, HF_OK, {{"call", OPTIONAL_OBJECT}, {"out_manager", OUT}, {NULL, END}}},
    {"hf_call_set_timeout_ms", call_set_timeout_ms, HF_OK, {{"call", OBJECT}, {NULL, END}}},
    {"hf_queue_new", queue_new, HF_OK, {{"out_queue", OUT}, {NULL, END}}},
    {"hf_call_set_queue", call_set_queue, HF_OK, {{"call", OBJECT}, {"queue", OPTIONAL_OBJECT}, {NULL, END}}},
    {"hf_queue_next", queue_next, HF_PENDING,
     {{"queue", OBJECT}, {"out_tag", OUT_LENGTH}, {"out_status", OUT_INT32}, {NULL, END}}},
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

/* Functions that cannot fail accept NULL, too. */
static void check_null_without_status(void)
{
    hf_options_free(NULL);
    hf_options_free(hf_options_new());
    hf_manager_free(NULL);
    hf_call_free(NULL);
    hf_call_cancel(NULL);
    hf_call_abandon(NULL);
    hf_queue_free(NULL);
    hf_queue_close(NULL);
    CHECK(hf_queue_fd(NULL) == -1, "hf_queue_fd");
    CHECK(hf_queue_pending(NULL) == 0, "hf_queue_pending");
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
        NAME(HF_PENDING),
        NAME(HF_MISMATCH),
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
        NAME(HF_ERR_IO),
#undef NAME
    };
    size_t i;

    for (i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        hf_status number = i < 4 ? (hf_status)i : 3 - (hf_status)i;

        CHECK(NAMES[i].status == number, "%s is part of the ABI", NAMES[i].name);
        CHECK(strcmp(hf_status_name(number), NAMES[i].name) == 0, "%s", NAMES[i].name);
    }
    CHECK(strcmp(hf_status_name(4), "HF_UNKNOWN") == 0, "4");
    CHECK(strcmp(hf_status_name(-18), "HF_UNKNOWN") == 0, "-18");
    CHECK(strcmp(hf_status_name(INT32_MIN), "HF_UNKNOWN") == 0, "INT32_MIN");
}

static void check_numbers(void)
{
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_timeout_ms(given.call, 0, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_timeout_ms(given.call, -1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_timeout_ms(given.call, INT64_MIN, &error));
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(given.call, INT64_MAX, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set_log_callback(given.options, NULL, NULL, NULL, -1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set_log_callback(given.options, NULL, NULL, NULL, 6, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set(given.options, "VAULT_ADRR", "x", &error));
}

int main(void)
{
    size_t i;

    CHECK(strcmp(hf_version(), HF_VERSION_STRING) == 0, "%s", hf_version());
    CHECK(hf_version_number() == HF_VERSION_NUMBER, "%d", (int)hf_version_number());

    prepare();
    for (i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
        check_function(&FUNCTIONS[i]);
    check_null_without_status();
    check_status_names();
    check_numbers();
    free_given();
    return result();
}
