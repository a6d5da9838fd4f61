/* The functions of leases and credentials with NULL for each of their pointers and invalid UTF-8 for each of their strings.
 * Without a server there are none, so the functions on them get NULL alone; with one, which the environment names, all
 * their parameters are checked. arguments.c has the other functions. */
#include "arguments.h"

static hf_status lease_open(arguments a, hf_error **error)
{
    return hf_lease_open(a[0], a[1], a[2], a[3], a[4], error);
}

static hf_status lease_renew(arguments a, hf_error **error)
{
    return hf_lease_renew(a[0], a[1], error);
}

static hf_status lease_revoke(arguments a, hf_error **error)
{
    return hf_lease_revoke(a[0], a[1], error);
}

static hf_status credentials_open(arguments a, hf_error **error)
{
    return hf_credentials_open(a[0], a[1], a[2], a[3], a[4], error);
}

static hf_status credentials_get(arguments a, hf_error **error)
{
    return hf_credentials_get(a[0], a[1], a[2], error);
}

static hf_status credentials_refused(arguments a, hf_error **error)
{
    return hf_credentials_refused(a[0], a[1], error);
}

static hf_status credentials_revoke(arguments a, hf_error **error)
{
    return hf_credentials_revoke(a[0], a[1], error);
}

static hf_status manager_maintain(arguments a, hf_error **error)
{
    return hf_manager_maintain(a[0], a[1], a[2], error);
}

#define MANAGER {"manager", OBJECT}
#define PARAMETERS {"parameters", OPTIONAL_OBJECT}
#define CALL {"call", OPTIONAL_OBJECT}

/* The outcome is that without a server. */
static const struct function ON_MANAGER[] = {
    {"hf_lease_open", lease_open, HF_ERR_UNSUPPORTED,
     {MANAGER, {"path", STRING}, PARAMETERS, CALL, {"out_lease", OUT}, {NULL, END}}},
    {"hf_credentials_open", credentials_open, HF_ERR_UNSUPPORTED,
     {MANAGER, {"path", STRING}, PARAMETERS, CALL, {"out_credentials", OUT}, {NULL, END}}},
    {"hf_manager_maintain", manager_maintain, HF_OK,
     {MANAGER, CALL, {"out_next_ms", OPTIONAL_INT64}, {NULL, END}}},
};

/* The outcome is that with a server, for credentials without a lease. */
static const struct function ON_LEASES[] = {
    {"hf_lease_renew", lease_renew, HF_ERR_UNSUPPORTED, {{"lease", OBJECT}, CALL, {NULL, END}}},
    {"hf_lease_revoke", lease_revoke, HF_ERR_UNSUPPORTED, {{"lease", OBJECT}, CALL, {NULL, END}}},
    {"hf_credentials_get", credentials_get, HF_OK,
     {{"credentials", OBJECT}, CALL, {"out_lease", OUT}, {NULL, END}}},
    {"hf_credentials_refused", credentials_refused, HF_OK, {{"credentials", OBJECT}, {"lease", OBJECT}, {NULL, END}}},
    {"hf_credentials_revoke", credentials_revoke, HF_OK, {{"credentials", OBJECT}, CALL, {NULL, END}}},
};

#define COUNT(table) (sizeof table / sizeof table[0])

/* Functions that cannot fail accept NULL. */
static void check_null_without_status(void)
{
    hf_lease_free(NULL);
    hf_credentials_free(NULL);
    CHECK(hf_lease_ref(NULL) == NULL, "hf_lease_ref");
    CHECK(hf_credentials_ref(NULL) == NULL, "hf_credentials_ref");
    CHECK(hf_lease_fields(NULL) == NULL, "hf_lease_fields");
    CHECK(hf_lease_id(NULL) == NULL, "hf_lease_id");
    CHECK(hf_lease_remaining_ms(NULL) == 0, "hf_lease_remaining_ms");
    CHECK(hf_lease_generation(NULL) == 0, "hf_lease_generation");
}

