/* Every function that takes a call, once blocking and once with a queue: the same status and the same results. Those that
 * need no request are answered at once. */
#define _GNU_SOURCE
#include "queue.h"
#include "transit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static hf_manager *manager;
static hf_options *options;
static hf_transit *key, *signer;
static hf_fields *fields;
static hf_metadata *metadata;
static hf_bytes *sealed;
static char *ciphertext, *signature;
static char issue[300]; /* the path that issues certificates with leases */
static hf_fields *name;
static hf_lease *lease, *plain;
static hf_credentials *credentials;
static hf_watch *watch;

static const char REFERENCE[] = "vault://functions", DATA[] = "canary-data";
static const char *const REFERENCES[] = {"vault://functions", "vault://functions_nothing"};
static const char *const KEYS[] = {"functions_one", "functions_two"};
static const void *const ITEMS[] = {"one", "two"};
static const size_t LENGTHS[] = {3, 3};
static const int64_t NONE[] = {99};

/* What a function has made, and whether it is as it should be. */
static struct {
    char *text;
    hf_bytes *bytes;
    hf_document *document;
    hf_results *results;
    hf_versions *versions;
    hf_string_list *list;
    hf_manager *manager;
    hf_transit *transit;
    hf_envelope *envelope;
    hf_lease *lease;
    hf_credentials *credentials;
    hf_change *change;
    int64_t next;
    char buffer[64];
    size_t length;
    int64_t version;
    int32_t http_status;
    int from, to; /* a file and a pipe, or -1 */
} made;

#define FUNCTION(name, ...)                                        \
    static hf_status name##_(const hf_call *call, hf_error **error) \
    {                                                              \
        return name(__VA_ARGS__, error);                           \
    }

FUNCTION(hf_manager_open, options, call, &made.manager)
FUNCTION(hf_manager_default, call, &made.manager)
FUNCTION(hf_manager_check, manager, call)
FUNCTION(hf_manager_warm, manager, 2, call)
FUNCTION(hf_store_secret, manager, "functions", DATA, NULL, call, &made.text)
FUNCTION(hf_get_secret, manager, REFERENCE, call, &made.text)
FUNCTION(hf_get_secret_into, manager, REFERENCE, call, made.buffer, sizeof made.buffer, &made.length)
FUNCTION(hf_update_secret, manager, REFERENCE, DATA, NULL, call)
FUNCTION(hf_delete_secret, manager, "vault://functions_nothing", call)
FUNCTION(hf_list_secrets, manager, "functions", call, &made.list)
FUNCTION(hf_get_secrets, manager, REFERENCES, 2, call, &made.results)
FUNCTION(hf_get_documents, manager, REFERENCES, 2, call, &made.results)
FUNCTION(hf_store_secrets, manager, KEYS, KEYS, 2, call, &made.results)
FUNCTION(hf_get_document, manager, REFERENCE, call, &made.document)
FUNCTION(hf_store_document, manager, "functions_document", fields, NULL, call, &made.text, &made.version)
FUNCTION(hf_update_document, manager, REFERENCE, fields, NULL, call, &made.version)
FUNCTION(hf_list_versions, manager, REFERENCE, call, &made.versions)
FUNCTION(hf_delete_versions, manager, REFERENCE, NONE, 1, call)
FUNCTION(hf_undelete_versions, manager, REFERENCE, NONE, 1, call)
FUNCTION(hf_destroy_versions, manager, REFERENCE, NONE, 1, call)
FUNCTION(hf_rollback_secret, manager, REFERENCE, 1, call, &made.version)
FUNCTION(hf_set_custom_metadata, manager, REFERENCE, metadata, call)
FUNCTION(hf_rotate_secret, manager, REFERENCE, NULL, call, &made.text, &made.version)
FUNCTION(hf_request, manager, "GET", "sys/health", NULL, call, &made.http_status, &made.bytes)
FUNCTION(hf_unwrap, manager, "spent", call, &made.text)
FUNCTION(hf_manager_maintain, manager, call, &made.next)
FUNCTION(hf_lease_open, manager, issue, name, call, &made.lease)
FUNCTION(hf_lease_renew, plain, call)
FUNCTION(hf_lease_revoke, lease, call)
FUNCTION(hf_credentials_open, manager, issue, name, call, &made.credentials)
FUNCTION(hf_credentials_get, credentials, call, &made.lease)
FUNCTION(hf_credentials_revoke, credentials, call)
FUNCTION(hf_transit_open, manager, "functions", call, &made.transit)
FUNCTION(hf_transit_encrypt, key, DATA, sizeof DATA, NULL, call, &made.text)
FUNCTION(hf_transit_decrypt, key, ciphertext, NULL, call, &made.bytes)
FUNCTION(hf_transit_rewrap, key, ciphertext, NULL, call, &made.text)
FUNCTION(hf_transit_sign, signer, DATA, sizeof DATA, NULL, call, &made.text)
FUNCTION(hf_transit_hmac, key, DATA, sizeof DATA, NULL, call, &made.text)
FUNCTION(hf_transit_verify, signer, DATA, sizeof DATA, signature, NULL, call)
FUNCTION(hf_transit_data_key, key, NULL, call, &made.bytes, &made.text)
FUNCTION(hf_transit_encrypt_many, key, ITEMS, LENGTHS, 2, NULL, NULL, call, &made.results)
FUNCTION(hf_transit_decrypt_many, key, (const char *const *)&ciphertext, 1, NULL, NULL, call, &made.results)
FUNCTION(hf_transit_rewrap_many, key, (const char *const *)&ciphertext, 1, NULL, NULL, call, &made.results)
FUNCTION(hf_envelope_encrypt, key, DATA, sizeof DATA, NULL, call, &made.bytes)
FUNCTION(hf_envelope_decrypt, key, hf_bytes_data(sealed), hf_bytes_len(sealed), NULL, call, &made.bytes)
FUNCTION(hf_envelope_encryptor, key, NULL, call, &made.envelope)
FUNCTION(hf_envelope_decryptor, key, NULL, call, &made.envelope)
FUNCTION(hf_envelope_rewrap, key, hf_bytes_data(sealed), hf_bytes_len(sealed), call, &made.bytes)

