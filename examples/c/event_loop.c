/* Gets 1,000 secrets from one event loop, which goes on serving its timer meanwhile. It uses epoll; libevent_loop.c and
 * libuv_loop.c do the same with those libraries.
 *
 *   cc event_loop.c $(pkg-config --cflags --libs handsfree_secrets) -o event_loop
 *   ./event_loop vault://event/loop
 *
 * The argument is the reference of a secret, which is read 1,000 times. The environment names the server:
 * SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN. */
#define _GNU_SOURCE
#include <handsfree_secrets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define GETS 1000

/* A get under way. Its address is its tag; the library writes to it when the get is taken from the queue. */
struct get {
    char *value;
    hf_error *error;
};

static struct get gets[GETS];
static int pending, values, failures, ticks;

static void fail(const char *step, hf_error *error) {
    fprintf(stderr, "%s: %s\n", step, error ? hf_error_message(error) : "failed");
    hf_error_free(error);
    exit(EXIT_FAILURE);
}

/* A get has ended: here with its status, its value and its error. */
static void finish(struct get *get, hf_status status) {
    pending--;
    if (status == HF_OK) {
        values++;
    } else {
        failures++;
        fprintf(stderr, "%s: %s\n", hf_status_name(status), get->error ? hf_error_message(get->error) : "no such secret");
    }
    hf_free_string(get->value);
    hf_error_free(get->error);
}

/* Submits a get. The manager, the reference and the call may be freed at once; `get` has to stay. */
static void submit(const hf_manager *vault, const char *reference, hf_queue *queue, struct get *get) {
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_status status = hf_call_set_queue(call, queue, (uintptr_t)get, &error);

    if (status != HF_OK) {
        fail("hf_call_set_queue", error);
    }
    pending++;
    status = hf_get_secret(vault, reference, call, &get->value, &get->error);
    hf_call_free(call);
    if (status != HF_PENDING) { /* the answer is there already */
        finish(get, status);
    }
}

/* Takes every get that has ended, and does not wait. */
static void take(hf_queue *queue) {
    hf_error *error = NULL;
    hf_status status, outcome;
    uintptr_t tag;

    while ((status = hf_queue_next(queue, 0, &tag, &outcome, &error)) == HF_OK) {
        finish((struct get *)tag, outcome);
    }
    if (status != HF_PENDING) {
        fail("hf_queue_next", error);
    }
}

static void add(int loop, int descriptor) {
    struct epoll_event event = {0};

    event.events = EPOLLIN;
    event.data.fd = descriptor;
    if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        perror("epoll_ctl");
        exit(EXIT_FAILURE);
    }
}

/* A timer that ticks every millisecond: what the loop does besides. */
static int start_timer(void) {
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) != 0) {
        perror("timerfd");
        exit(EXIT_FAILURE);
    }
    return timer;
}

static void tick(int timer) {
    uint64_t expirations;

    if (read(timer, &expirations, sizeof expirations) == sizeof expirations) {
        ticks += (int)expirations;
    }
}

int main(int argc, char **argv) {
    int i, loop = epoll_create1(EPOLL_CLOEXEC), timer = start_timer();
    hf_manager *vault = NULL;
    hf_queue *queue = NULL;
    hf_error *error = NULL;
    hf_status status;

    if (argc != 2) {
        fprintf(stderr, "usage: event_loop REFERENCE\n");
        return 2;
    }
    status = hf_manager_open(NULL, NULL, &vault, &error);
    if (status != HF_OK) {
        fail("open", error);
    }
    status = hf_queue_new(32, &queue, &error); /* 32 gets at a time; the others wait for their turn */
    if (status != HF_OK) {
        fail("hf_queue_new", error);
    }
    for (i = 0; i < GETS; i++) {
        submit(vault, argv[1], queue, &gets[i]);
    }
    add(loop, timer);
    add(loop, hf_queue_fd(queue));
    while (pending > 0) {
        struct epoll_event events[2];
        int j, count = epoll_wait(loop, events, 2, -1);

        for (j = 0; j < count; j++) {
            if (events[j].data.fd == timer) {
                tick(timer);
            } else {
                take(queue);
            }
        }
    }
    printf("%d values, %d failures; the timer ticked meanwhile: %s\n", values, failures, ticks > 0 ? "yes" : "no");
    hf_queue_free(queue);
    hf_manager_free(vault);
    close(timer);
    close(loop);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
