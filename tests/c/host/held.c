/* held.c: holds many values at once. They take little memory and few mappings, are excluded from core dumps, and
 * return their memory. Children are forked while threads get and free values. */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 1000000
#define LARGE_COUNT 20000
#define BOUND (2l << 20)
#define MAX_RANGES 4096

static hf_manager *manager;
static char **values;
static atomic_int done;

struct ranges {
    size_t all, kept_from_dumps;
    unsigned long from[MAX_RANGES], to[MAX_RANGES];
};

/* The mappings that are excluded from core dumps. */
static void read_ranges(struct ranges *ranges)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[1024];
    unsigned long from = 0, to = 0;

    ranges->all = ranges->kept_from_dumps = 0;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long low, high;

        if (sscanf(line, "%lx-%lx ", &low, &high) == 2) {
            from = low;
            to = high;
            ranges->all++;
        } else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") != NULL && ranges->kept_from_dumps < MAX_RANGES) {
            ranges->from[ranges->kept_from_dumps] = from;
            ranges->to[ranges->kept_from_dumps++] = to;
        }
    }
    if (maps != NULL)
        fclose(maps);
}

static int is_kept_from_dumps(const struct ranges *ranges, const char *value)
{
    unsigned long address = (unsigned long)value;
    size_t i;

    for (i = 0; i < ranges->kept_from_dumps; i++) {
        if (ranges->from[i] <= address && address < ranges->to[i])
            return 1;
    }
    return 0;
}

static long resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;

    CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &pages) == 2, "no statm");
    if (file != NULL)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static char *get(const char *reference)
{
    hf_error *error = NULL;
    char *value = NULL;

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &value, &error));
    if (value == NULL)
        exit(1);
    return value;
}

static void free_values(size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        hf_free_string(values[i]);
}

static void *nothing(void *unused)
{
    return unused;
}

static void check_that_the_host_still_works(void)
{
    pthread_t thread;
    int created = pthread_create(&thread, NULL, nothing, NULL) == 0;
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(created, "no thread");
    CHECK(page != MAP_FAILED, "no page");
    if (created)
        pthread_join(thread, NULL);
    if (page != MAP_FAILED)
        munmap(page, 4096);
}

/* Holds `count` values of `reference`, each of which may take at most `most` bytes. */
static void hold(const char *reference, size_t count, long most)
{
    static struct ranges before, during;
    long at_rest, held, left;
    size_t i, dumped = 0;

    hf_free_string(get(reference));
    read_ranges(&before);
    at_rest = resident();
    for (i = 0; i < count; i++)
        values[i] = get(reference);
    held = resident() - at_rest;
    read_ranges(&during);
    for (i = 0; i < count; i++)
        dumped += !is_kept_from_dumps(&during, values[i]);
    check_that_the_host_still_works();
    free_values(count);
    left = resident() - at_rest;

    printf("%lu of %s: %ld bytes each, %ld mappings more, %ld bytes left\n", (unsigned long)count, reference,
           held / (long)count, (long)during.all - (long)before.all, left);
    CHECK(held / (long)count <= most, "%ld bytes each", held / (long)count);
    CHECK(during.all <= before.all + 32, "%lu mappings, after %lu", (unsigned long)during.all, (unsigned long)before.all);
    CHECK(dumped == 0, "%lu values are in core dumps", (unsigned long)dumped);
    CHECK(left <= BOUND, "%ld bytes are left", left);
}

/* Gets and frees so many values that memory is returned to the system each time. */
static void churn(void)
{
    enum { MANY = 200 };
    char *held[MANY];
    int i;

    for (i = 0; i < MANY; i++)
        held[i] = get("env://HANDSFREE_SECRET_LARGE");
    for (i = 0; i < MANY; i++)
        hf_free_string(held[i]);
}

static void *churn_all_the_time(void *unused)
{
    while (!atomic_load(&done))
        churn();
    return unused;
}

static void fork_while_threads_churn(void)
{
    pthread_t threads[3];
    int i, status;

    for (i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, churn_all_the_time, NULL) == 0, "no thread");
    for (i = 0; i < 100; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            alarm(60); /* a deadlock ends the child by SIGALRM */
            churn();
            churn();
            _exit(failures != 0);
        }
        while (waitpid(pid, &status, 0) != pid)
            ;
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d ended with %#x", i, (unsigned)status);
    }
    atomic_store(&done, 1);
    for (i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    static char large[10 * 1024 + 1];

    memset(large, 'x', sizeof large - 1);
    manager = open_env();
    put(manager, "small", "twenty bytes of text");
    put(manager, "large", large);
    values = mmap(NULL, COUNT * sizeof *values, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
                  0);
    if (values == MAP_FAILED)
        return 2;
    hold("env://HANDSFREE_SECRET_SMALL", COUNT, 160);
    hold("env://HANDSFREE_SECRET_SMALL", COUNT / 10, 160);
    hold("env://HANDSFREE_SECRET_LARGE", LARGE_COUNT, 3 * 4096 + 160);
    fork_while_threads_churn();
    hf_manager_free(manager);
    return result();
}
