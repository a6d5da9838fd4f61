/* Log lines while standard error is full: no call blocks, no signal is raised, the mode of the stream does not
 * change, and the next line that is written reports how many were dropped. */
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static hf_manager *manager;
static FILE *copy;

/* Logs a warning, which has to return before the alarm. */
static void provoke(void)
{
    hf_error *error = NULL;
    char *value = NULL;

    alarm(20);
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "no\nreference", NULL, &value, &error));
    alarm(0);
}

/* Whether `end` becomes ready soon: a terminal forwards written data asynchronously. */
static int soon(int end, short events)
{
    struct pollfd entry = {end, events, 0};

    return poll(&entry, 1, 200) > 0 && (entry.revents & events) != 0;
}

/* Writes into `end` until it is full, without changing the mode of the shared description. */
static void fill(int end)
{
    static const char zeros[4096];
    char name[32];
    int own;

    snprintf(name, sizeof name, "/proc/self/fd/%d", end);
    own = open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    do {
        while (own >= 0 && (write(own, zeros, sizeof zeros) > 0 || write(own, zeros, 1) > 0))
            ;
        while (own < 0 && (send(end, zeros, sizeof zeros, MSG_DONTWAIT) > 0 || send(end, zeros, 1, MSG_DONTWAIT) > 0))
            ;
    } while (soon(end, POLLOUT));
    if (own >= 0)
        close(own);
}

/* Reads from `end` until nothing arrives any more; keeps the last part as text. */
static void drain(int end, char *text, size_t room)
{
    size_t filled = 0;

    while (soon(end, POLLIN)) {
        ssize_t length;

        if (filled > room / 2)
            filled = 0;
        length = read(end, text + filled, room - 1 - filled);
        if (length <= 0)
            break;
        filled += (size_t)length;
    }
    text[filled] = '\0';
}

/* The stream is blocking and full: three lines are dropped, and the fourth reports that when there is room. */
static void full(const char *what, int reader, int writer)
{
    static char text[1 << 16];
    int i, mode;

    if (dup2(writer, STDERR_FILENO) < 0)
        exit(2);
    mode = fcntl(STDERR_FILENO, F_GETFL);
    CHECK((mode & O_NONBLOCK) == 0, "%s blocks", what);
    fill(STDERR_FILENO);
    for (i = 0; i < 3; i++)
        provoke();
    CHECK(fcntl(STDERR_FILENO, F_GETFL) == mode, "%s: its mode is another", what);
    drain(reader, text, sizeof text);
    provoke();
    drain(reader, text, sizeof text);
    CHECK(strstr(text, "handsfree_secrets: WARN 3 log lines were dropped") != NULL, "%s: %s", what, text);
    CHECK(strstr(text, "\nhandsfree_secrets: WARN reference") != NULL, "%s: %s", what, text);
    provoke();
    drain(reader, text, sizeof text);
    CHECK(strncmp(text, "handsfree_secrets: WARN reference", 33) == 0, "%s: %s", what, text);
    close(reader);
    close(writer);
}

/* At the size limit of a file a write raises SIGXFSZ, which would end the program. */
static void file_at_its_limit(void)
{
    struct rlimit before, limit;
    FILE *file = tmpfile();
    sigset_t set;
    int i;

    if (file == NULL || dup2(fileno(file), STDERR_FILENO) < 0 || getrlimit(RLIMIT_FSIZE, &before) != 0)
        exit(2);
    limit = before;
    limit.rlim_cur = 100;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (i = 0; i < 3; i++)
        provoke();
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(sigpending(&set) == 0 && sigismember(&set, SIGXFSZ) == 0, "SIGXFSZ is left pending");
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGXFSZ) == 0, "SIGXFSZ is left blocked");
    /* A partial line is ended before the next one. */
    provoke();
    {
        static char text[4096];
        size_t length;

        rewind(file);
        length = fread(text, 1, sizeof text - 1, file);
        text[length] = '\0';
        CHECK(length > 100 && text[100] == '\n', "%s", text);
        CHECK(strstr(text, "\nhandsfree_secrets: WARN 3 log lines were dropped") != NULL, "%s", text);
    }
    fclose(file);
}

int main(void)
{
    hf_options *options = hf_options_new_isolated();
    hf_error *error = NULL;
    int ends[2];
    int number = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);

    /* Failures are printed where the test can read them. */
    copy = number < 0 ? NULL : fdopen(number, "w");
    if (copy == NULL)
        return 2;
    stderr = copy;
    setvbuf(stderr, NULL, _IONBF, 0);
    CHECK_STATUS(HF_OK, hf_options_set(options, "SECRET_MANAGER_TYPE", "env", &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_LOG_LEVEL", "warn", &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);

    if (pipe(ends) != 0)
        return 2;
    full("a pipe", ends[0], ends[1]);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 2;
    full("a socket", ends[0], ends[1]);
    if (openpty(&ends[0], &ends[1], NULL, NULL, NULL) != 0)
        return 2;
    full("a terminal", ends[0], ends[1]);
    file_at_its_limit();
    hf_manager_free(manager);
    return result();
}