/* A stream that takes an envelope, which asks for its data key. */
/* What is there is told first, each time that the secret is added. */
static void watch_again(void)
{
    hf_error *error = NULL;
    hf_status status = hf_watch_remove(watch, REFERENCE, NULL);

    CHECK(status == HF_OK || status == HF_NOT_FOUND, "%s", hf_status_name(status));
    CHECK_STATUS(HF_OK, hf_watch_add(watch, REFERENCE, 0, &error));
}

static hf_status hf_watch_next_(const hf_call *call, hf_error **error)
{
    watch_again();
    return hf_watch_next(watch, call, &made.change, error);
}

static hf_envelope *begun(void)
{
    CHECK(hf_envelope_decryptor(key, NULL, NULL, &made.envelope, NULL) == HF_OK, "a stream");
    return made.envelope;
}

FUNCTION(hf_envelope_update, begun(), hf_bytes_data(sealed), hf_bytes_len(sealed), call, &made.bytes)

static hf_status hf_envelope_finish_(const hf_call *call, hf_error **error)
{
    hf_bytes *beginning = NULL;

    CHECK(hf_envelope_update(begun(), hf_bytes_data(sealed), hf_bytes_len(sealed), NULL, &beginning, NULL) == HF_OK, "data");
    hf_bytes_free(beginning);
    return hf_envelope_finish(made.envelope, call, &made.bytes, error);
}

/* The program closes its descriptors when the function has returned; the pipe is not read before. */
static hf_status transfer(int is_encryption, const void *data, size_t length, const hf_call *call, hf_error **error)
{
    int from = memfd_create("from", 0), ends[2];
    hf_status status;

    CHECK(pipe(ends) == 0 && write(from, data, length) == (ssize_t)length && lseek(from, 0, SEEK_SET) == 0, "files");
    status = is_encryption ? hf_envelope_encrypt_fd(key, from, ends[1], NULL, call, error)
                           : hf_envelope_decrypt_fd(key, from, ends[1], NULL, call, error);
    close(from);
    close(ends[1]);
    made.from = ends[0];
    return status;
}

static hf_status hf_envelope_encrypt_fd_(const hf_call *call, hf_error **error)
{
    return transfer(1, DATA, sizeof DATA, call, error);
}

static hf_status hf_envelope_decrypt_fd_(const hf_call *call, hf_error **error)
{
    return transfer(0, hf_bytes_data(sealed), hf_bytes_len(sealed), call, error);
}

/* How many bytes a transfer has written. */
static size_t transferred(void)
{
    char buffer[4096];
    ssize_t count = made.from < 0 ? 0 : read(made.from, buffer, sizeof buffer);

    return count < 0 ? 0 : (size_t)count;
}

