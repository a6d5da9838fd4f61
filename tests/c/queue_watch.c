/* queue_watch [checked] how a watch waits in a queue: without a thread and without waking up, until something is due or told
 *
 * With an argument without counts of wake-ups: ThreadSanitizer has a thread of its own. */
#define _GNU_SOURCE
#include "queue_servers.h"

#include <pthread.h>

enum { ROUNDS = 50 };

static int counts_wake_ups;

static hf_watch *new_watch(const char *interval)
{
    hf_options *options = hf_options_new();
    hf_manager *opened = NULL;
    hf_watch *watch = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_WATCH_INTERVAL", interval, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &opened, &error));
    CHECK_STATUS(HF_OK, hf_watch_new(opened, &watch, &error));
    hf_options_free(options);
    hf_manager_free(opened);
    if (watch == NULL)
        exit(1);
    return watch;
}

static void add(hf_watch *watch, const char *reference, int64_t known_version)
{
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_watch_add(watch, reference, known_version, &error));
}

/* A call that waits for a change. */
struct waiting {
    struct submitted submitted;
    hf_call *call;
    hf_change *change;
};

static void wait_for_change(hf_queue *queue, hf_watch *watch, struct waiting *waiting)
{
    memset(waiting, 0, sizeof *waiting);
    waiting->call = call_for(queue, &waiting->submitted);
    CHECK(hf_watch_next(watch, waiting->call, &waiting->change, &waiting->submitted.error) == HF_PENDING, "it waits");
}

/* Checks that a call was taken with a change of this secret, or without one if it is NULL, and frees what it has. */
static void check_told(struct waiting *waiting, const char *reference, hf_status status)
{
    const char *told = waiting->change == NULL ? NULL : hf_change_reference(waiting->change);

    CHECK(waiting->submitted.taken == 1 && waiting->submitted.status == status, "taken %d times: %s",
          waiting->submitted.taken, hf_status_name(waiting->submitted.status));
    CHECK(same(told, reference), "%s", told == NULL ? "nothing" : told);
    hf_change_free(waiting->change);
    hf_call_free(waiting->call);
    free_submitted(&waiting->submitted);
}

/* Waits until the threads sleep. Returns how often they have gone to sleep so far, where that is counted. */
static long settled(void)
{
    int threads = 0;

    if (counts_wake_ups)
        return asleep(&threads);
    usleep(300000);
    return 0;
}

/* Waits until the calls of a queue rest, and checks that neither its threads nor its descriptor wake up afterwards. */
static void check_rests(hf_queue *queue)
{
    int threads = 0, looks;
    long before = 0;

    for (looks = 0; looks < 100; looks++) {
        before = settled();
        if (!is_readable(queue, 0))
            break;
        CHECK(take(queue, 0) == NULL, "the call has ended");
    }
    if (!counts_wake_ups)
        return;
    CHECK(!is_readable(queue, 2500), "the call rests");
    CHECK(sleeps(&threads) == before, "%ld wake-ups", sleeps(&threads) - before);
}

/* What another thread does while the call rests. */
struct other {
    hf_watch *watch;
    const char *reference;
};

static void *add_there(void *argument)
{
    const struct other *other = argument;

    add(other->watch, other->reference, 0);
    return NULL;
}

static void in_thread(void *(*work)(void *), hf_watch *watch, const char *reference)
{
    struct other other = {watch, reference};
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, &other) != 0)
        exit(1);
    pthread_join(thread, NULL);
}

/* A call that waits for longer than anybody, because the interval is an hour, is woken by what another thread adds, and by
 * nothing else. */
