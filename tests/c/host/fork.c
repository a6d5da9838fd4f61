/* fork.c CHILDREN THREADS: forks children while THREADS threads make calls with an open manager. Each child gets a
 * secret with a name of its own, which the test finds in the recording of a relay, and frees the manager.
 *
 * With THREADS 0 the parent is idle meanwhile, and has to use the same connection afterwards. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static hf_manager *manager;
static atomic_int done;
static atomic_long parent_gets;

static void *get_all_the_time(void *unused)
{
    (void)unused;
    while (!atomic_load(&done)) {
        if (!gets_value(manager, "vault://of_the_parent", "parent"))
            exit(1);
        atomic_fetch_add(&parent_gets, 1);
    }
    return NULL;
}

/* Whether the metrics of the manager tell of this number of idle connections. */
static int has_idle(int number)
{
    char expected[64];
    char *text = NULL;
    int found;

    snprintf(expected, sizeof expected, "handsfree_connections{state=\"idle\"} %d\n", number);
    found = hf_manager_metrics(manager, &text, NULL) == HF_OK && strstr(text, expected) != NULL;
    hf_free_string(text);
    return found;
}

/* Runs in a child, with the inherited manager. */
static int child(int index)
{
    char reference[64];
    char value[64];
    int try;

    alarm(60); /* a deadlock ends the child by SIGALRM */
    /* The connections of the parent are none of the child. */
    if (!has_idle(0))
        return 2;
    if (hf_manager_warm(manager, 1, NULL, NULL) != HF_OK || !has_idle(1))
        return 3;
    snprintf(reference, sizeof reference, "vault://of_child_%d", index);
    snprintf(value, sizeof value, "child-%d", index);
    for (try = 0; try < 3; try++) {
        if (!gets_value(manager, reference, value))
            return 1;
    }
    hf_manager_free(manager);
    return 0;
}

static void wait_for(pid_t pid, int index)
{
    int status = 0;

    while (waitpid(pid, &status, 0) != pid)
        ;
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d ended with %#x", index, (unsigned)status);
}

int main(int argc, char **argv)
{
    int children = (int)number(argc, argv, 1);
    int threads = (int)number(argc, argv, 2);
    pthread_t running[64];
    pid_t pids[256];
    long before;
    int i;

    if (children > 256 || threads > 64)
        return 2;
    manager = open_from_environment();
    put(manager, "of_the_parent", "parent");
    for (i = 0; i < children; i++) {
        char key[64];
        char value[64];

        snprintf(key, sizeof key, "of_child_%d", i);
        snprintf(value, sizeof value, "child-%d", i);
        put(manager, key, value);
    }
    printf("prepared\n");
    fflush(stdout);
    (void)getchar(); /* the test reads the recording of the relay here */

    for (i = 0; i < threads; i++)
        pthread_create(&running[i], NULL, get_all_the_time, NULL);
    while (threads > 0 && atomic_load(&parent_gets) < 4 * threads)
        usleep(1000);
    before = atomic_load(&parent_gets);
    for (i = 0; i < children; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(child(i));
    }
    for (i = 0; i < children; i++)
        wait_for(pids[i], i);
    atomic_store(&done, 1);
    for (i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    CHECK(threads == 0 || atomic_load(&parent_gets) > before, "the parent's threads went on");
    CHECK(gets_value(manager, "vault://of_the_parent", "parent"), "the parent, afterwards");
    hf_manager_free(manager);
    printf("%ld\n", atomic_load(&parent_gets));
    return result();
}
