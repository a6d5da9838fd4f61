/* The timeout of a call, and its cancellation from another thread. */
#define _POSIX_C_SOURCE 200809L
#include "black_hole.h"
#include "cancellation.h"
#include "check.h"

#include <errno.h>
#include <pthread.h>

static struct black_hole hole;
static hf_options *options;

static hf_options *vault_options(void)
{
    hf_options *made = hf_options_new_isolated();
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(made, "SECRET_MANAGER_TYPE", "vault", &error));
    CHECK_STATUS(HF_OK, hf_options_set(made, "VAULT_ADDR", hole.address, &error));
    CHECK_STATUS(HF_OK, hf_options_set(made, "VAULT_TOKEN", "any", &error));
    return made;
}

static void check_timeout(void)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    int try;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 100, &error));
    for (try = 0; try < 2; try++) { /* the timeout starts again with each call */
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

static void *cancel_what_connects(void *cancellation)
{
    int connection = swallow(&hole);

    cancel(cancellation);
    return (void *)(intptr_t)connection;
}

static double cancel_an_open(struct cancellation *cancellation)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    pthread_t canceller;
    void *connection = NULL;
    double ended;

    /* The connections of the calls before this one. */
    struct pollfd waiting = {0};
    waiting.fd = hole.listener;
    waiting.events = POLLIN;
    while (poll(&waiting, 1, 0) == 1)
        close(accept(hole.listener, NULL, NULL));

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(cancellation->call, 20000, &error));
    if (pthread_create(&canceller, NULL, cancel_what_connects, cancellation) != 0)
        exit(1);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(options, cancellation->call, &manager, &error));
    ended = now();
    pthread_join(canceller, &connection);
    close((int)(intptr_t)connection);

    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(options, cancellation->call, &manager, &error));
    CHECK(poll(&waiting, 1, 0) == 0, "cancelled for good, it does not even connect");
    CHECK(manager == NULL, "no manager without HF_OK");
    return ended;
}

/* pthread_cancel takes effect after the end of the current call. */
static void *open_and_tell(void *unused)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    static int reached;

    (void)unused;
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 300, &error));
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_manager_open(options, call, &manager, &error));
    hf_call_free(call);
    reached = 1;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return &reached;
}

static void check_thread_cancellation(void)
{
    pthread_t thread;
    void *reached = NULL;
    int connection;

    if (pthread_create(&thread, NULL, open_and_tell, NULL) != 0)
        exit(1);
    connection = swallow(&hole);
    pthread_cancel(thread);
    pthread_join(thread, &reached);
    close(connection);
    CHECK(reached == PTHREAD_CANCELED || (reached != NULL && *(int *)reached == 1), "the thread ended in the call");
}

int main(void)
{
    hole = dig();
    options = vault_options();
    check_timeout();
    check_ends_in_time("an open", cancel_an_open);
    check_thread_cancellation();
    hf_options_free(options);
    close(hole.listener);
    return result();
}
