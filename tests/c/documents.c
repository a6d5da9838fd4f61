/* Documents on a server: values of every kind, bytes, metadata, batches, ownership. */
#include "server.h"

static hf_manager *manager;

enum { ABSENT, STRING, NUMBER, BOOLEAN, NUL, OBJECT, ARRAY };

struct field {
    const char *name;
    int32_t kind;
    const char *text; /* NULL: has none */
    const char *json;
};

/* As the server returns them, which keeps numbers as floating point, sorts objects and escapes for HTML. */
static const struct field FIELDS[] = {
    {"array", ARRAY, NULL, "[1,\"canary\",null]"},
    {"empty", STRING, "", "\"\""},
    {"escapes", STRING, "a\"\\/\b\f\n\r\t\x01\xc3\xa9\xf0\x9f\x98\x80<", NULL},
    {"false", BOOLEAN, "false", "false"},
    {"fraction", NUMBER, "1.5", "1.5"},
    {"large", NUMBER, "12345678901234567000", "12345678901234567000"},
    {"null", NUL, NULL, "null"},
    {"object", OBJECT, NULL, "{\"a\":{\"b\":[]},\"z\":\"canary\"}"},
    {"true", BOOLEAN, "true", "true"},
    {"with space = \"x\"", STRING, "canary", "\"canary\""},
    {"\xc3\xa9", STRING, "accent", "\"accent\""},
};

#define COUNT (sizeof FIELDS / sizeof FIELDS[0])

static const char OBJECT_TO_STORE[] =
    "{ \"true\": true, \"large\": 12345678901234567890, \"fraction\": 1.50, \"null\": null, \"empty\": \"\","
    " \"object\": {\"z\": \"canary\", \"a\": {\"b\": []}}, \"array\": [1, \"canary\", null], \"false\": false,"
    " \"escapes\": \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\ud83d\\ude00<\", \"\\u00e9\": \"accent\","
    " \"with space = \\\"x\\\"\": \"canary\" }";

static void check_field(const hf_document *document, const struct field *field)
{
    size_t text_length = 77, json_length = 77;
    const char *text = hf_document_text(document, field->name, &text_length);
    const char *json = hf_document_json(document, field->name, &json_length);

    CHECK(hf_document_kind(document, field->name) == field->kind, "%s", field->name);
    CHECK(same(text, field->text) && text == hf_document_text(document, field->name, NULL), "%s", field->name);
    CHECK(text_length == (text ? strlen(text) : 0), "%s", field->name);
    CHECK(json != NULL && json_length == strlen(json), "%s", field->name);
    CHECK(field->json == NULL || same(json, field->json), "%s: %s", field->name, json);
}

static void check_every_kind(void)
{
    hf_document *document;
    const char *whole;
    size_t length = 0, i;

    CHECK(store_json(manager, "kinds", OBJECT_TO_STORE) == 1, "the first version");
    document = get_document(manager, "vault://kinds");
    CHECK(hf_document_len(document) == COUNT, "%d", (int)hf_document_len(document));
    for (i = 0; i < COUNT; i++) {
        CHECK(same(hf_document_name(document, i), FIELDS[i].name), "sorted: %s", hf_document_name(document, i));
        check_field(document, &FIELDS[i]);
    }
    CHECK(hf_document_name(document, COUNT) == NULL, "past the end");
    CHECK(hf_document_kind(document, "none") == ABSENT, "no such field");

    whole = hf_document_json(document, NULL, &length);
    CHECK(whole != NULL && strlen(whole) == length && whole[0] == '{' && whole[length - 1] == '}', "%s", whole);
    for (i = 0; i < COUNT; i++)
        CHECK(strstr(whole, hf_document_json(document, FIELDS[i].name, NULL)) != NULL, "%s", FIELDS[i].name);
    CHECK(hf_document_version(document) == 1 && hf_document_age_ms(document) == 0, "an answer to this call");
    CHECK(strlen(hf_document_created(document)) > strlen("2026-01-01T00:00:00Z")
              && hf_document_created(document)[10] == 'T',
          "%s", hf_document_created(document));
    CHECK(hf_metadata_len(hf_document_metadata(document)) == 0, "no metadata");

    /* What was read can be stored, and is the same then. */
    CHECK(store_json(manager, "kinds_copy", whole) == 1, "the first version");
    hf_document_free(document);
    document = get_document(manager, "vault://kinds_copy");
    for (i = 0; i < COUNT; i++)
        check_field(document, &FIELDS[i]);
    hf_document_free(document);
}

