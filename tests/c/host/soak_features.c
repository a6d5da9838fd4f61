/* soak_features.c CALLS: makes CALLS calls with queues, a cache, watches, leases, metrics and traces at the same time; see
 * soak.h.
 *
 * VAULT_ADDR is a real server; RECORDED is the address of one that answers every read with the value "recorded". */
#define _DEFAULT_SOURCE
#include "../queue.h"
#include "soak.h"

#include <malloc.h>

#define SUBMITTED 4
#define SECRETS 50
/* Until every queue, watch and cache has been made anew several times. */
#define ROUNDS_BEFORE 1000
#define TRACE_PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* What one of the threads uses. */
struct worker {
    hf_queue *queue;
    hf_queue *watching; /* for the wait for the next change */
    hf_watch *watch;
    hf_change *change;
    hf_error *watch_error;
    int is_waiting;
};

static struct worker workers[THREADS];
static hf_manager *cached, *recorded;
static hf_credentials *credentials;
static hf_call *traced, *fresh;
static char issue[160];

struct setting {
    const char *name;
    const char *value;
};

/* The limit keeps the number of connections the same, however the threads of the queues are scheduled. */
static const struct setting plain[] = {{"VAULT_MAX_CONNECTIONS", "2"}, {NULL, NULL}};
static const struct setting with_cache[] = {
    {"VAULT_MAX_CONNECTIONS", "2"}, {"VAULT_CACHE_TTL", "1s"},        {"VAULT_CACHE_STALE_TTL", "1m"},
    {"VAULT_CACHE_SIZE", "40"},     {"VAULT_WATCH_INTERVAL", "100ms"}, {NULL, NULL},
};

static hf_manager *open_with(const char *address, const struct setting *settings)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ADDR", address, &error));
    for (; settings->name != NULL; settings++)
        CHECK_STATUS(HF_OK, hf_options_set(options, settings->name, settings->value, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        exit(1);
    return manager;
}

static void request(const char *path, const char *json)
{
    hf_bytes *body = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_request(cached, "POST", path, json, NULL, NULL, &body, &error));
    hf_bytes_free(body);
}

/* Has the server issue certificates that have leases. */
static void enable_leases(void)
{
    const char *mount = getenv("VAULT_MOUNT");
    char path[160];

    snprintf(path, sizeof path, "sys/mounts/%s-pki", mount);
    request(path, "{\"type\": \"pki\"}");
    snprintf(path, sizeof path, "%s-pki/root/generate/internal", mount);
    request(path, "{\"common_name\": \"ca\", \"key_type\": \"ec\"}");
    snprintf(path, sizeof path, "%s-pki/roles/web", mount);
    request(path, "{\"allow_any_name\": true, \"key_type\": \"ec\", \"generate_lease\": true, \"ttl\": \"1m\"}");
    snprintf(issue, sizeof issue, "%s-pki/issue/web", mount);
}

static void start_worker(long thread)
{
    struct worker *worker = &workers[thread];
    char folder[48];
    hf_error *error = NULL;

    snprintf(folder, sizeof folder, "vault://soaked/%ld/", thread);
    worker->queue = new_queue(2);
    worker->watching = new_queue(1);
    CHECK_STATUS(HF_OK, hf_watch_new(cached, &worker->watch, &error));
    CHECK_STATUS(HF_OK, hf_watch_add(worker->watch, folder, -1, &error));
    worker->is_waiting = 0;
}

/* A change on its way is freed with its queue. */
static void end_worker(struct worker *worker)
{
    hf_queue_free(worker->watching);
    hf_queue_free(worker->queue);
    hf_watch_free(worker->watch);
}

/* Four gets through a queue; at times one is cancelled, and one more abandoned. */
static void submit(struct worker *worker, long round)
{
    struct submitted submitted[SUBMITTED] = {0}, abandoned = {0};
    hf_call *call;
    int i;

    for (i = 0; i < SUBMITTED; i++)
        submit_get(worker->queue, recorded, "vault://any", &submitted[i]);
    if (round % 20 == 0) {
        call = call_for(worker->queue, &abandoned);
        CHECK(hf_get_secret(recorded, "vault://any", call, &abandoned.value, &abandoned.error) == HF_PENDING, "round %ld", round);
        hf_call_abandon(call);
        hf_call_free(call);
    }
    for (i = 0; i < SUBMITTED; i++) {
        struct submitted *taken = take(worker->queue, -1);

        CHECK(taken != NULL && taken->status == HF_OK && strcmp(taken->value, "recorded") == 0, "round %ld", round);
    }
    for (i = 0; i < SUBMITTED; i++)
        free_submitted(&submitted[i]);
}

static void cancel_one(struct worker *worker)
{
    struct submitted submitted = {0};
    hf_call *call = call_for(worker->queue, &submitted);
    hf_status status = hf_get_secret(recorded, "vault://any", call, &submitted.value, &submitted.error);

    CHECK(status == HF_PENDING, "%s", hf_status_name(status));
    hf_call_cancel(call);
    hf_call_free(call);
    CHECK(take(worker->queue, -1) == &submitted, "it is taken");
    CHECK(submitted.status == HF_ERR_CANCELLED || submitted.status == HF_OK, "%s", hf_status_name(submitted.status));
    free_submitted(&submitted);
}