/* A number for what was made, which is the same for the same things, whatever their random parts are. */
static size_t size_of_results(void)
{
    size_t i, sum = transferred() + hf_bytes_len(made.bytes) * 3 + hf_document_len(made.document) * 5 + hf_string_list_len(made.list) * 7;

    sum += (made.manager != NULL) * 11 + (made.transit != NULL) * 13 + (made.envelope != NULL) * 17 + (made.version > 0) * 19;
    sum += (made.text == NULL ? 0 : strlen(made.text)) * 23 + strlen(made.buffer) * 29 + made.length * 31;
    sum += (size_t)made.http_status * 37 + (made.versions != NULL) * 41;
    sum += hf_document_len(hf_lease_fields(made.lease)) * 47 + (made.credentials != NULL) * 53 + (made.next > 0) * 59;
    sum += (made.change != NULL) * 61;
    for (i = 0; i < hf_results_len(made.results); i++)
        sum += (size_t)(hf_results_status(made.results, i) + 50) * 43;
    return sum;
}

static void free_made(void)
{
    hf_free_string(made.text);
    hf_bytes_free(made.bytes);
    hf_document_free(made.document);
    hf_results_free(made.results);
    hf_versions_free(made.versions);
    hf_string_list_free(made.list);
    hf_manager_free(made.manager);
    hf_transit_free(made.transit);
    hf_envelope_free(made.envelope);
    hf_lease_free(made.lease);
    hf_credentials_free(made.credentials);
    hf_change_free(made.change);
    if (made.from >= 0)
        close(made.from);
    memset(&made, 0, sizeof made);
    made.from = -1;
}

enum answer { WAITS, AT_ONCE };

static const struct {
    const char *name;
    hf_status (*call)(const hf_call *call, hf_error **error);
    hf_status status;
    enum answer answer;
} FUNCTIONS[] = {
#define ROW(name, status, answer) {#name, name##_, status, answer}
    ROW(hf_manager_open, HF_OK, WAITS),
    ROW(hf_manager_default, HF_OK, AT_ONCE),
    ROW(hf_manager_check, HF_OK, WAITS),
    ROW(hf_manager_warm, HF_OK, WAITS),
    ROW(hf_store_secret, HF_OK, WAITS),
    ROW(hf_get_secret, HF_OK, WAITS),
    ROW(hf_get_secret_into, HF_OK, WAITS),
    ROW(hf_update_secret, HF_OK, WAITS),
    ROW(hf_delete_secret, HF_NOT_FOUND, WAITS),
    ROW(hf_list_secrets, HF_OK, WAITS),
    ROW(hf_get_secrets, HF_OK, WAITS),
    ROW(hf_get_documents, HF_OK, WAITS),
    ROW(hf_store_secrets, HF_OK, WAITS),
    ROW(hf_get_document, HF_OK, WAITS),
    ROW(hf_store_document, HF_OK, WAITS),
    ROW(hf_update_document, HF_OK, WAITS),
    ROW(hf_list_versions, HF_OK, WAITS),
    ROW(hf_delete_versions, HF_NOT_FOUND, WAITS),
    ROW(hf_undelete_versions, HF_NOT_FOUND, WAITS),
    ROW(hf_destroy_versions, HF_NOT_FOUND, WAITS),
    ROW(hf_rollback_secret, HF_OK, WAITS),
    ROW(hf_set_custom_metadata, HF_OK, WAITS),
    ROW(hf_rotate_secret, HF_OK, WAITS),
    ROW(hf_request, HF_OK, WAITS),
    ROW(hf_unwrap, HF_ERR_AUTH, WAITS),
    ROW(hf_manager_maintain, HF_OK, AT_ONCE), /* nothing is due */
    ROW(hf_lease_open, HF_OK, WAITS),
    ROW(hf_lease_renew, HF_ERR_UNSUPPORTED, AT_ONCE),
    ROW(hf_lease_revoke, HF_OK, WAITS),
    ROW(hf_credentials_open, HF_OK, WAITS),
    ROW(hf_credentials_get, HF_OK, AT_ONCE), /* not due */
    ROW(hf_credentials_revoke, HF_OK, WAITS),
    ROW(hf_watch_next, HF_OK, WAITS),
    ROW(hf_transit_open, HF_OK, WAITS),
    ROW(hf_transit_encrypt, HF_OK, WAITS),
    ROW(hf_transit_decrypt, HF_OK, WAITS),
    ROW(hf_transit_rewrap, HF_OK, WAITS),
    ROW(hf_transit_sign, HF_OK, WAITS),
    ROW(hf_transit_hmac, HF_OK, WAITS),
    ROW(hf_transit_verify, HF_OK, AT_ONCE), /* with the public key */
    ROW(hf_transit_data_key, HF_OK, WAITS),
    ROW(hf_transit_encrypt_many, HF_OK, WAITS),
    ROW(hf_transit_decrypt_many, HF_OK, WAITS),
    ROW(hf_transit_rewrap_many, HF_OK, WAITS),
    ROW(hf_envelope_encrypt, HF_OK, AT_ONCE), /* with a data key that is kept, as the next ones */
    ROW(hf_envelope_decrypt, HF_OK, AT_ONCE),
    ROW(hf_envelope_encryptor, HF_OK, AT_ONCE),
    ROW(hf_envelope_decryptor, HF_OK, AT_ONCE),
    ROW(hf_envelope_update, HF_OK, WAITS), /* it may have to ask for the data key */
    ROW(hf_envelope_finish, HF_OK, AT_ONCE),
    ROW(hf_envelope_rewrap, HF_OK, WAITS),
    ROW(hf_envelope_encrypt_fd, HF_OK, WAITS), /* for the descriptors */
    ROW(hf_envelope_decrypt_fd, HF_OK, WAITS),
};

