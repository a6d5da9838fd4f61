/* Calls functions with NULL for each of their pointers and invalid UTF-8 for each of their strings. A program has a
 * table of functions, prepares the arguments that all of them accept, and checks each row. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "check.h"

#define MOST_PARAMETERS 7

/* Parameters as untyped pointers, in the order of the signature; numbers are fixed by the wrapper. */
typedef void *arguments[MOST_PARAMETERS];

enum kind {
    END,
    OBJECT,          /* must not be NULL */
    OPTIONAL_OBJECT, /* may be NULL */
    STRING,
    OPTIONAL_STRING,
    OUT,             /* T **, must not be NULL */
    OPTIONAL_OUT,
    BUFFER,          /* char[], must not be NULL */
    OUT_LENGTH,      /* size_t *, must not be NULL */
    OUT_INT32,       /* int32_t *, must not be NULL */
    OPTIONAL_INT32,  /* int32_t *, an out-parameter that may be NULL */
    OPTIONAL_INT64   /* int64_t *, the same */
};

struct parameter {
    const char *name;
    enum kind kind;
};

struct function {
    const char *name;
    hf_status (*call)(arguments a, hf_error **error);
    hf_status outcome; /* with good arguments; the manager is one of the env backend */
    struct parameter parameters[MOST_PARAMETERS + 1];
};

/* A stray continuation byte, a truncated sequence, an overlong "/", a surrogate, a code point above U+10FFFF,
 * Latin-1. */
static const char *const NOT_UTF8[] = {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "m\xfcller"};

/* The objects that are good arguments. */
static struct {
    hf_manager *manager;
    hf_options *options;
    hf_call *call;
    hf_queue *queue;
    hf_metadata *metadata;
    hf_fields *fields;
    hf_document *document;
    hf_fields *parameters; /* none, of transit */
    hf_watch *watch;       /* NULL without a server, but for arguments_watch.c with one */
    hf_transit *transit;   /* NULL without a server, as the next two */
    char *ciphertext;
    char *signature;
    hf_bytes *sealed; /* an envelope; NULL without a server */
    hf_credentials *credentials; /* NULL without a server, as the next two */
    hf_lease *generation;        /* one of `credentials` */
    hf_lease *lease;             /* one of its own */
    char *reference;
    const char *text; /* the key and the value of a batch of one */
    size_t length;    /* of `text` */
    int64_t version;
} given;

/* Out-parameters. A failure has to set them to NULL and 0, so they start with other values. */
static struct {
    void *out[MOST_PARAMETERS]; /* by the index of the parameter */
    char buffer[64];
    size_t length;
    int32_t int32;
    int64_t int64;
} results;

static char stale;

/* The value of the secret that `given.reference` names: a text in base64. */
#define GIVEN_VALUE "dmFsdWU="

static inline void prepare(void)
{
    hf_error *error = NULL;

    given.manager = open_env();
    given.options = hf_options_new_isolated();
    given.call = hf_call_new();
    CHECK_STATUS(HF_OK, hf_queue_new(1, &given.queue, &error));
    given.metadata = hf_metadata_new();
    given.fields = hf_fields_new();
    given.parameters = hf_fields_new();
    given.text = "arguments";
    given.length = strlen(given.text);
    given.version = 1;
    CHECK_STATUS(HF_OK, hf_fields_set(given.fields, "value", GIVEN_VALUE, &error));
    CHECK_STATUS(HF_OK,
                 hf_store_secret(given.manager, "arguments", GIVEN_VALUE, NULL, NULL, &given.reference, &error));
    CHECK_STATUS(HF_OK, hf_get_document(given.manager, given.reference, NULL, &given.document, &error));
}

static inline void free_given(void)
{
    hf_free_string(given.reference);
    hf_free_string(given.ciphertext);
    hf_free_string(given.signature);
    hf_bytes_free(given.sealed);
    hf_transit_free(given.transit);
    hf_lease_free(given.lease);
    hf_lease_free(given.generation);
    hf_credentials_free(given.credentials);
    hf_fields_free(given.parameters);
    hf_document_free(given.document);
    hf_fields_free(given.fields);
    hf_metadata_free(given.metadata);
    hf_call_free(given.call);
    hf_queue_free(given.queue);
    hf_watch_free(given.watch);
    hf_options_free(given.options);
    hf_manager_free(given.manager);
    hf_manager_reset_default();
    memset(&given, 0, sizeof given);
}

