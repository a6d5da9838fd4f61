/* `hfsecret run --watch`: stays as the parent of the command, and restarts it, or sends it a signal, when a secret that it
 * uses has changed.
 *
 * The process has one thread. The signals that it handles are blocked, except while it waits: for a change, for a server,
 * or for the end of the command. So a handler never sees half of a change of what it uses. */
#define _DEFAULT_SOURCE

#include "hfsecret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    KILL_AFTER_MS = 30 * 1000, /* that a command has to end after SIGTERM, without --kill-after */
    FOREVER_MS = 24 * 60 * 60 * 1000
};

static const int FORWARDED[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

enum { FORWARDED_COUNT = sizeof FORWARDED / sizeof *FORWARDED };

/* What the handlers use. */
static volatile sig_atomic_t command_id;     /* the process of the command; 0: none */
static volatile sig_atomic_t was_told_to_end; /* the command has got a signal that ends programs */
static const hf_call *volatile waiting;      /* that the end of a process cancels; NULL: none */

struct supervisor {
    const struct arguments *arguments;
    hf_manager *manager;
    hf_watch *watch;
    struct job job; /* with the values that the command has */
    int status;     /* of the command, which has ended, as of waitpid */
    struct sigaction before[FORWARDED_COUNT], child_before, pipe_before;
    sigset_t mask_before, handled;
};

/* A signal that comes from a terminal goes to all processes in its foreground, so the command has it already. */
static int is_from_process(const siginfo_t *info) {
#ifdef SI_TKILL
    if (info->si_code == SI_TKILL) {
        return 1;
    }
#endif
    return info->si_code == SI_USER || info->si_code == SI_QUEUE;
}

static void forward(int number, siginfo_t *info, void *context) {
    int saved = errno, ends = number == SIGINT || number == SIGQUIT || number == SIGTERM;

    (void)context;
    if (ends) {
        was_told_to_end = 1;
    }
    if (command_id && is_from_process(info)) {
        kill((pid_t)command_id, number);
        if (ends) { /* One that is stopped would not get it. */
            kill((pid_t)command_id, SIGCONT);
        }
    }
    errno = saved;
}

static void end_wait(int number) {
    (void)number;
    hf_call_cancel(waiting);
}

/* Installs the handlers. A signal that is ignored stays ignored, also by the command, as nohup wants it. */
static void handle_signals(struct supervisor *supervisor) {
    struct sigaction action;
    size_t index;

    memset(&action, 0, sizeof action);
    sigemptyset(&supervisor->handled);
    sigaddset(&supervisor->handled, SIGCHLD);
    for (index = 0; index < FORWARDED_COUNT; index++) {
        sigaction(FORWARDED[index], NULL, &supervisor->before[index]);
        if (supervisor->before[index].sa_handler != SIG_IGN) {
            sigaddset(&supervisor->handled, FORWARDED[index]);
        }
    }
    sigprocmask(SIG_BLOCK, &supervisor->handled, &supervisor->mask_before);
    action.sa_mask = supervisor->handled;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    action.sa_sigaction = forward;
    for (index = 0; index < FORWARDED_COUNT; index++) {
        if (sigismember(&supervisor->handled, FORWARDED[index])) {
            sigaction(FORWARDED[index], &action, NULL);
        }
    }
    action.sa_flags = SA_NOCLDSTOP | SA_RESTART;
    action.sa_handler = end_wait;
    sigaction(SIGCHLD, &action, &supervisor->child_before);
    action.sa_handler = SIG_IGN; /* A message that nobody reads does not leave the command without its parent. */
    sigaction(SIGPIPE, &action, &supervisor->pipe_before);
    sigdelset(&supervisor->mask_before, SIGCHLD);
}

/* Restores the signals for the command. */
static void restore_signals(const struct supervisor *supervisor) {
    size_t index;

    for (index = 0; index < FORWARDED_COUNT; index++) {
        sigaction(FORWARDED[index], &supervisor->before[index], NULL);
    }
    sigaction(SIGCHLD, &supervisor->child_before, NULL);
    sigaction(SIGPIPE, &supervisor->pipe_before, NULL);
    sigprocmask(SIG_SETMASK, &supervisor->mask_before, NULL);
}

/* Lets signals in while a call waits, which the end of a process cancels. */
static void begin_wait(const struct supervisor *supervisor, const hf_call *call) {
    waiting = call;
    sigprocmask(SIG_SETMASK, &supervisor->mask_before, NULL);
}

static void finish_wait(const struct supervisor *supervisor) {
    sigprocmask(SIG_BLOCK, &supervisor->handled, NULL);
    waiting = NULL;
}

/* Takes the status of the command if it has ended, and of processes that came to this one, as to the first process of a
 * container. */
static void reap(struct supervisor *supervisor) {
    int status = 0;
    pid_t ended;

    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended == (pid_t)command_id) {
            command_id = 0;
            supervisor->status = status;
        }
    }
}