/* NULL for the object, alone and with everything else that may be NULL. */
static void check_without_object(const struct function *function)
{
    arguments a;
    int i;

    good(function, a);
    refuses(function, a, 0, "is NULL");
    good(function, a);
    for (i = 0; function->parameters[i].kind != END; i++) {
        if (is_optional(function->parameters[i].kind))
            a[i] = NULL;
    }
    CHECK(function->call(a, NULL) == HF_ERR_INVALID_ARGUMENT, "%s", function->name);
}

static void check_nothing_is_due(void)
{
    hf_error *error = NULL;
    int64_t next = 77;

    CHECK_STATUS(HF_OK, hf_manager_maintain(given.manager, NULL, &next, &error));
    CHECK(next == -1, "%ld", (long)next);
}

/* What is told although a call fails: a cancelled one has done nothing. */
static void check_cancelled(void)
{
    hf_call *call = hf_call_new();
    hf_lease *lease = (hf_lease *)&stale;
    hf_error *error = NULL;
    int64_t next = 77;

    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_credentials_get(given.credentials, call, &lease, &error));
    CHECK(lease == NULL, "the out-parameter is cleared");
    CHECK_STATUS(HF_ERR_CANCELLED, hf_manager_maintain(given.manager, call, &next, &error));
    CHECK(next > 0, "%ld", (long)next);
    hf_call_free(call);
}

/* A lease is what it came from, and refuses what only the credentials do. */
static void check_lease(void)
{
    hf_lease *again = NULL;
    hf_error *error = NULL;

    CHECK(hf_lease_generation(given.generation) == 1 && hf_lease_generation(given.lease) == 0, "the generations");
    CHECK(strcmp(hf_lease_id(given.lease), "") == 0 && hf_lease_remaining_ms(given.lease) == -1, "without an end");
    CHECK(hf_document_kind(hf_lease_fields(given.lease), "accessor") == HF_KIND_STRING, "the fields");
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_lease_renew(given.generation, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_lease_revoke(given.generation, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_credentials_refused(given.credentials, given.lease, &error));
    CHECK_STATUS(HF_OK, hf_credentials_get(given.credentials, NULL, &again, &error));
    CHECK(again == given.generation, "one object for a generation");
    hf_lease_free(again);

    again = hf_lease_ref(given.lease);
    hf_lease_free(again);
    hf_credentials_free(hf_credentials_ref(given.credentials));
}

/* Gives the objects of the table a server. */
static void use_server(void)
{
    hf_error *error = NULL;

    hf_manager_free(given.manager);
    given.manager = NULL;
    CHECK_STATUS(HF_OK, hf_manager_open(NULL, NULL, &given.manager, &error));
    CHECK_STATUS(HF_OK,
                 hf_credentials_open(given.manager, "auth/token/lookup-self", NULL, NULL, &given.credentials, &error));
    CHECK_STATUS(HF_OK, hf_credentials_get(given.credentials, NULL, &given.generation, &error));
    CHECK_STATUS(HF_OK, hf_lease_open(given.manager, "auth/token/lookup-self", NULL, NULL, &given.lease, &error));
}

static void check_with_server(void)
{
    size_t i;

    use_server();
    check_lease();
    check_cancelled();
    for (i = 0; i < COUNT(ON_MANAGER); i++) {
        struct function function = ON_MANAGER[i];

        function.outcome = HF_OK;
        check_function(&function);
    }
    for (i = 0; i < COUNT(ON_LEASES); i++)
        check_function(&ON_LEASES[i]);
}

int main(void)
{
    size_t i;

    prepare();
    check_null_without_status();
    check_nothing_is_due();
    for (i = 0; i < COUNT(ON_MANAGER); i++)
        check_function(&ON_MANAGER[i]);
    for (i = 0; i < COUNT(ON_LEASES); i++)
        check_without_object(&ON_LEASES[i]);
    if (getenv("VAULT_ADDR") != NULL)
        check_with_server();
    free_given();
    return result();
}
