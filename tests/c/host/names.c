/* Name resolution uses no thread of the library's, and no call leaves one behind: the kernel's own count of this
 * process's threads is watched while calls to a host *name* are under way. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int done;
static atomic_int most;
static atomic_long looks;

static int tasks(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count;
}

static void *watch(void *unused)
{
    (void)unused;
    while (!atomic_load(&done)) {
        int seen = tasks();

        if (seen > atomic_load(&most))
            atomic_store(&most, seen);
        atomic_fetch_add(&looks, 1);
    }
    return NULL;
}

int main(void)
{
    pthread_t watcher;
    int i;

    pthread_create(&watcher, NULL, watch, NULL);
    while (atomic_load(&looks) < 10)
        ;
    for (i = 0; i < 30; i++) {
        hf_manager *manager = open_from_environment();

        put(manager, "names", "v");
        CHECK(gets_value(manager, "vault://names", "v"), "round %d", i);
        hf_manager_free(manager);
    }
    atomic_store(&done, 1);
    pthread_join(watcher, NULL);
    CHECK(atomic_load(&most) == 2, "%d threads", atomic_load(&most));
    /* The kernel lists a thread for a moment after it was joined. */
    for (i = 0; i < 500 && tasks() != 1; i++)
        usleep(10000);
    CHECK(tasks() == 1, "%d threads are left", tasks());
    printf("%ld looks, %d threads\n", atomic_load(&looks), atomic_load(&most));
    return result();
}