static void check_function(size_t row, hf_queue *queue)
{
    const char *name = FUNCTIONS[row].name;
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_status status, of_call = HF_OK;
    uintptr_t tag = 0;
    size_t size;

    check_status(__LINE__, name, FUNCTIONS[row].call(NULL, &error), FUNCTIONS[row].status, &error);
    size = size_of_results();
    free_made();

    CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, row + 1, &error));
    status = FUNCTIONS[row].call(call, &error);
    hf_call_free(call);
    CHECK(FUNCTIONS[row].answer == (status == HF_PENDING ? WAITS : AT_ONCE), "%s: %s", name, hf_status_name(status));
    if (status == HF_PENDING) {
        CHECK(hf_queue_next(queue, -1, &tag, &of_call, NULL) == HF_OK && tag == row + 1, "%s: %d", name, (int)tag);
        status = of_call;
    }
    check_status(__LINE__, name, status, FUNCTIONS[row].status, &error);
    CHECK(size_of_results() == size, "%s: another result", name);
    CHECK(hf_queue_pending(queue) == 0, "%s: nothing is left", name);
    free_made();
}

/* A data key that is not kept is asked for by the queue, also in the middle of a stream. */
static void check_new_data_keys(hf_queue *queue)
{
    hf_transit *other = open_key(manager, "functions");
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_envelope *stream = NULL;
    hf_bytes *first = NULL, *last = NULL;
    const char *data = hf_bytes_data(sealed);
    size_t length = hf_bytes_len(sealed);
    hf_status of_call;
    uintptr_t tag;

    CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, 1, &error));
    CHECK_STATUS(HF_OK, hf_envelope_decryptor(other, NULL, call, &stream, &error));
    CHECK_STATUS(HF_PENDING, hf_envelope_update(stream, data, length, call, &first, &error));
    CHECK(hf_queue_next(queue, -1, &tag, &of_call, NULL) == HF_OK && of_call == HF_OK && first != NULL, "%s",
          hf_status_name(of_call));
    CHECK_STATUS(HF_OK, hf_envelope_finish(stream, call, &last, &error));
    CHECK(hf_bytes_len(last) == sizeof DATA && memcmp(hf_bytes_data(last), DATA, sizeof DATA) == 0, "the data");
    hf_envelope_free(stream);
    hf_bytes_free(first);
    hf_bytes_free(last);
    hf_call_free(call);
    hf_transit_free(other);
}

/* A call for a stream that ends without a result ends the stream: its data would be missing. */
static void check_abandoned_streams(hf_queue *queue)
{
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_envelope *stream = NULL;
    hf_bytes *part = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, 1, &error));
    CHECK_STATUS(HF_OK, hf_envelope_decryptor(key, NULL, NULL, &stream, &error));
    CHECK_STATUS(HF_PENDING, hf_envelope_update(stream, hf_bytes_data(sealed), hf_bytes_len(sealed), call, &part, &error));
    hf_call_abandon(call);
    while (hf_envelope_update(stream, NULL, 0, NULL, &part, &error) == HF_ERR_INVALID_ARGUMENT
           && strstr(hf_error_message(error), "another thread") != NULL) { /* until the job has let go of it */
        hf_error_free(error);
        error = NULL;
        usleep(1000);
    }
    CHECK(part == NULL && hf_error_status(error) == HF_ERR_INVALID_ARGUMENT, "the stream has ended");
    hf_error_free(error);
    hf_envelope_free(stream);
    hf_call_free(call);
}

