/* queue [checked]      what a queue promises of calls that end by themselves, with a real server
 *
 * With an argument without forks, without the cancellation of threads and without counts of threads: the memory of calls
 * that threads of the parent have under way is lost in a child, AddressSanitizer misjudges the stack of a cancelled thread,
 * and ThreadSanitizer has a thread of its own. */
#define _GNU_SOURCE
#include "queue_servers.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { MANY = 200 };

/* The metrics of the process have the number of pending calls. */
static void check_metric(int pending)
{
    char *text = NULL, line[100];
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_manager_metrics(NULL, &text, &error));
    snprintf(line, sizeof line, "\nhandsfree_queue_pending %d\n", pending);
    CHECK(text != NULL && strstr(text, line) != NULL, "%s is not in %s", line, text == NULL ? "NULL" : text);
    hf_free_string(text);
}

/* Every call is taken once, with its own result, by a loop that polls the descriptor. */
static void check_results(int32_t concurrency)
{
    static struct submitted gets[MANY];
    hf_queue *queue = new_queue(concurrency);
    int i, taken = 0;

    CHECK(!is_readable(queue, 0), "nothing was submitted");
    CHECK(take(queue, 0) == NULL && take(queue, 1) == NULL, "nothing was submitted");
    for (i = 0; i < MANY; i++)
        submit_get(queue, manager, i % 2 == 0 ? REFERENCE : "vault://queued_nothing", &gets[i]);
    CHECK(hf_queue_pending(queue) == MANY, "%zu", hf_queue_pending(queue));
    check_metric(MANY);
    while (taken < MANY && is_readable(queue, LONG))
        while (take(queue, 0) != NULL)
            taken++;
    CHECK(taken == MANY && hf_queue_pending(queue) == 0, "%d taken", taken);
    check_metric(0);
    CHECK(!is_readable(queue, 0), "everything was taken");
    for (i = 0; i < MANY; i++) {
        if (i % 2 == 0)
            CHECK(gets[i].status == HF_OK && same(gets[i].value, VALUE), "%d: %s", i, hf_status_name(gets[i].status));
        else
            CHECK(gets[i].status == HF_NOT_FOUND && gets[i].value == NULL, "%d", i);
        CHECK(gets[i].taken == 1, "%d: taken %d times", i, gets[i].taken);
        free_submitted(&gets[i]);
    }
    hf_queue_free(queue);
}

/* What needs no request is answered at once, and is not in the queue. */
static void check_immediate_answers(void)
{
    hf_queue *queue = new_queue(1);
    hf_call *call = call_for(queue, NULL), *cancelled = call_for(queue, NULL);
    hf_manager *env = open_env(), *opened = NULL;
    hf_options *options = hf_options_new_isolated();
    hf_error *error = NULL;
    char *value = NULL, *reference = NULL;

    CHECK_STATUS(HF_OK, hf_store_secret(env, "queued", VALUE, NULL, call, &reference, &error));
    CHECK_STATUS(HF_OK, hf_get_secret(env, reference, call, &value, &error));
    hf_free_string(reference);
    CHECK(same(value, VALUE), "the value");
    hf_free_string(value);
    CHECK_STATUS(HF_OK, hf_options_set(options, "SECRET_MANAGER_TYPE", "env", &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, call, &opened, &error));
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "vault://a__b", call, &value, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_get_secret(manager, NULL, call, &value, &error));
    hf_call_cancel(cancelled);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_get_secret(manager, REFERENCE, cancelled, &value, &error));
    CHECK(hf_queue_pending(queue) == 0 && take(queue, 0) == NULL && !is_readable(queue, 0), "nothing is pending");
    CHECK_STATUS(HF_OK, hf_call_set_queue(call, NULL, 0, &error));
    CHECK_STATUS(HF_OK, hf_get_secret(manager, REFERENCE, call, &value, &error));
    hf_free_string(value);
    hf_manager_free(opened);
    hf_options_free(options);
    hf_manager_free(env);
    hf_call_free(cancelled);
    hf_call_free(call);
    hf_queue_free(queue);
}

/* Everything that was passed may be freed, and written over, when the function has returned. */
static void check_freed_arguments(void)
{
    hf_queue *queue = new_queue(1);
    struct submitted endless = {0}, get = {0};
    hf_call *call = submit_endless(queue, LONG, &endless), *other;
    hf_manager *reference = hf_manager_ref(manager), *own = open_server();
    char text[] = "vault://queued";

    other = call_for(queue, &get);
    CHECK(hf_get_secret(own, text, other, &get.value, &get.error) == HF_PENDING, "it waits for its turn");
    memset(text, 'x', sizeof text - 1);
    hf_call_free(other);
    hf_manager_free(own);
    hf_manager_free(reference);
    hf_call_cancel(call);
    hf_call_free(call);
    CHECK(take(queue, LONG) == &endless && endless.status == HF_ERR_CANCELLED, "%s", hf_status_name(endless.status));
    CHECK(take(queue, LONG) == &get && get.status == HF_OK && same(get.value, VALUE), "%s", hf_error_message(get.error));
    free_submitted(&endless);
    free_submitted(&get);
    hf_queue_free(queue);
}

