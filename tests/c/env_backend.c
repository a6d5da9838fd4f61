/* Every operation on the env backend, with existing and missing secrets, and the ownership of results. */
#include "check.h"

#include <errno.h>

static void check_operations(hf_manager *manager)
{
    hf_error *error = NULL;
    hf_metadata *metadata = hf_metadata_new();
    char *reference = NULL;
    char *canonical = NULL;
    char *value = NULL;

    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "scopes", "repo", &error));
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "scopes", "repo,user", &error));
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "github.token", "ghp_\xc3\xbc", metadata, NULL, &reference, &error));
    CHECK(strcmp(reference, "env://HANDSFREE_SECRET_GITHUB_TOKEN") == 0, "%s", reference);
    CHECK_STATUS(HF_OK, hf_canonical_reference(manager, reference, &canonical, &error));
    CHECK(strcmp(canonical, reference) == 0, "%s", canonical);

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &value, &error));
    CHECK(strcmp(value, "ghp_\xc3\xbc") == 0, "%s", value);
    value[0] = '\0'; /* the rest is wiped in spite of an early NUL */
    hf_free_string(value);

    CHECK_STATUS(HF_OK, hf_update_secret(manager, reference, "", NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &value, &error));
    CHECK(value != NULL && strcmp(value, "") == 0, "an empty value is a value");
    hf_free_string(value);

    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_delete_secret(manager, reference, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_update_secret(manager, reference, "x", NULL, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret(manager, reference, NULL, &value, &error));
    CHECK(value == NULL, "no value without HF_OK");
    value = reference;
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "invalid://format", NULL, &value, &error));
    CHECK(value == NULL, "no value without HF_OK");

    hf_free_string(reference);
    hf_free_string(canonical);
    hf_metadata_free(metadata);
}

static void check_into_a_buffer(hf_manager *manager)
{
    hf_error *error = NULL;
    char *reference = NULL;
    char buffer[8];
    size_t length = 77;
    size_t capacity;

    CHECK_STATUS(HF_OK, hf_store_secret(manager, "into", "12345", NULL, NULL, &reference, &error));
    for (capacity = 0; capacity <= sizeof buffer; capacity++) {
        memset(buffer, '#', sizeof buffer);
        if (capacity <= 5) {
            hf_status status = hf_get_secret_into(manager, reference, NULL, buffer, capacity, &length, &error);

            CHECK(strstr(hf_error_message(error), "6 bytes") != NULL, "%s", hf_error_message(error));
            check_status(__LINE__, "too small", status, HF_ERR_TOO_LARGE, &error);
            CHECK(length == 0 && buffer[0] == (capacity > 0 ? '\0' : '#'), "capacity %d", (int)capacity);
            CHECK(memcmp(buffer + 1, "#######", 7) == 0, "not even a part of the value, capacity %d", (int)capacity);
        } else {
            CHECK_STATUS(HF_OK, hf_get_secret_into(manager, reference, NULL, buffer, capacity, &length, &error));
            CHECK(length == 5 && memcmp(buffer, "12345\0##", 8) == 0, "capacity %d", (int)capacity);
        }
    }

    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret_into(manager, reference, NULL, buffer, sizeof buffer, &length, &error));
    CHECK(length == 0 && buffer[0] == '\0', "cleared where there is nothing");
    hf_free_string(reference);
}

static void check_list(hf_manager *manager)
{
    hf_error *error = NULL;
    hf_string_list *list = NULL;
    size_t i;

    CHECK_STATUS(HF_OK, hf_list_secrets(manager, "list", NULL, &list, &error));
    CHECK(list != NULL && hf_string_list_len(list) == 0, "nothing is an empty list");
    hf_string_list_free(list);

    CHECK_STATUS(HF_OK, hf_store_secret(manager, "list_b", "b", NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "list_a", "a", NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "other", "o", NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, "list", NULL, &list, &error));
    CHECK(hf_string_list_len(list) == 2, "%d", (int)hf_string_list_len(list));
    for (i = 0; i < hf_string_list_len(list); i++) {
        static const char *const EXPECTED[] = {"env://HANDSFREE_SECRET_LIST_A", "env://HANDSFREE_SECRET_LIST_B"};

        CHECK(strcmp(hf_string_list_get(list, i), EXPECTED[i]) == 0, "%s", hf_string_list_get(list, i));
    }
    CHECK(hf_string_list_get(list, 2) == NULL && hf_string_list_get(list, (size_t)-1) == NULL, "past the end");
    hf_string_list_free(list);
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, NULL, NULL, &list, &error));
    CHECK(hf_string_list_len(list) >= 3, "all of them");
    hf_string_list_free(list);
}

/* Each reference is freed once; the manager lives as long as the last of them. */
static void check_references(void)
{
    hf_manager *first = open_env();
    hf_manager *second = hf_manager_ref(first);
    hf_error *error = NULL;

    CHECK(second == first, "a reference is the same manager");
    hf_manager_free(first);
    CHECK(strcmp(hf_manager_type(second), "env") == 0, "%s", hf_manager_type(second));
    CHECK_STATUS(HF_OK, hf_store_secret(second, "counted", "x", NULL, NULL, NULL, &error));
    hf_manager_free(second);
}

static void check_default(void)
{
    hf_error *error = NULL;
    hf_manager *first = NULL;
    hf_manager *second = NULL;
    char *reference = NULL;
    char *value = NULL;

    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &first, &error));
    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &second, &error));
    hf_manager_reset_default();
    CHECK_STATUS(HF_OK, hf_store_secret(first, "default", "d", NULL, NULL, &reference, &error));
    CHECK_STATUS(HF_OK, hf_get_secret(second, reference, NULL, &value, &error));
    hf_free_string(value);
    hf_free_string(reference);
    hf_manager_free(first);
    hf_manager_free(second);
    hf_manager_reset_default();
    hf_manager_reset_default();
}

int main(void)
{
    hf_manager *manager = open_env();

    errno = 77;
    check_operations(manager);
    check_into_a_buffer(manager);
    check_list(manager);
    check_references();
    check_default();
    CHECK(errno == 77, "errno is %d", errno);
    hf_manager_free(manager);
    return result();
}
