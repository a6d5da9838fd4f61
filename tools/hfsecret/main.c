/* hfsecret: secrets for shell scripts, batch jobs and programs that cannot be changed, with libhandsfree_secrets.
 *
 *   cc *.c $(pkg-config --cflags --libs handsfree_secrets) -o hfsecret
 *
 * Secrets are never passed on the command line, which other users can see, and never printed in messages; only commands
 * whose purpose it is print one. Memory that held a value is wiped. */
#include "hfsecret.h"

int main(int count, char **words) {
    struct arguments arguments = {0};
    int code;

    protect_process();
    code = parse_arguments(count, words, &arguments);
    if (code == EXIT_PARSED) {
        code = run_command(&arguments);
    }
    free_arguments(&arguments);
    return code;
}
