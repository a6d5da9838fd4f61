/* A program that was started without standard input, output and error: at no time does a descriptor of the library
 * have one of their numbers. Failures are printed to a copy of standard error with a high number. */
#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static long lines;

/* Checks that the numbers of the standard streams are not in use. */
static void look(const char *when)
{
    int number;

    for (number = 0; number < 3; number++) {
        char link[32], target[256];
        ssize_t length;

        snprintf(link, sizeof link, "/proc/self/fd/%d", number);
        length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        CHECK(length < 0 && errno == ENOENT, "%s: descriptor %d is %s", when, number, target);
    }
}

static void heard(int32_t level, const char *message, void *user_data)
{
    (void)level;
    (void)user_data;
    lines++;
    look(message);
}

static void all_five(const hf_manager *manager)
{
    hf_error *error = NULL;
    hf_string_list *list = NULL;

    put(manager, "closed", "one");
    look("store");
    CHECK(gets_value(manager, "vault://closed", "one"), "get");
    look("get");
    CHECK_STATUS(HF_OK, hf_update_secret(manager, "vault://closed", "two", NULL, NULL, &error));
    CHECK(gets_value(manager, "vault://closed", "two"), "get after update");
    look("update");
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, NULL, NULL, &list, &error));
    CHECK(hf_string_list_len(list) == 1, "%zu secrets", hf_string_list_len(list));
    hf_string_list_free(list);
    look("list");
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, "vault://closed", NULL, &error));
    look("delete");
}

/* With an argument log lines go to the closed standard error, else to the callback. */
int main(int argc, char **argv)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);

    (void)argv;
    if (copy < 0 || (stderr = fdopen(copy, "w")) == NULL)
        return 2;
    setvbuf(stderr, NULL, _IONBF, 0);
    close(0);
    close(1);
    close(2);
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_LOG_LEVEL", "trace", &error));
    if (argc < 2)
        CHECK_STATUS(HF_OK, hf_options_set_log_callback(options, heard, NULL, NULL, HF_LOG_TRACE, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        return 1;
    look("open");
    all_five(manager);
    CHECK(argc > 1 || lines > 10, "%ld lines", lines);
    hf_manager_free(manager);
    return result();
}
