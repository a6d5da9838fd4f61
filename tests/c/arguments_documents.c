/* The functions of fields, documents, bytes, versions and requests with NULL for each of their pointers and invalid
 * UTF-8 for each of their strings. arguments.c has the others. */
#include "arguments.h"

static hf_status get_document(arguments a, hf_error **error)
{
    return hf_get_document(a[0], a[1], a[2], a[3], error);
}

static hf_status get_documents(arguments a, hf_error **error)
{
    return hf_get_documents(a[0], a[1], 1, a[2], a[3], error);
}

static hf_status store_document(arguments a, hf_error **error)
{
    return hf_store_document(a[0], a[1], a[2], a[3], a[4], a[5], a[6], error);
}

static hf_status update_document(arguments a, hf_error **error)
{
    return hf_update_document(a[0], a[1], a[2], a[3], a[4], a[5], error);
}

static hf_status document_bytes(arguments a, hf_error **error)
{
    return hf_document_bytes(a[0], a[1], a[2], error);
}

static hf_status list_versions(arguments a, hf_error **error)
{
    return hf_list_versions(a[0], a[1], a[2], a[3], error);
}

static hf_status delete_versions(arguments a, hf_error **error)
{
    return hf_delete_versions(a[0], a[1], a[2], 1, a[3], error);
}

static hf_status undelete_versions(arguments a, hf_error **error)
{
    return hf_undelete_versions(a[0], a[1], a[2], 1, a[3], error);
}

static hf_status destroy_versions(arguments a, hf_error **error)
{
    return hf_destroy_versions(a[0], a[1], a[2], 1, a[3], error);
}

static hf_status rollback_secret(arguments a, hf_error **error)
{
    return hf_rollback_secret(a[0], a[1], 1, a[2], a[3], error);
}

static hf_status set_custom_metadata(arguments a, hf_error **error)
{
    return hf_set_custom_metadata(a[0], a[1], a[2], a[3], error);
}

static hf_status rotate_secret(arguments a, hf_error **error)
{
    return hf_rotate_secret(a[0], a[1], a[2], a[3], a[4], a[5], error);
}

static hf_status request(arguments a, hf_error **error)
{
    return hf_request(a[0], a[1], a[2], a[3], a[4], a[5], a[6], error);
}

static hf_status unwrap(arguments a, hf_error **error)
{
    return hf_unwrap(a[0], a[1], a[2], a[3], error);
}

static hf_status manager_warm(arguments a, hf_error **error)
{
    return hf_manager_warm(a[0], 1, a[1], error);
}

static hf_status manager_cache_clear(arguments a, hf_error **error)
{
    return hf_manager_cache_clear(a[0], a[1], error);
}

static hf_status call_set_max_age_ms(arguments a, hf_error **error)
{
    return hf_call_set_max_age_ms(a[0], -1, error);
}

static hf_status manager_metrics(arguments a, hf_error **error)
{
    return hf_manager_metrics(a[0], a[1], error);
}

static hf_status call_set_trace_parent(arguments a, hf_error **error)
{
    return hf_call_set_trace_parent(a[0], a[1], error);
}

static hf_status manager_check(arguments a, hf_error **error)
{
    return hf_manager_check(a[0], a[1], error);
}

static hf_status call_set_cas(arguments a, hf_error **error)
{
    return hf_call_set_cas(a[0], -1, error);
}

static hf_status call_set_wrap_ttl_ms(arguments a, hf_error **error)
{
    return hf_call_set_wrap_ttl_ms(a[0], 60000, error);
}

static hf_status fields_set(arguments a, hf_error **error)
{
    return hf_fields_set(a[0], a[1], a[2], error);
}

static hf_status fields_set_json(arguments a, hf_error **error)
{
    return hf_fields_set_json(a[0], a[1], a[2], error);
}

static hf_status fields_set_bytes(arguments a, hf_error **error)
{
    return hf_fields_set_bytes(a[0], a[1], a[2], 8, error);
}

static hf_status fields_set_object(arguments a, hf_error **error)
{
    return hf_fields_set_object(a[0], a[1], error);
}

static hf_status fields_remove(arguments a, hf_error **error)
{
    return hf_fields_remove(a[0], a[1], error);
}

#define ON_REFERENCE {"manager", OBJECT}, {"reference", STRING}
#define CALL {"call", OPTIONAL_OBJECT}
#define OUT_VERSION {"out_version", OPTIONAL_INT64}
#define OF_FIELD {"fields", OBJECT}, {"name", STRING}

