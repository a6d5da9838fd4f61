/* scan.c value KEY MASKED [MASKED...]      what the library keeps of a value
 * scan.c token MASKED                      what it keeps of a token, once the manager is gone
 * scan.c approle MASKED                    what it keeps of a secret_id (VAULT_ROLE_ID is in the environment)
 *
 * Texts are masked as scan.h has it. More masked texts to look for at the end come as lines on standard input. */
#include "scan.h"

/* Scans for the values of a batch, which the results own. */
static void check_many(const hf_manager *manager, const char *key, const struct needle *needle, size_t times)
{
    char reference[256], *value = unmask(needle, "", times);
    const char *keys[2], *values[2], *references[2];
    hf_results *results = NULL;
    hf_error *error = NULL;

    snprintf(reference, sizeof reference, "vault://%s", key);
    keys[0] = key;
    values[0] = value;
    keys[1] = "not\na key";
    values[1] = value;
    CHECK_STATUS(HF_OK, hf_store_secrets(manager, keys, values, 2, NULL, &results, &error));
    wipe(value);
    expect("after stores, one of which failed", needle, 0);
    hf_results_free(results);

    references[0] = reference;
    references[1] = "vault://scan_nothing";
    CHECK_STATUS(HF_OK, hf_get_secrets(manager, references, 2, NULL, &results, &error));
    CHECK(hf_results_status(results, 0) == HF_OK, "%s", hf_status_name(hf_results_status(results, 0)));
    CHECK(is_kept_from_dumps(hf_results_text(results, 0)), "the value's page is in core dumps");
    expect("while the caller holds the results", needle, 1);
    hf_results_free(results);
    expect("after gets and hf_results_free", needle, 0);
}

static void check_value(const char *key, const struct needle *needle, size_t times)
{
    hf_manager *manager = open_from_environment();
    hf_metadata *metadata = hf_metadata_new();
    hf_string_list *list = NULL;
    hf_error *error = NULL;
    hf_call *call = hf_call_new();
    char reference[256], into[64], *value, *back = NULL;
    size_t length = 0;

    snprintf(reference, sizeof reference, "vault://%s", key);
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "owner", "scan", &error));

    value = unmask(needle, "", times);
    expect("the program's own", needle, 1);
    CHECK_STATUS(HF_OK, hf_store_secret(manager, key, value, NULL, NULL, NULL, &error));
    wipe(value);
    expect("after a store", needle, 0);

    value = unmask(needle, "\"\\\n\xc3\xbc", times);
    CHECK_STATUS(HF_OK, hf_update_secret(manager, reference, value, metadata, NULL, &error));
    wipe(value);
    expect("after an update", needle, 0);

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &back, &error));
    CHECK(is_kept_from_dumps(back), "the value's page is in core dumps");
    expect("while the caller holds the value", needle, 1);
    hf_free_string(back);
    expect("after a get and hf_free_string", needle, 0);

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &back, &error));
    back[0] = '\0'; /* the library stores the length, so it does not depend on the NUL */
    hf_free_string(back);
    expect("after a get that was cut by the caller", needle, 0);

    CHECK_STATUS(HF_ERR_TOO_LARGE, hf_get_secret_into(manager, reference, NULL, into, 8, &length, &error));
    expect("after a get into too little room", needle, 0);
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, NULL, NULL, &list, &error));
    hf_string_list_free(list);
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "vault://a__b", NULL, &back, &error));
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_get_secret(manager, reference, call, &back, &error));
    value = unmask(needle, "", times);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_store_secret(manager, key, value, NULL, call, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_store_secret(manager, "a\nb", value, NULL, NULL, NULL, &error));
    wipe(value);
    expect("after a list and failures", needle, 0);

    check_many(manager, key, needle, times);
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
    hf_call_free(call);
    hf_metadata_free(metadata);
    hf_manager_free(manager);
    expect("after hf_manager_free", needle, 0);
}

static void expect_those_on_standard_input(void)
{
    char line[2 * LONGEST];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct needle needle = unhex(line);

        expect("a text from standard input", &needle, 0);
    }
}

static void check_credential(const char *variable, const struct needle *needle)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    char *credential = unmask(needle, "", 1), *value = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, variable, credential, &error));
    if (strcmp(variable, "VAULT_SECRET_ID") == 0)
        CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ROLE_ID", getenv("ROLE_ID"), &error));
    wipe(credential);
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    put(manager, "scan", "v");
    CHECK(gets_value(manager, "vault://scan", "v"), "the value");
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret(manager, "vault://scan_nothing", NULL, &value, &error));
    expect("while the manager is open", needle, 1);
    hf_manager_free(manager);
    expect("after hf_manager_free", needle, 0);
}

/* A credential that is refused: the remembered failure does not hold it in plain text. */
static void check_refused(const char *variable, const struct needle *needle)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    char *credential = unmask(needle, "wrong-", 1);

    CHECK_STATUS(HF_OK, hf_options_set(options, variable, credential, &error));
    if (strcmp(variable, "VAULT_SECRET_ID") == 0)
        CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ROLE_ID", getenv("ROLE_ID"), &error));
    wipe(credential);
    CHECK(hf_manager_open(options, NULL, &manager, &error) < 0, "a wrong credential is refused");
    hf_options_free(options);
    expect("after a refusal", needle, 0);
    hf_error_free(error);
}

int main(int argc, char **argv)
{
    struct needle needle;

    if (argc < 3)
        return 2;
    make_window();
    if (strcmp(argv[1], "value") == 0 && argc == 4) {
        needle = unhex(argv[3]);
        check_value(argv[2], &needle, 1);
        check_value(argv[2], &needle, 20);
        check_value(argv[2], &needle, 5000);
    } else {
        const char *variable = strcmp(argv[1], "token") == 0 ? "VAULT_TOKEN" : "VAULT_SECRET_ID";

        needle = unhex(argv[2]);
        check_credential(variable, &needle);
        check_refused(variable, &needle);
        printf("done\n");
        fflush(stdout);
        expect_those_on_standard_input();
    }
    return result();
}
