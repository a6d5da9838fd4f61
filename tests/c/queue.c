/* queue [checked]      what a queue promises, with a real server and one that never answers
 *
 * With an argument without forks, without the cancellation of threads and without counts of threads: the memory of calls
 * that threads of the parent have under way is lost in a child, AddressSanitizer misjudges the stack of a cancelled thread,
 * and ThreadSanitizer has a thread of its own. */
#define _GNU_SOURCE
#include "black_hole.h"
#include "queue.h"
#include "server.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { MANY = 200, LONG = 60000 };

static hf_manager *manager;       /* of the real server */
static hf_options *never_answers; /* of the other one */
static struct black_hole hole;

static const char REFERENCE[] = "vault://queued";
static const char VALUE[] = "canary-queued";

static void set_up(void)
{
    hf_error *error = NULL;

    manager = open_server();
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "queued", VALUE, NULL, NULL, NULL, &error));
    hole = dig();
    never_answers = hf_options_new_isolated();
    CHECK_STATUS(HF_OK, hf_options_set(never_answers, "SECRET_MANAGER_TYPE", "vault", &error));
    CHECK_STATUS(HF_OK, hf_options_set(never_answers, "VAULT_ADDR", hole.address, &error));
    CHECK_STATUS(HF_OK, hf_options_set(never_answers, "VAULT_TOKEN", "any", &error));
}

/* Submits an opening that never ends by itself. */
static hf_call *submit_endless(hf_queue *queue, int64_t timeout_ms, struct submitted *submitted)
{
    hf_call *call = call_for(queue, submitted);
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, timeout_ms, &error));
    submit_open(call, never_answers, submitted);
    return call;
}

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

/* Closes the connections that have arrived, and returns how many. */
static int connections(void)
{
    struct pollfd waiting = {0};
    int count = 0;

    waiting.fd = hole.listener;
    waiting.events = POLLIN;
    while (poll(&waiting, 1, 0) == 1) {
        close(accept(hole.listener, NULL, NULL));
        count++;
    }
    return count;
}

/* Calls end at their deadline, although the only thread is busy for longer; those behind it never begin. */
static void check_deadlines(void)
{
    enum { WAITING = 9 };
    hf_queue *queue = new_queue(1);
    struct submitted busy = {0}, waiting[WAITING] = {{0}};
    int i, connection;
    hf_call *call;

    connections();
    call = submit_endless(queue, LONG, &busy);
    connection = swallow(&hole);
    for (i = 0; i < WAITING; i++)
        hf_call_free(submit_endless(queue, 100 + i, &waiting[i]));
    for (i = 0; i < WAITING; i++) {
        struct submitted *taken;

        CHECK(is_readable(queue, LONG), "the descriptor tells");
        while ((taken = take(queue, LONG)) == NULL)
            ;
        CHECK(taken == &waiting[i] && taken->status == HF_ERR_TIMEOUT, "%s", hf_status_name(taken->status));
        CHECK(strstr(hf_error_message(taken->error), "no answer within 0.1") != NULL, "%s", hf_error_message(taken->error));
        free_submitted(taken);
    }
    CHECK(connections() == 0, "none of them has begun");
    CHECK(hf_queue_pending(queue) == 1, "the first is still under way");
    hf_call_abandon(call);
    hf_call_free(call);
    close(connection);
    hf_queue_free(queue);
    free_submitted(&busy);
}

/* A watch that waits tells at its deadline that nothing has changed, also if the only thread is busy then. */
static void check_watch_at_its_deadline(int is_behind)
{
    hf_queue *queue = new_queue(1);
    struct submitted busy = {0}, watched = {0};
    hf_call *blocking = is_behind ? submit_endless(queue, LONG, &busy) : NULL, *call = call_for(queue, &watched);
    hf_watch *watch = NULL;
    hf_change *change = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_watch_new(manager, &watch, &error));
    CHECK_STATUS(HF_OK, hf_watch_add(watch, REFERENCE, -1, &error));
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, is_behind ? 100 : 500, &error));
    CHECK(hf_watch_next(watch, call, &change, &watched.error) == HF_PENDING, "a watch");
    if (!is_behind) { /* it waits between two looks when another call takes the only thread */
        usleep(30000);
        blocking = submit_endless(queue, LONG, &busy);
    }
    CHECK(is_readable(queue, LONG), "the descriptor tells");
    CHECK(take(queue, LONG) == &watched && watched.status == HF_NOT_FOUND, "%s", hf_status_name(watched.status));
    CHECK(change == NULL && watched.error == NULL, "nothing has changed");
    CHECK(hf_queue_pending(queue) == 1, "the other call goes on");
    hf_call_abandon(blocking);
    hf_call_free(blocking);
    hf_call_free(call);
    hf_watch_free(watch);
    hf_queue_free(queue);
    free_submitted(&busy);
}

