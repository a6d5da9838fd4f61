/* Gets 1,000 secrets from the event loop of libuv, as event_loop.c does with epoll.
 *
 *   cc libuv_loop.c $(pkg-config --cflags --libs handsfree_secrets libuv) -o libuv_loop
 *   ./libuv_loop vault://event/loop */
#define _GNU_SOURCE /* uv.h needs it with -std=c11 */
#include <handsfree_secrets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define GETS 1000

struct get {
    char *value;
    hf_error *error;
};

static struct get gets[GETS];
static uv_poll_t readable;
static hf_queue *queue;
static int pending, values, failures;

static void fail(const char *step, hf_error *error) {
    fprintf(stderr, "%s: %s\n", step, error ? hf_error_message(error) : "failed");
    hf_error_free(error);
    exit(EXIT_FAILURE);
}

static void finish(struct get *get, hf_status status) {
    if (status == HF_OK) {
        values++;
    } else {
        failures++;
        fprintf(stderr, "%s: %s\n", hf_status_name(status), get->error ? hf_error_message(get->error) : "no such secret");
    }
    hf_free_string(get->value);
    hf_error_free(get->error);
    pending--;
}

static void submit(const hf_manager *vault, const char *reference, struct get *get) {
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_status status = hf_call_set_queue(call, queue, (uintptr_t)get, &error);

    if (status != HF_OK) {
        fail("hf_call_set_queue", error);
    }
    pending++;
    status = hf_get_secret(vault, reference, call, &get->value, &get->error);
    hf_call_free(call);
    if (status != HF_PENDING) {
        finish(get, status);
    }
}

/* libuv calls this when the descriptor is readable. */
static void on_readable(uv_poll_t *handle, int failure, int events) {
    hf_error *error = NULL;
    hf_status status, outcome;
    uintptr_t tag;

    (void)failure, (void)events;
    while ((status = hf_queue_next(queue, 0, &tag, &outcome, &error)) == HF_OK) {
        finish((struct get *)tag, outcome);
    }
    if (status != HF_PENDING) {
        fail("hf_queue_next", error);
    }
    if (pending == 0) {
        uv_close((uv_handle_t *)handle, NULL); /* nothing is left in the loop, which ends */
    }
}

int main(int argc, char **argv) {
    uv_loop_t *loop = uv_default_loop();
    hf_manager *vault = NULL;
    hf_error *error = NULL;
    hf_status status;
    int i;

    if (argc != 2) {
        fprintf(stderr, "usage: libuv_loop REFERENCE\n");
        return 2;
    }
    status = hf_manager_open(NULL, NULL, &vault, &error);
    if (status != HF_OK) {
        fail("open", error);
    }
    status = hf_queue_new(32, &queue, &error);
    if (status != HF_OK) {
        fail("hf_queue_new", error);
    }
    for (i = 0; i < GETS; i++) {
        submit(vault, argv[1], &gets[i]);
    }
    if (pending > 0) {
        uv_poll_init(loop, &readable, hf_queue_fd(queue));
        uv_poll_start(&readable, UV_READABLE, on_readable);
        uv_run(loop, UV_RUN_DEFAULT);
    }
    printf("%d values, %d failures\n", values, failures);
    uv_loop_close(loop);
    hf_queue_free(queue);
    hf_manager_free(vault);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
