/* watch_looks.c LOOKS CHANGES: watches all secrets of the mount, beneath "app/". Prints the requests and the processor time
 * of LOOKS looks that find no change, each in milliseconds for one look, and how late CHANGES changes are told. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define WRITTEN "app_500"

static hf_manager *manager;
static hf_watch *watch;
static _Atomic double written_at;

static hf_manager *open_with_interval(const char *interval)
{
    hf_options *options = hf_options_new();
    hf_manager *opened = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_WATCH_INTERVAL", interval, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &opened, &error));
    hf_options_free(options);
    if (opened == NULL)
        exit(1);
    return opened;
}

/* The number of requests with these labels. */
static long requests(const char *labels)
{
    static const char name[] = "handsfree_requests_total{";
    hf_error *error = NULL;
    char *text = NULL;
    const char *line;
    long count = 0;

    CHECK_STATUS(HF_OK, hf_manager_metrics(manager, &text, &error));
    for (line = text; line != NULL && (line = strstr(line, name)) != NULL;) {
        const char *end = strchr(line, '}'), *found = strstr(line, labels);

        if (end == NULL)
            break;
        if (found != NULL && found < end)
            count += atol(end + 1);
        line = end + 1;
    }
    hf_free_string(text);
    return count;
}

/* The looks. A look at the end of a call has no status of HTTP, and the next call looks again. */
static long looks_so_far(void)
{
    return requests("operation=\"list\",status=\"200\"");
}

static long other_requests(void)
{
    return requests("") - requests("operation=\"list\"");
}

static void end_watch(void)
{
    hf_watch_free(watch);
    hf_manager_free(manager);
}

/* Waits, so that a few looks happen that find no change. */
static void wait_for_nothing(int64_t milliseconds)
{
    hf_call *call = hf_call_new();
    hf_change *change = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, milliseconds, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_watch_next(watch, call, &change, &error));
    hf_call_free(call);
}

/* Begins a watch, whose first look has seen everything. */
static void watch_with_interval(const char *interval)
{
    hf_error *error = NULL;

    manager = open_with_interval(interval);
    CHECK_STATUS(HF_OK, hf_watch_new(manager, &watch, &error));
    CHECK_STATUS(HF_OK, hf_watch_add(watch, "vault://app/", -1, &error));
    while (failures == 0 && looks_so_far() == 0)
        wait_for_nothing(500);
}

static void count_looks(long looks)
{
    long before, others;
    double start, spent;

    watch_with_interval("10ms");
    before = looks_so_far();
    others = other_requests();
    start = processor_time();
    while (failures == 0 && looks_so_far() < before + looks)
        wait_for_nothing(1000);
    spent = processor_time() - start;
    looks = looks_so_far() - before;
    CHECK(other_requests() == others, "%ld requests beside the looks", other_requests() - others);
    printf("%ld looks, %.3f ms of processor time each, 0 other requests\n", looks, 1000.0 * spent / (double)looks);
    end_watch();
}

static void *write_at_times(void *argument)
{
    long changes = *(long *)argument, i;
    hf_manager *other = open_from_environment();

    for (i = 0; i < changes; i++) {
        char value[32];

        /* The moments go through the time between two looks. */
        usleep((useconds_t)(50000 + i * 37000 % 1000000));
        snprintf(value, sizeof value, "%ld", i);
        atomic_store(&written_at, now());
        put(other, WRITTEN, value);
        while (atomic_load(&written_at) != 0)
            usleep(1000);
    }
    hf_manager_free(other);
    return NULL;
}

static void time_changes(long changes)
{
    pthread_t writer;
    double late = 0, most = 0;
    long i;

    watch_with_interval("1s");
    pthread_create(&writer, NULL, write_at_times, &changes);
    for (i = 0; i < changes; i++) {
        hf_change *change = NULL;
        hf_error *error = NULL;

        CHECK_STATUS(HF_OK, hf_watch_next(watch, NULL, &change, &error));
        CHECK(strcmp(hf_change_reference(change), "vault://app/500") == 0, "%s", hf_change_reference(change));
        late = now() - atomic_load(&written_at);
        if (late > most)
            most = late;
        hf_change_free(change);
        atomic_store(&written_at, 0);
    }
    pthread_join(writer, NULL);
    printf("%ld changes, told %.0f ms after they began at most, with an interval of 1 s\n", changes, 1000.0 * most);
    end_watch();
}

int main(int argc, char **argv)
{
    count_looks(number(argc, argv, 1));
    time_changes(number(argc, argv, 2));
    return result();
}
