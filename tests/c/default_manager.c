/* The process-wide manager while one thread hangs in opening it: others wait only until their deadlines, and a child
 * forked meanwhile does not wait for a thread that does not exist in it. */
#define _POSIX_C_SOURCE 200809L
#include "black_hole.h"
#include "cancellation.h"
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>

static void *open_default(void *call)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_default(call, &manager, &error));
    CHECK(manager == NULL, "no manager without HF_OK");
    return NULL;
}

static void check_impatient(void)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 100, &error));
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_manager_default(call, &manager, &error));
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_default(call, &manager, &error));
    hf_call_free(call);
}

static void *cancel_what_waits(void *cancellation)
{
    pause_for(0.15); /* it cannot be observed that one thread waits for another */
    cancel(cancellation);
    return NULL;
}

static double cancel_a_wait(struct cancellation *cancellation)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    pthread_t canceller;
    double ended;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(cancellation->call, 20000, &error));
    if (pthread_create(&canceller, NULL, cancel_what_waits, cancellation) != 0)
        exit(1);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_default(cancellation->call, &manager, &error));
    ended = now();
    pthread_join(canceller, NULL);
    return ended;
}

static void check_opens(const char *where)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    setenv("SECRET_MANAGER_TYPE", "env", 1);
    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &manager, &error));
    CHECK(manager != NULL && strcmp(hf_manager_type(manager), "env") == 0, "%s", where);
    hf_manager_free(manager);
}

/* All threads get a working manager, also while it is being reset. */
static void *get_and_use(void *number)
{
    char key[] = "default_0";
    int round;

    key[sizeof key - 2] = (char)('0' + *(int *)number);
    for (round = 0; round < 100; round++) {
        hf_manager *manager = NULL;
        hf_error *error = NULL;
        char *reference = NULL;
        char *value = NULL;

        CHECK_STATUS(HF_OK, hf_manager_default(NULL, &manager, &error));
        if (round % 10 == 0)
            hf_manager_reset_default();
        CHECK_STATUS(HF_OK, hf_store_secret(manager, key, key, NULL, NULL, &reference, &error));
        CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &value, &error));
        CHECK(value != NULL && strcmp(value, key) == 0, "%s", key);
        hf_free_string(value);
        hf_free_string(reference);
        hf_manager_free(manager);
    }
    return NULL;
}

static void check_many_at_once(void)
{
    pthread_t threads[8];
    int numbers[8];
    int i;

    hf_manager_reset_default();
    for (i = 0; i < 8; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, get_and_use, &numbers[i]) != 0)
            exit(1);
    }
    for (i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

/* It is one object, to which each caller gets a reference. */
static void check_is_one_object(void)
{
    hf_manager *one = NULL;
    hf_manager *other = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &one, &error));
    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &other, &error));
    CHECK(one == other, "two managers");
    hf_manager_free(other);
    hf_manager_reset_default();
    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &other, &error));
    CHECK(one != other, "a reset that resets nothing");
    hf_manager_free(other);
    CHECK(strcmp(hf_manager_type(one), "env") == 0, "those who have it keep it");
    hf_manager_free(one);
}

/* A call that was already cancelled opens nothing, although opening the env backend takes no time. */
static void check_cancelled(void)
{
    hf_call *call = hf_call_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_default(call, &manager, &error));
    hf_error_free(error);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_open(NULL, call, &manager, &error));
    hf_error_free(error);
    hf_call_free(call);
}

static void *open_without_a_limit(void *ignored)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    (void)ignored;
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_manager_default(NULL, &manager, &error));
    hf_error_free(error);
    return NULL;
}

/* Threads that wait for each other share one VAULT_CLIENT_TIMEOUT. */
static void check_waiting_counts(void)
{
    pthread_t threads[6];
    struct timespec before, after;
    int i;

    setenv("VAULT_CLIENT_TIMEOUT", "1s", 1);
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (i = 0; i < 6; i++) {
        if (pthread_create(&threads[i], NULL, open_without_a_limit, NULL) != 0)
            exit(1);
    }
    for (i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK(after.tv_sec - before.tv_sec <= 2, "%ld s for calls of one", (long)(after.tv_sec - before.tv_sec));
    unsetenv("VAULT_CLIENT_TIMEOUT");
}

int main(void)
{
    struct black_hole hole = dig();
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    pthread_t opener;
    pid_t child;
    int connection;
    int ended = -1;

    setenv("SECRET_MANAGER_TYPE", "vault", 1);
    setenv("VAULT_ADDR", hole.address, 1);
    setenv("VAULT_TOKEN", "any", 1);
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 60000, &error));
    if (pthread_create(&opener, NULL, open_default, call) != 0)
        return 1;
    connection = swallow(&hole);

    check_impatient();
    check_ends_in_time("the wait for another's open", cancel_a_wait);

    child = fork();
    if (child == 0) {
        alarm(20); /* instead of hanging */
        failures = 0;
        check_opens("in the child");
        _exit(result());
    }
    CHECK(waitpid(child, &ended, 0) == child && ended == 0, "the child ended with %d", ended);

    hf_call_cancel(call);
    pthread_join(opener, NULL);
    check_waiting_counts();
    check_opens("after a failure, which is not remembered");
    check_is_one_object();
    check_cancelled();
    check_many_at_once();

    hf_manager_reset_default();
    hf_call_free(call);
    close(connection);
    close(hole.listener);
    return result();
}
