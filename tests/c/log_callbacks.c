/* Which callback gets a log line, and that `destroy` runs once, after the last call of its callback. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#define VALUE "canary-7f3a"

struct listener {
    int lines;
    int inside;
    int destroyed;
    int destroyed_inside;
    int last_level;
    char last[512];
    hf_manager *calls;   /* called from within the callback */
    int replaces_itself; /* from within the callback */
};

static void heard(int32_t level, const char *message, void *user_data)
{
    struct listener *listener = user_data;

    listener->lines++;
    listener->last_level = level;
    snprintf(listener->last, sizeof listener->last, "%s", message);
    CHECK(strstr(message, VALUE) == NULL, "a value in a log line: %s", message);
    CHECK(listener->destroyed == 0, "called after destroy");
    if (listener->inside++ == 0) {
        if (listener->calls != NULL) {
            char *value = NULL;
            hf_error *error = NULL;

            CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(listener->calls, "inner", NULL, &value, &error));
        }
        if (listener->replaces_itself)
            hf_set_log_callback(NULL, NULL, NULL, HF_LOG_OFF);
    }
    listener->inside--;
}

static void destroyed(void *user_data)
{
    struct listener *listener = user_data;

    listener->destroyed++;
    listener->destroyed_inside += listener->inside;
}

/* Makes the manager log one warning. */
static void provoke(hf_manager *manager)
{
    hf_error *error = NULL;
    char *value = NULL;

    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "no\nreference", NULL, &value, &error));
}

static void check_process_wide(hf_manager *manager)
{
    struct listener first = {0};
    struct listener second = {0};
    struct listener quiet = {0};

    hf_set_log_callback(heard, &first, destroyed, HF_LOG_TRACE);
    provoke(manager);
    CHECK(first.lines >= 1 && first.last_level == HF_LOG_WARN, "%d lines, level %d", first.lines, first.last_level);
    CHECK(strchr(first.last, '\n') == NULL, "a line is one line: %s", first.last);
    CHECK(first.destroyed == 0, "still in use");

    second.calls = manager;
    second.replaces_itself = 1;
    hf_set_log_callback(heard, &second, destroyed, HF_LOG_WARN);
    CHECK(first.destroyed == 1, "replaced: destroyed %d times", first.destroyed);
    provoke(manager);
    CHECK(second.lines == 2, "its own line, and the one that it caused: %d", second.lines);
    CHECK(second.destroyed == 1 && second.destroyed_inside == 0, "%d, %d", second.destroyed, second.destroyed_inside);

    hf_set_log_callback(heard, &quiet, destroyed, HF_LOG_ERROR);
    provoke(manager);
    hf_set_log_callback(NULL, &quiet, destroyed, HF_LOG_TRACE);
    provoke(manager);
    CHECK(quiet.lines == 0 && quiet.destroyed == 1, "%d lines, destroyed %d times", quiet.lines, quiet.destroyed);
}

static void check_of_a_manager(void)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    struct listener process = {0};
    struct listener refused = {0};
    struct listener replaced = {0};
    struct listener own = {0};
    char *reference = NULL;

    hf_set_log_callback(heard, &process, destroyed, HF_LOG_TRACE);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_options_set_log_callback(options, heard, &refused, destroyed, 9, &error));
    CHECK(refused.destroyed == 0, "no argument is consumed");
    CHECK_STATUS(HF_OK, hf_options_set_log_callback(options, NULL, &refused, destroyed, HF_LOG_WARN, &error));
    CHECK_STATUS(HF_OK, hf_options_set_log_callback(options, heard, &replaced, destroyed, HF_LOG_WARN, &error));
    CHECK(refused.destroyed == 0, "nothing that belongs to no callback is destroyed");
    CHECK_STATUS(HF_OK, hf_options_set_log_callback(options, heard, &own, destroyed, HF_LOG_TRACE, &error));
    CHECK(replaced.destroyed == 1 && own.destroyed == 0, "%d, %d", replaced.destroyed, own.destroyed);

    setenv("VAULT_ADDR", "http://127.0.0.1:1", 1);
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    unsetenv("VAULT_ADDR");
    CHECK(own.lines == 1 && own.last_level == HF_LOG_WARN && strstr(own.last, "VAULT_ADDR") != NULL,
          "an address for the env backend is worth a warning: %d lines, %s", own.lines, own.last);
    hf_options_free(options);
    CHECK(own.destroyed == 0, "the manager still uses it");

    CHECK_STATUS(HF_OK, hf_store_secret(manager, "logged", VALUE, NULL, NULL, &reference, &error));
    CHECK_STATUS(HF_OK, hf_update_secret(manager, reference, VALUE VALUE, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
    hf_free_string(reference);
    own.lines = 0;
    provoke(manager);
    CHECK(own.lines >= 1 && process.lines == 0, "%d, %d", own.lines, process.lines);

    hf_manager_free(hf_manager_ref(manager));
    CHECK(own.destroyed == 0, "a reference is left");
    hf_manager_free(manager);
    CHECK(own.destroyed == 1 && own.destroyed_inside == 0, "destroyed %d times", own.destroyed);
    hf_set_log_callback(NULL, NULL, NULL, HF_LOG_OFF);
    CHECK(process.destroyed == 1, "destroyed %d times", process.destroyed);
}

int main(void)
{
    hf_manager *manager = open_env();

    check_process_wide(manager);
    check_of_a_manager();
    hf_manager_free(manager);
    return result();
}
