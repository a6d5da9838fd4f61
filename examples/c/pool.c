/* A pool of 4 connections to PostgreSQL whose user changes under it: each connection is opened with the credentials of
 * that moment, and is closed before they end.
 *
 *   cc -I/usr/include/postgresql pool.c $(pkg-config --cflags --libs handsfree_secrets) -lpq -o pool
 *   ./pool database/creds/app "host=127.0.0.1 dbname=postgres" 60
 *
 * The arguments are a role of the database engine, where the database is (without user and password), and for how many
 * seconds to query it. The environment names the server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN. */
#define _POSIX_C_SOURCE 200809L
#include <handsfree_secrets.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS 4

/* A connection whose user has less time left than this is replaced before it is used. It has to be longer than any query,
 * and shorter than a quarter of the role's default_ttl, which is the least time left to credentials that are handed out. */
#define LEAST_MS 1500

struct connection {
    PGconn *database;
    hf_lease *lease; /* what it logged in with; it goes on telling how much time is left */
};

struct pool {
    const hf_credentials *credentials;
    const char *where;
    struct connection connections[CONNECTIONS];
    size_t next;
    unsigned long opened, users;
    uint64_t generation;
};

static void fail(const char *step, hf_status status, hf_error *error) {
    fprintf(stderr, "%s: %s: %s\n", step, hf_status_name(status), error ? hf_error_message(error) : "not found");
    hf_error_free(error);
    exit(EXIT_FAILURE);
}

/* The credentials for a login. Most of the time this sends nothing: it renews or replaces them only when that is due. */
static hf_lease *valid_lease(const hf_credentials *credentials) {
    hf_error *error = NULL;
    hf_lease *lease = NULL;
    hf_status status = hf_credentials_get(credentials, NULL, &lease, &error);

    if (status != HF_OK) {
        fail("credentials", status, error);
    }
    return lease;
}

/* libpq copies what it is given, so nothing here keeps the password. */
static PGconn *log_in(const char *where, const hf_lease *lease) {
    const hf_document *fields = hf_lease_fields(lease);
    const char *names[] = {"dbname", "user", "password", NULL}, *values[4];

    values[0] = where; /* a whole connection string, which expand_dbname reads */
    values[1] = hf_document_text(fields, "username", NULL);
    values[2] = hf_document_text(fields, "password", NULL);
    values[3] = NULL;
    return PQconnectdbParams(names, values, 1);
}

static void close_connection(struct connection *connection) {
    PQfinish(connection->database);
    hf_lease_free(connection->lease); /* the user is left to run out: other connections may use it */
    connection->database = NULL;
    connection->lease = NULL;
}

/* Opens a connection. A user that the database refuses was dropped by somebody: after hf_credentials_refused the next get
 * gives another one, but not for every refusal, so that a broken database does not fill with users. A database that is down
 * has not asked for the password, and refuses nobody. */
static void open_connection(struct pool *pool, struct connection *connection) {
    int attempt;

    for (attempt = 0; attempt < 2; attempt++) {
        connection->lease = valid_lease(pool->credentials);
        connection->database = log_in(pool->where, connection->lease);
        if (PQstatus(connection->database) == CONNECTION_OK) {
            pool->opened++;
            if (hf_lease_generation(connection->lease) != pool->generation) {
                pool->generation = hf_lease_generation(connection->lease);
                pool->users++;
                printf("  user %lu, for %.1f s so far\n", pool->users, hf_lease_remaining_ms(connection->lease) / 1000.0);
            }
            return;
        }
        fprintf(stderr, "login: %s", PQerrorMessage(connection->database));
        if (!PQconnectionUsedPassword(connection->database) ||
            hf_credentials_refused(pool->credentials, connection->lease, NULL) != HF_OK) {
            break;
        }
        close_connection(connection);
    }
    exit(EXIT_FAILURE);
}

/* The next connection of the pool, good for at least LEAST_MS. */
static PGconn *take(struct pool *pool) {
    struct connection *connection = &pool->connections[pool->next++ % CONNECTIONS];

    if (connection->lease) {
        int64_t left = hf_lease_remaining_ms(connection->lease); /* -1: it has no end */

        if ((left >= 0 && left < LEAST_MS) || PQstatus(connection->database) != CONNECTION_OK) {
            close_connection(connection);
        }
    }
    if (!connection->lease) {
        open_connection(pool, connection);
    }
    return connection->database;
}

/* Asks something that needs the user to exist. */
static int query(PGconn *database) {
    PGresult *result = PQexec(database, "SELECT current_user");
    int worked = PQresultStatus(result) == PGRES_TUPLES_OK;

    if (!worked) {
        fprintf(stderr, "query: %s", PQerrorMessage(database));
    }
    PQclear(result);
    return worked;
}

static void query_for(struct pool *pool, long seconds) {
    const struct timespec pause = {0, 10 * 1000 * 1000};
    const time_t end = time(NULL) + seconds;
    unsigned long queries = 0, failed = 0;
    size_t i;

    while (time(NULL) < end) {
        failed += !query(take(pool));
        queries++;
        nanosleep(&pause, NULL);
    }
    for (i = 0; i < CONNECTIONS; i++) {
        close_connection(&pool->connections[i]);
    }
    printf("  %lu queries, %lu failed, %lu logins, %lu users\n", queries, failed, pool->opened, pool->users);
    if (failed) {
        exit(EXIT_FAILURE);
    }
}

int main(int count, char **words) {
    hf_error *error = NULL;
    hf_manager *manager = NULL;
    hf_credentials *credentials = NULL;
    hf_status status;
    struct pool pool;

    if (count != 4) {
        fprintf(stderr, "usage: pool PATH CONNECTION SECONDS\n");
        return 2;
    }
    status = hf_manager_open(NULL, NULL, &manager, &error);
    if (status != HF_OK) {
        fail("open", status, error);
    }
    status = hf_credentials_open(manager, words[1], NULL, NULL, &credentials, &error);
    if (status != HF_OK) {
        fail(words[1], status, error);
    }

    memset(&pool, 0, sizeof pool);
    pool.credentials = credentials;
    pool.where = words[2];
    query_for(&pool, strtol(words[3], NULL, 10));

    /* A program that ends may leave the users to run out, or drop them now, if its policy allows that. */
    status = hf_credentials_revoke(credentials, NULL, &error);
    if (status != HF_OK) {
        fprintf(stderr, "revoke: %s\n", hf_error_message(error));
        hf_error_free(error);
    }
    hf_credentials_free(credentials);
    hf_manager_free(manager);
    return EXIT_SUCCESS;
}
