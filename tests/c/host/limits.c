/* A process at its limits: no file descriptor left, descriptors above 1024, no address space left. And every descriptor
 * that the library opens is closed when the process starts another program. */
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

/* In a child, since there is no way back. Memory that no caller can be told about ends the process: what counts is that
 * nothing hangs, nothing wrong comes back, and an error is made where one can be. */
static void check_no_address_space(void)
{
    int errors = 0, aborts = 0, right = 0, spare;

    for (spare = 0; spare < 40; spare++) {
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
            struct rlimit limit;
            hf_manager *manager = open_from_environment();
            char *value = NULL;
            long pages = 0;
            FILE *file = fopen("/proc/self/statm", "r");
            hf_status got;

            alarm(30);
            if (file == NULL || fscanf(file, "%ld", &pages) != 1)
                _exit(99);
            fclose(file);
            limit.rlim_cur = limit.rlim_max = (rlim_t)pages * 4096 + (rlim_t)spare * 256 * 1024;
            if (freopen("/dev/null", "w", stderr) == NULL)
                _exit(99);
            setrlimit(RLIMIT_AS, &limit);
            got = hf_get_secret(manager, "vault://large", NULL, &value, NULL);
            if (got == HF_OK)
                _exit(strlen(value) == 2000000 && value[1999999] == 'x' ? 0 : 98);
            _exit(got < 0 ? 1 : 98);
        }
        while (waitpid(pid, &status, 0) != pid)
            ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            right++;
        else if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
            errors++;
        else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
            aborts++;
        else
            CHECK(0, "with %d kB to spare the process ended with %#x", spare * 256, (unsigned)status);
    }
    CHECK(right > 0 && errors > 0 && aborts < 10, "%d right, %d errors, %d aborts", right, errors, aborts);
    printf("no address space: %d right, %d errors, %d ends by abort\n", right, errors, aborts);
}

int main(void)
{
    hf_manager *manager = open_from_environment();
    char *large = malloc(2000001);

    if (large == NULL)
        return 2;
    memset(large, 'x', 2000000);
    large[2000000] = '\0';
    put(manager, "large", large);
    free(large);
    hf_manager_free(manager);
    check_cloexec();
    check_no_descriptor_left();
    check_high_descriptors();
    check_no_address_space();
    return result();
}