/* Takes the next change, if there is one, and waits for another one, which holds no thread. */
static void look_for_change(struct worker *worker)
{
    hf_error *error = NULL;
    uintptr_t tag;
    hf_status status = HF_OK;

    if (worker->is_waiting) {
        if (hf_queue_next(worker->watching, 0, &tag, &status, &error) != HF_OK)
            return;
        CHECK(status == HF_OK && hf_change_kind(worker->change) == HF_CHANGE_WRITTEN, "%s: %s", hf_status_name(status),
              hf_error_message(worker->watch_error));
        hf_error_free(worker->watch_error);
        hf_change_free(worker->change);
        worker->is_waiting = 0;
    }
    {
        hf_call *call = call_for(worker->watching, NULL);

        status = hf_watch_next(worker->watch, call, &worker->change, &worker->watch_error);
        hf_call_free(call);
    }
    worker->is_waiting = status == HF_PENDING;
    CHECK(status == HF_PENDING || status == HF_OK, "%s", hf_status_name(status));
    if (status == HF_OK)
        hf_change_free(worker->change);
}

static void use_leases(long round)
{
    hf_lease *lease = NULL;
    hf_error *error = NULL;
    hf_fields *fields;
    int64_t next = 0;

    CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &lease, &error));
    CHECK(hf_document_text(hf_lease_fields(lease), "value", NULL) != NULL, "round %ld", round);
    hf_lease_free(lease);
    if (round % 200 != 0)
        return;
    fields = hf_fields_new();
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "common_name", "a.test", &error));
    CHECK_STATUS(HF_OK, hf_lease_open(cached, issue, fields, NULL, &lease, &error));
    CHECK_STATUS(HF_OK, hf_lease_revoke(lease, NULL, &error));
    CHECK_STATUS(HF_OK, hf_manager_maintain(cached, NULL, &next, &error));
    hf_lease_free(lease);
    hf_fields_free(fields);
}

static void read_metrics(long round)
{
    hf_error *error = NULL;
    char *text = NULL;

    CHECK_STATUS(HF_OK, hf_manager_metrics(NULL, &text, &error));
    CHECK(strstr(text, "handsfree_queue_pending") != NULL, "round %ld", round);
    hf_free_string(text);
}

/* Ten calls: four through a queue, a store, two gets from the cache and one past it or through it, a look for changes, one
 * for credentials; and the metrics of all. */
static void one_round(long thread, long round)
{
    struct worker *worker = &workers[thread];
    char key[64], reference[80];
    hf_document *document = NULL;
    hf_error *error = NULL;

    if (round % 50 == 49) {
        end_worker(worker);
        start_worker(thread);
        hf_manager_free(open_with(getenv("VAULT_ADDR"), with_cache));
    }
    snprintf(key, sizeof key, "soaked_%ld_%ld", thread, round % SECRETS);
    snprintf(reference, sizeof reference, "vault://soaked/%ld/%ld", thread, round % SECRETS);
    submit(worker, round);
    if (round % 20 == 10)
        cancel_one(worker);
    put(cached, key, "soaked");
    CHECK(gets_value(cached, reference, "soaked"), "round %ld", round);
    CHECK(gets_value(cached, reference, "soaked"), "round %ld, from the cache", round);
    CHECK_STATUS(HF_OK, hf_get_document(cached, reference, round % 5 == 0 ? fresh : traced, &document, &error));
    hf_document_free(document);
    look_for_change(worker);
    use_leases(round);
    if (round % 10 == 0)
        read_metrics(round);
}

int main(int argc, char **argv)
{
    hf_error *error = NULL;
    long i;

    /* The threads of queues come and go. Each would get an arena of the C library, and these fill slowly. */
    mallopt(M_ARENA_MAX, 1);
    cached = open_with(getenv("VAULT_ADDR"), with_cache);
    recorded = open_with(getenv("RECORDED"), plain);
    enable_leases();
    put(cached, "credentials", "any");
    CHECK_STATUS(HF_OK, hf_credentials_open(cached, "vault://credentials", NULL, NULL, &credentials, &error));
    traced = hf_call_new();
    CHECK_STATUS(HF_OK, hf_call_set_trace_parent(traced, TRACE_PARENT, &error));
    fresh = hf_call_new();
    CHECK_STATUS(HF_OK, hf_call_set_max_age_ms(fresh, 0, &error));
    for (i = 0; i < THREADS; i++)
        start_worker(i);
    one_part(one_round, 0, ROUNDS_BEFORE);
    soak(number(argc, argv, 1), 2, one_round);
    for (i = 0; i < THREADS; i++)
        end_worker(&workers[i]);
    hf_call_free(fresh);
    hf_call_free(traced);
    hf_credentials_free(credentials);
    hf_manager_free(recorded);
    hf_manager_free(cached);
    return result();
}