/* The argument that every function accepts for a parameter of this name. */
static inline void *good_value(const struct function *function, const char *name)
{
    const int is_option = strcmp(function->name, "hf_options_set") == 0;
    const int has_many = strstr(function->name, "_many") != NULL;
    const int is_refusal = strcmp(function->name, "hf_credentials_refused") == 0;
    const int takes_envelope = strcmp(function->name, "hf_envelope_decrypt") == 0;
    void *sealed = (void *)hf_bytes_data(given.sealed);
    const struct {
        const char *name;
        void *value;
    } values[] = {
        {"manager", given.manager},
        {"options", given.options},
        {"call", given.call},
        {"queue", given.queue},
        {"watch", given.watch},
        {"metadata", given.metadata},
        {"fields", given.fields},
        {"document", given.document},
        {"reference", given.reference},
        {"references", &given.reference},
        {"keys", &given.text},
        {"values", &given.text},
        {"versions", &given.version},
        {"data", has_many ? (void *)&given.text : takes_envelope ? sealed : GIVEN_VALUE},
        {"header", sealed},
        {"lengths", &given.length},
        {"transit", given.transit},
        {"credentials", given.credentials},
        {"lease", is_refusal ? given.generation : given.lease},
        {"path", "auth/token/lookup-self"},
        {"ciphertext", given.ciphertext},
        {"ciphertexts", &given.ciphertext},
        {"signature", given.signature},
        {"parameters", given.parameters},
        {"item_parameters", &given.parameters},
        {"name", is_option ? "SECRET_MANAGER_TYPE" : "value"},
        {"value", "env"},
        {"json", "{}"},
        {"json_object", "{\"value\": \"text\"}"},
        {"method", "POST"},
        {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    };
    size_t i;

    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(values[i].name, name) == 0)
            return values[i].value;
    }
    return "arguments";
}

static inline void good(const struct function *function, arguments a)
{
    int i;

    for (i = 0; function->parameters[i].kind != END; i++) {
        switch (function->parameters[i].kind) {
        case OUT:
        case OPTIONAL_OUT:
            results.out[i] = &stale;
            a[i] = &results.out[i];
            break;
        case BUFFER:
            strcpy(results.buffer, "stale");
            a[i] = results.buffer;
            break;
        case OUT_LENGTH:
            results.length = 77;
            a[i] = &results.length;
            break;
        case OUT_INT32:
        case OPTIONAL_INT32:
            results.int32 = 77;
            a[i] = &results.int32;
            break;
        case OPTIONAL_INT64:
            results.int64 = 77;
            a[i] = &results.int64;
            break;
        default:
            a[i] = good_value(function, function->parameters[i].name);
        }
    }
}

static inline void free_object(const char *name, void *object)
{
    if (strcmp(name, "out_list") == 0)
        hf_string_list_free(object);
    else if (strcmp(name, "out_results") == 0)
        hf_results_free(object);
    else if (strcmp(name, "out_manager") == 0)
        hf_manager_free(object);
    else if (strcmp(name, "out_document") == 0)
        hf_document_free(object);
    else if (strcmp(name, "out_bytes") == 0 || strcmp(name, "out_body") == 0 || strcmp(name, "out_key") == 0)
        hf_bytes_free(object);
    else if (strcmp(name, "out_versions") == 0)
        hf_versions_free(object);
    else if (strcmp(name, "out_transit") == 0)
        hf_transit_free(object);
    else if (strcmp(name, "out_watch") == 0)
        hf_watch_free(object);
    else if (strcmp(name, "out_change") == 0)
        hf_change_free(object);
    else if (strcmp(name, "out_envelope") == 0)
        hf_envelope_free(object);
    else if (strcmp(name, "out_queue") == 0)
        hf_queue_free(object);
    else if (strcmp(name, "out_lease") == 0)
        hf_lease_free(object);
    else if (strcmp(name, "out_credentials") == 0)
        hf_credentials_free(object);
    else
        hf_free_string(object);
}