/* A string with U+0000 has a text only for those who ask for its length. */
static void check_nul_in_string(void)
{
    hf_document *document;
    hf_error *error = NULL;
    char *value = NULL;
    const char *text;
    size_t length = 77;

    store_json(manager, "nul", "{\"value\": \"a\\u0000b\", \"other\": \"canary\"}");
    document = get_document(manager, "vault://nul");
    CHECK(hf_document_kind(document, "value") == STRING, "a string");
    CHECK(hf_document_text(document, "value", NULL) == NULL, "a C string would end early");
    text = hf_document_text(document, "value", &length);
    CHECK(text != NULL && length == 3 && memcmp(text, "a\0b", 4) == 0, "%d bytes", (int)length);
    CHECK(same(hf_document_json(document, "value", NULL), "\"a\\u0000b\""), "the JSON");
    CHECK(same(hf_document_text(document, "other", NULL), "canary"), "the field beside it");
    hf_document_free(document);
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_get_secret(manager, "vault://nul", NULL, &value, &error));
}

static void check_fields_of_every_setter(void)
{
    hf_fields *fields = hf_fields_new();
    hf_document *document;
    hf_error *error = NULL;
    char *reference = NULL;
    int64_t version = 77;

    CHECK_STATUS(HF_OK, hf_fields_set(fields, "text", "canary", &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "twice", "first", &error));
    CHECK_STATUS(HF_OK, hf_fields_set_json(fields, "twice", "{\"second\": 1}", &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "gone", "canary", &error));
    CHECK_STATUS(HF_OK, hf_fields_remove(fields, "gone", &error));
    CHECK_STATUS(HF_OK, hf_fields_remove(fields, "never", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_json(fields, "text", "canary", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_json(fields, "text", "1 2", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_json(fields, "text", "", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_object(fields, "[\"canary\"]", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_object(fields, "{\"text\": \"x\", \"b\": canary}", &error));

    CHECK_STATUS(HF_OK, hf_store_document(manager, "set", fields, NULL, NULL, &reference, &version, &error));
    CHECK(same(reference, "vault://set") && version == 1, "%s", reference);
    document = get_document(manager, reference);
    CHECK(hf_document_len(document) == 2, "%d", (int)hf_document_len(document));
    CHECK(same(hf_document_text(document, "text", NULL), "canary"), "a refused value changes nothing");
    CHECK(same(hf_document_json(document, "twice", NULL), "{\"second\":1}"), "the later value stays");
    hf_document_free(document);
    hf_free_string(reference);
    hf_fields_free(fields);
}

static void check_update(void)
{
    hf_fields *fields = hf_fields_new();
    hf_document *document;
    hf_error *error = NULL;
    int64_t version = 77;

    store_json(manager, "update", "{\"kept\": [1], \"changed\": \"canary\", \"removed\": true}");
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "changed", "new", &error));
    CHECK_STATUS(HF_OK, hf_fields_set_json(fields, "added", "null", &error));
    CHECK_STATUS(HF_OK, hf_fields_remove(fields, "removed", &error));
    CHECK_STATUS(HF_OK, hf_update_document(manager, "vault://update", fields, NULL, NULL, &version, &error));
    CHECK(version == 2, "%d", (int)version);
    document = get_document(manager, "vault://update");
    CHECK(hf_document_version(document) == 2 && hf_document_len(document) == 3, "%d", (int)hf_document_len(document));
    CHECK(same(hf_document_json(document, "kept", NULL), "[1]"), "kept");
    CHECK(same(hf_document_text(document, "changed", NULL), "new"), "changed");
    CHECK(hf_document_kind(document, "added") == NUL, "a field that is null is there");
    hf_document_free(document);

    document = get_document(manager, "vault://update?version=1");
    CHECK(same(hf_document_text(document, "changed", NULL), "canary"), "the version before");
    hf_document_free(document);

    version = 77;
    CHECK_STATUS(HF_NOT_FOUND, hf_update_document(manager, "vault://absent", fields, NULL, NULL, &version, &error));
    CHECK(version == 0, "no version without HF_OK");
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_update_document(manager, "vault://update?version=1", fields, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_update_document(manager, "vault://update#kept", fields, NULL, NULL, NULL, &error));
    hf_fields_free(fields);
}

static void check_refused_references(void)
{
    hf_document *document = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_NOT_FOUND, hf_get_document(manager, "vault://absent", NULL, &document, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_get_document(manager, "vault://update?version=9", NULL, &document, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_get_document(manager, "vault://update#kept", NULL, &document, &error));
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_document(manager, "env://X", NULL, &document, &error));
    CHECK(document == NULL, "no document without HF_OK");
}

#define MEBIBYTE ((size_t)1 << 20)

static void check_bytes_of(const hf_document *document, const char *name, const void *data, size_t length)
{
    hf_bytes *bytes = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_document_bytes(document, name, &bytes, &error));
    CHECK(hf_bytes_len(bytes) == length && memcmp(hf_bytes_data(bytes), data, length) == 0, "%s", name);
    CHECK(((const char *)hf_bytes_data(bytes))[length] == '\0', "%s", name);
    hf_bytes_free(bytes);
}

static void check_bytes(void)
{
    unsigned char *large = malloc(MEBIBYTE);
    hf_fields *fields = hf_fields_new();
    hf_document *document;
    hf_bytes *bytes = NULL;
    hf_error *error = NULL;
    size_t i;

    if (large == NULL)
        exit(1);
    for (i = 0; i < MEBIBYTE; i++)
        large[i] = (unsigned char)(i * 7 + i / 256);
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(fields, "large", large, MEBIBYTE, &error));
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(fields, "nul", "\0\xff\0", 3, &error));
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(fields, "none", NULL, 0, &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "unpadded", "AP8", &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "text", "canary!", &error));
    CHECK_STATUS(HF_OK, hf_fields_set_json(fields, "number", "1234", &error));
    CHECK_STATUS(HF_OK, hf_store_document(manager, "bytes", fields, NULL, NULL, NULL, NULL, &error));
    hf_fields_free(fields);

    document = get_document(manager, "vault://bytes");
    check_bytes_of(document, "large", large, MEBIBYTE);
    check_bytes_of(document, "nul", "\0\xff\0", 3);
    check_bytes_of(document, "none", "", 0);
    check_bytes_of(document, "unpadded", "\0\xff", 2);
    CHECK(same(hf_document_text(document, "nul", NULL), "AP8A"), "base64");
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_document_bytes(document, "text", &bytes, &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_document_bytes(document, "number", &bytes, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_document_bytes(document, "absent", &bytes, &error));
    CHECK(bytes == NULL, "no bytes without HF_OK");
    hf_document_free(document);
    free(large);
}