static const struct function FUNCTIONS[] = {
    {"hf_get_document", get_document, HF_OK, {ON_REFERENCE, CALL, {"out_document", OUT}, {NULL, END}}},
    {"hf_get_documents", get_documents, HF_OK,
     {{"manager", OBJECT}, {"references", OBJECT}, CALL, {"out_results", OUT}, {NULL, END}}},
    {"hf_store_document", store_document, HF_OK,
     {{"manager", OBJECT},
      {"key", STRING},
      {"fields", OBJECT},
      {"metadata", OPTIONAL_OBJECT},
      CALL,
      {"out_reference", OPTIONAL_OUT},
      OUT_VERSION,
      {NULL, END}}},
    {"hf_update_document", update_document, HF_OK,
     {ON_REFERENCE, {"fields", OBJECT}, {"metadata", OPTIONAL_OBJECT}, CALL, OUT_VERSION, {NULL, END}}},
    {"hf_document_bytes", document_bytes, HF_OK,
     {{"document", OBJECT}, {"name", STRING}, {"out_bytes", OUT}, {NULL, END}}},
    {"hf_list_versions", list_versions, HF_ERR_UNSUPPORTED,
     {ON_REFERENCE, CALL, {"out_versions", OUT}, {NULL, END}}},
    {"hf_delete_versions", delete_versions, HF_ERR_UNSUPPORTED,
     {ON_REFERENCE, {"versions", OBJECT}, CALL, {NULL, END}}},
    {"hf_undelete_versions", undelete_versions, HF_ERR_UNSUPPORTED,
     {ON_REFERENCE, {"versions", OBJECT}, CALL, {NULL, END}}},
    {"hf_destroy_versions", destroy_versions, HF_ERR_UNSUPPORTED,
     {ON_REFERENCE, {"versions", OBJECT}, CALL, {NULL, END}}},
    {"hf_rollback_secret", rollback_secret, HF_ERR_UNSUPPORTED, {ON_REFERENCE, CALL, OUT_VERSION, {NULL, END}}},
    {"hf_set_custom_metadata", set_custom_metadata, HF_ERR_UNSUPPORTED,
     {ON_REFERENCE, {"metadata", OBJECT}, CALL, {NULL, END}}},
    {"hf_rotate_secret", rotate_secret, HF_ERR_UNSUPPORTED,
     {ON_REFERENCE,
      {"password_policy", OPTIONAL_STRING},
      CALL,
      {"out_value", OPTIONAL_OUT},
      OUT_VERSION,
      {NULL, END}}},
    {"hf_request", request, HF_ERR_UNSUPPORTED,
     {{"manager", OBJECT},
      {"method", STRING},
      {"path", STRING},
      {"json", OPTIONAL_STRING},
      CALL,
      {"out_http_status", OPTIONAL_INT32},
      {"out_body", OUT},
      {NULL, END}}},
    {"hf_unwrap", unwrap, HF_ERR_UNSUPPORTED,
     {{"manager", OBJECT}, {"wrapping_token", STRING}, CALL, {"out_json", OUT}, {NULL, END}}},
    {"hf_manager_check", manager_check, HF_OK, {{"manager", OBJECT}, CALL, {NULL, END}}},
    {"hf_manager_warm", manager_warm, HF_OK, {{"manager", OBJECT}, CALL, {NULL, END}}},
    {"hf_manager_cache_clear", manager_cache_clear, HF_OK,
     {{"manager", OBJECT}, {"reference", OPTIONAL_STRING}, {NULL, END}}},
    {"hf_manager_metrics", manager_metrics, HF_OK,
     {{"manager", OPTIONAL_OBJECT}, {"out_text", OUT}, {NULL, END}}},
    /* These change the objects that are arguments of the rows above. */
    {"hf_call_set_cas", call_set_cas, HF_OK, {{"call", OBJECT}, {NULL, END}}},
    {"hf_call_set_wrap_ttl_ms", call_set_wrap_ttl_ms, HF_OK, {{"call", OBJECT}, {NULL, END}}},
    {"hf_call_set_max_age_ms", call_set_max_age_ms, HF_OK, {{"call", OBJECT}, {NULL, END}}},
    {"hf_call_set_trace_parent", call_set_trace_parent, HF_OK,
     {{"call", OBJECT}, {"traceparent", STRING}, {NULL, END}}},
    {"hf_fields_set", fields_set, HF_OK, {OF_FIELD, {"text", STRING}, {NULL, END}}},
    {"hf_fields_set_json", fields_set_json, HF_OK, {OF_FIELD, {"json", STRING}, {NULL, END}}},
    {"hf_fields_set_bytes", fields_set_bytes, HF_OK, {OF_FIELD, {"data", OBJECT}, {NULL, END}}},
    {"hf_fields_set_object", fields_set_object, HF_OK, {{"fields", OBJECT}, {"json_object", STRING}, {NULL, END}}},
    {"hf_fields_remove", fields_remove, HF_OK, {OF_FIELD, {NULL, END}}},
};

