/* Two threads that write to the same variable: a race detector that is active has to report it. */
#include <pthread.h>
#include <stddef.h>

static long shared;

static void *count(void *unused)
{
    long i;

    for (i = 0; i < 100000; i++)
        shared++;
    return unused;
}

int main(void)
{
    pthread_t one, other;

    pthread_create(&one, NULL, count, NULL);
    pthread_create(&other, NULL, count, NULL);
    pthread_join(one, NULL);
    pthread_join(other, NULL);
    return shared == 0;
}
