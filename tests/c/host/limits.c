/* limits STEP_KB
 *
 * A process at its limits: no file descriptors left, descriptors above 1024, no address space left. Also checks that
 * every descriptor of the library is closed on exec. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The highest open descriptor, and how many there are. */
static int descriptors(int *highest, int *without_cloexec)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    *highest = -1;
    *without_cloexec = 0;
    if (folder == NULL)
        exit(1);
    while ((entry = readdir(folder)) != NULL) {
        int descriptor = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || descriptor == dirfd(folder))
            continue;
        count++;
        if (descriptor > *highest)
            *highest = descriptor;
        if ((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) == 0)
            (*without_cloexec)++;
    }
    closedir(folder);
    return count;
}

static void check_cloexec(void)
{
    int highest, inherited_before, inherited, before, after;
    hf_manager *manager;

    before = descriptors(&highest, &inherited_before);
    manager = open_from_environment();
    put(manager, "limits", "v");
    after = descriptors(&highest, &inherited);
    CHECK(after > before, "a warm connection is a descriptor");
    CHECK(inherited == inherited_before, "%d descriptors would be inherited", inherited - inherited_before);
    hf_manager_free(manager);
    CHECK(descriptors(&highest, &inherited) == before, "all are closed with the manager");
}

static void check_no_descriptor_left(void)
{
    hf_manager *manager = open_from_environment();
    hf_manager *none = NULL;
    hf_error *error = NULL;
    struct rlimit limit, low;
    int highest, ignored, held[4096], count = 0;

    put(manager, "limits", "v");
    hf_manager_free(manager);
    getrlimit(RLIMIT_NOFILE, &limit);
    (void)descriptors(&highest, &ignored);
    low = limit;
    low.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &low);
    while (count < 4096 && (held[count] = dup(2)) >= 0)
        count++;

    CHECK(hf_manager_open(NULL, NULL, &none, &error) < 0 && none == NULL, "there is no descriptor for a connection");
    CHECK(strstr(hf_error_message(error), "descriptor") != NULL || strstr(hf_error_message(error), "open files") != NULL,
          "%s", hf_error_message(error));
    printf("no descriptor: %s\n", hf_error_message(error));
    hf_error_free(error);

    while (count > 0)
        close(held[--count]);
    setrlimit(RLIMIT_NOFILE, &limit);
    manager = open_from_environment();
    CHECK(gets_value(manager, "vault://limits", "v"), "it recovers");
    hf_manager_free(manager);
}

static void check_high_descriptors(void)
{
    hf_manager *manager;
    struct rlimit limit;
    int highest, ignored, first, i;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2100) {
        printf("descriptors above 1024: not allowed here\n");
        return;
    }
    limit.rlim_cur = 2100;
    setrlimit(RLIMIT_NOFILE, &limit);
    first = dup(2);
    for (i = first + 1; i < 1500; i++)
        dup2(2, i);
    manager = open_from_environment();
    (void)descriptors(&highest, &ignored);
    CHECK(highest >= 1500, "the connection has number %d", highest);
    put(manager, "limits", "high");
    CHECK(gets_value(manager, "vault://limits", "high"), "through descriptor %d", highest);
    hf_manager_free(manager);
    for (i = first; i < 1500; i++)
        close(i);
}

/* The size of the longest text, including its NUL. */
#define LARGE 2000000

static char large[LARGE + 1];

/* Fills `large` with repetitions of `pattern`. */
static void fill_large(const char *pattern)
{
    size_t i, length = strlen(pattern);

    for (i = 0; i < LARGE; i++)
        large[i] = pattern[i % length];
}

/* Limits the address space of this process to its current size plus `spare` bytes. */
static void limit_address_space(size_t spare)
{
    struct rlimit limit;
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%ld", &pages) != 1 || getrlimit(RLIMIT_AS, &limit) != 0)
        _exit(99);
    fclose(file);
    limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + spare;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(99);
}

static void unlimit_address_space(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) != 0)
        _exit(99);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(99);
}

