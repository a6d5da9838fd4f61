/* For programs that use queues. */
#ifndef QUEUE_H
#define QUEUE_H

#include "check.h"

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

/* A call under way, whose address is its tag. */
struct submitted {
    char *value;         /* of a get */
    hf_manager *manager; /* of an opening */
    hf_error *error;
    hf_status status; /* once it was taken */
    int taken;
};

static inline hf_queue *new_queue(int32_t concurrency)
{
    hf_queue *queue = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_queue_new(concurrency, &queue, &error));
    if (queue == NULL)
        exit(1);
    return queue;
}

/* A call with a queue; the program frees it. */
static inline hf_call *call_for(hf_queue *queue, struct submitted *tag)
{
    hf_call *call = hf_call_new();
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, (uintptr_t)tag, &error));
    return call;
}

/* Whether the descriptor of a queue is readable within some time. */
static inline int is_readable(const hf_queue *queue, int milliseconds)
{
    struct pollfd entry = {0};

    entry.fd = hf_queue_fd(queue);
    entry.events = POLLIN;
    return poll(&entry, 1, milliseconds) == 1;
}

/* Submits a get, and frees the settings at once. */
static inline void submit_get(hf_queue *queue, const hf_manager *manager, const char *reference,
                              struct submitted *submitted)
{
    hf_call *call = call_for(queue, submitted);
    hf_status status = hf_get_secret(manager, reference, call, &submitted->value, &submitted->error);

    CHECK(status == HF_PENDING, "%s: %s", reference, hf_status_name(status));
    hf_call_free(call);
}

/* Submits the opening of a manager with these options. */
static inline void submit_open(hf_call *call, const hf_options *options, struct submitted *submitted)
{
    hf_status status = hf_manager_open(options, call, &submitted->manager, &submitted->error);

    CHECK(status == HF_PENDING, "%s", hf_status_name(status));
}

/* Takes a call. Returns NULL if there is none in time. */
static inline struct submitted *take(hf_queue *queue, int64_t timeout_ms)
{
    hf_error *error = NULL;
    uintptr_t tag = 1;
    hf_status of_call = 1, status = hf_queue_next(queue, timeout_ms, &tag, &of_call, &error);
    struct submitted *submitted = (struct submitted *)tag;

    CHECK(error == NULL, "%s", hf_error_message(error));
    if (status != HF_OK) {
        CHECK(tag == 0 && of_call == 0, "nothing was taken");
        CHECK(status == HF_PENDING || status == HF_NOT_FOUND, "%s", hf_status_name(status));
        return NULL;
    }
    submitted->status = of_call;
    submitted->taken++;
    CHECK((of_call < 0) == (submitted->error != NULL), "%s: an error for failures", hf_status_name(of_call));
    CHECK(of_call >= 0 || hf_error_status(submitted->error) == of_call, "the error of the call");
    return submitted;
}

static inline void free_submitted(struct submitted *submitted)
{
    hf_free_string(submitted->value);
    hf_manager_free(submitted->manager);
    hf_error_free(submitted->error);
    memset(submitted, 0, sizeof *submitted);
}

/* How often the threads of the process have gone to sleep, the calling thread left out. */
static inline long sleeps(int *threads)
{
    char path[300], line[200];
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    long sum = 0;

    *threads = 0;
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        FILE *status;
        long count;

        if (task->d_name[0] == '.' || strtol(task->d_name, NULL, 10) == (long)getpid())
            continue;
        ++*threads;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        status = fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
                sum += count;
        if (status != NULL)
            fclose(status);
    }
    closedir(tasks);
    return sum;
}

/* Waits until the other threads sleep. Returns how often they have gone to sleep so far. */
static inline long asleep(int *threads)
{
    long before, last;

    for (last = -1; (before = sleeps(threads)) != last; last = before)
        usleep(100000);
    return before;
}

#endif
