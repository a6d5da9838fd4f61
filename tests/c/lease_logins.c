/* Logs in to PostgreSQL from several threads, every 10 ms in each, with the credentials of that moment.
 *
 *   lease_logins PATH CONNECTION SECONDS THREADS
 *
 * Prints how many logins there were, how many were refused or failed otherwise, how many of these had not come to an end
 * in LATE_MS before their user ended, how many calls gave no credentials, the least time that was left to credentials, the
 * same with the time of the call added, the longest time that a call took, the longest time in which no call began, and the
 * number of the last generation. */
#define _POSIX_C_SOURCE 200809L
#include <handsfree_secrets.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 64
#define LATE_MS 250

static const char *where;
static time_t end;
static hf_credentials *credentials;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long logins, refused, failed, late, none;
static long least_ms = -1, kept_ms = -1, slowest_ms, gap_ms;
static int64_t last_call;
static unsigned long long generation;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Notes that a call begins. */
static int64_t begin(void)
{
    int64_t now;

    pthread_mutex_lock(&lock);
    now = now_ms();
    if (last_call > 0 && now - last_call > gap_ms)
        gap_ms = (long)(now - last_call);
    last_call = now;
    pthread_mutex_unlock(&lock);
    return now;
}

static void count(const hf_lease *lease, int64_t left, int64_t took, PGconn *database, int64_t login_took)
{
    bool is_late = login_took >= LATE_MS && hf_lease_remaining_ms(lease) == 0;

    pthread_mutex_lock(&lock);
    logins++;
    if (took > slowest_ms)
        slowest_ms = (long)took;
    if (least_ms < 0 || left < least_ms)
        least_ms = (long)left;
    if (kept_ms < 0 || left + took < kept_ms)
        kept_ms = (long)(left + took);
    if (hf_lease_generation(lease) > generation)
        generation = hf_lease_generation(lease);
    if (PQstatus(database) != CONNECTION_OK) {
        if (strstr(PQerrorMessage(database), "authentication failed") != NULL)
            refused++;
        else
            failed++;
        if (is_late)
            late++;
        if (refused + failed < 10)
            fprintf(is_late ? stdout : stderr, "%ld ms left, %ld ms later: %s", (long)left, (long)login_took,
                    PQerrorMessage(database));
    }
    pthread_mutex_unlock(&lock);
}

static void count_none(const hf_error *error)
{
    pthread_mutex_lock(&lock);
    if (none++ == 0)
        printf("%s\n", hf_error_message(error));
    pthread_mutex_unlock(&lock);
}

static void log_in(void)
{
    const char *names[] = {"dbname", "user", "password", NULL}, *values[4] = {NULL};
    hf_lease *lease = NULL;
    hf_error *error = NULL;
    PGconn *database;
    int64_t left, took, login_began, began = begin();

    if (hf_credentials_get(credentials, NULL, &lease, &error) != HF_OK) {
        count_none(error);
        hf_error_free(error);
        return;
    }
    left = hf_lease_remaining_ms(lease);
    login_began = now_ms();
    took = login_began - began;
    values[0] = where;
    values[1] = hf_document_text(hf_lease_fields(lease), "username", NULL);
    values[2] = hf_document_text(hf_lease_fields(lease), "password", NULL);
    database = PQconnectdbParams(names, values, 1);
    count(lease, left, took, database, now_ms() - login_began);
    PQfinish(database);
    hf_lease_free(lease);
}

static void *log_in_until_the_end(void *unused)
{
    const struct timespec pause = {0, 10 * 1000 * 1000};

    while (time(NULL) < end) {
        log_in();
        nanosleep(&pause, NULL);
    }
    return unused;
}

int main(int arguments, char **argument)
{
    pthread_t threads[MOST_THREADS];
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status;
    int i, wanted = arguments == 5 ? atoi(argument[4]) : 0;

    if (wanted < 1 || wanted > MOST_THREADS)
        return 2;
    status = hf_manager_open(NULL, NULL, &manager, &error);
    if (status == HF_OK)
        status = hf_credentials_open(manager, argument[1], NULL, NULL, &credentials, &error);
    if (status != HF_OK) {
        fprintf(stderr, "%s\n", error == NULL ? "not found" : hf_error_message(error));
        return 1;
    }
    where = argument[2];
    end = time(NULL) + atoi(argument[3]);
    for (i = 0; i < wanted; i++)
        pthread_create(&threads[i], NULL, log_in_until_the_end, NULL);
    for (i = 0; i < wanted; i++)
        pthread_join(threads[i], NULL);
    printf("logins %lu refused %lu failed %lu late %lu none %lu ", logins, refused, failed, late, none);
    printf("least_ms %ld kept_ms %ld slowest_ms %ld ", least_ms, kept_ms, slowest_ms);
    printf("gap_ms %ld generation %llu\n", gap_ms, generation);
    hf_credentials_free(credentials);
    hf_manager_free(manager);
    return 0;
}
