/* Measures how long a call goes on after another thread has cancelled it, on the thread of the call. The limit is
 * the documented one; an attempt is repeated only if the machine itself was late. */
#ifndef CANCELLATION_H
#define CANCELLATION_H

#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define PROMISED 0.1
#define IN_TIME 3   /* how often a call has to end in time */
#define ATTEMPTS 30 /* the maximum number of attempts */

static inline double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void pause_for(double seconds)
{
    struct timespec time = {0};

    time.tv_nsec = (long)(seconds * 1e9);
    nanosleep(&time, NULL);
}

/* A call of one thread that another one cancels. */
struct cancellation {
    hf_call *call;
    int schedstat; /* of the thread of the call */
    double cancelled_at;
    double kept_waiting; /* its value when the call was cancelled */
    double overslept;
};

/* How long a thread was runnable so far without running; 0 if the kernel does not report it. */
static inline double ready_but_waiting(int schedstat)
{
    char text[128] = {0};
    unsigned long long running, waiting;

    if (schedstat < 0 || pread(schedstat, text, sizeof text - 1, 0) <= 0 || sscanf(text, "%llu %llu", &running, &waiting) != 2)
        return 0;
    return (double)waiting / 1e9;
}

/* Cancels, and sleeps for as long as the library waits between two checks. If this takes longer, the machine is late
 * by the difference. */
static inline void cancel(struct cancellation *cancellation)
{
    const double looks_up = 0.05;

    cancellation->kept_waiting = ready_but_waiting(cancellation->schedstat);
    cancellation->cancelled_at = now();
    hf_call_cancel(cancellation->call);
    pause_for(looks_up);
    cancellation->overslept = now() - cancellation->cancelled_at - looks_up;
}

/* Repeats `attempt`, which makes a call that is cancelled and reports when it ended, until it was in time often
 * enough. */
static inline void check_ends_in_time(const char *what, double (*attempt)(struct cancellation *))
{
    int attempts, in_time = 0;

    for (attempts = 0; attempts < ATTEMPTS && in_time < IN_TIME; attempts++) {
        struct cancellation cancellation = {0};
        double took, late;

        cancellation.call = hf_call_new();
        cancellation.schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
        took = attempt(&cancellation) - cancellation.cancelled_at;
        late = ready_but_waiting(cancellation.schedstat) - cancellation.kept_waiting + cancellation.overslept;
        close(cancellation.schedstat);
        hf_call_free(cancellation.call);
        if (took <= PROMISED)
            in_time++;
        else
            CHECK(took - late <= PROMISED, "%s: %.3f s, of which the machine was %.3f s late", what, took, late);
    }
    CHECK(in_time == IN_TIME, "%s: in time %d times, and the machine was late the others", what, in_time);
}

#endif
