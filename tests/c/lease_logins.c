/* Logs in to PostgreSQL from several threads, every 10 ms in each, with the credentials of that moment.
 *
 *   lease_logins PATH CONNECTION SECONDS THREADS
 *
 * Prints how many logins there were, how many were refused or failed otherwise, how many calls gave no credentials, the
 * least time that was left to credentials, and the number of the last generation. */
#define _POSIX_C_SOURCE 200809L
#include <handsfree_secrets.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 64

static const char *where;
static time_t end;
static hf_credentials *credentials;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long logins, refused, failed, none;
static long least_ms = -1;
static unsigned long long generation;

static void count(const hf_lease *lease, int64_t left, PGconn *database)
{
    pthread_mutex_lock(&lock);
    logins++;
    if (least_ms < 0 || left < least_ms)
        least_ms = (long)left;
    if (hf_lease_generation(lease) > generation)
        generation = hf_lease_generation(lease);
    if (PQstatus(database) != CONNECTION_OK) {
        if (strstr(PQerrorMessage(database), "authentication failed") != NULL)
            refused++;
        else
            failed++;
        if (refused + failed < 10)
            fprintf(stderr, "%ld ms left: %s", (long)left, PQerrorMessage(database));
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
    int64_t left;

    if (hf_credentials_get(credentials, NULL, &lease, &error) != HF_OK) {
        count_none(error);
        hf_error_free(error);
        return;
    }
    left = hf_lease_remaining_ms(lease);
    values[0] = where;
    values[1] = hf_document_text(hf_lease_fields(lease), "username", NULL);
    values[2] = hf_document_text(hf_lease_fields(lease), "password", NULL);
    database = PQconnectdbParams(names, values, 1);
    count(lease, left, database);
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
    printf("logins %lu refused %lu failed %lu none %lu least_ms %ld generation %llu\n", logins, refused, failed, none, least_ms,
           generation);
    hf_credentials_free(credentials);
    hf_manager_free(manager);
    return 0;
}