/* Ends the process if a get returned something other than the stored value. */
static hf_status get_large(const hf_manager *manager)
{
    char *value = NULL;
    hf_status status = hf_get_secret(manager, "vault://large", NULL, &value, NULL);

    if (status == HF_OK ? strcmp(value, large) != 0 : value != NULL)
        _exit(98);
    hf_free_string(value);
    return status;
}

static hf_status store_large(const hf_manager *manager)
{
    return hf_store_secret(manager, "large", large, NULL, NULL, NULL, NULL);
}

static hf_status store_metadata(const hf_manager *manager)
{
    hf_metadata *metadata = hf_metadata_new();
    hf_status status = hf_metadata_set(metadata, "note", large, NULL);

    if (status == HF_OK)
        status = hf_store_secret(manager, "noted", "v", metadata, NULL, NULL, NULL);
    hf_metadata_free(metadata);
    return status;
}

static hf_status use_env(const hf_manager *manager)
{
    hf_options *options = hf_options_new_isolated();
    hf_manager *env = NULL;
    char *value = NULL;
    hf_status status = hf_manager_open(options, NULL, &env, NULL);

    (void)manager;
    if (status == HF_OK)
        status = hf_store_secret(env, "large", large, NULL, NULL, NULL, NULL);
    if (status == HF_OK)
        status = hf_get_secret(env, "env://HANDSFREE_SECRET_LARGE", NULL, &value, NULL);
    if (status == HF_OK && strcmp(value, large) != 0)
        _exit(98);
    hf_free_string(value);
    hf_manager_free(env);
    hf_options_free(options);
    return status;
}

/* The exit status of a child that makes a call with `spare` bytes of address space. Each attempt uses a new child,
 * because memory that one call returned to the C library's heap would be available to the next. */
static int end_with(size_t spare, hf_status (*call)(const hf_manager *))
{
    int end = 0;
    pid_t pid = fork();

    if (pid == 0) {
        hf_manager *manager = open_from_environment();
        hf_status status;

        alarm(30);
        limit_address_space(spare);
        status = call(manager);
        unlimit_address_space();
        if (call == store_large && status == HF_OK && get_large(manager) != HF_OK)
            _exit(97);
        _exit(status == HF_OK ? 0 : status == HF_ERR_TOO_LARGE ? 1 : 96);
    }
    while (waitpid(pid, &end, 0) != pid)
        ;
    return end;
}

#define MEGABYTE ((size_t)1024 * 1024)

static size_t step;

/* Running out of memory for a value, an answer or a request is an error that says so, without further effects. */
static void check_no_address_space(const char *what, hf_status (*call)(const hf_manager *), const char *pattern)
{
    int right = 0, errors = 0;
    size_t spare;

    fill_large(pattern);
    CHECK(end_with(256 * MEGABYTE, store_large) == 0, "with enough all is well");
    for (spare = 0; spare <= 15 * MEGABYTE; spare += step) {
        int end = end_with(spare, call);

        CHECK(WIFEXITED(end) && WEXITSTATUS(end) <= 1, "%s: with %d kB to spare the process ended with %#x", what,
              (int)(spare / 1024), (unsigned)end);
        right += WIFEXITED(end) && WEXITSTATUS(end) == 0;
        errors += WIFEXITED(end) && WEXITSTATUS(end) == 1;
    }
    CHECK(right > 0 && errors > 0, "%s: %d right, %d errors", what, right, errors);
    printf("no address space: %s: %d right, %d errors\n", what, right, errors);
}

int main(int argc, char **argv)
{
    step = argc > 1 ? strtoul(argv[1], NULL, 10) * 1024 : 0;
    if (step == 0)
        return 2;
    check_no_address_space("store of plain text", store_large, "x");
    check_no_address_space("get of plain text", get_large, "x");
    check_no_address_space("store of escapes", store_large, "\n\"");
    check_no_address_space("get of escapes", get_large, "\n\"");
    check_no_address_space("store of metadata", store_metadata, "\n\"");
    check_no_address_space("store and get in env", use_env, "\n\"");
    check_cloexec();
    check_no_descriptor_left();
    check_high_descriptors();
    return result();
}