static void check_added(void)
{
    hf_queue *queue = new_queue(2);
    hf_watch *watch = new_watch("1h");
    struct waiting waiting;
    hf_error *error = NULL;

    add(watch, REFERENCE, -1);
    add(watch, "vault://queued_other", -1);
    wait_for_change(queue, watch, &waiting);
    check_rests(queue);
    CHECK_STATUS(HF_OK, hf_watch_remove(watch, "vault://queued_other", &error));
    check_rests(queue);
    CHECK_STATUS(HF_OK, hf_watch_remove(watch, REFERENCE, &error));
    check_rests(queue);
    in_thread(add_there, watch, REFERENCE);
    CHECK(take(queue, LONG) == &waiting.submitted, "it was woken");
    check_told(&waiting, REFERENCE, HF_OK);
    wait_for_change(queue, watch, &waiting);
    in_thread(add_there, watch, "vault://queued_nothing");
    CHECK(take(queue, 0) == NULL, "there is no such secret");
    check_rests(queue);
    in_thread(add_there, watch, REFERENCE);
    CHECK(take(queue, LONG) == &waiting.submitted, "it was woken again");
    check_told(&waiting, REFERENCE, HF_OK);
    hf_watch_free(watch);
    hf_queue_free(queue);
}

/* Of two calls that rest each is woken. A change that was told to a call nobody takes goes to one that rests. */
static void check_given_back(void)
{
    hf_queue *queue = new_queue(2);
    hf_watch *watch = new_watch("1h");
    struct waiting first, second;

    add(watch, REFERENCE, 0);
    wait_for_change(queue, watch, &first);
    CHECK(is_readable(queue, LONG), "it was told");
    wait_for_change(queue, watch, &second);
    settled();
    hf_call_abandon(first.call);
    CHECK(take(queue, LONG) == &second.submitted, "the change was given back");
    check_told(&second, REFERENCE, HF_OK);
    hf_call_free(first.call);
    wait_for_change(queue, watch, &first);
    wait_for_change(queue, watch, &second);
    check_rests(queue);
    add(watch, REFERENCE, 0);
    add(watch, "vault://queued_other", 0);
    CHECK(take(queue, LONG) != NULL && take(queue, LONG) != NULL, "each was woken");
    CHECK(!same(hf_change_reference(first.change), hf_change_reference(second.change)), "two changes");
    check_told(&first, hf_change_reference(first.change), HF_OK);
    check_told(&second, hf_change_reference(second.change), HF_OK);
    hf_watch_free(watch);
    hf_queue_free(queue);
}

/* A reference that is added while a call is about to rest is never overlooked. */
static void check_added_at_any_time(void)
{
    hf_queue *queue = new_queue(1);
    hf_watch *watch = new_watch("1h");
    struct other other = {watch, REFERENCE};
    int i;

    for (i = 0; i < ROUNDS; i++) {
        struct waiting waiting;
        pthread_t thread;

        if (pthread_create(&thread, NULL, add_there, &other) != 0)
            exit(1);
        wait_for_change(queue, watch, &waiting);
        CHECK(take(queue, LONG) == &waiting.submitted, "round %d", i);
        check_told(&waiting, REFERENCE, HF_OK);
        pthread_join(thread, NULL);
    }
    hf_watch_free(watch);
    hf_queue_free(queue);
}

/* A thread that blocks in place of a queue sees what others add, too. */
static void check_blocking(void)
{
    hf_queue *queue = new_queue(1);
    hf_watch *watch = new_watch("1h");
    struct waiting waiting;
    hf_change *change = NULL;
    hf_error *error = NULL;
    struct other other = {watch, REFERENCE};
    pthread_t thread;

    add(watch, "vault://queued_other", -1);
    wait_for_change(queue, watch, &waiting);
    check_rests(queue);
    hf_call_abandon(waiting.call);
    hf_call_free(waiting.call);
    if (pthread_create(&thread, NULL, add_there, &other) != 0)
        exit(1);
    CHECK_STATUS(HF_OK, hf_watch_next(watch, NULL, &change, &error));
    CHECK(same(hf_change_reference(change), REFERENCE), "%s", hf_change_reference(change));
    hf_change_free(change);
    pthread_join(thread, NULL);
    hf_watch_free(watch);
    hf_queue_free(queue);
}

