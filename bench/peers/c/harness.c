/*
 * The harness of C and C++ peers.
 *
 *   peer          prints "ready VALUE" after the first get, then executes one command per line of standard input:
 *                     get N            N sequential gets: the nanoseconds of each
 *                     document N       N gets of a document, of which all texts are read, likewise
 *                     store N          N stores, likewise
 *                     threads T MS     T threads get for MS milliseconds: how many gets, and the nanoseconds
 *                     queue N          one thread begins N gets: the nanoseconds, and how many values
 *                     submit N         the nanoseconds to begin each of them
 *                     list FOLDER      lists FOLDER: the nanoseconds, and how many secrets
 *                     batch N          gets N secrets: the nanoseconds, and how many values
 *                     encrypt N        N encryptions with the transit engine, as "get"
 *                     verify N         N checks of a signature, likewise
 *                     encrypt-many N   encrypts N texts: the nanoseconds, and how many ciphertexts
 *                     envelope N       makes an envelope of N bytes: how many, and the nanoseconds
 *                     credentials PATH the nanoseconds until there are credentials, the user and the password
 *   peer gets N   opens, gets N times and ends: for cold starts and for counting. Other operations, for counting:
 *                     fields           gets one field of the document
 *                     documents        gets the document
 *                     texts            gets the document and reads all texts
 *                     versions         lists 1,000 versions
 *                     credentials      gets credentials that are valid still
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char PATH[] = "bench/one";
static const char VALUE[] = "Wd2mE8hTq5ZrK1xVn7BcYs4LfJ9gPa6uQ3oR0tXi";

/* What nginx.py records: a document whose texts are as long as the value, and a secret with versions. */
static const char DOCUMENT[] = "bench/document";
static const char FIELD[] = "bench/document#field_10";
static const char CREDENTIALS[] = "database/creds/bench";
enum { FIELDS = 20, VERSIONS = 1000 };

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

const char *setting(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) {
        fail("%s is not set; bench/run starts this program with all it needs", name);
    }
    return value;
}

static void *allocate(size_t size) {
    void *block = malloc(size);
    if (block == NULL) {
        fail("no memory");
    }
    return block;
}

int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void get(void *client) {
    peer_release(peer_get(client, PATH));
}

static void field(void *client) {
    peer_release(peer_get(client, FIELD));
}

static void document(void *client) {
    peer_document_free(peer_document(client, DOCUMENT));
}

static void texts(void *client) {
    void *document = peer_document(client, DOCUMENT);
    size_t length = peer_texts(document);
    if (length != FIELDS * strlen(VALUE)) {
        fail("the texts of the document have %zu bytes", length);
    }
    peer_document_free(document);
}

static void versions(void *client) {
    size_t count = peer_versions(client, "bench/versions");
    if (count != VERSIONS) {
        fail("there are %zu versions", count);
    }
}

static void store(void *client) {
    peer_store(client, "bench/stored", VALUE);
}

__attribute__((weak)) size_t peer_queue(void *client, const char *path, size_t count, int64_t *times) {
    fail("this peer has no queue for %zu %s%p%p", count, path, client, (void *)times);
}

__attribute__((weak)) void peer_encrypt(void *client, const char *text) {
    fail("this peer does not encrypt %s%p", text, client);
}

__attribute__((weak)) void peer_verify(void *client, const char *text, const char *signature) {
    fail("this peer does not verify %s %s%p", text, signature, client);
}

__attribute__((weak)) size_t peer_encrypt_many(void *client, const char *text, size_t count) {
    fail("this peer does not encrypt %zu %s%p", count, text, client);
}

__attribute__((weak)) size_t peer_envelope(void *client, size_t length) {
    fail("this peer makes no envelopes of %zu bytes%p", length, client);
}

__attribute__((weak)) void peer_credentials(void *client, const char *path, char *user, char *password, size_t size) {
    fail("this peer has no credentials of %s%p%p%p%zu", path, client, (void *)user, (void *)password, size);
}

static void encrypt(void *client) {
    peer_encrypt(client, VALUE);
}

static void verify(void *client) {
    static const char *signature;
    if (signature == NULL) {
        signature = setting("BENCH_SIGNATURE");
    }
    peer_verify(client, VALUE, signature);
}

static void encrypt_many(void *client, long count) {
    int64_t start = now();
    size_t made = peer_encrypt_many(client, VALUE, (size_t)count);
    printf("%lld %zu", (long long)(now() - start), made);
}

static void envelope(void *client, long length) {
    int64_t start = now();
    size_t encrypted = peer_envelope(client, (size_t)length);
    printf("%zu %lld", encrypted, (long long)(now() - start));
}

static void fresh_credentials(void *client) {
    char user[128], password[128];
    peer_credentials(client, CREDENTIALS, user, password, sizeof user);
}

static void credentials(void *client, const char *path) {
    char user[128], password[128];
    int64_t start = now();
    peer_credentials(client, path, user, password, sizeof user);
    printf("%lld %s %s", (long long)(now() - start), user, password);
}

static void queue(void *client, long count) {
    int64_t start = now();
    size_t found = peer_queue(client, PATH, (size_t)count, NULL);
    printf("%lld %zu", (long long)(now() - start), found);
}

