/* Envelopes: `encrypt`, `decrypt` and `rewrap` for data of any size, in constant memory. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much is read at a time. */
#define PART ((size_t)256 << 10)

/* The start of each envelope, before the version of the format. */
#define MAGIC "HFE"

typedef hf_status begin_function(const hf_transit *, const hf_fields *, const hf_call *, hf_envelope **, hf_error **);

int is_envelope(const struct value *start) {
    return start->length >= strlen(MAGIC) && memcmp(start->text, MAGIC, strlen(MAGIC)) == 0;
}

/* Writes the output of a call that ended with this status, and frees it. */
static int write_output(const char *name, hf_status status, hf_bytes *bytes, hf_error *error) {
    int code = report_status(name, status, error);

    if (code == EXIT_SUCCESS) {
        code = write_all(hf_bytes_data(bytes), hf_bytes_len(bytes));
    }
    hf_bytes_free(bytes);
    return code;
}

static int update(const struct use *use, const char *name, hf_envelope *stream, const struct value *part) {
    hf_error *error = NULL;
    hf_bytes *bytes = NULL;
    hf_status status = hf_envelope_update(stream, part->text, part->length, use->arguments->call, &bytes, &error);

    return write_output(name, status, bytes, error);
}

static int finish(const struct use *use, const char *name, hf_envelope *stream) {
    hf_error *error = NULL;
    hf_bytes *bytes = NULL;
    hf_status status = hf_envelope_finish(stream, use->arguments->call, &bytes, &error);

    return write_output(name, status, bytes, error);
}

/* Passes what was read, and the rest of standard input, through a stream. */
static int pass(const struct use *use, struct value *part, const char *name, begin_function *begin) {
    hf_envelope *stream = NULL;
    hf_error *error = NULL;
    hf_status status = begin(use->key, use->parameters, use->arguments->call, &stream, &error);
    int code = report_status(name, status, error);

    while (code == EXIT_SUCCESS && part->length > 0) {
        code = update(use, name, stream, part);
        part->length = 0;
        if (code == EXIT_SUCCESS) {
            code = read_part(part, PART);
        }
    }
    if (code == EXIT_SUCCESS) {
        code = finish(use, name, stream);
    }
    hf_envelope_free(stream);
    return code;
}

/* The number in two bytes. */
static size_t number_at(const struct value *value, size_t offset) {
    const unsigned char *bytes = (const unsigned char *)value->text + offset;

    return (size_t)bytes[0] << 8 | bytes[1];
}

/* The length of a header that the library has accepted: docs/envelope.md has its format. */
static size_t header_length(const struct value *start) {
    size_t wrapped = number_at(start, 4);

    return 8 + wrapped + number_at(start, 6 + wrapped);
}

/* Writes a new header, and copies what follows the old one. */
static int rewrap(const struct use *use, struct value *part) {
    hf_error *error = NULL;
    hf_bytes *header = NULL;
    hf_status status =
        hf_envelope_rewrap(use->key, part->text, part->length, use->arguments->call, &header, &error);
    int code = write_output("rewrap", status, header, error);
    size_t start = code == EXIT_SUCCESS ? header_length(part) : 0;

    while (code == EXIT_SUCCESS && part->length > 0) {
        code = write_all(part->text + start, part->length - start);
        part->length = start = 0;
        if (code == EXIT_SUCCESS) {
            code = read_part(part, PART);
        }
    }
    return code;
}

int envelope(const struct use *use, struct value *start) {
    switch (use->arguments->command) {
    case ENCRYPT: return pass(use, start, "encrypt", hf_envelope_encryptor);
    case DECRYPT: return pass(use, start, "decrypt", hf_envelope_decryptor);
    default: return rewrap(use, start);
    }
}