/* A call that rests ends when it is cancelled, and when its queue is closed. */
static void check_endings(void)
{
    hf_queue *queue = new_queue(2);
    hf_watch *watch = new_watch("1h");
    struct waiting first, second;

    add(watch, REFERENCE, -1);
    wait_for_change(queue, watch, &first);
    wait_for_change(queue, watch, &second);
    check_rests(queue);
    hf_call_cancel(first.call);
    CHECK(take(queue, LONG) == &first.submitted, "the one that was cancelled");
    check_told(&first, NULL, HF_ERR_CANCELLED);
    hf_queue_close(queue);
    CHECK(take(queue, LONG) == &second.submitted, "the one that was left");
    check_told(&second, NULL, HF_ERR_CANCELLED);
    add(watch, REFERENCE, 0); /* nobody waits any more */
    hf_watch_free(watch);
    hf_queue_free(queue);
}

/* What was found of a reference, and not told yet, is not told of one that was added again: the program has it. */
static void check_added_again(void)
{
    hf_watch *watch = new_watch("1h");
    hf_call *call = hf_call_new();
    hf_change *change = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 500, &error));
    add(watch, REFERENCE, 0);
    add(watch, "vault://queued_other", 0);
    CHECK_STATUS(HF_OK, hf_watch_next(watch, NULL, &change, &error));
    CHECK(same(hf_change_reference(change), REFERENCE), "%s", hf_change_reference(change));
    hf_change_free(change);
    add(watch, "vault://queued_other", 1);
    CHECK_STATUS(HF_NOT_FOUND, hf_watch_next(watch, call, &change, &error));
    add(watch, "vault://queued_other", 0);
    CHECK_STATUS(HF_OK, hf_watch_next(watch, NULL, &change, &error));
    CHECK(same(hf_change_reference(change), "vault://queued_other"), "%s", hf_change_reference(change));
    hf_change_free(change);
    hf_call_free(call);
    hf_watch_free(watch);
}

/* A log callback that holds the threads of queues up while it is closed. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int is_closed, held;
};

static void hold_up(int32_t level, const char *message, void *user_data)
{
    struct gate *gate = user_data;

    (void)level;
    (void)message;
    pthread_mutex_lock(&gate->lock);
    gate->held += gate->is_closed;
    pthread_cond_broadcast(&gate->changed);
    while (gate->is_closed)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void set_closed(struct gate *gate, int is_closed)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_closed = is_closed;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Waits until a thread is held up. */
static void wait_until_held(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->held == 0)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

/* A call that was abandoned in a look that cannot be interrupted does not have the next one refused. */
static void check_held_up(void)
{
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    hf_queue *queue = new_queue(2);
    hf_options *options = hf_options_new();
    hf_manager *opened = NULL;
    hf_watch *watch = NULL;
    hf_error *error = NULL;
    struct waiting abandoned, second, third;

    CHECK_STATUS(HF_OK, hf_options_set_log_callback(options, hold_up, &gate, NULL, HF_LOG_TRACE, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &opened, &error));
    CHECK_STATUS(HF_OK, hf_watch_new(opened, &watch, &error));
    add(watch, REFERENCE, 0);
    set_closed(&gate, 1);
    wait_for_change(queue, watch, &abandoned);
    wait_until_held(&gate);
    hf_call_abandon(abandoned.call);
    hf_call_free(abandoned.call);
    wait_for_change(queue, watch, &second);
    CHECK(take(queue, 1000) == NULL, "it was refused: %s", hf_error_message(second.submitted.error));
    hf_call_abandon(second.call);
    hf_call_free(second.call);
    wait_for_change(queue, watch, &third);
    set_closed(&gate, 0);
    CHECK(take(queue, LONG) == &third.submitted, "the look goes on");
    check_told(&third, REFERENCE, HF_OK);
    hf_watch_free(watch);
    hf_manager_free(opened);
    hf_options_free(options);
    hf_queue_free(queue);
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

int main(int argc, char **argv)
{
    hf_error *error = NULL;

    (void)argv;
    counts_wake_ups = argc == 1;
    set_up();
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "queued_other", VALUE, NULL, NULL, NULL, &error));
    check_added();
    check_given_back();
    check_added_at_any_time();
    check_blocking();
    check_endings();
    check_added_again();
    check_held_up();
    check_watch_at_its_deadline(1);
    check_watch_at_its_deadline(0);
    tear_down();
    return result();
}
