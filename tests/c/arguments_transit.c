/* The functions of transit with NULL for each of their pointers and invalid UTF-8 for each of their strings. Without a
 * server there is no key, so the functions on a key get NULL for it alone; with one, which the environment names, all
 * their parameters are checked. arguments.c has the other functions. */
#include "arguments.h"
#include "transit.h"

static hf_status transit_open(arguments a, hf_error **error)
{
    return hf_transit_open(a[0], a[1], a[2], a[3], error);
}

static hf_status transit_encrypt(arguments a, hf_error **error)
{
    return hf_transit_encrypt(a[0], a[1], 8, a[2], a[3], a[4], error);
}

static hf_status transit_decrypt(arguments a, hf_error **error)
{
    return hf_transit_decrypt(a[0], a[1], a[2], a[3], a[4], error);
}

static hf_status transit_rewrap(arguments a, hf_error **error)
{
    return hf_transit_rewrap(a[0], a[1], a[2], a[3], a[4], error);
}

static hf_status transit_sign(arguments a, hf_error **error)
{
    return hf_transit_sign(a[0], a[1], 8, a[2], a[3], a[4], error);
}

static hf_status transit_verify(arguments a, hf_error **error)
{
    return hf_transit_verify(a[0], a[1], 8, a[2], a[3], a[4], error);
}

static hf_status transit_hmac(arguments a, hf_error **error)
{
    return hf_transit_hmac(a[0], a[1], 8, a[2], a[3], a[4], error);
}

static hf_status transit_data_key(arguments a, hf_error **error)
{
    return hf_transit_data_key(a[0], a[1], a[2], a[3], a[4], error);
}

static hf_status transit_encrypt_many(arguments a, hf_error **error)
{
    return hf_transit_encrypt_many(a[0], a[1], a[2], 1, a[3], a[4], a[5], a[6], error);
}

static hf_status transit_decrypt_many(arguments a, hf_error **error)
{
    return hf_transit_decrypt_many(a[0], a[1], 1, a[2], a[3], a[4], a[5], error);
}

static hf_status transit_rewrap_many(arguments a, hf_error **error)
{
    return hf_transit_rewrap_many(a[0], a[1], 1, a[2], a[3], a[4], a[5], error);
}

#define KEY {"transit", OBJECT}
#define PARAMETERS {"parameters", OPTIONAL_OBJECT}
#define ITEM_PARAMETERS {"item_parameters", OPTIONAL_OBJECT}
#define CALL {"call", OPTIONAL_OBJECT}
#define CIPHERTEXTS {"ciphertexts", OBJECT}

static const struct function OPEN = {
    "hf_transit_open",
    transit_open,
    HF_ERR_UNSUPPORTED,
    {{"manager", OBJECT}, {"key", STRING}, CALL, {"out_transit", OUT}, {NULL, END}}};

/* The outcome is that with a server. */
static const struct function ON_KEY[] = {
    {"hf_transit_encrypt", transit_encrypt, HF_OK,
     {KEY, {"data", OBJECT}, PARAMETERS, CALL, {"out_ciphertext", OUT}, {NULL, END}}},
    {"hf_transit_decrypt", transit_decrypt, HF_OK,
     {KEY, {"ciphertext", STRING}, PARAMETERS, CALL, {"out_bytes", OUT}, {NULL, END}}},
    {"hf_transit_rewrap", transit_rewrap, HF_OK,
     {KEY, {"ciphertext", STRING}, PARAMETERS, CALL, {"out_ciphertext", OUT}, {NULL, END}}},
    {"hf_transit_sign", transit_sign, HF_OK,
     {KEY, {"data", OBJECT}, PARAMETERS, CALL, {"out_signature", OUT}, {NULL, END}}},
    {"hf_transit_verify", transit_verify, HF_OK,
     {KEY, {"data", OBJECT}, {"signature", STRING}, PARAMETERS, CALL, {NULL, END}}},
    {"hf_transit_hmac", transit_hmac, HF_OK, {KEY, {"data", OBJECT}, PARAMETERS, CALL, {"out_hmac", OUT}, {NULL, END}}},
    {"hf_transit_data_key", transit_data_key, HF_OK,
     {KEY, PARAMETERS, CALL, {"out_key", OPTIONAL_OUT}, {"out_wrapped", OUT}, {NULL, END}}},
    {"hf_transit_encrypt_many", transit_encrypt_many, HF_OK,
     {KEY,
      {"data", OBJECT},
      {"lengths", OBJECT},
      PARAMETERS,
      ITEM_PARAMETERS,
      CALL,
      {"out_results", OUT},
      {NULL, END}}},
    {"hf_transit_decrypt_many", transit_decrypt_many, HF_OK,
     {KEY, CIPHERTEXTS, PARAMETERS, ITEM_PARAMETERS, CALL, {"out_results", OUT}, {NULL, END}}},
    {"hf_transit_rewrap_many", transit_rewrap_many, HF_OK,
     {KEY, CIPHERTEXTS, PARAMETERS, ITEM_PARAMETERS, CALL, {"out_results", OUT}, {NULL, END}}},
};

