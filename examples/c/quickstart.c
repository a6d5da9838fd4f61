/* The five operations of libhandsfree_secrets; checks every error and frees every object.
 *
 *   cc quickstart.c $(pkg-config --cflags --libs handsfree_secrets) -o quickstart
 *   ./quickstart
 *
 * The environment selects the backend: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN, or nothing for the
 * `env` backend, which keeps stored secrets in the memory of this process. */
#include <handsfree_secrets.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program unless the status is the expected one. A missing secret is HF_NOT_FOUND, which is not an error:
 * there is no hf_error then.
 *
 * Assign the status to a variable before calling this: in expect(HF_OK, hf_...(..., &error), step, error) the compiler
 * may read `error` before the library sets it, and the message would be lost. */
static void expect(hf_status wanted, hf_status status, const char *step, hf_error *error) {
    if (status != wanted) {
        fprintf(stderr, "%s: %s: %s\n", step, hf_status_name(status), error ? hf_error_message(error) : "unexpected");
        hf_error_free(error);
        exit(EXIT_FAILURE);
    }
}

static void print_secret(const hf_manager *manager, const char *reference) {
    hf_error *error = NULL;
    char *value = NULL;
    hf_status status = hf_get_secret(manager, reference, NULL, &value, &error);

    expect(HF_OK, status, "get", error);
    printf("  get     %s\n", value); /* a real program would pass it to its database driver */
    hf_free_string(value);           /* wipes the value first */
}

static void print_references(const hf_manager *manager, const char *prefix) {
    hf_error *error = NULL;
    hf_string_list *list = NULL;
    hf_status status = hf_list_secrets(manager, prefix, NULL, &list, &error);
    size_t i;

    expect(HF_OK, status, "list", error);
    for (i = 0; i < hf_string_list_len(list); i++) {
        printf("  list    %s\n", hf_string_list_get(list, i));
    }
    hf_string_list_free(list);
}

/* Returns the reference, which the caller frees with hf_free_string. */
static char *store(const hf_manager *manager, const char *key, const char *value) {
    hf_error *error = NULL;
    hf_metadata *metadata = hf_metadata_new();
    char *reference = NULL;
    hf_status status = hf_metadata_set(metadata, "scopes", "repo,user", &error);

    expect(HF_OK, status, "metadata", error);
    status = hf_store_secret(manager, key, value, metadata, NULL, &reference, &error);
    expect(HF_OK, status, "store", error);
    printf("  store   %s\n", reference);
    hf_metadata_free(metadata);
    return reference;
}

static void delete(const hf_manager *manager, const char *reference) {
    hf_error *error = NULL;
    char *gone = NULL;
    hf_status status = hf_delete_secret(manager, reference, NULL, &error);

    expect(HF_OK, status, "delete", error);
    status = hf_get_secret(manager, reference, NULL, &gone, &error);
    expect(HF_NOT_FOUND, status, "get after delete", error);
    printf("  delete  %s\n", reference);
}

int main(void) {
    hf_error *error = NULL;
    hf_manager *manager = NULL;
    char *reference;
    hf_status status = hf_manager_open(NULL, NULL, &manager, &error);

    expect(HF_OK, status, "open", error);
    printf("  open    the backend is \"%s\"\n", hf_manager_type(manager));

    reference = store(manager, "quickstart_token", "first value");
    print_secret(manager, reference);

    /* NULL for the metadata keeps the present metadata. */
    status = hf_update_secret(manager, reference, "second value", NULL, NULL, &error);
    expect(HF_OK, status, "update", error);
    printf("  update  %s\n", reference);
    print_secret(manager, reference);
    print_references(manager, "quickstart_");
    delete(manager, reference);

    hf_free_string(reference);
    hf_manager_free(manager);
    return EXIT_SUCCESS;
}