/* In place of the function of the C library: the lookup of "slow.test" waits for this. */
static pthread_mutex_t lookup = PTHREAD_MUTEX_INITIALIZER;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*original)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&original = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(host, "slow.test") != 0)
        return original(host, service, hints, found);
    pthread_mutex_lock(&lookup);
    pthread_mutex_unlock(&lookup);
    return EAI_FAIL;
}

/* A deadline and a cancellation are told while the thread is in a lookup. */
static void check_lookups(void)
{
    hf_queue *queue = new_queue(2);
    hf_options *options = hf_options_new_isolated();
    struct submitted submitted[2] = {{0}};
    hf_call *calls[2];
    hf_error *error = NULL;
    int i;

    CHECK_STATUS(HF_OK, hf_options_set(options, "SECRET_MANAGER_TYPE", "vault", &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ADDR", "http://slow.test:1", &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_TOKEN", "any", &error));
    pthread_mutex_lock(&lookup);
    for (i = 0; i < 2; i++) {
        calls[i] = call_for(queue, &submitted[i]);
        CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(calls[i], i == 0 ? 100 : LONG, &error));
        submit_open(calls[i], options, &submitted[i]);
    }
    CHECK(is_readable(queue, LONG), "the descriptor tells");
    CHECK(take(queue, LONG) == &submitted[0] && submitted[0].status == HF_ERR_TIMEOUT, "the deadline");
    hf_call_cancel(calls[1]);
    CHECK(is_readable(queue, LONG), "the descriptor tells");
    CHECK(take(queue, LONG) == &submitted[1] && submitted[1].status == HF_ERR_CANCELLED, "the cancellation");
    CHECK(hf_queue_pending(queue) == 0, "nothing is left");
    pthread_mutex_unlock(&lookup);
    hf_queue_free(queue);
    for (i = 0; i < 2; i++) {
        hf_call_free(calls[i]);
        free_submitted(&submitted[i]);
    }
    hf_options_free(options);
}

static hf_call *to_cancel;

static void on_signal(int signal)
{
    (void)signal;
    hf_call_cancel(to_cancel);
}

/* A signal handler cancels calls that wait and the one under way; copies end with their original, and not the other way
 * round. */
static void check_cancellation(void)
{
    hf_queue *queue = new_queue(1);
    struct submitted submitted[4] = {{0}};
    hf_call *copies[3];
    hf_error *error = NULL;
    struct sigaction action = {0};
    int i;

    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    to_cancel = submit_endless(queue, LONG, &submitted[0]);
    for (i = 0; i < 3; i++) {
        copies[i] = hf_call_copy(to_cancel);
        CHECK_STATUS(HF_OK, hf_call_set_queue(copies[i], queue, (uintptr_t)&submitted[i + 1], &error));
        submit_open(copies[i], never_answers, &submitted[i + 1]);
    }
    hf_call_cancel(copies[0]);
    CHECK(take(queue, LONG) == &submitted[1] && submitted[1].status == HF_ERR_CANCELLED, "the copy alone");
    CHECK(take(queue, 0) == NULL && hf_queue_pending(queue) == 3, "the others go on");
    errno = 77;
    raise(SIGUSR1);
    CHECK(errno == 77, "errno is %d", errno);
    CHECK(is_readable(queue, LONG), "the descriptor tells");
    for (i = 0; i < 3; i++)
        CHECK(take(queue, LONG) != NULL, "each has ended");
    for (i = 0; i < 4; i++) {
        CHECK(submitted[i].taken == 1 && submitted[i].status == HF_ERR_CANCELLED, "%d: %s", i,
              hf_status_name(submitted[i].status));
        CHECK(submitted[i].manager == NULL, "no manager");
        free_submitted(&submitted[i]);
    }
    for (i = 0; i < 3; i++)
        hf_call_free(copies[i]);
    hf_call_free(to_cancel);
    hf_queue_free(queue);
}

/* To cancel what has ended changes nothing; to abandon it takes it out of the queue. */
static void check_ended_calls(void)
{
    hf_queue *queue = new_queue(2);
    struct submitted kept = {0}, *abandoned = calloc(1, sizeof *abandoned);
    hf_call *call = call_for(queue, &kept), *other = call_for(queue, abandoned);

    CHECK(hf_get_secret(manager, REFERENCE, call, &kept.value, &kept.error) == HF_PENDING, "a get");
    CHECK(is_readable(queue, LONG), "it has ended");
    hf_call_cancel(call);
    CHECK(hf_get_secret(manager, REFERENCE, other, &abandoned->value, &abandoned->error) == HF_PENDING, "a get");
    CHECK(take(queue, LONG) == &kept && kept.status == HF_OK && same(kept.value, VALUE), "%s",
          hf_status_name(kept.status));
    CHECK(is_readable(queue, LONG), "the other has ended, too");
    hf_call_abandon(other);
    free(abandoned);
    CHECK(hf_queue_pending(queue) == 0 && take(queue, 0) == NULL && !is_readable(queue, 0), "nothing is left");
    hf_call_free(call);
    hf_call_free(other);
    free_submitted(&kept);
    hf_queue_free(queue);
}

/* Abandons calls in every stage, while another thread takes: nothing is written to freed memory. */
static void *take_all(void *queue)
{
    hf_status status, of_call;
    uintptr_t tag;

    do
        status = hf_queue_next(queue, -1, &tag, &of_call, NULL);
    while (status == HF_OK);
    CHECK(status == HF_NOT_FOUND, "%s", hf_status_name(status));
    return NULL;
}

static void check_abandoned(void)
{
    hf_queue *queue = new_queue(4);
    pthread_t taker;
    int i;

    if (pthread_create(&taker, NULL, take_all, queue) != 0)
        exit(1);
    for (i = 0; i < MANY; i++) {
        struct submitted *submitted = calloc(1, sizeof *submitted);
        hf_call *call = call_for(queue, submitted);

        CHECK(hf_get_secret(manager, REFERENCE, call, &submitted->value, &submitted->error) == HF_PENDING, "a get");
        if (i % 3 == 0)
            usleep(1000);
        hf_call_abandon(call);
        free_submitted(submitted); /* what was taken before */
        free(submitted);
        hf_call_free(call);
    }
    CHECK(hf_queue_pending(queue) == 0, "nothing is left");
    hf_queue_close(queue);
    pthread_join(taker, NULL);
    hf_queue_free(queue);
}

/* A closed queue takes no calls, and ends those that it has. */
static void check_close(void)
{
    hf_queue *queue = new_queue(1);
    struct submitted submitted[3] = {{0}};
    hf_call *call = NULL;
    hf_error *error = NULL;
    pthread_t taker;
    int i, connection;

    connections();
    for (i = 0; i < 3; i++) {
        hf_call_free(call);
        call = submit_endless(queue, LONG, &submitted[i]);
    }
    connection = swallow(&hole);
    hf_queue_close(queue);
    hf_queue_close(queue);
    for (i = 0; i < 3; i++) {
        CHECK(is_readable(queue, LONG) && take(queue, LONG) != NULL, "each has ended");
        CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(never_answers, call, &submitted[i].manager, &error));
    }
    for (i = 0; i < 3; i++) {
        CHECK(submitted[i].taken == 1 && submitted[i].status == HF_ERR_CANCELLED, "%s",
              hf_status_name(submitted[i].status));
        free_submitted(&submitted[i]);
    }
    CHECK(is_readable(queue, 0) && take(queue, -1) == NULL, "closed and empty");
    if (pthread_create(&taker, NULL, take_all, queue) != 0)
        exit(1);
    pthread_join(taker, NULL);
    close(connection);
    hf_queue_free(queue);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(never_answers, call, &submitted[0].manager, &error));
    hf_call_free(call);
}

