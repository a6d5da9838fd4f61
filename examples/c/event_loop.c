/* Gets 1,000 secrets from one event loop, which also watches the secret for changes, and keeps the manager's token and
 * leases valid, by a timer. It uses epoll; libevent_loop.c and libuv_loop.c get secrets with those libraries.
 *
 *   cc event_loop.c $(pkg-config --cflags --libs handsfree_secrets) -o event_loop
 *   ./event_loop vault://event/loop
 *
 * The argument is the reference of a secret, which is read 1,000 times, and watched: the first change that is told is
 * what is there. The environment names the server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN. */
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

/* The maintenance under way. Its address is its tag. */
struct maintenance {
    int64_t next_ms;
    hf_error *error;
};

/* The wait for a change. Its address is its tag. */
struct wait {
    hf_change *change;
    hf_error *error;
};

static struct get gets[GETS];
static struct maintenance maintenance;
static struct wait next_change;
static hf_watch *watch;
static int pending, values, failures, maintained, changes;
static int timer; /* of the next maintenance */

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

/* Maintenance has ended: the timer starts the next one. */
static void finish_maintenance(hf_status status) {
    struct itimerspec next = {{0, 0}, {0, 0}};

    pending--;
    maintained++;
    if (status < 0) { /* what could not be renewed now is tried again at the next time */
        fprintf(stderr, "maintenance: %s\n", hf_error_message(maintenance.error));
        hf_error_free(maintenance.error);
    }
    if (maintenance.next_ms > 0) { /* -1: never */
        next.it_value.tv_sec = (time_t)(maintenance.next_ms / 1000);
        next.it_value.tv_nsec = (long)(maintenance.next_ms % 1000) * 1000000;
    }
    timerfd_settime(timer, 0, &next, NULL);
}

static hf_call *new_call(hf_queue *queue, void *tag) {
    hf_call *call = hf_call_new();
    hf_error *error = NULL;

    if (hf_call_set_queue(call, queue, (uintptr_t)tag, &error) != HF_OK) {
        fail("hf_call_set_queue", error);
    }
    return call;
}

/* Submits a get. The manager, the reference and the call may be freed at once; `get` has to stay. */
static void submit_get(const hf_manager *vault, const char *reference, hf_queue *queue, struct get *get) {
    hf_call *call = new_call(queue, get);
    hf_status status;

    pending++;
    status = hf_get_secret(vault, reference, call, &get->value, &get->error);
    hf_call_free(call);
    if (status != HF_PENDING) { /* the answer is there already */
        finish(get, status);
    }
}

static void submit_maintenance(const hf_manager *vault, hf_queue *queue) {
    hf_call *call = new_call(queue, &maintenance);
    hf_status status;

    pending++;
    status = hf_manager_maintain(vault, call, &maintenance.next_ms, &maintenance.error);
    hf_call_free(call);
    if (status != HF_PENDING) { /* nothing was due */
        finish_maintenance(status);
    }
}

/* Waits for the next change, for ever. It occupies no thread of the queue between two looks at the server. */
static void submit_wait(hf_queue *queue) {
    hf_call *call = new_call(queue, &next_change);
    hf_status status = hf_watch_next(watch, call, &next_change.change, &next_change.error);

    hf_call_free(call);
    if (status != HF_PENDING) {
        fail("hf_watch_next", next_change.error);
    }
}

/* Something has changed: here a program gets the secret again. */
static void finish_wait(hf_status status, hf_queue *queue) {
    hf_change *change = next_change.change;

    if (status != HF_OK) {
        fail("hf_watch_next", next_change.error);
    }
    changes++;
    if (hf_change_kind(change) == HF_CHANGE_FAILED) {
        fprintf(stderr, "%s: %s\n", hf_change_reference(change), hf_error_message(hf_change_error(change)));
    }
    hf_change_free(change);
    submit_wait(queue);
}

/* Takes every call that has ended, and does not wait. */
static void take(hf_queue *queue) {
    hf_error *error = NULL;
    hf_status status, outcome;
    uintptr_t tag;

    while ((status = hf_queue_next(queue, 0, &tag, &outcome, &error)) == HF_OK) {
        if (tag == (uintptr_t)&maintenance) {
            finish_maintenance(outcome);
        } else if (tag == (uintptr_t)&next_change) {
            finish_wait(outcome, queue);
        } else {
            finish((struct get *)tag, outcome);
        }
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

int main(int argc, char **argv) {
    int i, loop = epoll_create1(EPOLL_CLOEXEC);
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
    status = hf_watch_new(vault, &watch, &error);
    if (status == HF_OK) {
        status = hf_watch_add(watch, argv[1], 0, &error); /* 0: what is there is told first */
    }
    if (status != HF_OK) {
        fail("watch", error);
    }
    submit_wait(queue);
    for (i = 0; i < GETS; i++) {
        submit_get(vault, argv[1], queue, &gets[i]);
    }
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    submit_maintenance(vault, queue);
    add(loop, timer);
    add(loop, hf_queue_fd(queue));
    while (pending > 0 || changes == 0) { /* a server would go on for ever */
        struct epoll_event events[2];
        int j, count = epoll_wait(loop, events, 2, -1);

        for (j = 0; j < count; j++) {
            uint64_t expirations;

            if (events[j].data.fd != timer) {
                take(queue);
            } else if (read(timer, &expirations, sizeof expirations) == sizeof expirations) {
                submit_maintenance(vault, queue);
            }
        }
    }
    printf("%d values, %d failures; maintained: %s; changed: %d\n", values, failures, maintained > 0 ? "yes" : "no",
           changes);
    hf_queue_free(queue); /* ends the wait */
    hf_watch_free(watch);
    hf_manager_free(vault);
    close(timer);
    close(loop);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
