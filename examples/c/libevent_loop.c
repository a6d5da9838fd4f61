/* Gets 1,000 secrets from the event loop of libevent, as event_loop.c does with epoll.
 *
 *   cc libevent_loop.c $(pkg-config --cflags --libs handsfree_secrets libevent) -o libevent_loop
 *   ./libevent_loop vault://event/loop */
#include <event2/event.h>
#include <handsfree_secrets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define GETS 1000

struct get {
    char *value;
    hf_error *error;
};

static struct get gets[GETS];
static struct event_base *loop;
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
    if (--pending == 0) {
        event_base_loopbreak(loop);
    }
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

/* libevent calls this when the descriptor is readable. */
static void on_readable(evutil_socket_t descriptor, short events, void *unused) {
    hf_error *error = NULL;
    hf_status status, outcome;
    uintptr_t tag;

    (void)descriptor, (void)events, (void)unused;
    while ((status = hf_queue_next(queue, 0, &tag, &outcome, &error)) == HF_OK) {
        finish((struct get *)tag, outcome);
    }
    if (status != HF_PENDING) {
        fail("hf_queue_next", error);
    }
}

int main(int argc, char **argv) {
    hf_manager *vault = NULL;
    hf_error *error = NULL;
    struct event *readable;
    hf_status status;
    int i;

    if (argc != 2) {
        fprintf(stderr, "usage: libevent_loop REFERENCE\n");
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
    loop = event_base_new();
    readable = event_new(loop, hf_queue_fd(queue), EV_READ | EV_PERSIST, on_readable, NULL);
    event_add(readable, NULL);
    for (i = 0; i < GETS; i++) {
        submit(vault, argv[1], &gets[i]);
    }
    if (pending > 0) {
        event_base_dispatch(loop);
    }
    printf("%d values, %d failures\n", values, failures);
    event_free(readable); /* before the queue, which closes the descriptor */
    event_base_free(loop);
    hf_queue_free(queue);
    hf_manager_free(vault);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
