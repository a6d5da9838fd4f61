/* The time limit of a call, and its cancellation from another thread. */
#define _POSIX_C_SOURCE 200809L
#include "black_hole.h"
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static struct black_hole hole;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static hf_options *vault_options(void)
{
    hf_options *options = hf_options_new_isolated();
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "SECRET_MANAGER_TYPE", "vault", &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ADDR", hole.address, &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_TOKEN", "any", &error));
    return options;
}

static void check_timeout(const hf_options *options)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    int try;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 100, &error));
    for (try = 0; try < 2; try++) { /* the time begins anew with each call */
        double start = now();
        double took;

        errno = 77;
        CHECK_STATUS(HF_ERR_TIMEOUT, hf_manager_open(options, call, &manager, &error));
        CHECK(errno == 77, "errno is %d", errno);
        took = now() - start;
        CHECK(manager == NULL, "no manager without HF_OK");
        CHECK(took >= 0.09 && took < 5, "%.3f s", took);
    }
    hf_call_free(call);
}

static void *cancel_what_connects(void *call)
{
    int connection = swallow(&hole);

    hf_call_cancel(call);
    return (void *)(intptr_t)connection;
}

static void check_cancel(const hf_options *options)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    pthread_t canceller;
    void *connection = NULL;
    double start;

    /* What the calls before this one left behind. */
    struct pollfd waiting = {0};
    waiting.fd = hole.listener;
    waiting.events = POLLIN;
    while (poll(&waiting, 1, 0) == 1)
        close(accept(hole.listener, NULL, NULL));

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 20000, &error));
    if (pthread_create(&canceller, NULL, cancel_what_connects, call) != 0)
        exit(1);
    start = now();
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(options, call, &manager, &error));
    CHECK(now() - start < 5, "%.3f s", now() - start);
    pthread_join(canceller, &connection);
    close((int)(intptr_t)connection);

    start = now();
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(options, call, &manager, &error));
    CHECK(now() - start < 1, "cancelled for good, %.3f s", now() - start);
    CHECK(manager == NULL, "no manager without HF_OK");
    hf_call_free(call);
}

/* Cancelling a thread waits for the end of the call that it is in. */
static void *open_and_tell(void *options)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    static int reached;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 300, &error));
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_manager_open(options, call, &manager, &error));
    hf_call_free(call);
    reached = 1;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return &reached;
}

static void check_thread_cancellation(hf_options *options)
{
    pthread_t thread;
    void *reached = NULL;
    int connection;

    if (pthread_create(&thread, NULL, open_and_tell, options) != 0)
        exit(1);
    connection = swallow(&hole);
    pthread_cancel(thread);
    pthread_join(thread, &reached);
    close(connection);
    CHECK(reached == PTHREAD_CANCELED || (reached != NULL && *(int *)reached == 1), "the thread ended in the call");
}

int main(void)
{
    hf_options *options;

    hole = dig();
    options = vault_options();
    check_timeout(options);
    check_cancel(options);
    check_thread_cancellation(options);
    hf_options_free(options);
    close(hole.listener);
    return result();
}
