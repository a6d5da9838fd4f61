/* scan_documents.c KEY MASKED      what the library keeps of the values of documents, requests and rotations
 *
 * The text is masked as scan.h has it. */
#include "scan.h"

static hf_error *error = NULL;

/* Stores and updates a document with the text as a string, as bytes and inside JSON. */
static void write_document(const hf_manager *manager, const char *key, const char *reference,
                           const struct needle *needle, size_t times)
{
    hf_fields *fields = hf_fields_new();
    char *text = unmask(needle, "", times), *json = unmask(needle, "\"\\n", times);
    char *closed = mmap(NULL, strlen(json) + 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (closed == MAP_FAILED)
        exit(2);
    strcpy(closed, json);
    strcat(closed, "\"");
    wipe(json);
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "text", text, &error));
    CHECK_STATUS(HF_OK, hf_fields_set_bytes(fields, "bytes", text, strlen(text), &error));
    CHECK_STATUS(HF_OK, hf_fields_set_json(fields, "json", closed, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_json(fields, "bad", text, &error));
    hf_error_free(error);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_fields_set_object(fields, closed, &error));
    hf_error_free(error);
    wipe(text);
    munmap(closed, strlen(closed) + 1);
    expect("while the caller holds the fields", needle, 1);
    CHECK_STATUS(HF_OK, hf_store_document(manager, key, fields, NULL, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_update_document(manager, reference, fields, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_store_document(manager, "a\nb", fields, NULL, NULL, NULL, NULL, &error));
    hf_error_free(error);
    hf_fields_free(fields);
    expect("after a store, an update and hf_fields_free", needle, 0);
}

static void read_document(const hf_manager *manager, const char *reference, const struct needle *needle)
{
    const char *references[2];
    hf_document *document = NULL, *other;
    hf_results *results = NULL;
    hf_bytes *bytes = NULL;

    CHECK_STATUS(HF_OK, hf_get_document(manager, reference, NULL, &document, &error));
    CHECK(is_kept_from_dumps(hf_document_json(document, NULL, NULL)), "the document is in core dumps");
    CHECK(is_kept_from_dumps(hf_document_text(document, "text", NULL)), "its texts are in core dumps");
    CHECK(is_kept_from_dumps(hf_document_json(document, "json", NULL)), "its JSON is in core dumps");
    expect("while the caller holds the document", needle, 1);
    CHECK_STATUS(HF_OK, hf_document_bytes(document, "bytes", &bytes, &error));
    CHECK(is_kept_from_dumps(hf_bytes_data(bytes)), "the bytes are in core dumps");
    other = hf_document_ref(document);
    hf_document_free(document);
    expect("while another owner holds the document", needle, 1);
    hf_document_free(other);
    expect("while the caller holds the bytes", needle, 1);
    hf_bytes_free(bytes);
    expect("after hf_document_free and hf_bytes_free", needle, 0);

    references[0] = reference;
    references[1] = "vault://scan_nothing";
    CHECK_STATUS(HF_OK, hf_get_documents(manager, references, 2, NULL, &results, &error));
    CHECK(hf_document_text(hf_results_document(results, 0), "text", NULL) != NULL, "the document of a batch");
    expect("while the caller holds the results", needle, 1);
    hf_results_free(results);
    expect("after documents and hf_results_free", needle, 0);
}

/* The text in the answer of a request, plain and wrapped. */
static void request(const hf_manager *manager, const char *path, const struct needle *needle)
{
    hf_call *wrapping = hf_call_new();
    hf_bytes *body = NULL;
    char token[256] = "", *json = NULL;
    const char *start;

    CHECK_STATUS(HF_OK, hf_request(manager, "GET", path, NULL, NULL, NULL, &body, &error));
    CHECK(is_kept_from_dumps(hf_bytes_data(body)), "the answer is in core dumps");
    expect("while the caller holds the answer", needle, 1);
    hf_bytes_free(body);
    expect("after a request and hf_bytes_free", needle, 0);

    CHECK_STATUS(HF_OK, hf_call_set_wrap_ttl_ms(wrapping, 60000, &error));
    CHECK_STATUS(HF_OK, hf_request(manager, "GET", path, NULL, wrapping, NULL, &body, &error));
    start = strstr(hf_bytes_data(body), "\"token\":\"");
    CHECK(start != NULL, "there is no wrapping token");
    if (start != NULL)
        sscanf(start, "\"token\":\"%255[^\"]", token);
    hf_bytes_free(body);
    CHECK_STATUS(HF_OK, hf_unwrap(manager, token, NULL, &json, &error));
    expect("while the caller holds what was unwrapped", needle, 1);
    hf_free_string(json);
    expect("after hf_unwrap and hf_free_string", needle, 0);
    hf_call_free(wrapping);
}

/* The new value of a rotation: masked here first, then looked for. */
static void rotate(const hf_manager *manager, const char *reference)
{
    char field[300], *value = NULL, masked[2 * 64 + 1] = "";
    struct needle needle;
    size_t i;

    snprintf(field, sizeof field, "%s#text", reference);
    CHECK_STATUS(HF_OK, hf_rotate_secret(manager, field, NULL, NULL, &value, NULL, &error));
    for (i = 0; value != NULL && value[i] != '\0' && i < 64; i++)
        sprintf(masked + 2 * i, "%02x", (unsigned char)value[i] ^ MASK);
    needle = unhex(masked);
    expect("while the caller holds the new value", &needle, 1);
    hf_free_string(value);
    expect("after hf_rotate_secret and hf_free_string", &needle, 0);
    CHECK_STATUS(HF_OK, hf_rotate_secret(manager, field, NULL, NULL, NULL, NULL, &error));
}

static void check(const char *key, const struct needle *needle, size_t times)
{
    hf_manager *manager = open_from_environment();
    char reference[256], path[600];

    snprintf(reference, sizeof reference, "vault://%s", key);
    snprintf(path, sizeof path, "%s/data/%s", getenv("VAULT_MOUNT"), key);
    write_document(manager, key, reference, needle, times);
    read_document(manager, reference, needle);
    request(manager, path, needle);
    rotate(manager, reference);
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
    hf_manager_free(manager);
    expect("after hf_manager_free", needle, 0);
}

int main(int argc, char **argv)
{
    struct needle needle;

    if (argc != 3)
        return 2;
    make_window();
    needle = unhex(argv[2]);
    check(argv[1], &needle, 1);
    check(argv[1], &needle, 5000);
    return result();
}