/* With one call under way at a time, versions are written in the order of submission. */
static void check_order(void)
{
    enum { WRITES = 20 };
    hf_queue *queue = new_queue(1);
    hf_fields *fields = hf_fields_new();
    hf_error *error = NULL;
    int64_t versions[WRITES] = {0};
    int i;

    CHECK_STATUS(HF_OK, hf_fields_set(fields, "value", "any", &error));
    for (i = 0; i < WRITES; i++) {
        static struct submitted write;
        hf_call *call = call_for(queue, &write);

        CHECK(hf_store_document(manager, "queued_in_order", fields, NULL, call, NULL, &versions[i], NULL) == HF_PENDING,
              "a write");
        hf_call_free(call);
    }
    hf_fields_free(fields);
    for (i = 0; i < WRITES; i++)
        CHECK(take(queue, LONG) != NULL, "a write has ended");
    for (i = 0; i < WRITES; i++)
        CHECK(versions[i] == i + 1, "%d: version %lld", i, (long long)versions[i]);
    hf_queue_free(queue);
}

/* Threads that submit to one queue and take from it. */
enum { THREADS = 8, GETS = 50 };

struct worker {
    hf_queue *queue;
    pthread_t thread;
    struct submitted gets[GETS];
};

static void *submit_and_take(void *argument)
{
    struct worker *worker = argument;
    int i;

    for (i = 0; i < GETS; i++)
        submit_get(worker->queue, manager, REFERENCE, &worker->gets[i]);
    for (i = 0; i < GETS; i++) /* of whichever thread */
        CHECK(take(worker->queue, -1) != NULL, "there is one for each");
    return NULL;
}

static void check_threads(int queues)
{
    static struct worker workers[THREADS];
    hf_queue *queue[THREADS];
    int i, j;

    for (i = 0; i < queues; i++)
        queue[i] = new_queue(4);
    for (i = 0; i < THREADS; i++) {
        workers[i].queue = queue[i % queues];
        if (pthread_create(&workers[i].thread, NULL, submit_and_take, &workers[i]) != 0)
            exit(1);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (i = 0; i < THREADS; i++)
        for (j = 0; j < GETS; j++) {
            struct submitted *get = &workers[i].gets[j];

            CHECK(get->taken == 1 && get->status == HF_OK && same(get->value, VALUE), "%d, %d", i, j);
            free_submitted(get);
        }
    for (i = 0; i < queues; i++)
        hf_queue_free(queue[i]);
}

/* In a child the queue of the parent is refused and freed, one of its own works, and the parent goes on. */
static void check_fork(void)
{
    hf_queue *queue = new_queue(2);
    struct submitted submitted[MANY] = {{0}}, own = {0};
    hf_call *call = call_for(queue, &own);
    hf_error *error = NULL;
    int i, ended = 0;
    pid_t child;

    for (i = 0; i < MANY; i++)
        submit_get(queue, manager, REFERENCE, &submitted[i]);
    child = fork();
    if (child == 0) {
        hf_queue *other;
        hf_call *free_call = hf_call_new();
        uintptr_t tag;
        hf_status status;
        char *value = NULL;

        CHECK(hf_queue_fd(queue) == -1 && hf_queue_pending(queue) == 0, "of the parent");
        CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_queue_next(queue, -1, &tag, &status, &error));
        CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_get_secret(manager, REFERENCE, call, &value, &error));
        CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_call_set_queue(free_call, queue, 1, &error));
        hf_queue_close(queue);
        other = new_queue(1);
        CHECK_STATUS(HF_OK, hf_call_set_queue(call, other, (uintptr_t)&own, &error));
        CHECK(hf_get_secret(manager, REFERENCE, call, &own.value, &own.error) == HF_PENDING, "a queue of the child");
        CHECK(take(other, LONG) == &own && same(own.value, VALUE), "its result");
        hf_call_cancel(free_call);
        hf_call_abandon(call);
        hf_call_free(free_call);
        hf_call_free(call);
        hf_queue_free(queue);
        hf_queue_free(other);
        free_submitted(&own);
        tear_down();
        _exit(failures > 0);
    }
    CHECK(waitpid(child, &ended, 0) == child && ended == 0, "the child: %d", ended);
    for (i = 0; i < MANY; i++)
        CHECK(take(queue, LONG) != NULL, "the parent goes on");
    for (i = 0; i < MANY; i++) {
        CHECK(submitted[i].taken == 1 && same(submitted[i].value, VALUE), "%d", i);
        free_submitted(&submitted[i]);
    }
    hf_call_free(call);
    hf_queue_free(queue);
}