static void print(const int64_t *times, long count) {
    for (long i = 0; i < count; i++) {
        printf("%lld ", (long long)times[i]);
    }
}

static void submit(void *client, long count) {
    int64_t *times = allocate((size_t)count * sizeof *times);
    peer_queue(client, PATH, (size_t)count, times);
    print(times, count);
    free(times);
}

static void one_by_one(void *client, long count, void (*operation)(void *client)) {
    int64_t *times = allocate((size_t)count * sizeof *times);
    for (long i = 0; i < count; i++) {
        int64_t start = now();
        operation(client);
        times[i] = now() - start;
    }
    print(times, count);
    free(times);
}

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    void *client;
    int64_t duration;
    long gets;
    int64_t end;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    void *mine = peer_thread(worker->client);
    get(mine); /* connects before the clock starts */
    pthread_barrier_wait(worker->start);
    int64_t end = now() + worker->duration;
    do {
        get(mine);
        worker->gets++;
        worker->end = now();
    } while (worker->end < end);
    peer_thread_end(worker->client, mine);
    return NULL;
}

static void threads(void *client, long count, long milliseconds) {
    struct worker *workers = allocate((size_t)count * sizeof *workers);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)count + 1);
    for (long i = 0; i < count; i++) {
        workers[i] = (struct worker){.start = &start, .client = client, .duration = milliseconds * 1000000};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fail("no thread");
        }
    }
    pthread_barrier_wait(&start);
    int64_t begin = now(), end = begin;
    long gets = 0;
    for (long i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        gets += workers[i].gets;
        end = workers[i].end > end ? workers[i].end : end;
    }
    printf("%ld %lld", gets, (long long)(end - begin));
    pthread_barrier_destroy(&start);
    free(workers);
}

static void list(void *client, const char *folder) {
    int64_t start = now();
    size_t count = peer_list(client, folder);
    printf("%lld %zu", (long long)(now() - start), count);
}

/* Secret `index` of the 10,000 in bench/many on the server, which has three levels of 25, 20 and 20. */
static void batch(void *client, long count) {
    enum { LENGTH = 64 };
    char(*texts)[LENGTH] = allocate((size_t)count * LENGTH);
    const char **paths = allocate((size_t)count * sizeof *paths);
    for (long i = 0; i < count; i++) {
        snprintf(texts[i], LENGTH, "bench/many/%ld/%ld/%ld", i / 400, i / 20 % 20, i % 20);
        paths[i] = texts[i];
    }
    int64_t start = now();
    size_t found = peer_batch(client, paths, (size_t)count);
    printf("%lld %zu", (long long)(now() - start), found);
    free(paths);
    free(texts);
}

static void obey(void *client, char *line) {
    long first = 0, second = 0;
    char folder[256], path[256];
    if (sscanf(line, "get %ld", &first) == 1) {
        one_by_one(client, first, get);
    } else if (sscanf(line, "document %ld", &first) == 1) {
        one_by_one(client, first, texts);
    } else if (sscanf(line, "store %ld", &first) == 1) {
        one_by_one(client, first, store);
    } else if (sscanf(line, "threads %ld %ld", &first, &second) == 2) {
        threads(client, first, second);
    } else if (sscanf(line, "queue %ld", &first) == 1) {
        queue(client, first);
    } else if (sscanf(line, "submit %ld", &first) == 1) {
        submit(client, first);
    } else if (sscanf(line, "list %255s", folder) == 1) {
        list(client, folder);
    } else if (sscanf(line, "batch %ld", &first) == 1) {
        batch(client, first);
    } else if (sscanf(line, "encrypt %ld", &first) == 1) {
        one_by_one(client, first, encrypt);
    } else if (sscanf(line, "verify %ld", &first) == 1) {
        one_by_one(client, first, verify);
    } else if (sscanf(line, "encrypt-many %ld", &first) == 1) {
        encrypt_many(client, first);
    } else if (sscanf(line, "envelope %ld", &first) == 1) {
        envelope(client, first);
    } else if (sscanf(line, "credentials %255s", path) == 1) {
        credentials(client, path);
    } else {
        fail("what is %s?", line);
    }
    putchar('\n');
    fflush(stdout);
}

/* Executes an operation `count` times. */
static void repeat(void *client, const char *name, long count) {
    static const struct {
        const char *name;
        void (*run)(void *client);
    } OPERATIONS[] = {
        {"gets", get}, {"fields", field}, {"documents", document}, {"texts", texts}, {"versions", versions},
        {"credentials", fresh_credentials},
    };
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
        if (strcmp(name, OPERATIONS[i].name) == 0) {
            for (long left = count; left > 0; left--) {
                OPERATIONS[i].run(client);
            }
            return;
        }
    }
    fail("what is %s?", name);
}

int main(int argc, char **argv) {
    void *client = peer_open();
    if (argc == 3) {
        repeat(client, argv[1], atol(argv[2]));
        return 0;
    }
    char *value = peer_get(client, PATH);
    printf("ready %s\n", value);
    fflush(stdout);
    peer_release(value);
    char line[512];
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(client, line);
    }
    return 0;
}