/* Functions that cannot fail accept NULL, too. */
static void check_null_without_status(void)
{
    size_t length = 77;

    hf_fields_free(NULL);
    hf_document_free(NULL);
    hf_bytes_free(NULL);
    hf_versions_free(NULL);
    CHECK(hf_call_copy(NULL) == NULL, "hf_call_copy");
    CHECK(hf_document_ref(NULL) == NULL, "hf_document_ref");
    CHECK(hf_document_len(NULL) == 0, "hf_document_len");
    CHECK(hf_document_name(NULL, 0) == NULL, "hf_document_name");
    CHECK(hf_document_kind(NULL, "value") == 0, "hf_document_kind");
    CHECK(hf_document_text(NULL, "value", NULL) == NULL, "hf_document_text");
    CHECK(hf_document_text(NULL, "value", &length) == NULL && length == 0, "hf_document_text");
    length = 77;
    CHECK(hf_document_json(NULL, NULL, &length) == NULL && length == 0, "hf_document_json");
    CHECK(hf_document_json(NULL, "value", NULL) == NULL, "hf_document_json");
    CHECK(hf_document_metadata(NULL) == NULL, "hf_document_metadata");
    CHECK(hf_document_version(NULL) == 0, "hf_document_version");
    CHECK(strcmp(hf_document_created(NULL), "") == 0, "hf_document_created");
    CHECK(hf_document_age_ms(NULL) == 0, "hf_document_age_ms");
    CHECK(hf_results_document(NULL, 0) == NULL, "hf_results_document");
    CHECK(hf_metadata_len(NULL) == 0, "hf_metadata_len");
    CHECK(hf_metadata_key(NULL, 0) == NULL && hf_metadata_value(NULL, 0) == NULL, "hf_metadata_key");
    CHECK(hf_metadata_get(NULL, "a") == NULL, "hf_metadata_get");
    CHECK(hf_bytes_data(NULL) == NULL && hf_bytes_len(NULL) == 0, "hf_bytes_data");
    CHECK(hf_versions_len(NULL) == 0 && hf_versions_number(NULL, 0) == 0, "hf_versions_len");
    CHECK(hf_versions_state(NULL, 0) == 0, "hf_versions_state");
    CHECK(hf_versions_created(NULL, 0) == NULL && hf_versions_deletion(NULL, 0) == NULL, "hf_versions_created");
    CHECK(hf_versions_custom_metadata(NULL) == NULL, "hf_versions_custom_metadata");
}

/* Getters of an object that exists, with arguments that name nothing in it. */
static void check_absent(void)
{
    const hf_document *document = given.document;
    hf_error *error = NULL;
    hf_bytes *bytes = NULL;
    size_t length, sample;

    CHECK(hf_document_name(document, 1) == NULL && hf_document_name(document, SIZE_MAX) == NULL, "past the end");
    CHECK(hf_document_kind(document, NULL) == 0 && hf_document_kind(document, "none") == 0, "no such field");
    length = 77;
    CHECK(hf_document_text(document, NULL, &length) == NULL && length == 0, "no name");
    length = 77;
    CHECK(hf_document_text(document, "none", &length) == NULL && length == 0, "no such field");
    length = 77;
    CHECK(hf_document_json(document, "none", &length) == NULL && length == 0, "no such field");
    CHECK_STATUS(HF_NOT_FOUND, hf_document_bytes(document, "none", &bytes, &error));
    CHECK(bytes == NULL, "no bytes without HF_OK");
    CHECK(hf_metadata_len(hf_document_metadata(document)) == 0, "env keeps no metadata");
    CHECK(hf_metadata_key(given.metadata, 0) == NULL && hf_metadata_value(given.metadata, 0) == NULL, "past the end");
    CHECK(hf_metadata_get(given.metadata, NULL) == NULL && hf_metadata_get(given.metadata, "a") == NULL, "no entry");
    for (sample = 0; sample < sizeof NOT_UTF8 / sizeof NOT_UTF8[0]; sample++) {
        const char *name = NOT_UTF8[sample];

        CHECK(hf_document_kind(document, name) == 0, "%d", (int)sample);
        length = 77;
        CHECK(hf_document_text(document, name, &length) == NULL && length == 0, "%d", (int)sample);
        length = 77;
        CHECK(hf_document_json(document, name, &length) == NULL && length == 0, "%d", (int)sample);
        CHECK(hf_metadata_get(given.metadata, name) == NULL, "%d", (int)sample);
    }
}