/* A queue is freed while calls are in every stage; nothing is written. */
static void check_free(void)
{
    struct submitted untouched, submitted[MANY];
    hf_queue *queue = new_queue(3);
    int i;

    memset(&untouched, 0, sizeof untouched);
    memset(submitted, 0, sizeof submitted);
    for (i = 0; i < MANY; i++)
        submit_get(queue, manager, REFERENCE, &submitted[i]);
    CHECK(is_readable(queue, LONG), "some have ended");
    hf_queue_free(queue);
    for (i = 0; i < MANY; i++)
        CHECK(memcmp(&submitted[i], &untouched, sizeof untouched) == 0, "%d was written", i);
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
        hf_options_free(never_answers);
        hf_manager_free(manager);
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

/* How often the threads of the process have gone to sleep, the calling thread left out. */
static long sleeps(int *threads)
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

/* Threads of a queue without work sleep until there is some, and there are no more than were needed. */
static void check_idle(void)
{
    hf_queue *queue = new_queue(8);
    struct submitted gets[32] = {{0}};
    int i, threads = 0;
    long before, last;

    sleeps(&threads);
    CHECK(threads == 0, "no threads without calls: %d", threads);
    for (i = 0; i < 32; i++)
        submit_get(queue, manager, REFERENCE, &gets[i]);
    for (i = 0; i < 32; i++) {
        CHECK(take(queue, LONG) != NULL, "a get");
    }
    for (i = 0; i < 32; i++)
        free_submitted(&gets[i]);
    /* They may still be on their way to sleep. */
    for (last = -1; (before = sleeps(&threads)) != last; last = before)
        usleep(100000);
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
    check_deadlines();
    check_watch_at_its_deadline(1);
    check_watch_at_its_deadline(0);
    check_lookups();
    check_cancellation();
    check_ended_calls();
    check_abandoned();
    check_close();
    check_free();
    check_threads(1);
    check_threads(THREADS);
    check_edges();
    if (argc == 1) {
        check_fork();
        check_thread_cancellation();
    }
    hf_options_free(never_answers);
    hf_manager_free(manager);
    close(hole.listener);
    return result();
}