static int start(struct supervisor *supervisor) {
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        restore_signals(supervisor);
        _exit(execute_job(&supervisor->job, supervisor->arguments));
    }
    if (child < 0) {
        return report_file("fork");
    }
    command_id = child;
    return EXIT_SUCCESS;
}

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until a signal has come, or the time is over. */
static void pause_until(const struct supervisor *supervisor, int64_t end) {
    int64_t now = now_ms(), rest = end > now ? end - now : 0;
    struct timespec limit;

    limit.tv_sec = (time_t)(rest / 1000);
    limit.tv_nsec = (long)(rest % 1000) * 1000000;
    (void)!pselect(0, NULL, NULL, NULL, &limit, &supervisor->mask_before);
}

/* Ends the command, by force if it does not end by itself. */
static void stop(struct supervisor *supervisor) {
    int64_t kill_after = supervisor->arguments->kill_after ? supervisor->arguments->kill_after : KILL_AFTER_MS;
    int64_t end = now_ms() + kill_after;

    kill((pid_t)command_id, SIGTERM);
    kill((pid_t)command_id, SIGCONT); /* One that is stopped would not get it. */
    for (reap(supervisor); command_id; reap(supervisor)) {
        if (now_ms() >= end) {
            print_error("%s: killed, since it has not ended %g seconds after SIGTERM", supervisor->arguments->operand,
                        (double)kill_after / 1000);
            kill((pid_t)command_id, SIGKILL);
            end += FOREVER_MS;
        }
        pause_until(supervisor, end);
    }
}

/* Creates the files of --file that stay the same for all values. */
static int keep_files(struct job *job) {
    size_t index, length = 0;
    int code = EXIT_SUCCESS;

    job->descriptors = calloc(job->references.count + 1, sizeof *job->descriptors);
    if (!job->descriptors) {
        return report_no_memory();
    }
    for (index = job->files; code == EXIT_SUCCESS && index < job->references.count; index++) {
        const char *text = resolved_value(&job->references, index, &length);

        code = memory_file(job->names[index], text, length, &job->descriptors[index - job->files]);
    }
    return code;
}

static int change_files(const struct job *job) {
    size_t index, length = 0;
    int code = EXIT_SUCCESS;

    for (index = job->files; code == EXIT_SUCCESS && index < job->references.count; index++) {
        const char *text = resolved_value(&job->references, index, &length);

        code = change_memory_file(job->names[index], text, length, job->descriptors[index - job->files]);
    }
    return code;
}

/* Has the watch tell what is not as the command has it or, again, what is there at all. Returns how many secrets are watched,
 * in `count`. */
static int watch_secrets(const struct supervisor *supervisor, int again, size_t *count) {
    const struct references *references = &supervisor->job.references;
    hf_error *error = NULL;
    size_t index;
    int code = EXIT_SUCCESS;

    *count = 0;
    for (index = 0; code == EXIT_SUCCESS && index < references->count; index++) {
        int64_t version;
        const char *document = watched_document(references, index, &version);

        if (document) {
            hf_status status = hf_watch_add(supervisor->watch, document, again ? 0 : version, &error);

            code = report_status(document, status, error);
            ++*count;
        }
    }
    return code;
}

static int have_same_values(const struct references *one, const struct references *other) {
    size_t index, length = 0, other_length = 0;

    for (index = 0; index < one->count; index++) {
        const char *text = resolved_value(one, index, &length);
        const char *other_text = resolved_value(other, index, &other_length);

        if (length != other_length || memcmp(text, other_text, length) != 0) {
            return 0;
        }
    }
    return 1;
}

/* Gets the values anew. It ends when the command does. */
static int get_values(struct supervisor *supervisor, struct job *job) {
    const hf_call *limits = supervisor->arguments->call;
    hf_call *call = limits ? hf_call_copy(limits) : hf_call_new();
    int code = collect_job(job, supervisor->arguments);

    begin_wait(supervisor, call);
    if (code == EXIT_SUCCESS) {
        code = resolve_job(job, supervisor->manager, call);
    }
    finish_wait(supervisor);
    hf_call_free(call);
    return code;
}