/* What a cache serves to a batch is counted once, although the batch has to wait for the rest. */
static void check_cached_batch(hf_queue *queue)
{
    hf_options *cached = hf_options_new();
    hf_manager *other = NULL;
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    hf_results *results = NULL;
    hf_status of_call;
    uintptr_t tag;
    char *text = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(cached, "VAULT_CACHE_TTL", "1h", &error));
    CHECK_STATUS(HF_OK, hf_manager_open(cached, NULL, &other, &error));
    CHECK_STATUS(HF_OK, hf_get_secret(other, REFERENCE, NULL, &text, &error));
    hf_free_string(text);
    CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, 1, &error));
    CHECK_STATUS(HF_PENDING, hf_get_secrets(other, REFERENCES, 2, call, &results, &error));
    CHECK(hf_queue_next(queue, -1, &tag, &of_call, NULL) == HF_OK && of_call == HF_OK, "%s", hf_status_name(of_call));
    CHECK_STATUS(HF_OK, hf_manager_metrics(other, &text, &error));
    CHECK(strstr(text, "cache_requests_total{result=\"hit\"} 1\n") != NULL, "%s", text);
    CHECK(strstr(text, "cache_requests_total{result=\"miss\"} 2\n") != NULL, "%s", text);
    hf_free_string(text);
    hf_results_free(results);
    hf_call_free(call);
    hf_manager_free(other);
    hf_options_free(cached);
}

static void set_up(void)
{
    hf_error *error = NULL;

    made.from = -1;
    options = hf_options_new();
    manager = open_transit_server();
    key = make_key(manager, "functions", "{}");
    signer = make_key(manager, "signs", "{\"type\": \"ed25519\"}");
    fields = hf_fields_new();
    metadata = hf_metadata_new();
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "owner", "tests", &error));
    CHECK_STATUS(HF_OK, hf_fields_set(fields, "value", DATA, &error));
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "functions", DATA, NULL, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_manager_default(NULL, &made.manager, &error));
    CHECK_STATUS(HF_OK, hf_transit_encrypt(key, DATA, sizeof DATA, NULL, NULL, &ciphertext, &error));
    CHECK_STATUS(HF_OK, hf_transit_sign(signer, DATA, sizeof DATA, NULL, NULL, &signature, &error));
    CHECK_STATUS(HF_OK, hf_envelope_encrypt(key, DATA, sizeof DATA, NULL, NULL, &sealed, &error));
    free_made();
}

/* An engine whose certificates have leases. */
static void set_up_leases(void)
{
    hf_error *error = NULL;
    char path[300];

    name = hf_fields_new();
    CHECK_STATUS(HF_OK, hf_fields_set(name, "common_name", "a.test", &error));
    snprintf(path, sizeof path, "sys/mounts/%.150s-pki", transit_mount);
    administer(manager, path, "{\"type\": \"pki\"}");
    snprintf(path, sizeof path, "%.150s-pki/root/generate/internal", transit_mount);
    administer(manager, path, "{\"common_name\": \"ca\", \"key_type\": \"ec\"}");
    snprintf(path, sizeof path, "%.150s-pki/roles/web", transit_mount);
    administer(manager, path, "{\"allow_any_name\": true, \"key_type\": \"ec\", \"generate_lease\": true, \"ttl\": \"1h\"}");
    snprintf(issue, sizeof issue, "%.150s-pki/issue/web", transit_mount);
    CHECK_STATUS(HF_OK, hf_lease_open(manager, issue, name, NULL, &lease, &error));
    CHECK_STATUS(HF_OK, hf_lease_open(manager, REFERENCE, NULL, NULL, &plain, &error));
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, issue, name, NULL, &credentials, &error));
    CHECK_STATUS(HF_OK, hf_watch_new(manager, &watch, &error));
}

int main(void)
{
    hf_queue *queue = new_queue(2);
    size_t i;

    set_up();
    set_up_leases();
    for (i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
        check_function(i, queue);
    check_new_data_keys(queue);
    check_abandoned_streams(queue);
    check_cached_batch(queue);
    hf_queue_free(queue);
    hf_watch_free(watch);
    hf_credentials_free(credentials);
    hf_lease_free(plain);
    hf_lease_free(lease);
    hf_fields_free(name);
    hf_bytes_free(sealed);
    hf_free_string(signature);
    hf_free_string(ciphertext);
    hf_metadata_free(metadata);
    hf_fields_free(fields);
    hf_transit_free(signer);
    hf_transit_free(key);
    hf_manager_free(manager);
    hf_options_free(options);
    hf_manager_reset_default();
    return result();
}