static void check_metadata(void)
{
    hf_metadata *metadata = hf_metadata_new();
    hf_metadata *none = hf_metadata_new();
    hf_fields *fields = hf_fields_new();
    hf_document *document;
    const hf_metadata *read;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "scopes", "repo,user", &error));
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "owner", "", &error));
    CHECK(hf_metadata_len(metadata) == 2 && same(hf_metadata_key(metadata, 0), "owner"), "keys are sorted");
    CHECK(same(hf_metadata_get(metadata, "scopes"), "repo,user"), "before it is stored");
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "a", "canary", &error));
    CHECK_STATUS(HF_OK, hf_store_document(manager, "described", fields, metadata, NULL, NULL, NULL, &error));

    document = get_document(manager, "vault://described");
    read = hf_document_metadata(document);
    CHECK(hf_metadata_len(read) == 2 && read == hf_document_metadata(document), "%d", (int)hf_metadata_len(read));
    CHECK(same(hf_metadata_key(read, 1), "scopes") && same(hf_metadata_value(read, 1), "repo,user"), "the second");
    CHECK(same(hf_metadata_get(read, "owner"), "") && hf_metadata_get(read, "none") == NULL, "by key");
    CHECK(hf_metadata_key(read, 2) == NULL && hf_metadata_value(read, 2) == NULL, "past the end");
    CHECK(same(hf_document_name(document, 1), "metadata"), "a field like any other");
    CHECK(hf_document_kind(document, "metadata") == OBJECT, "an object");
    hf_document_free(document);

    CHECK_STATUS(HF_OK, hf_update_document(manager, "vault://described", fields, NULL, NULL, NULL, &error));
    document = get_document(manager, "vault://described");
    CHECK(hf_metadata_len(hf_document_metadata(document)) == 2, "NULL keeps them");
    hf_document_free(document);
    CHECK_STATUS(HF_OK, hf_update_document(manager, "vault://described", fields, none, NULL, NULL, &error));
    document = get_document(manager, "vault://described");
    CHECK(hf_metadata_len(hf_document_metadata(document)) == 0, "empty removes them");
    hf_document_free(document);

    CHECK_STATUS(HF_OK, hf_fields_set(fields, "metadata", "canary", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_store_document(manager, "described", fields, metadata, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_update_document(manager, "vault://described", fields, metadata, NULL, NULL, &error));
    hf_fields_free(fields);
    hf_metadata_free(metadata);
    hf_metadata_free(none);
}

static void check_batch(void)
{
    const char *const references[] = {"vault://update", "vault://absent", "vault://update#kept", NULL, "\xff",
                                      "vault://update?version=1"};
    const hf_status statuses[] = {HF_OK, HF_NOT_FOUND, HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_ARGUMENT,
                                  HF_ERR_INVALID_ARGUMENT, HF_OK};
    hf_results *results = NULL;
    hf_document *kept;
    hf_error *error = NULL;
    size_t i;

    CHECK_STATUS(HF_OK, hf_get_documents(manager, references, 6, NULL, &results, &error));
    CHECK(hf_results_len(results) == 6, "%d", (int)hf_results_len(results));
    for (i = 0; i < 6; i++) {
        CHECK(hf_results_status(results, i) == statuses[i], "%d: %s", (int)i,
              hf_status_name(hf_results_status(results, i)));
        CHECK((hf_results_document(results, i) != NULL) == (statuses[i] == HF_OK), "%d", (int)i);
        CHECK((hf_results_error(results, i) != NULL) == (statuses[i] < 0), "%d", (int)i);
        CHECK(hf_results_text(results, i) == NULL, "%d", (int)i);
    }
    CHECK(hf_results_document(results, 6) == NULL, "past the end");
    CHECK(hf_document_version(hf_results_document(results, 5)) == 1, "the version that was asked for");

    /* A borrowed document becomes one that outlives the results. */
    kept = hf_document_ref(hf_results_document(results, 5));
    CHECK(kept == hf_results_document(results, 5), "the same document");
    hf_results_free(results);
    CHECK(same(hf_document_text(kept, "changed", NULL), "canary"), "it outlives the results");
    hf_document_free(kept);

    CHECK_STATUS(HF_OK, hf_get_secrets(manager, references, 1, NULL, &results, &error));
    CHECK(hf_results_document(results, 0) == NULL, "results without documents");
    hf_results_free(results);
}

/* Objects may be freed in any order: each holds what it came from. */
static void check_any_order(void)
{
    hf_manager *other = open_server();
    hf_fields *fields = hf_fields_new();
    hf_document *document, *second;
    hf_bytes *bytes = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_fields_set_bytes(fields, "a", "canary", 6, &error));
    CHECK_STATUS(HF_OK, hf_store_document(other, "order", fields, NULL, NULL, NULL, NULL, &error));
    hf_fields_free(fields);
    document = get_document(other, "vault://order");
    hf_manager_free(other);
    CHECK_STATUS(HF_OK, hf_document_bytes(document, "a", &bytes, &error));
    second = hf_document_ref(document);
    hf_document_free(document);
    CHECK(same(hf_document_text(second, "a", NULL), "Y2FuYXJ5"), "one reference is left");
    hf_document_free(second);
    CHECK(same(hf_bytes_data(bytes), "canary"), "bytes outlive the document");
    hf_bytes_free(bytes);
}

int main(void)
{
    manager = open_server();
    check_every_kind();
    check_nul_in_string();
    check_fields_of_every_setter();
    check_update();
    check_refused_references();
    check_bytes();
    check_metadata();
    check_batch();
    check_any_order();
    hf_manager_free(manager);
    return result();
}