static void check_numbers(void)
{
    hf_call *call = hf_call_new();
    hf_call *copy;
    hf_error *error = NULL;
    hf_results *documents = NULL;

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_cas(call, -2, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_cas(call, INT64_MIN, &error));
    CHECK_STATUS(HF_OK, hf_call_set_cas(call, INT64_MAX, &error));
    CHECK_STATUS(HF_OK, hf_call_set_cas(call, 0, &error));
    copy = hf_call_copy(call);
    CHECK_STATUS(HF_ERR_UNSUPPORTED,
                 hf_update_document(given.manager, given.reference, given.fields, NULL, copy, NULL, &error));
    CHECK_STATUS(HF_OK, hf_call_set_cas(copy, -1, &error));
    CHECK_STATUS(HF_OK, hf_update_document(given.manager, given.reference, given.fields, NULL, copy, NULL, &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED,
                 hf_update_document(given.manager, given.reference, given.fields, NULL, call, NULL, &error));
    hf_call_free(call);
    hf_call_free(copy);

    call = hf_call_new();
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_wrap_ttl_ms(call, 0, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_wrap_ttl_ms(call, -1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_wrap_ttl_ms(call, INT64_MIN, &error));
    CHECK_STATUS(HF_OK, hf_manager_check(given.manager, call, &error));
    CHECK_STATUS(HF_OK, hf_call_set_wrap_ttl_ms(call, INT64_C(9223372036000), &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_manager_check(given.manager, call, &error));
    hf_call_free(call);

    call = hf_call_new();
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_max_age_ms(call, -2, &error));
    CHECK_STATUS(HF_OK, hf_call_set_max_age_ms(call, INT64_MAX, &error));
    CHECK_STATUS(HF_OK, hf_call_set_max_age_ms(call, 0, &error));
    hf_call_free(call);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_manager_warm(given.manager, 0, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_manager_warm(given.manager, INT32_MIN, NULL, &error));
    CHECK_STATUS(HF_OK, hf_manager_warm(given.manager, INT32_MAX, NULL, &error));
    call = hf_call_new();
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_call_set_trace_parent(call, "00-1-2-3", &error));
    CHECK_STATUS(HF_OK, hf_call_set_trace_parent(call, "", &error));
    hf_call_free(call);

    CHECK_STATUS(HF_OK, hf_get_documents(given.manager, NULL, 0, NULL, &documents, &error));
    CHECK(hf_results_len(documents) == 0 && hf_results_document(documents, 0) == NULL, "none");
    hf_results_free(documents);
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(given.fields, "value", NULL, 0, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_bytes(given.fields, "value", NULL, 1, &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_delete_versions(given.manager, given.reference, NULL, 0, NULL, &error));
}

static void check_names(void)
{
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set(given.fields, "", "text", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_json(given.fields, "", "1", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_bytes(given.fields, "", "x", 1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_remove(given.fields, "", &error));
}

/* The env backend has the one field `value`, which is a text. */
static void check_env_fields(void)
{
    hf_fields *fields = hf_fields_new();
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_store_document(given.manager, "key", fields, NULL, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_fields_set_json(fields, "value", "\"canary\"", &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "other", "canary", &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_store_document(given.manager, "key", fields, NULL, NULL, NULL, NULL, &error));
    hf_fields_free(fields);
}

int main(void)
{
    size_t i;

    prepare();
    check_absent();
    check_env_fields();
    for (i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
        check_function(&FUNCTIONS[i]);
    check_null_without_status();
    check_names();
    free_given();

    prepare();
    check_numbers();
    free_given();
    return result();
}
