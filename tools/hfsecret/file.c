/* The file of --output, which is replaced whole or not at all, and files in memory. */
#define _GNU_SOURCE

#include "hfsecret.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

/* Parses the number of a user or group, the whole text. Returns 0 if it is none. The largest one means "as it is" to
 * chown. */
static int parse_id(const char *text, unsigned long *id) {
    char *end = NULL;

    errno = 0;
    *id = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *id < (uid_t)-1;
}

static int find_user(const char *name, uid_t *user) {
    unsigned long id;
    const struct passwd *found = getpwnam(name);

    if (found || parse_id(name, &id)) {
        *user = found ? found->pw_uid : (uid_t)id;
        return EXIT_SUCCESS;
    }
    return report_usage("no user ", name);
}

static int find_group(const char *name, gid_t *group) {
    unsigned long id;
    const struct group *found = getgrnam(name);

    if (found || parse_id(name, &id)) {
        *group = found ? found->gr_gid : (gid_t)id;
        return EXIT_SUCCESS;
    }
    return report_usage("no group ", name);
}

/* Parses USER, USER:GROUP or :GROUP. -1 leaves one of them as it is. */
static int parse_owner(const char *text, uid_t *user, gid_t *group) {
    char name[256];
    size_t length = strcspn(text, ":");
    int code = EXIT_SUCCESS;

    *user = (uid_t)-1;
    *group = (gid_t)-1;
    if (length >= sizeof name) {
        return report_usage("no user ", text);
    }
    memcpy(name, text, length);
    name[length] = '\0';
    if (length > 0) {
        code = find_user(name, user);
    }
    return code == EXIT_SUCCESS && text[length] == ':' ? find_group(text + length + 1, group) : code;
}

/* Checks --output and --owner before a request is sent. A device, a pipe or a link would be replaced by a file, so they
 * are refused. */
int check_destination(const struct arguments *arguments) {
    struct stat there;
    uid_t user;
    gid_t group;

    if (arguments->output && lstat(arguments->output, &there) == 0 && !S_ISREG(there.st_mode)) {
        print_error("%s: not a regular file, which --output could replace", arguments->output);
        return EXIT_IO;
    }
    return arguments->owner ? parse_owner(arguments->owner, &user, &group) : EXIT_SUCCESS;
}

/* Fills the new file. Returns 0 and sets errno after a failure. */
static int fill(int descriptor, const struct arguments *arguments, const char *text, size_t length) {
    uid_t user = (uid_t)-1;
    gid_t group = (gid_t)-1;

    if (arguments->owner && parse_owner(arguments->owner, &user, &group) != EXIT_SUCCESS) {
        errno = EINVAL;
        return 0;
    }
    return write_descriptor(descriptor, text, length) && (!arguments->owner || fchown(descriptor, user, group) == 0) &&
           fchmod(descriptor, arguments->mode) == 0 && fsync(descriptor) == 0;
}

/* Writes the file under another name in the same folder, then renames it. */
static int write_and_rename(const struct arguments *arguments, char *temporary, const char *text, size_t length) {
    int descriptor = mkstemp(temporary), filled, failure;

    if (descriptor < 0) {
        return report_file(arguments->output);
    }
    filled = fill(descriptor, arguments, text, length);
    failure = errno;
    if (close(descriptor) < 0 && filled) {
        filled = 0;
        failure = errno;
    }
    if (filled && rename(temporary, arguments->output) == 0) {
        return EXIT_SUCCESS;
    }
    failure = filled ? errno : failure;
    unlink(temporary);
    errno = failure;
    return report_file(arguments->output);
}

/* Replaces the file of --output by one with this content and with the mode and owner of the options. Signals wait until
 * no other file is left. */
int write_file(const struct arguments *arguments, const char *text, size_t length) {
    static const char suffix[] = ".hfsecret-XXXXXX";
    const char *slash = strrchr(arguments->output, '/');
    size_t folder = slash ? (size_t)(slash - arguments->output) + 1 : 0;
    char *temporary = malloc(folder + sizeof suffix);
    sigset_t all, before;
    int code;

    if (!temporary) {
        return report_no_memory();
    }
    memcpy(temporary, arguments->output, folder);
    memcpy(temporary + folder, suffix, sizeof suffix);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    code = write_and_rename(arguments, temporary, text, length);
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(temporary);
    return code;
}

/* Opens an empty file that has no name. Returns a descriptor that an exec keeps, or -1. */
static int open_memory(void) {
    char path[] = "/dev/shm/hfsecret-XXXXXX";
    int descriptor;

#ifdef SYS_memfd_create
    /* By number, because older versions of glibc have no such function. MFD_ALLOW_SEALING with MFD_NOEXEC_SEAL, which
     * kernels before 6.3 refuse. */
    descriptor = (int)syscall(SYS_memfd_create, "hfsecret", 2U | 8U);
    if (descriptor < 0 && errno == EINVAL) {
        descriptor = (int)syscall(SYS_memfd_create, "hfsecret", 2U);
    }
    if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM)) { /* EPERM: a filter of old containers */
        return descriptor;
    }
#endif
    descriptor = mkstemp(path); /* on a tmpfs */
    if (descriptor >= 0) {
        unlink(path);
    }
    return descriptor;
}

/* Creates a file in memory with this content. */
int memory_file(const char *label, const char *text, size_t length, int *descriptor) {
    *descriptor = open_memory();
    if (*descriptor < 0 || !write_descriptor(*descriptor, text, length) || fchmod(*descriptor, S_IRUSR) < 0) {
        return report_file(label);
    }
    return EXIT_SUCCESS;
}

/* Replaces the content. A program that reads the file meanwhile may read a part of each. */
int change_memory_file(const char *label, const char *text, size_t length, int descriptor) {
    if (lseek(descriptor, 0, SEEK_SET) < 0 || !write_descriptor(descriptor, text, length) ||
        ftruncate(descriptor, (off_t)length) < 0) {
        return report_file(label);
    }
    return EXIT_SUCCESS;
}

/* Has nobody change the file any more. */
void seal_memory_file(int descriptor) {
#ifdef F_ADD_SEALS
    (void)!fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
#else
    (void)descriptor;
#endif
}
