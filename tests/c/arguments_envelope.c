/* The functions of envelopes with NULL for each of their pointers. Without a server there is no key, so they get NULL for it
 * alone; with one, which the environment names, all their parameters are checked. arguments.c has the other functions. */
#include <fcntl.h>
#include <unistd.h>

#include "arguments.h"
#include "transit.h"

static hf_status envelope_encrypt(arguments a, hf_error **error)
{
    return hf_envelope_encrypt(a[0], a[1], 8, a[2], a[3], a[4], error);
}

static hf_status envelope_decrypt(arguments a, hf_error **error)
{
    return hf_envelope_decrypt(a[0], a[1], given.sealed == NULL ? 1 : hf_bytes_len(given.sealed), a[2], a[3], a[4], error);
}

static hf_status envelope_encryptor(arguments a, hf_error **error)
{
    return hf_envelope_encryptor(a[0], a[1], a[2], a[3], error);
}

static hf_status envelope_decryptor(arguments a, hf_error **error)
{
    return hf_envelope_decryptor(a[0], a[1], a[2], a[3], error);
}

/* A stream for one call, which ends it; NULL where the argument is NULL. */
static hf_envelope *stream_for(const void *argument)
{
    hf_envelope *stream = NULL;

    if (argument != NULL)
        CHECK(hf_envelope_encryptor(given.transit, NULL, NULL, &stream, NULL) == HF_OK, "a stream");
    return stream;
}

static hf_status envelope_update(arguments a, hf_error **error)
{
    hf_envelope *stream = stream_for(a[0]);
    hf_status status = hf_envelope_update(stream, a[1], 8, a[2], a[3], error);

    hf_envelope_free(stream);
    return status;
}

static hf_status envelope_finish(arguments a, hf_error **error)
{
    hf_envelope *stream = stream_for(a[0]);
    hf_status status = hf_envelope_finish(stream, a[1], a[2], error);

    hf_envelope_free(stream);
    return status;
}

static hf_status envelope_encrypt_fd(arguments a, hf_error **error)
{
    int from = open("/dev/null", O_RDONLY), to = open("/dev/null", O_WRONLY);
    hf_status status = hf_envelope_encrypt_fd(a[0], from, to, a[1], a[2], error);

    close(from);
    close(to);
    return status;
}

/* An empty file is no envelope. */
static hf_status envelope_decrypt_fd(arguments a, hf_error **error)
{
    int from = open("/dev/null", O_RDONLY), to = open("/dev/null", O_WRONLY);
    hf_status status = hf_envelope_decrypt_fd(a[0], from, to, a[1], a[2], error);

    close(from);
    close(to);
    return status;
}

static hf_status envelope_rewrap(arguments a, hf_error **error)
{
    return hf_envelope_rewrap(a[0], a[1], given.sealed == NULL ? 1 : hf_bytes_len(given.sealed), a[2], a[3], error);
}

#define KEY {"transit", OBJECT}
#define STREAM {"envelope", OBJECT}
#define DATA {"data", OBJECT}
#define PARAMETERS {"parameters", OPTIONAL_OBJECT}
#define CALL {"call", OPTIONAL_OBJECT}
#define OUT_BYTES {"out_bytes", OUT}

/* The outcome is that with a server. */
static const struct function FUNCTIONS[] = {
    {"hf_envelope_encrypt", envelope_encrypt, HF_OK, {KEY, DATA, PARAMETERS, CALL, OUT_BYTES, {NULL, END}}},
    {"hf_envelope_decrypt", envelope_decrypt, HF_OK, {KEY, DATA, PARAMETERS, CALL, OUT_BYTES, {NULL, END}}},
    {"hf_envelope_encryptor", envelope_encryptor, HF_OK, {KEY, PARAMETERS, CALL, {"out_envelope", OUT}, {NULL, END}}},
    {"hf_envelope_decryptor", envelope_decryptor, HF_OK, {KEY, PARAMETERS, CALL, {"out_envelope", OUT}, {NULL, END}}},
    {"hf_envelope_update", envelope_update, HF_OK, {STREAM, DATA, CALL, OUT_BYTES, {NULL, END}}},
    {"hf_envelope_finish", envelope_finish, HF_OK, {STREAM, CALL, OUT_BYTES, {NULL, END}}},
    {"hf_envelope_encrypt_fd", envelope_encrypt_fd, HF_OK, {KEY, PARAMETERS, CALL, {NULL, END}}},
    {"hf_envelope_decrypt_fd", envelope_decrypt_fd, HF_ERR_INVALID_ARGUMENT, {KEY, PARAMETERS, CALL, {NULL, END}}},
    {"hf_envelope_rewrap", envelope_rewrap, HF_OK, {KEY, {"header", OBJECT}, CALL, OUT_BYTES, {NULL, END}}},
};

#define COUNT (sizeof FUNCTIONS / sizeof FUNCTIONS[0])

/* NULL for the key or the stream. */
static void check_without_object(const struct function *function)
{
    arguments a;

    good(function, a);
    a[0] = NULL;
    refuses(function, a, 0, "is NULL");
}

static void check_with_server(void)
{
    hf_error *error = NULL;
    size_t i;

    hf_manager_free(given.manager);
    given.manager = open_transit_server();
    given.transit = make_key(given.manager, "arguments", "{}");
    CHECK_STATUS(HF_OK, hf_envelope_encrypt(given.transit, "value", 5, NULL, NULL, &given.sealed, &error));
    for (i = 0; i < COUNT; i++)
        check_function(&FUNCTIONS[i]);
}

int main(void)
{
    size_t i;

    prepare();
    hf_envelope_free(NULL);
    for (i = 0; i < COUNT; i++)
        check_without_object(&FUNCTIONS[i]);
    if (getenv("VAULT_ADDR") != NULL)
        check_with_server();
    free_given();
    return result();
}
