/* queue_endings        how calls in a queue end early: deadlines, cancellations, abandoned calls, queues that are closed or
 * freed */
#define _GNU_SOURCE
#include "queue_servers.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

enum { MANY = 200 };

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

int main(void)
{
    set_up();
    check_deadlines();
    check_lookups();
    check_cancellation();
    check_ended_calls();
    check_abandoned();
    check_close();
    check_free();
    tear_down();
    return result();
}
