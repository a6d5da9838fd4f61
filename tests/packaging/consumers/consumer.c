/* A user's program in C: uses the library, and prints the versions that it was compiled with and runs with. */
#include <handsfree_secrets.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    hf_options *options = hf_options_new_isolated();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    char *reference = NULL, *value = NULL;
    int same;

    hf_status status = hf_options_set(options, "SECRET_MANAGER_TYPE", "env", &error);
    if (status == HF_OK)
        status = hf_manager_open(options, NULL, &manager, &error);
    if (status == HF_OK)
        status = hf_store_secret(manager, "consumer", "value", NULL, NULL, &reference, &error);
    if (status == HF_OK)
        status = hf_get_secret(manager, reference, NULL, &value, &error);
    if (status != HF_OK)
        fprintf(stderr, "%s: %s\n", hf_status_name(status), error != NULL ? hf_error_message(error) : "not found");
    same = value != NULL && strcmp(value, "value") == 0;
    printf("%s %s %d.%d.%d %d\n", hf_version(), HF_VERSION_STRING, HF_VERSION_MAJOR, HF_VERSION_MINOR,
           HF_VERSION_PATCH, hf_version_number() == HF_VERSION_NUMBER);

    hf_free_string(value);
    hf_free_string(reference);
    hf_error_free(error);
    hf_manager_free(manager);
    hf_options_free(options);
    return same ? 0 : 1;
}
