/* reload.c LIBRARY CYCLES THREADS: loads, uses and closes the library repeatedly, each time on threads that end
 * afterwards. If cycles leaked thread keys, they would soon be exhausted. */
#define _DEFAULT_SOURCE
#include "descriptors.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <handsfree_secrets.h>

static const char *library;
static long cycles;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, dlerror());
    exit(1);
}

/* Looks up a function of the library. POSIX guarantees that this conversion works. */
static void find(void *handle, const char *name, void *function)
{
    void *found = dlsym(handle, name);

    if (found == NULL)
        fail(name);
    memcpy(function, &found, sizeof found);
}

static void use_once(const char *reference, const char *expected)
{
    hf_status (*open_manager)(const hf_options *, const hf_call *, hf_manager **, hf_error **);
    hf_status (*get)(const hf_manager *, const char *, const hf_call *, char **, hf_error **);
    void (*free_manager)(hf_manager *);
    void (*free_string)(char *);
    hf_manager *manager = NULL;
    char *value = NULL;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL)
        fail(library);
    find(handle, "hf_manager_open", &open_manager);
    find(handle, "hf_get_secret", &get);
    find(handle, "hf_manager_free", &free_manager);
    find(handle, "hf_free_string", &free_string);
    if (open_manager(NULL, NULL, &manager, NULL) != HF_OK || get(manager, reference, NULL, &value, NULL) != HF_OK
        || strcmp(value, expected) != 0) {
        fprintf(stderr, "the library was loaded, and does not work\n");
        exit(1);
    }
    free_string(value);
    free_manager(manager);
    if (dlclose(handle) != 0)
        fail("dlclose");
}

static void *one_cycle(void *unused)
{
    (void)unused;
    use_once(getenv("REFERENCE"), getenv("EXPECTED"));
    return NULL;
}

/* How many 4 kB pages the process has mapped. */
static long mapped_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file == NULL || fscanf(file, "%ld", &pages) != 1)
        exit(1);
    fclose(file);
    return pages;
}

static void cycle(long count, long threads)
{
    pthread_t running[16];
    long done, i;

    for (done = 0; done < count; done += threads) {
        for (i = 0; i < threads; i++)
            pthread_create(&running[i], NULL, one_cycle, NULL);
        for (i = 0; i < threads; i++)
            pthread_join(running[i], NULL);
    }
}

int main(int argc, char **argv)
{
    long threads, pages, open_files;
    pthread_key_t key;

    if (argc < 4)
        return 2;
    library = argv[1];
    cycles = strtol(argv[2], NULL, 10);
    threads = strtol(argv[3], NULL, 10);
    if (threads > 16)
        return 2;
    cycle(64, threads); /* creates the arenas of malloc and the stacks of threads */
    pages = mapped_pages();
    open_files = descriptors();
    cycle(cycles, threads);
    if (pthread_key_create(&key, NULL) != 0) {
        fprintf(stderr, "no thread key is left\n");
        return 1;
    }
    printf("%ld cycles: %ld mapped pages more, key %u\n", cycles, mapped_pages() - pages, key);
    if (descriptors() != open_files || mapped_pages() - pages > 4096 || key > 32) {
        fprintf(stderr, "the process grew: %ld pages, %ld descriptors, key %u\n", mapped_pages() - pages,
                descriptors() - open_files, key);
        return 1;
    }
    return 0;
}
