/* after_exit.c: uses TLS after the destructors of the library and of its cryptography have run, in the thread that exits
 * and in a new one. A connection that is open can be used; a new one cannot be made, and the call says so. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <unistd.h>

extern void (*at_the_very_end)(void);

static hf_manager *left_open;

static void *use(void *where)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status = hf_manager_open(NULL, NULL, &manager, &error);

    printf("%s: %s: %s\n", (const char *)where, hf_status_name(status), hf_error_message(error));
    fflush(stdout);
    hf_error_free(error);
    if (!gets_value(left_open, "vault://ending", "value") || failures > 0)
        _exit(1);
    return NULL;
}

static void at_the_end(void)
{
    pthread_t thread;

    use("exiting thread");
    if (pthread_create(&thread, NULL, use, "new thread") != 0)
        _exit(1);
    pthread_join(thread, NULL);
}

int main(void)
{
    left_open = open_from_environment();
    put(left_open, "ending", "value");
    at_the_very_end = at_the_end;
    return result();
}
