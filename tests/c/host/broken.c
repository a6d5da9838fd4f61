/* Uses connections that the peer breaks, in a process that SIGPIPE would end: runs one step for each line of
 * standard input, and prints a line when it is done. The test breaks the connection between two steps, and during
 * one. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <signal.h>

/* More than the kernel buffers of both ends hold, so that the call is still sending when the peer closes. */
#define LARGE (6u << 20)

static void store_large(const hf_manager *manager)
{
    char *value = malloc(LARGE + 1);
    hf_error *error = NULL;

    if (value == NULL)
        exit(1);
    memset(value, 'v', LARGE);
    value[LARGE] = '\0';
    CHECK_STATUS(HF_ERR_CONNECTION, hf_store_secret(manager, "large", value, NULL, NULL, NULL, &error));
    free(value);
}

int main(void)
{
    hf_manager *manager;
    char step[32];

    signal(SIGPIPE, SIG_DFL);
    manager = open_from_environment();
    while (fgets(step, sizeof step, stdin) != NULL) {
        if (strcmp(step, "store\n") == 0)
            put(manager, "kept", "v");
        else if (strcmp(step, "get\n") == 0)
            CHECK(gets_value(manager, "vault://kept", "v"), "a new connection does it");
        else if (strcmp(step, "store_large\n") == 0)
            store_large(manager);
        else
            return 2;
        puts("done");
        fflush(stdout);
    }
    hf_manager_free(manager);
    return result();
}