/* Frees what a function has written to its out-parameters, by the names of those. */
static inline void free_results(const struct function *function)
{
    int i;

    for (i = 0; function->parameters[i].kind != END; i++) {
        if (function->parameters[i].kind != OUT && function->parameters[i].kind != OPTIONAL_OUT)
            continue;
        if (results.out[i] != NULL && results.out[i] != &stale)
            free_object(function->parameters[i].name, results.out[i]);
        results.out[i] = NULL;
    }
}

/* Checks that a failure has cleared all results, except for the out-parameter with the index `null`, which was not
 * passed. */
static inline void check_cleared(const struct function *function, int null)
{
    int i;

    for (i = 0; function->parameters[i].kind != END; i++) {
        const char *name = function->parameters[i].name;

        if (i == null)
            continue;
        switch (function->parameters[i].kind) {
        case OUT:
        case OPTIONAL_OUT:
            CHECK(results.out[i] == NULL, "%s, %s", function->name, name);
            break;
        case BUFFER:
            CHECK(results.buffer[0] == '\0' && results.buffer[1] == 't', "%s, %s", function->name, name);
            break;
        case OUT_LENGTH:
            CHECK(results.length == 0, "%s, %s", function->name, name);
            break;
        case OUT_INT32:
        case OPTIONAL_INT32:
            CHECK(results.int32 == 0, "%s, %s", function->name, name);
            break;
        case OPTIONAL_INT64:
            CHECK(results.int64 == 0, "%s, %s", function->name, name);
            break;
        default:
            break;
        }
    }
}

/* Checks a refused argument: the status, the parameter named in the error, and cleared results; with and without an
 * out-parameter for the error. */
static inline void refuses(const struct function *function, arguments a, int bad, const char *why)
{
    const struct parameter *parameter = &function->parameters[bad];
    hf_error *error = (hf_error *)&stale;

    CHECK(function->call(a, &error) == HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, parameter->name);
    CHECK(hf_error_status(error) == HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, parameter->name);
    CHECK(hf_error_http_status(error) == 0, "%s", function->name);
    CHECK(strncmp(hf_error_message(error), parameter->name, strlen(parameter->name)) == 0
              && strstr(hf_error_message(error), why) != NULL,
          "%s, %s: %s", function->name, parameter->name, hf_error_message(error));
    hf_error_free(error);
    check_cleared(function, bad);
    CHECK(function->call(a, NULL) == HF_ERR_INVALID_ARGUMENT, "%s, %s", function->name, parameter->name);
}

static inline int is_optional(enum kind kind)
{
    return kind == OPTIONAL_OBJECT || kind == OPTIONAL_STRING || kind == OPTIONAL_OUT || kind == OPTIONAL_INT32
           || kind == OPTIONAL_INT64;
}

static inline void check_good_arguments(const struct function *function)
{
    hf_error *error = (hf_error *)&stale;
    hf_status status;
    arguments a;

    good(function, a);
    status = function->call(a, &error);
    CHECK(status == function->outcome, "%s: %s", function->name, hf_error_message(error));
    CHECK((error == NULL) == (status >= HF_OK), "%s", function->name);
    if (status != HF_OK)
        check_cleared(function, -1);
    hf_error_free(error);
    free_results(function);
    if (strcmp(function->name, "hf_delete_secret") == 0)
        CHECK_STATUS(HF_OK, hf_store_secret(given.manager, "arguments", GIVEN_VALUE, NULL, NULL, NULL, &error));
}

static inline void check_function(const struct function *function)
{
    arguments a;
    size_t sample;
    int i;

    check_good_arguments(function);
    for (i = 0; function->parameters[i].kind != END; i++) {
        good(function, a);
        a[i] = NULL;
        if (is_optional(function->parameters[i].kind)) {
            hf_status status = function->call(a, NULL);

            CHECK(status == function->outcome || status == HF_NOT_FOUND, "%s, %s", function->name,
                  function->parameters[i].name);
            free_results(function);
            continue;
        }
        refuses(function, a, i, "is NULL");
    }

    for (i = 0; function->parameters[i].kind != END; i++) {
        if (function->parameters[i].kind != STRING && function->parameters[i].kind != OPTIONAL_STRING)
            continue;
        for (sample = 0; sample < sizeof NOT_UTF8 / sizeof NOT_UTF8[0]; sample++) {
            good(function, a);
            a[i] = (void *)NOT_UTF8[sample];
            refuses(function, a, i, "UTF-8");
        }
    }
}

#endif
