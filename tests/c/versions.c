/* Versions on a server: conditions, states, custom metadata, rotation. */
#include "server.h"

static hf_manager *manager;

static int64_t store_under(const char *key, int64_t condition, hf_status expected)
{
    hf_fields *fields = hf_fields_new();
    hf_call *call = hf_call_new();
    char *reference = NULL;
    int64_t version = 77;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_cas(call, condition, &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "a", "canary", &error));
    CHECK_STATUS(expected, hf_store_document(manager, key, fields, NULL, call, &reference, &version, &error));
    CHECK((reference != NULL) == (expected == HF_OK) && (version > 0) == (expected == HF_OK), "both or neither");
    hf_free_string(reference);
    hf_call_free(call);
    hf_fields_free(fields);
    return version;
}

static void check_conditions(void)
{
    hf_fields *fields = hf_fields_new();
    hf_call *call = hf_call_new();
    hf_call *copy;
    hf_error *error = NULL;
    int64_t version = 77;

    CHECK(store_under("cas", 0, HF_OK) == 1, "nothing was there");
    store_under("cas", 0, HF_ERR_CONFLICT);
    CHECK(store_under("cas", 1, HF_OK) == 2, "the latest version");
    store_under("cas", 1, HF_ERR_CONFLICT);
    store_under("cas", 9, HF_ERR_CONFLICT);
    CHECK(store_under("cas", -1, HF_OK) == 3, "no condition");

    CHECK_STATUS(HF_OK, hf_call_set_cas(call, 2, &error));
    copy = hf_call_copy(call);
    CHECK_STATUS(HF_OK, hf_call_set_cas(call, 3, &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "b", "canary", &error));
    CHECK_STATUS(HF_ERR_CONFLICT, hf_update_document(manager, "vault://cas", fields, NULL, copy, &version, &error));
    CHECK(version == 0, "no version without HF_OK");
    CHECK_STATUS(HF_OK, hf_update_document(manager, "vault://cas", fields, NULL, call, &version, &error));
    CHECK(version == 4, "%d", (int)version);
    CHECK_STATUS(HF_ERR_CONFLICT, hf_update_secret(manager, "vault://cas#a", "canary2", NULL, call, &error));
    CHECK_STATUS(HF_ERR_CONFLICT, hf_store_secret(manager, "cas", "canary2", NULL, call, NULL, &error));
    CHECK_STATUS(HF_OK, hf_call_set_cas(call, 4, &error));
    CHECK_STATUS(HF_OK, hf_update_secret(manager, "vault://cas#a", "canary2", NULL, call, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_update_document(manager, "vault://absent", fields, NULL, call, &version, &error));
    hf_call_free(copy);
    hf_call_free(call);
    hf_fields_free(fields);
}

/* Calls each function that neither stores nor updates one secret, and that changes something, with `call`. */
static void check_refused_by_other_writes(const hf_call *call, const char *word)
{
    const char *const texts[] = {"canary"};
    const int64_t versions[] = {1};
    hf_metadata *metadata = hf_metadata_new();
    hf_results *results = NULL;
    char *text = NULL;
    hf_error *error = NULL;

    CHECK(hf_delete_secret(manager, "vault://cas", call, &error) == HF_ERR_INVALID_ARGUMENT
              && strncmp(hf_error_message(error), "call", 4) == 0 && strstr(hf_error_message(error), word) != NULL,
          "%s", hf_error_message(error));
    hf_error_free(error);
    error = NULL;
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_store_secrets(manager, texts, texts, 1, call, &results, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_delete_versions(manager, "vault://cas", versions, 1, call, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_undelete_versions(manager, "vault://cas", versions, 1, call, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_destroy_versions(manager, "vault://cas", versions, 1, call, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_rollback_secret(manager, "vault://cas", 1, call, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_set_custom_metadata(manager, "vault://cas", metadata, call, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_rotate_secret(manager, "vault://cas#a", NULL, call, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_unwrap(manager, "hvs.canary", call, &text, &error));
    hf_metadata_free(metadata);
}

static void check_settings_for_other_functions(void)
{
    const char *const references[] = {"vault://cas"};
    hf_call *condition = hf_call_new();
    hf_call *wrapping = hf_call_new();
    hf_fields *fields = hf_fields_new();
    hf_document *document = NULL;
    hf_results *results = NULL;
    hf_string_list *list = NULL;
    hf_versions *versions = NULL;
    hf_bytes *body = NULL;
    char *value = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_cas(condition, 1, &error));
    CHECK_STATUS(HF_OK, hf_call_set_wrap_ttl_ms(wrapping, 60000, &error));
    check_refused_by_other_writes(condition, "check-and-set");
    check_refused_by_other_writes(wrapping, "wrap");

    /* Reads ignore a condition; a request may change something. */
    CHECK_STATUS(HF_OK, hf_get_secret(manager, "vault://cas#a", condition, &value, &error));
    CHECK(same(value, "canary2"), "nothing was changed");
    hf_free_string(value);
    CHECK_STATUS(HF_OK, hf_get_document(manager, "vault://cas", condition, &document, &error));
    hf_document_free(document);
    CHECK_STATUS(HF_OK, hf_list_versions(manager, "vault://cas", condition, &versions, &error));
    CHECK(hf_versions_len(versions) == 5, "nothing was changed");
    hf_versions_free(versions);
    CHECK_STATUS(HF_OK, hf_request(manager, "GET", "sys/health", NULL, condition, NULL, &body, &error));
    hf_bytes_free(body);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_request(manager, "POST", "sys/mounts", NULL, condition, NULL, &body, &error));

    /* Only a request can be wrapped. */
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_get_secret(manager, "vault://cas#a", wrapping, &value, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_get_document(manager, "vault://cas", wrapping, &document, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_get_documents(manager, references, 1, wrapping, &results, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_get_secrets(manager, references, 1, wrapping, &results, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_list_secrets(manager, NULL, wrapping, &list, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_list_versions(manager, "vault://cas", wrapping, &versions, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_manager_check(manager, wrapping, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_store_secret(manager, "cas", "canary", NULL, wrapping, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_update_secret(manager, "vault://cas", "canary", NULL, wrapping, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_store_document(manager, "cas", fields, NULL, wrapping, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_update_document(manager, "vault://cas", fields, NULL, wrapping, NULL, &error));
    CHECK(value == NULL && document == NULL && results == NULL && list == NULL && versions == NULL && body == NULL,
          "no results without HF_OK");
    hf_fields_free(fields);
    hf_call_free(wrapping);
    hf_call_free(condition);
}

/* Compares the states of all versions with a text: one letter each, l, d or x for destroyed. */
static void check_states(const char *reference, const char *states)
{
    hf_versions *versions = NULL;
    hf_error *error = NULL;
    size_t i;

    CHECK_STATUS(HF_OK, hf_list_versions(manager, reference, NULL, &versions, &error));
    CHECK(hf_versions_len(versions) == strlen(states), "%s: %d", states, (int)hf_versions_len(versions));
    for (i = 0; i < hf_versions_len(versions) && states[i] != '\0'; i++) {
        int32_t state = states[i] == 'l'   ? HF_VERSION_LIVE
                        : states[i] == 'd' ? HF_VERSION_DELETED
                                           : HF_VERSION_DESTROYED;

        CHECK(hf_versions_number(versions, i) == (int64_t)i + 1, "%s, %d", states, (int)i);
        CHECK(hf_versions_state(versions, i) == state, "%s, %d", states, (int)i);
        CHECK(strchr(hf_versions_created(versions, i), 'T') != NULL, "%s, %d", states, (int)i);
        CHECK((strchr(hf_versions_deletion(versions, i), 'T') != NULL) == (state == HF_VERSION_DELETED)
                  || state == HF_VERSION_DESTROYED,
              "%s, %d: %s", states, (int)i, hf_versions_deletion(versions, i));
    }
    CHECK(hf_versions_number(versions, i) == 0 && hf_versions_state(versions, i) == 0, "past the end");
    CHECK(hf_versions_created(versions, i) == NULL && hf_versions_deletion(versions, i) == NULL, "past the end");
    hf_versions_free(versions);
}

static void check_states_change(void)
{
    static const int64_t LATEST[] = {0}, FIRST[] = {1}, SECOND[] = {2}, TWO[] = {1, 3}, ONE_ABSENT[] = {1, 99};
    hf_document *document = NULL;
    hf_error *error = NULL;
    int64_t version = 77;

    store_json(manager, "states", "{\"a\": \"canary1\"}");
    store_json(manager, "states", "{\"a\": \"canary2\"}");
    store_json(manager, "states", "{\"a\": \"canary3\"}");
    check_states("vault://states", "lll");
    CHECK_STATUS(HF_OK, hf_delete_versions(manager, "vault://states", LATEST, 1, NULL, &error));
    check_states("vault://states", "lld");
    CHECK_STATUS(HF_NOT_FOUND, hf_get_document(manager, "vault://states", NULL, &document, &error));
    CHECK_STATUS(HF_OK, hf_delete_versions(manager, "vault://states", FIRST, 1, NULL, &error));
    check_states("vault://states", "dld");
    CHECK_STATUS(HF_NOT_FOUND, hf_rollback_secret(manager, "vault://states", 1, NULL, &version, &error));
    CHECK(version == 0, "no version without HF_OK");
    CHECK_STATUS(HF_OK, hf_undelete_versions(manager, "vault://states", TWO, 2, NULL, &error));
    check_states("vault://states", "lll");
    CHECK_STATUS(HF_OK, hf_destroy_versions(manager, "vault://states", SECOND, 1, NULL, &error));
    check_states("vault://states", "lxl");
    CHECK_STATUS(HF_NOT_FOUND, hf_undelete_versions(manager, "vault://states", SECOND, 1, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_rollback_secret(manager, "vault://states", 2, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_rollback_secret(manager, "vault://states", 1, NULL, &version, &error));
    CHECK(version == 4, "%d", (int)version);
    check_states("vault://states", "lxll");
    document = get_document(manager, "vault://states");
    CHECK(same(hf_document_text(document, "a", NULL), "canary1"), "the first version again");
    hf_document_free(document);

    /* Nothing is changed where one version is absent. */
    CHECK_STATUS(HF_NOT_FOUND, hf_delete_versions(manager, "vault://states", ONE_ABSENT, 2, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_destroy_versions(manager, "vault://states", ONE_ABSENT, 2, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_undelete_versions(manager, "vault://states", ONE_ABSENT, 2, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_rollback_secret(manager, "vault://states", 99, NULL, NULL, &error));
    check_states("vault://states", "lxll");
}

static void check_absent_and_invalid(void)
{
    static const int64_t FIRST[] = {1}, NEGATIVE[] = {-1}, ZERO[] = {0};
    static const char *const WRONG[] = {"vault://states?version=1", "vault://states#a"};
    hf_metadata *metadata = hf_metadata_new();
    hf_versions *versions = NULL;
    hf_error *error = NULL;
    size_t i;

    CHECK_STATUS(HF_NOT_FOUND, hf_list_versions(manager, "vault://absent", NULL, &versions, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_delete_versions(manager, "vault://absent", ZERO, 1, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_undelete_versions(manager, "vault://absent", FIRST, 1, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_destroy_versions(manager, "vault://absent", FIRST, 1, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_rollback_secret(manager, "vault://absent", 1, NULL, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_set_custom_metadata(manager, "vault://absent", metadata, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_rotate_secret(manager, "vault://absent", NULL, NULL, NULL, NULL, &error));

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_delete_versions(manager, "vault://states", FIRST, 0, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_delete_versions(manager, "vault://states", NULL, 0, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_delete_versions(manager, "vault://states", NEGATIVE, 1, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_undelete_versions(manager, "vault://states", ZERO, 1, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_destroy_versions(manager, "vault://states", ZERO, 1, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_rollback_secret(manager, "vault://states", 0, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_rollback_secret(manager, "vault://states", -1, NULL, NULL, &error));
    for (i = 0; i < 2; i++) {
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_list_versions(manager, WRONG[i], NULL, &versions, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_delete_versions(manager, WRONG[i], FIRST, 1, NULL, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_undelete_versions(manager, WRONG[i], FIRST, 1, NULL, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_destroy_versions(manager, WRONG[i], FIRST, 1, NULL, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_rollback_secret(manager, WRONG[i], 1, NULL, NULL, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_set_custom_metadata(manager, WRONG[i], metadata, NULL, &error));
    }
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_list_versions(manager, "env://X", NULL, &versions, &error));
    CHECK(versions == NULL, "no versions without HF_OK");
    hf_metadata_free(metadata);
}

/* Sets one entry of custom metadata, with a key and a value of these lengths. */
static hf_status set_entry(size_t key_length, size_t value_length, hf_error **error)
{
    hf_metadata *metadata = hf_metadata_new();
    char key[200], value[600];
    hf_status status;

    memset(key, 'k', key_length);
    memset(value, 'v', value_length);
    key[key_length] = value[value_length] = '\0';
    status = hf_metadata_set(metadata, key, value, NULL);
    if (status == HF_OK)
        status = hf_set_custom_metadata(manager, "vault://states", metadata, NULL, error);
    hf_metadata_free(metadata);
    return status;
}

static void check_custom_metadata(void)
{
    hf_metadata *metadata = hf_metadata_new();
    hf_versions *versions = NULL;
    hf_error *error = NULL;
    char key[16];
    int i;

    CHECK_STATUS(HF_OK, set_entry(128, 512, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, set_entry(129, 1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, set_entry(1, 513, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, set_entry(0, 1, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, set_entry(1, 0, &error));
    for (i = 0; i < 64; i++) {
        sprintf(key, "key%02d", i);
        CHECK_STATUS(HF_OK, hf_metadata_set(metadata, key, "v", &error));
    }
    CHECK_STATUS(HF_OK, hf_set_custom_metadata(manager, "vault://states", metadata, NULL, &error));
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "one more", "canary", &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_set_custom_metadata(manager, "vault://states", metadata, NULL, &error));

    CHECK_STATUS(HF_OK, hf_list_versions(manager, "vault://states", NULL, &versions, &error));
    CHECK(hf_metadata_len(hf_versions_custom_metadata(versions)) == 64, "the ones before were replaced");
    CHECK(same(hf_metadata_key(hf_versions_custom_metadata(versions), 63), "key63"), "sorted");
    hf_versions_free(versions);
    hf_metadata_free(metadata);

    metadata = hf_metadata_new();
    CHECK_STATUS(HF_OK, hf_set_custom_metadata(manager, "vault://states", metadata, NULL, &error));
    CHECK_STATUS(HF_OK, hf_list_versions(manager, "vault://states", NULL, &versions, &error));
    CHECK(hf_metadata_len(hf_versions_custom_metadata(versions)) == 0, "empty removes them");
    hf_versions_free(versions);
    hf_metadata_free(metadata);
}

static void check_rotation(void)
{
    static const char ALPHANUMERIC[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char POLICY[] = "{\"policy\": \"length = 24\\nrule \\\"charset\\\" { charset = \\\"xyz\\\" }\"}";
    hf_document *document;
    hf_bytes *body = NULL;
    char *value = NULL;
    int64_t version = 77;
    hf_error *error = NULL;

    store_json(manager, "rotate", "{\"value\": \"canary\", \"password\": \"canary\", \"user\": \"app\", \"n\": 5}");
    CHECK_STATUS(HF_OK, hf_rotate_secret(manager, "vault://rotate", NULL, NULL, &value, &version, &error));
    CHECK(version == 2 && strlen(value) == 32 && strspn(value, ALPHANUMERIC) == 32, "32 letters and digits");
    document = get_document(manager, "vault://rotate");
    CHECK(same(hf_document_text(document, "value", NULL), value), "the new value is stored");
    CHECK(same(hf_document_text(document, "password", NULL), "canary"), "other fields stay");
    CHECK(same(hf_document_json(document, "n", NULL), "5"), "other fields stay");
    hf_document_free(document);
    hf_free_string(value);

    CHECK_STATUS(HF_OK,
                 hf_request(manager, "PUT", "sys/policies/password/xyz", POLICY, NULL, NULL, &body, &error));
    CHECK(hf_bytes_len(body) == 0, "an empty answer");
    hf_bytes_free(body);
    CHECK_STATUS(HF_OK, hf_rotate_secret(manager, "vault://rotate#password", "xyz", NULL, &value, NULL, &error));
    CHECK(strlen(value) == 24 && strspn(value, "xyz") == 24, "as the policy says");
    hf_free_string(value);
    CHECK_STATUS(HF_OK, hf_get_secret(manager, "vault://rotate?version=2#password", NULL, &value, &error));
    CHECK(same(value, "canary"), "the old value stays readable");
    hf_free_string(value);

    value = NULL;
    version = 77;
    CHECK_STATUS(HF_ERR_CONFIG, hf_rotate_secret(manager, "vault://rotate", "none", NULL, &value, &version, &error));
    CHECK(value == NULL && version == 0, "no results without HF_OK");
    CHECK_STATUS(HF_NOT_FOUND, hf_rotate_secret(manager, "vault://rotate#none", NULL, NULL, &value, &version, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_rotate_secret(manager, "vault://rotate?version=1", NULL, NULL, &value, &version, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_rotate_secret(manager, "vault://rotate", "", NULL, &value, &version, &error));
    CHECK_STATUS(HF_OK, hf_rotate_secret(manager, "vault://rotate", NULL, NULL, NULL, NULL, &error));
    check_states("vault://rotate", "llll");
}

int main(void)
{
    manager = open_server();
    check_conditions();
    check_settings_for_other_functions();
    check_states_change();
    check_absent_and_invalid();
    check_custom_metadata();
    check_rotation();
    hf_manager_free(manager);
    return result();
}
