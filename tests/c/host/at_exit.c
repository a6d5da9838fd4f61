/* Calls the library while the program is exiting, from an atexit handler and from a destructor. Both use a manager
 * that the program left open, and open a new one. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <unistd.h>

static hf_manager *left_open;

static void use(const char *where)
{
    hf_manager *manager = open_from_environment();
    int right = gets_value(left_open, "vault://ending", "value") && gets_value(manager, "vault://ending", "value");

    hf_manager_free(manager);
    if (!right || failures > 0)
        _exit(1);
    printf("%s\n", where);
    fflush(stdout);
}

static void in_handler(void)
{
    use("handler");
}

__attribute__((destructor)) static void in_destructor(void)
{
    use("destructor");
    hf_manager_free(left_open);
}

/* Runs before main, before any other use of the library. */
__attribute__((constructor)) static void in_constructor(void)
{
    left_open = open_from_environment();
    put(left_open, "ending", "value");
    use("constructor");
}

int main(void)
{
    atexit(in_handler);
    return result();
}