#define COUNT (sizeof ON_KEY / sizeof ON_KEY[0])

/* Functions that cannot fail accept NULL, and an index past the end. */
static void check_null_without_status(void)
{
    const char *references[2];
    size_t length = 77;
    hf_results *results = NULL;
    hf_error *error = NULL;

    hf_transit_free(NULL);
    CHECK(hf_transit_ref(NULL) == NULL, "hf_transit_ref");
    CHECK(hf_results_bytes(NULL, 0, NULL) == NULL, "hf_results_bytes");
    CHECK(hf_results_bytes(NULL, 0, &length) == NULL && length == 0, "hf_results_bytes");

    references[0] = given.reference;
    references[1] = "env://HANDSFREE_SECRET_NOTHING";
    CHECK_STATUS(HF_OK, hf_get_secrets(given.manager, references, 2, NULL, &results, &error));
    length = 77;
    CHECK(same(hf_results_bytes(results, 0, &length), GIVEN_VALUE) && length == strlen(GIVEN_VALUE), "a text");
    CHECK(same(hf_results_bytes(results, 0, NULL), GIVEN_VALUE), "without a length");
    CHECK(hf_results_bytes(results, 1, &length) == NULL && length == 0, "not found");
    length = 77;
    CHECK(hf_results_bytes(results, 2, &length) == NULL && length == 0, "past the end");
    length = 77;
    CHECK(hf_results_bytes(results, SIZE_MAX, &length) == NULL && length == 0, "past the end");
    hf_results_free(results);

    CHECK_STATUS(HF_OK, hf_get_documents(given.manager, references, 1, NULL, &results, &error));
    length = 77;
    CHECK(hf_results_bytes(results, 0, &length) == NULL && length == 0, "a document");
    hf_results_free(results);
}

/* NULL for the key, alone and with everything else that may be NULL. */
static void check_without_key(const struct function *function)
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

/* Such as -1 that was converted to a size_t. */
static void check_impossible_length(void)
{
    char *ciphertext = (char *)"untouched";
    hf_error *error = NULL;

    CHECK_STATUS(HF_ERR_TOO_LARGE,
                 hf_transit_encrypt(given.transit, "x", SIZE_MAX, NULL, NULL, &ciphertext, &error));
    CHECK(ciphertext == NULL, "the out-parameter is cleared");
    CHECK_STATUS(HF_ERR_TOO_LARGE,
                 hf_transit_encrypt(given.transit, "x", SIZE_MAX / 2 - 3, NULL, NULL, &ciphertext, &error));
}

/* Gives the objects of the table a server, and a key that can do everything. */
static void use_server(void)
{
    hf_error *error = NULL;

    hf_manager_free(given.manager);
    given.manager = open_transit_server();
    given.transit = make_key(given.manager, "arguments", "{\"type\": \"rsa-2048\"}");
    CHECK_STATUS(HF_OK, hf_transit_encrypt(given.transit, "value", 5, NULL, NULL, &given.ciphertext, &error));
    CHECK_STATUS(HF_OK, hf_transit_sign(given.transit, GIVEN_VALUE, 8, NULL, NULL, &given.signature, &error));
}

static void check_with_server(void)
{
    struct function open = OPEN;
    size_t i;

    use_server();
    open.outcome = HF_OK;
    check_function(&open);
    for (i = 0; i < COUNT; i++)
        check_function(&ON_KEY[i]);
    check_impossible_length();
}

int main(void)
{
    size_t i;

    prepare();
    check_null_without_status();
    check_function(&OPEN);
    for (i = 0; i < COUNT; i++)
        check_without_key(&ON_KEY[i]);
    if (getenv("VAULT_ADDR") != NULL)
        check_with_server();
    free_given();
    return result();
}
