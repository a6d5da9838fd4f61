/* One hf_call for the calls of eight threads at once, cancelled by a signal handler that runs in one of these calls. */
#define _POSIX_C_SOURCE 200809L
#include "black_hole.h"
#include "cancellation.h"
#include "check.h"

#include <pthread.h>
#include <signal.h>

#define THREADS 8
#define LOOKS_UP 0.05 /* the interval at which the library checks for cancellation */

static struct black_hole hole;
static hf_options *options;
static hf_call *shutdown_call; /* set before the handler is installed */
static volatile sig_atomic_t handled;

static void handler(int number)
{
    (void)number;
    hf_call_cancel(shutdown_call);
    handled = 1;
}

static void *blocked_until_cancelled(void *ended)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(options, shutdown_call, &manager, &error));
    *(double *)ended = now();
    CHECK(manager == NULL, "no manager without HF_OK");
    hf_error_free(error);
    return NULL;
}

/* When the last of the calls ended. */
static double cancel_from_a_handler(struct cancellation *cancellation)
{
    pthread_t threads[THREADS];
    double ended[THREADS] = {0};
    int connections[THREADS];
    double last = 0;
    int i;

    handled = 0;
    shutdown_call = cancellation->call;
    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, blocked_until_cancelled, &ended[i]) != 0)
            exit(1);
    }
    for (i = 0; i < THREADS; i++)
        connections[i] = swallow(&hole); /* every thread is now in its call */

    cancellation->cancelled_at = now();
    CHECK(pthread_kill(threads[0], SIGTERM) == 0, "no signal");
    pause_for(LOOKS_UP);
    cancellation->overslept = now() - cancellation->cancelled_at - LOOKS_UP;
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        last = ended[i] > last ? ended[i] : last;
    }
    for (i = 0; i < THREADS; i++)
        close(connections[i]);
    CHECK(handled, "the handler did not run");
    return last;
}

static void check_later_calls(void)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_call *call = hf_call_new();

    shutdown_call = call;
    raise(SIGTERM);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(options, call, &manager, &error));
    hf_error_free(error);
    hf_call_free(call);
}

int main(void)
{
    struct sigaction action = {0};
    hf_error *error = NULL;

    hole = dig();
    options = hf_options_new_isolated();
    CHECK_STATUS(HF_OK, hf_options_set(options, "SECRET_MANAGER_TYPE", "vault", &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ADDR", hole.address, &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_TOKEN", "any", &error));
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);

    check_ends_in_time("the calls of eight threads", cancel_from_a_handler);
    check_later_calls();

    hf_options_free(options);
    close(hole.listener);
    return result();
}