/* Has the command get the values of its job. One that was told to end is not started again. */
static int tell(struct supervisor *supervisor) {
    int code = EXIT_SUCCESS;

    if (supervisor->arguments->signal) {
        code = change_files(&supervisor->job);
        kill((pid_t)command_id, supervisor->arguments->signal);
    } else if (!was_told_to_end) {
        stop(supervisor);
        code = was_told_to_end ? EXIT_SUCCESS : start(supervisor);
    }
    return code;
}

/* After a change: if the values cannot be had, the command goes on with those that it has, and the next look tells again what
 * is there. */
static int renew(struct supervisor *supervisor) {
    struct job job = {0};
    size_t count;
    int same, code = get_values(supervisor, &job);

    reap(supervisor);
    if (code != EXIT_SUCCESS || !command_id) {
        free_job(&job);
        return command_id ? watch_secrets(supervisor, 1, &count) : EXIT_SUCCESS;
    }
    same = have_same_values(&supervisor->job.references, &job.references);
    job.descriptors = supervisor->job.descriptors;
    supervisor->job.descriptors = NULL;
    free_job(&supervisor->job);
    supervisor->job = job;
    return same ? EXIT_SUCCESS : tell(supervisor);
}

/* Waits for a change or for the end of a process. */
static int wait_for_news(struct supervisor *supervisor, int *changes) {
    hf_call *call = hf_call_new();
    int code;

    begin_wait(supervisor, call);
    code = next_changes(supervisor->watch, call, changes);
    finish_wait(supervisor);
    hf_call_free(call);
    reap(supervisor);
    return code;
}

/* Ends as the command has ended. */
static int end_like_command(const struct supervisor *supervisor) {
    int number = WIFSIGNALED(supervisor->status) ? WTERMSIG(supervisor->status) : 0;

    if (number) {
        sigset_t mask;

        fflush(NULL);
        signal(number, SIG_DFL);
        sigemptyset(&mask);
        sigaddset(&mask, number);
        raise(number);
        sigprocmask(SIG_UNBLOCK, &mask, NULL);
        return 128 + number; /* as of a shell, where the signal does not end the first process of a container */
    }
    return WEXITSTATUS(supervisor->status);
}

static int go_on(struct supervisor *supervisor) {
    int changes, code = start(supervisor);

    while (code == EXIT_SUCCESS && command_id) {
        code = wait_for_news(supervisor, &changes);
        if (code == EXIT_SUCCESS && command_id && changes > 0) {
            code = renew(supervisor);
        }
    }
    if (command_id) { /* The watch has failed. */
        stop(supervisor);
    }
    return code;
}

/* Opens the manager, and gets the values and the watch. */
static int prepare(struct supervisor *supervisor) {
    const hf_call *call = supervisor->arguments->call;
    hf_error *error = NULL;
    hf_status status;
    size_t count = 0;
    int code = collect_job(&supervisor->job, supervisor->arguments);

    if (code == EXIT_SUCCESS) {
        status = open_to_watch(call, &supervisor->manager, &error);
        code = report_status("open", status, error);
    }
    if (code == EXIT_SUCCESS) {
        status = hf_watch_new(supervisor->manager, &supervisor->watch, &error);
        code = report_status("watch", status, error);
    }
    if (code == EXIT_SUCCESS) {
        code = resolve_job(&supervisor->job, supervisor->manager, call);
    }
    if (code == EXIT_SUCCESS) {
        code = watch_secrets(supervisor, 0, &count);
    }
    if (code == EXIT_SUCCESS && count == 0) {
        return report_usage("--watch: neither a variable nor --file refers to a secret that can change", "");
    }
    return code == EXIT_SUCCESS && supervisor->arguments->signal ? keep_files(&supervisor->job) : code;
}

/* Ends as the command, or with the code of a failure. */
int supervise(const struct arguments *arguments) {
    struct supervisor supervisor = {0};
    int code;

    supervisor.arguments = arguments;
    code = prepare(&supervisor);
    if (code == EXIT_SUCCESS) {
        handle_signals(&supervisor);
        code = go_on(&supervisor);
    }
    free_job(&supervisor.job);
    hf_watch_free(supervisor.watch);
    hf_manager_free(supervisor.manager);
    return code == EXIT_SUCCESS ? end_like_command(&supervisor) : code;
}
