#include <handsfree_secrets.h>
#include <stdio.h>
#include <string.h>

/* Opens a manager, which needs no server with this option, and prints the version of the library. */
int main(void) {
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_status status = hf_options_set(options, "SECRET_MANAGER_TYPE", "env", NULL);

    if (status == HF_OK) {
        status = hf_manager_open(options, NULL, &manager, NULL);
    }
    printf("handsfree_secrets %s %s\n", hf_version(), hf_manager_type(manager));
    hf_manager_free(manager);
    hf_options_free(options);
    return status == HF_OK && strcmp(hf_version(), HF_VERSION_STRING) == 0 ? 0 : 1;
}
