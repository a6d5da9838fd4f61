/* `encrypt`, `decrypt`, `rewrap`, `sign`, `verify`, `hmac` and `data-key`, with a key of the transit engine. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest input that is encrypted by the server. Some servers take 768 KiB, others more. */
#define LONGEST_INPUT ((size_t)512 << 10)

static int print_line(const char *text, int code) {
    if (code == EXIT_SUCCESS) {
        printf("%s\n", text);
    }
    return flush_output(code);
}

static int encrypt(const struct use *use, const struct value *data) {
    hf_error *error = NULL;
    char *ciphertext = NULL;
    hf_status status = hf_transit_encrypt(use->key, data->text, data->length, use->parameters, use->arguments->call,
                                          &ciphertext, &error);
    int code = print_line(ciphertext, report_status("encrypt", status, error));

    hf_free_string(ciphertext);
    return code;
}

static int sign(const struct use *use, const struct value *data) {
    hf_error *error = NULL;
    char *signature = NULL;
    hf_status status = hf_transit_sign(use->key, data->text, data->length, use->parameters, use->arguments->call,
                                       &signature, &error);
    int code = print_line(signature, report_status("sign", status, error));

    hf_free_string(signature);
    return code;
}

static int hmac(const struct use *use, const struct value *data) {
    hf_error *error = NULL;
    char *text = NULL;
    hf_status status = hf_transit_hmac(use->key, data->text, data->length, use->parameters, use->arguments->call, &text,
                                       &error);
    int code = print_line(text, report_status("hmac", status, error));

    hf_free_string(text);
    return code;
}

/* Writes the key before the wrapped key is printed: a wrapped key that is kept always has been used. */
static int data_key(const struct use *use) {
    hf_error *error = NULL;
    hf_bytes *key = NULL;
    char *wrapped = NULL;
    hf_bytes **out_key = use->arguments->output ? &key : NULL;
    hf_status status = hf_transit_data_key(use->key, use->parameters, use->arguments->call, out_key, &wrapped, &error);
    int code = report_status("data-key", status, error);

    if (code == EXIT_SUCCESS && key) {
        code = write_file(use->arguments, hf_bytes_data(key), hf_bytes_len(key));
    }
    code = print_line(wrapped, code);
    hf_bytes_free(key);
    hf_free_string(wrapped);
    return code;
}

static int verify(const struct use *use, const struct value *data) {
    hf_error *error = NULL;
    hf_status status = hf_transit_verify(use->key, data->text, data->length, use->arguments->second, use->parameters,
                                         use->arguments->call, &error);

    if (status == HF_MISMATCH) {
        print_error("verify: this is not a signature of standard input");
        return EXIT_MISMATCH;
    }
    return report_status("verify", status, error);
}

static int decrypt(const struct use *use, const struct value *ciphertext) {
    hf_error *error = NULL;
    hf_bytes *data = NULL;
    hf_status status = hf_transit_decrypt(use->key, ciphertext->text, use->parameters, use->arguments->call, &data,
                                          &error);
    int code = report_status("decrypt", status, error);

    if (code == EXIT_SUCCESS) {
        code = write_all(hf_bytes_data(data), hf_bytes_len(data));
    }
    hf_bytes_free(data);
    return code;
}

/* Returns the number of lines; none of an empty text. */
static size_t count_lines(const struct value *text) {
    size_t index, count = text->length > 0;

    for (index = 0; index < text->length; index++) {
        count += text->text[index] == '\n';
    }
    return count;
}

/* Prints all results or, if one is a failure, none. */
static int print_results(const hf_results *results) {
    size_t index;

    for (index = 0; index < hf_results_len(results); index++) {
        hf_status status = hf_results_status(results, index);

        if (status != HF_OK) {
            print_error("rewrap: line %lu: %s", (unsigned long)index + 1,
                        hf_error_message(hf_results_error(results, index)));
            return exit_code(status);
        }
    }
    for (index = 0; index < hf_results_len(results); index++) {
        printf("%s\n", hf_results_text(results, index));
    }
    return flush_output(EXIT_SUCCESS);
}

