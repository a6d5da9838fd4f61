/* exit_pending.c WAY      ends while calls are in every stage: by "return" of main, by "exit" in an atexit handler's
 * sight, which uses the queue, or by "_exit" */
#define _DEFAULT_SOURCE
#include "host.h"
#include "../queue.h"

#include <unistd.h>

enum { MANY = 100 };

static hf_manager *manager;
static hf_queue *queue;
static struct submitted gets[MANY];

static void in_handler(void)
{
    struct submitted *taken = take(queue, 60000);

    if (taken == NULL || taken->status != HF_OK || failures > 0)
        _exit(1);
}

int main(int argc, char **argv)
{
    int i;

    manager = open_from_environment();
    put(manager, "ending", "value");
    queue = new_queue(8);
    for (i = 0; i < MANY; i++)
        submit_get(queue, manager, "vault://ending", &gets[i]);
    if (argc > 1 && strcmp(argv[1], "_exit") == 0)
        _exit(result());
    if (argc > 1 && strcmp(argv[1], "exit") == 0) {
        atexit(in_handler);
        exit(result());
    }
    return result();
}
