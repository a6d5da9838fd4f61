/* Calls in a process that gets a signal every millisecond, whose handlers are installed without SA_RESTART; and
 * process state that a call must not change: errno, signal dispositions and masks, locale, environment, umask,
 * folder. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void set_alarm(long microseconds)
{
    struct itimerval timer;

    memset(&timer, 0, sizeof timer);
    timer.it_interval.tv_usec = microseconds;
    timer.it_value.tv_usec = microseconds;
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void check_calls_under_signals(void)
{
    struct sigaction action;
    hf_manager *manager;
    int i;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    set_alarm(1000);
    for (i = 0; i < 20; i++) {
        char value[4096];

        memset(value, 'a' + i, sizeof value - 1);
        value[sizeof value - 1] = '\0';
        manager = open_from_environment();
        put(manager, "under_signals", value);
        CHECK(gets_value(manager, "vault://under_signals", value), "round %d", i);
        hf_manager_free(manager);
    }
    /* A wait inside the library: it is not shortened. */
    {
        hf_options *options = hf_options_new();
        hf_call *call = hf_call_new();
        hf_error *error = NULL;
        double start = now();

        CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ADDR", "http://127.0.0.1:1", &error));
        CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_MAX_RETRIES", "100", &error));
        CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 1000, &error));
        manager = NULL;
        CHECK(hf_manager_open(options, call, &manager, NULL) < 0, "nothing listens on port 1");
        CHECK(now() - start < 3, "%.3f s", now() - start);
        hf_call_free(call);
        hf_options_free(options);
    }
    set_alarm(0);
    CHECK(alarms > 100, "%d signals", (int)alarms);
    printf("%d signals\n", (int)alarms);
}

struct state {
    struct sigaction actions[NSIG];
    sigset_t mask;
    char locale[256];
    char folder[4096];
    mode_t umask;
    char **environment;
    size_t variables;
};

static void take(struct state *state)
{
    int signal;

    memset(state, 0, sizeof *state);
    for (signal = 1; signal < NSIG; signal++)
        sigaction(signal, NULL, &state->actions[signal]);
    sigprocmask(SIG_SETMASK, NULL, &state->mask);
    snprintf(state->locale, sizeof state->locale, "%s", setlocale(LC_ALL, NULL));
    if (getcwd(state->folder, sizeof state->folder) == NULL)
        exit(1);
    state->umask = umask(0);
    umask(state->umask);
    state->environment = environ;
    while (environ[state->variables] != NULL)
        state->variables++;
}

static void check_same(const struct state *before, const char *what)
{
    static struct state after;
    int signal;

    take(&after);
    for (signal = 1; signal < NSIG; signal++) {
        CHECK(before->actions[signal].sa_handler == after.actions[signal].sa_handler
                  && before->actions[signal].sa_flags == after.actions[signal].sa_flags,
              "%s: signal %d", what, signal);
    }
    CHECK(memcmp(&before->mask, &after.mask, sizeof after.mask) == 0, "%s: the signal mask", what);
    CHECK(strcmp(before->locale, after.locale) == 0, "%s: %s", what, after.locale);
    CHECK(strcmp(before->folder, after.folder) == 0, "%s: %s", what, after.folder);
    CHECK(before->umask == after.umask, "%s: umask %o", what, (unsigned)after.umask);
    CHECK(before->environment == after.environment && before->variables == after.variables, "%s: environ", what);
}

/* With the default action of SIGPIPE a broken connection would end the program. */
static void check_state_is_kept(void)
{
    static struct state before;
    hf_manager *manager;
    hf_error *error = NULL;
    hf_string_list *list = NULL;
    char *value = NULL;

    signal(SIGPIPE, SIG_DFL);
    umask(027);
    setlocale(LC_ALL, "C");
    take(&before);

    errno = 77;
    manager = open_from_environment();
    CHECK(errno == 77, "errno is %d after open", errno);
    put(manager, "kept", "v");
    CHECK(errno == 77, "errno is %d after store", errno);
    CHECK_STATUS(HF_OK, hf_get_secret(manager, "vault://kept", NULL, &value, &error));
    hf_free_string(value);
    CHECK(errno == 77, "errno is %d after get", errno);
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret(manager, "vault://nothing_here", NULL, &value, &error));
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "x", NULL, &value, &error));
    CHECK(errno == 77, "errno is %d after a failure", errno);
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, NULL, NULL, &list, &error));
    hf_string_list_free(list);
    CHECK_STATUS(HF_OK, hf_update_secret(manager, "vault://kept", "w", NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, "vault://kept", NULL, &error));
    hf_manager_free(manager);
    CHECK(errno == 77, "errno is %d at the end", errno);
    check_same(&before, "after everything");
}

int main(void)
{
    check_state_is_kept();
    check_calls_under_signals();
    return result();
}