static int rewrap(const struct use *use, const struct value *lines) {
    size_t count = count_lines(lines), index;
    const char **ciphertexts = calloc(count + 1, sizeof *ciphertexts);
    char *next = lines->text;
    hf_error *error = NULL;
    hf_results *results = NULL;
    hf_status status;
    int code;

    if (!ciphertexts) {
        return report_no_memory();
    }
    for (index = 0; index < count; index++) {
        ciphertexts[index] = next;
        next += strcspn(next, "\n");
        *next++ = '\0';
    }
    status = hf_transit_rewrap_many(use->key, ciphertexts, count, use->parameters, NULL, use->arguments->call, &results,
                                    &error);
    code = report_status("rewrap", status, error);
    if (code == EXIT_SUCCESS) {
        code = print_results(results);
    }
    hf_results_free(results);
    free((void *)ciphertexts);
    return code;
}

/* Reads the rest of standard input, and runs a command on all of it. decrypt and rewrap take texts, the others bytes. */
static int run_on_input(const struct use *use, struct value *input) {
    enum command command = use->arguments->command;
    int code = input->length > LONGEST_INPUT ? read_input(input) : EXIT_SUCCESS;

    if (code == EXIT_SUCCESS && command & (DECRYPT | REWRAP)) {
        code = check_text(input, 0);
    }
    if (code != EXIT_SUCCESS) {
        return code;
    }
    switch (command) {
    case ENCRYPT: return encrypt(use, input);
    case DECRYPT: return decrypt(use, input);
    case REWRAP: return rewrap(use, input);
    case SIGN: return sign(use, input);
    case HMAC: return hmac(use, input);
    default: return verify(use, input);
    }
}

/* Whether a command makes an envelope of its input, or takes it as one. */
static int is_for_envelope(const struct arguments *arguments, const struct value *start) {
    if (arguments->command == ENCRYPT) {
        return arguments->envelope || start->length > LONGEST_INPUT;
    }
    return arguments->command & (DECRYPT | REWRAP) && is_envelope(start);
}

static int run_on_key(const struct use *use) {
    struct value input = {NULL, 0, 0};
    int code;

    if (use->arguments->command == DATA_KEY) {
        return data_key(use);
    }
    code = read_part(&input, LONGEST_INPUT + 1);
    if (code == EXIT_SUCCESS) {
        code = is_for_envelope(use->arguments, &input) ? envelope(use, &input) : run_on_input(use, &input);
    }
    free_value(&input);
    return code;
}

/* Sets a parameter to the bytes of a file; NULL for none. */
static int set_parameter(hf_fields *parameters, const char *name, const char *path) {
    struct value bytes = {NULL, 0, 0};
    hf_error *error = NULL;
    hf_status status;
    int code;

    if (!path) {
        return EXIT_SUCCESS;
    }
    code = read_file(&bytes, path);
    if (code == EXIT_SUCCESS) {
        status = hf_fields_set_bytes(parameters, name, bytes.text, bytes.length, &error);
        code = report_status(name, status, error);
    }
    free_value(&bytes);
    return code;
}

/* Sets the parameters that options give. */
static int set_parameters(hf_fields *parameters, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_status status = HF_OK;
    int code = set_parameter(parameters, "context", arguments->context_file);

    if (code == EXIT_SUCCESS) {
        code = set_parameter(parameters, "associated_data", arguments->associated_data_file);
    }
    if (code == EXIT_SUCCESS && arguments->bits) {
        status = hf_fields_set(parameters, "bits", arguments->bits, &error);
        code = report_status("--bits", status, error);
    }
    return code;
}

int transit(const hf_manager *manager, const struct arguments *arguments) {
    hf_fields *parameters = hf_fields_new();
    hf_transit *key = NULL;
    hf_error *error = NULL;
    hf_status status;
    int code = check_destination(arguments);

    if (code == EXIT_SUCCESS) {
        code = set_parameters(parameters, arguments);
    }
    if (code == EXIT_SUCCESS) {
        status = hf_transit_open(manager, arguments->operand, arguments->call, &key, &error);
        code = status == HF_NOT_FOUND ? report_absence(arguments->operand, "no such key")
                                      : report_status(arguments->operand, status, error);
    }
    if (code == EXIT_SUCCESS) {
        struct use use = {0};

        use.arguments = arguments;
        use.key = key;
        use.parameters = parameters;
        code = run_on_key(&use);
    }
    hf_transit_free(key);
    hf_fields_free(parameters);
    return code;
}
