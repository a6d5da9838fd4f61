/* Batches: each secret has its own status, in the order of the call. */
#include "check.h"

static void check_item(const hf_results *results, size_t index, hf_status status, const char *text)
{
    const char *found = hf_results_text(results, index);
    const hf_error *error = hf_results_error(results, index);

    CHECK(hf_results_status(results, index) == status, "%d: %s", (int)index,
          hf_status_name(hf_results_status(results, index)));
    CHECK((text == NULL) == (found == NULL) && (text == NULL || strcmp(text, found) == 0), "%d", (int)index);
    CHECK((error != NULL) == (status < 0) && hf_error_status(error) == (error ? status : HF_ERR_INVALID_ARGUMENT), "%d",
          (int)index);
}

int main(void)
{
    const char *const keys[] = {"batch.one", "b\303\244d", NULL, "batch-two", "\377"};
    const char *const values[] = {"1", "x", "x", "", "x"};
    const char *references[] = {"env://HANDSFREE_SECRET_BATCH_TWO", "env://HANDSFREE_SECRET_BATCH_NONE", "vault://x",
                                NULL, "env://HANDSFREE_SECRET_BATCH_ONE"};
    hf_manager *manager = open_env();
    hf_results *results = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_store_secrets(manager, keys, values, 5, NULL, &results, &error));
    CHECK(hf_results_len(results) == 5, "%d", (int)hf_results_len(results));
    check_item(results, 0, HF_OK, "env://HANDSFREE_SECRET_BATCH_ONE");
    check_item(results, 1, HF_ERR_INVALID_ARGUMENT, NULL);
    check_item(results, 2, HF_ERR_INVALID_ARGUMENT, NULL);
    check_item(results, 3, HF_OK, "env://HANDSFREE_SECRET_BATCH_TWO");
    check_item(results, 4, HF_ERR_INVALID_ARGUMENT, NULL);
    CHECK(strncmp(hf_error_message(hf_results_error(results, 2)), "keys[2] ", 8) == 0, "which key it was");
    CHECK(hf_results_status(results, 5) == HF_ERR_INVALID_ARGUMENT && hf_results_error(results, 5) == NULL
              && hf_results_text(results, 5) == NULL,
          "past the end");
    hf_results_free(results);

    CHECK_STATUS(HF_OK, hf_get_secrets(manager, references, 5, NULL, &results, &error));
    check_item(results, 0, HF_OK, "");
    check_item(results, 1, HF_NOT_FOUND, NULL);
    check_item(results, 2, HF_ERR_INVALID_REFERENCE, NULL);
    check_item(results, 3, HF_ERR_INVALID_ARGUMENT, NULL);
    check_item(results, 4, HF_OK, "1");
    hf_results_free(results);

    CHECK_STATUS(HF_OK, hf_get_secrets(manager, NULL, 0, NULL, &results, &error));
    CHECK(hf_results_len(results) == 0, "%d", (int)hf_results_len(results));
    hf_results_free(results);
    hf_manager_free(manager);
    return result();
}