/* Threads of a queue without work sleep until there is some, and there are no more than were needed. */
static void check_idle(void)
{
    hf_queue *queue = new_queue(8);
    struct submitted gets[32] = {{0}};
    int i, threads = 0;
    long before;

    sleeps(&threads);
    CHECK(threads == 0, "no threads without calls: %d", threads);
    for (i = 0; i < 32; i++)
        submit_get(queue, manager, REFERENCE, &gets[i]);
    for (i = 0; i < 32; i++) {
        CHECK(take(queue, LONG) != NULL, "a get");
    }
    for (i = 0; i < 32; i++)
        free_submitted(&gets[i]);
    before = asleep(&threads);
    usleep(300000);
    CHECK(sleeps(&threads) == before, "%ld wake-ups", sleeps(&threads) - before);
    CHECK(threads >= 1 && threads <= 8, "%d threads", threads);
    CHECK(take(queue, 0) == NULL && !is_readable(queue, 0), "and the descriptor tells nothing");
    hf_queue_free(queue);
    sleeps(&threads);
    CHECK(threads == 0, "%d threads are left", threads);
}

/* An edge-triggered poller of a duplicate of the descriptor wakes for each new call, if it empties the queue. */
static void check_edges(void)
{
    hf_queue *queue = new_queue(1);
    struct epoll_event event = {0};
    int i, poller = epoll_create1(EPOLL_CLOEXEC), duplicate = dup(hf_queue_fd(queue));

    event.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, duplicate, &event) == 0, "added");
    for (i = 0; i < 20; i++) {
        struct submitted get = {0};

        submit_get(queue, manager, REFERENCE, &get);
        do
            CHECK(epoll_wait(poller, &event, 1, LONG) == 1, "an edge");
        while (take(queue, 0) == NULL);
        CHECK(take(queue, 0) == NULL && same(get.value, VALUE), "it is emptied");
        free_submitted(&get);
    }
    close(duplicate);
    close(poller);
    hf_queue_free(queue);
}

/* pthread_cancel of a thread in hf_queue_next takes effect when the function returns, and leaves the queue usable. */
static void next(hf_queue *queue)
{
    uintptr_t tag;
    hf_status status;

    CHECK(hf_queue_next(queue, -1, &tag, &status, NULL) == HF_OK, "one was taken");
}

static void *take_one(void *queue)
{
    next(queue);
    pthread_testcancel();
    return NULL;
}

static void check_thread_cancellation(void)
{
    hf_queue *queue = new_queue(1);
    struct submitted first = {0}, second = {0};
    void *outcome = NULL;
    pthread_t taker;

    if (pthread_create(&taker, NULL, take_one, queue) != 0)
        exit(1);
    pthread_cancel(taker);
    submit_get(queue, manager, REFERENCE, &first);
    pthread_join(taker, &outcome);
    CHECK(outcome == PTHREAD_CANCELED, "the thread was cancelled");
    if (first.value == NULL) /* it was cancelled before the call */
        CHECK(take(queue, LONG) == &first, "the call is left");
    CHECK(same(first.value, VALUE), "its result");
    submit_get(queue, manager, REFERENCE, &second);
    CHECK(take(queue, LONG) == &second && same(second.value, VALUE), "the queue goes on");
    free_submitted(&first);
    free_submitted(&second);
    hf_queue_free(queue);
}

/* Wrong numbers, and a process that may not open another descriptor. */
static void check_refusals(void)
{
    hf_queue *queue = NULL, *good = new_queue(64);
    hf_error *error = NULL;
    struct rlimit limit, before;
    uintptr_t tag;
    hf_status status;

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_queue_new(0, &queue, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_queue_new(65, &queue, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_queue_new(-1, &queue, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_queue_next(good, -2, &tag, &status, &error));
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = (rlim_t)hf_queue_fd(good) + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK_STATUS(HF_ERR_TOO_LARGE, hf_queue_new(1, &queue, &error));
    CHECK(queue == NULL, "no queue");
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_STATUS(HF_OK, hf_queue_new(1, &queue, &error));
    hf_queue_free(queue);
    hf_queue_free(good);
}

int main(int argc, char **argv)
{
    (void)argv;
    set_up();
    if (argc == 1)
        check_idle();
    check_refusals();
    check_immediate_answers();
    check_results(1);
    check_results(8);
    check_results(64);
    check_freed_arguments();
    check_order();
    check_threads(1);
    check_threads(THREADS);
    check_edges();
    if (argc == 1) {
        check_fork();
        check_thread_cancellation();
    }
    tear_down();
    return result();
}
