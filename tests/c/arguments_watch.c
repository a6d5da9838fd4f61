/* The functions of watches with NULL for each of their pointers and invalid UTF-8 for each of their strings. Without a
 * server there is no watch; with one, which the environment names, all parameters are checked. arguments.c has the other
 * functions. */
#include "arguments.h"

static hf_status watch_new(arguments a, hf_error **error)
{
    return hf_watch_new(a[0], a[1], error);
}

static hf_status watch_add(arguments a, hf_error **error)
{
    return hf_watch_add(a[0], a[1], 0, error);
}

/* Adds what the next call needs: a secret that is there, of which the program has nothing. */
static void add(void)
{
    hf_error *error = NULL;

    if (given.watch != NULL)
        CHECK_STATUS(HF_OK, hf_watch_add(given.watch, given.reference, 0, &error));
}

static hf_status watch_remove(arguments a, hf_error **error)
{
    add();
    return hf_watch_remove(a[0], a[1], error);
}

static hf_status watch_next(arguments a, hf_error **error)
{
    add();
    return hf_watch_next(a[0], a[1], a[2], error);
}

static const struct function NEW = {
    "hf_watch_new", watch_new, HF_ERR_UNSUPPORTED, {{"manager", OBJECT}, {"out_watch", OUT}, {NULL, END}}};

static const struct function ON_WATCH[] = {
    {"hf_watch_add", watch_add, HF_OK, {{"watch", OBJECT}, {"reference", STRING}, {NULL, END}}},
    {"hf_watch_remove", watch_remove, HF_OK, {{"watch", OBJECT}, {"reference", STRING}, {NULL, END}}},
    {"hf_watch_next", watch_next, HF_OK,
     {{"watch", OBJECT}, {"call", OPTIONAL_OBJECT}, {"out_change", OUT}, {NULL, END}}},
};

static void check_null_without_status(void)
{
    hf_watch_free(NULL);
    hf_change_free(NULL);
    CHECK(strcmp(hf_change_reference(NULL), "") == 0, "hf_change_reference");
    CHECK(hf_change_kind(NULL) == 0 && hf_change_version(NULL) == 0, "hf_change_kind");
    CHECK(hf_change_error(NULL) == NULL, "hf_change_error");
}

static void use_server(void)
{
    hf_error *error = NULL;

    hf_manager_free(given.manager);
    hf_free_string(given.reference);
    CHECK_STATUS(HF_OK, hf_manager_open(NULL, NULL, &given.manager, &error));
    CHECK_STATUS(HF_OK, hf_store_secret(given.manager, "arguments", "v", NULL, NULL, &given.reference, &error));
    CHECK_STATUS(HF_OK, hf_watch_new(given.manager, &given.watch, &error));
}

/* A call with a queue gets what is known at once, and a change that nobody takes goes back to its watch. */
static void check_in_queue(void)
{
    hf_call *call = hf_call_new();
    hf_change *change = NULL;
    hf_error *error = NULL;
    uintptr_t tag = 0;
    hf_status status = HF_OK;

    CHECK_STATUS(HF_OK, hf_watch_remove(given.watch, given.reference, &error));
    CHECK_STATUS(HF_OK, hf_call_set_queue(call, given.queue, 5, &error));
    CHECK_STATUS(HF_PENDING, hf_watch_next(given.watch, call, &change, &error));
    CHECK_STATUS(HF_OK, hf_watch_add(given.watch, given.reference, 0, &error));
    CHECK_STATUS(HF_OK, hf_queue_next(given.queue, 30000, &tag, &status, &error));
    CHECK(tag == 5 && status == HF_OK && change != NULL, "%d", (int)status);
    CHECK(strcmp(hf_change_reference(change), given.reference) == 0, "%s", hf_change_reference(change));
    CHECK(hf_change_kind(change) == HF_CHANGE_WRITTEN && hf_change_version(change) == 1, "the first version");
    CHECK(hf_change_error(change) == NULL, "no failure");
    hf_change_free(change);

    change = NULL;
    CHECK_STATUS(HF_PENDING, hf_watch_next(given.watch, call, &change, &error));
    hf_call_abandon(call);
    hf_call_free(call);
    CHECK_STATUS(HF_OK, hf_watch_add(given.watch, given.reference, 0, &error));
    call = hf_call_new();
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 30000, &error));
    do
        status = hf_watch_next(given.watch, call, &change, NULL);
    while (status == HF_ERR_INVALID_ARGUMENT); /* until the abandoned call has ended */
    CHECK(status == HF_OK && change != NULL, "%d", (int)status);
    hf_change_free(change);
    hf_call_free(call);
}

int main(void)
{
    struct function opened = NEW;
    size_t i;

    prepare();
    check_null_without_status();
    check_function(&NEW);
    if (getenv("VAULT_ADDR") != NULL) {
        use_server();
        opened.outcome = HF_OK;
        check_function(&opened);
        for (i = 0; i < sizeof ON_WATCH / sizeof ON_WATCH[0]; i++)
            check_function(&ON_WATCH[i]);
        check_in_queue();
    }
    free_given();
    return result();
}
