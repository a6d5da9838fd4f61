/* For programs that make many calls on two threads, and measure the resident memory and the open descriptors after each
 * twentieth of them. The first five measurements are the warm-up. */
#ifndef SOAK_H
#define SOAK_H

#include "descriptors.h"
#include "host.h"

#include <pthread.h>

#define LOOKS 20
#define WARM_UP 5
#define THREADS 2
#define CALLS_A_ROUND 10

static inline long resident_kb(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kb = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Rss: %ld", &kb) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return kb;
}

struct share {
    void (*one_round)(long thread, long round);
    long thread;
    long from;
    long to;
};

static inline void *work(void *argument)
{
    const struct share *share = argument;
    long round;

    for (round = share->from; round < share->to && failures == 0; round++)
        share->one_round(share->thread, round);
    return NULL;
}

static inline void one_part(void (*one_round)(long, long), long part, long rounds)
{
    pthread_t threads[THREADS];
    struct share shares[THREADS];
    long i;

    for (i = 0; i < THREADS; i++) {
        shares[i].one_round = one_round;
        shares[i].thread = i;
        shares[i].from = part * rounds;
        shares[i].to = (part + 1) * rounds;
        pthread_create(&threads[i], NULL, work, &shares[i]);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Makes `calls` calls, ten in each round. Descriptors may not grow, and memory only by some percent. */
static inline void soak(long calls, long percent, void (*one_round)(long thread, long round))
{
    long rounds = calls / CALLS_A_ROUND / THREADS / LOOKS;
    long first_kb = 0, kb = 0, most_kb = 0, first_open = 0, open_now = 0, part;
    double start = now();

    printf("%10s %12s %12s %8s\n", "calls", "resident kB", "descriptors", "seconds");
    for (part = 0; part < LOOKS && failures == 0; part++) {
        one_part(one_round, part, rounds);
        kb = resident_kb();
        open_now = descriptors();
        printf("%10ld %12ld %12ld %8.1f\n", (part + 1) * rounds * CALLS_A_ROUND * THREADS, kb, open_now, now() - start);
        fflush(stdout);
        if (part + 1 == WARM_UP) {
            first_kb = most_kb = kb;
            first_open = open_now;
        }
        if (kb > most_kb)
            most_kb = kb;
    }
    printf("resident memory: %+.2f %% since the %dth look, %+.2f %% at most; descriptors: %+ld\n",
           100.0 * (double)(kb - first_kb) / (double)first_kb, WARM_UP,
           100.0 * (double)(most_kb - first_kb) / (double)first_kb, open_now - first_open);
    CHECK(100 * most_kb <= (100 + percent) * first_kb, "%ld kB became %ld kB", first_kb, most_kb);
    CHECK(open_now == first_open, "%ld descriptors became %ld", first_open, open_now);
}

#endif
