/* The lines of VAULT_LOG_LEVEL on standard error: none by default, complete lines, and no SIGPIPE. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static hf_manager *open_with(const char *level)
{
    hf_options *options = hf_options_new_isolated();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_LOG_LEVEL", level, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    return manager;
}

/* Logs a warning. The caller checks the status after it has restored standard error. */
static hf_status provoke(const hf_manager *manager)
{
    char *value = NULL;

    return hf_get_secret(manager, "no\nreference", NULL, &value, NULL);
}

/* The text that one warning writes to standard error, which is a pipe meanwhile. */
static void warn_into(const hf_manager *manager, char *text, size_t room)
{
    int ends[2];
    int saved = dup(STDERR_FILENO);
    hf_status status;
    ssize_t length;

    if (saved < 0 || pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        exit(1);
    close(ends[1]);
    status = provoke(manager);
    dup2(saved, STDERR_FILENO);
    close(saved);
    length = read(ends[0], text, room - 1);
    text[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    CHECK(status == HF_ERR_INVALID_REFERENCE, "%s", hf_status_name(status));
}

static void warn_into_a_closed_pipe(const hf_manager *manager)
{
    int ends[2];
    int saved = dup(STDERR_FILENO);
    sigset_t set;
    hf_status status;
    int after;

    if (saved < 0 || pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        exit(1);
    close(ends[0]);
    close(ends[1]);
    errno = 77;
    status = provoke(manager); /* ends the program if SIGPIPE is raised */
    after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    CHECK(status == HF_ERR_INVALID_REFERENCE, "%s", hf_status_name(status));
    CHECK(after == 77, "errno is %d", after);
    CHECK(sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 0, "SIGPIPE is left pending");
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGPIPE) == 0, "SIGPIPE is left blocked");
}

static void ignore(int32_t level, const char *message, void *user_data)
{
    (void)level;
    (void)message;
    (void)user_data;
}

int main(void)
{
    static const char START[] = "handsfree_secrets: WARN ";
    hf_manager *loud = open_with("warn");
    hf_manager *quiet = open_with("error");
    char text[1024];

    warn_into(quiet, text, sizeof text);
    CHECK(strcmp(text, "") == 0, "%s", text);
    warn_into(loud, text, sizeof text);
    CHECK(strncmp(text, START, sizeof START - 1) == 0, "%s", text);
    CHECK(strchr(text, '\n') == text + strlen(text) - 1, "one line, which ends: %s", text);

    warn_into_a_closed_pipe(loud);
    signal(SIGPIPE, SIG_IGN);
    warn_into_a_closed_pipe(loud);

    hf_set_log_callback(ignore, NULL, NULL, HF_LOG_OFF);
    warn_into(loud, text, sizeof text);
    CHECK(strcmp(text, "") == 0, "a callback comes in place of standard error: %s", text);
    hf_set_log_callback(NULL, NULL, NULL, HF_LOG_OFF);

    hf_manager_free(loud);
    hf_manager_free(quiet);
    return result();
}
