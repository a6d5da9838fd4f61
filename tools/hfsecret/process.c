/* What the process shows to others: no core, no memory to other processes of the user; its standard streams, the limit of
 * its files, and the signals that end it. */
#define _DEFAULT_SOURCE

#include "hfsecret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static struct rlimit core_limit;
static int has_core_limit;
static void (*size_action)(int); /* of SIGXFSZ, before */

/* Puts a descriptor in the place of a standard stream that is closed, so that no file or connection of this program gets
 * its number. Reading standard input and writing the others fails as before, and a program that is executed finds them
 * closed. */
static void hold_closed_streams(void) {
    int stream;

    for (stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
            /* Lower numbers are taken, so open returns this one. */
            (void)!open("/dev/null", (stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
        }
    }
}

static void end_by_signal(int number) {
    _exit(128 + number); /* as a shell tells it */
}

/* Has the signals that end a program end this one, too, where it is the first process of a container: to that the kernel gives
 * no signal without a handler. An exec removes the handlers. */
static void end_as_first_process(void) {
    static const int endings[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction before;
    size_t index;

    for (index = 0; getpid() == 1 && index < sizeof endings / sizeof *endings; index++) {
        if (sigaction(endings[index], NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
            signal(endings[index], end_by_signal);
        }
    }
}

void protect_process(void) {
    struct rlimit none = {0, 0};

    end_as_first_process();
    hold_closed_streams();
    size_action = signal(SIGXFSZ, SIG_IGN); /* then a file over the limit of the process is an error of write */
    has_core_limit = getrlimit(RLIMIT_CORE, &core_limit) == 0;
    none.rlim_max = core_limit.rlim_max;
    (void)!setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
    /* Some systems pipe cores to a program, whatever the limit is; and this forbids ptrace and /proc/PID/mem, too. An
     * exec removes it. */
    (void)!prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* Restores what a program that is executed would inherit. */
void unprotect_process(void) {
    if (size_action != SIG_ERR) {
        signal(SIGXFSZ, size_action);
    }
    if (has_core_limit) {
        (void)!setrlimit(RLIMIT_CORE, &core_limit);
    }
}
