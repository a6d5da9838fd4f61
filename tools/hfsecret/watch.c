/* `hfsecret watch`: executes a command, or sends a signal, whenever secrets have changed. */
#define _POSIX_C_SOURCE 200809L

#include "hfsecret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long hf_watch_next may take to return the other changes that a look has found. */
enum { REST_MS = 1 };

/* Opens a manager that prints warnings unless the environment says what it logs. A watch goes on when the server cannot be
 * asked, or refuses the token: nobody would know. */
hf_status open_to_watch(const hf_call *call, hf_manager **manager, hf_error **error) {
    hf_options *options = hf_options_new();
    hf_status status = HF_OK;

    if (!getenv("VAULT_LOG_LEVEL") && !getenv("BAO_LOG_LEVEL")) {
        status = hf_options_set(options, "VAULT_LOG_LEVEL", "warn", error);
    }
    if (status == HF_OK) {
        status = hf_manager_open(options, call, manager, error);
    }
    hf_options_free(options);
    return status;
}

static int report_process(pid_t id) {
    print_error("process %ld: %s", (long)id, strerror(errno));
    return EXIT_OTHER;
}

/* Takes the status of processes that have come to this one, as to the first process of a container. */
static void reap_others(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

/* Waits for the end of the command. A failure is told, and the watch goes on: the next change may mend it. */
static void wait_for(pid_t child, const char *name) {
    int status = 0;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) { /* whoever started hfsecret has SIGCHLD ignored, so nobody knows how the command has ended */
            return;
        }
    }
    reap_others();
    if (WIFSIGNALED(status)) {
        print_error("%s: ended by signal %d", name, WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        print_error("%s: exit code %d", name, WEXITSTATUS(status));
    }
}

/* Executes the command as `hfsecret run` does, so that its environment has the new values. */
static int run_child(const struct arguments *arguments) {
    struct arguments of_command = *arguments;
    pid_t child;

    of_command.operands = arguments->watcher;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        _exit(run(&of_command));
    }
    if (child < 0) {
        return report_file("fork");
    }
    wait_for(child, arguments->watcher.all[0]);
    return EXIT_SUCCESS;
}

static int tell(const struct arguments *arguments) {
    if (arguments->watcher.count > 0) {
        return run_child(arguments);
    }
    return kill(arguments->pid, arguments->signal) == 0 ? EXIT_SUCCESS : report_process(arguments->pid);
}

/* Frees the change. Returns 1 if it is one, 0 if it is a failure, which is printed. */
static int take(hf_change *change) {
    int is_change = hf_change_kind(change) != HF_CHANGE_FAILED;

    if (!is_change) {
        print_error("%s: %s", hf_change_reference(change), hf_error_message(hf_change_error(change)));
    }
    hf_change_free(change);
    return is_change;
}

/* Takes the other changes that were found with one: they are told together. */
static int take_rest(hf_watch *watch, int *count) {
    hf_call *brief = hf_call_new();
    hf_change *change = NULL;
    hf_error *error = NULL;
    hf_status status = hf_call_set_timeout_ms(brief, REST_MS, &error);
    int code = report_status("watch", status, error);

    while (code == EXIT_SUCCESS && hf_watch_next(watch, brief, &change, NULL) == HF_OK) {
        *count += take(change);
    }
    hf_call_free(brief);
    return code;
}

/* Waits for changes, and counts them. There are none if the call was cancelled. */
int next_changes(hf_watch *watch, const hf_call *call, int *count) {
    hf_change *change = NULL;
    hf_error *error = NULL;
    hf_status status = hf_watch_next(watch, call, &change, &error);

    *count = 0;
    if (status == HF_ERR_CANCELLED) {
        hf_error_free(error);
        return EXIT_SUCCESS;
    }
    if (status != HF_OK) {
        return report_status("watch", status, error);
    }
    *count = take(change);
    return take_rest(watch, count);
}

static int go_on(hf_watch *watch, const struct arguments *arguments) {
    int count, code = EXIT_SUCCESS;

    while (code == EXIT_SUCCESS) {
        code = next_changes(watch, NULL, &count);
        if (code == EXIT_SUCCESS && count > 0) {
            code = tell(arguments);
        }
    }
    return code;
}

static int check_target(const struct arguments *arguments) {
    return arguments->pid && kill(arguments->pid, 0) != 0 ? report_process(arguments->pid) : EXIT_SUCCESS;
}

/* Returns only after a failure. */
int watch(const hf_manager *manager, const struct arguments *arguments) {
    hf_watch *watched = NULL;
    hf_error *error = NULL;
    hf_status status = hf_watch_new(manager, &watched, &error);
    int code = report_status("watch", status, error);
    size_t index;

    for (index = 0; code == EXIT_SUCCESS && index < arguments->operands.count; index++) {
        status = hf_watch_add(watched, arguments->operands.all[index], -1, &error); /* -1: what is there is no change */
        code = report_status(arguments->operands.all[index], status, error);
    }
    if (code == EXIT_SUCCESS) {
        code = check_target(arguments);
    }
    if (code == EXIT_SUCCESS) {
        code = go_on(watched, arguments);
    }
    hf_watch_free(watched);
    return code;
}
