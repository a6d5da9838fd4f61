/* Updates one secret repeatedly while other programs do the same: update_contender REFERENCE NAME COUNT. Opens its
 * manager, prints "ready", waits for a line on standard input, and then updates COUNT times. */
#include <handsfree_secrets.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what, hf_status status, hf_error *error) {
    fprintf(stderr, "%s: %s %s\n", what, hf_status_name(status), error ? hf_error_message(error) : "");
    hf_error_free(error);
    return 1;
}

int main(int argc, char **argv) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status;
    long count, i;
    char value[128];

    if (argc != 4) {
        fprintf(stderr, "usage: update_contender REFERENCE NAME COUNT\n");
        return 2;
    }
    status = hf_manager_open(NULL, NULL, &manager, &error);
    if (status != HF_OK) {
        return failed("open", status, error);
    }
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) {
        hf_manager_free(manager);
        return 2;
    }
    count = strtol(argv[3], NULL, 10);
    for (i = 0; i < count; i++) {
        snprintf(value, sizeof value, "%.40s %ld", argv[2], i);
        status = hf_update_secret(manager, argv[1], value, NULL, NULL, &error);
        if (status != HF_OK) {
            hf_manager_free(manager);
            return failed("update", status, error);
        }
    }
    hf_manager_free(manager);
    return 0;
}
