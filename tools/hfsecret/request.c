/* `request`, `unwrap`, and the check of the server. */
#define _POSIX_C_SOURCE 200809L

#include "hfsecret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int takes_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

/* Prints the answer as it is, with a newline at its end. */
static int print_text(const char *text, size_t length) {
    int code = write_all(text, length);

    return code == EXIT_SUCCESS && length > 0 && text[length - 1] != '\n' ? write_all("\n", 1) : code;
}

static int send_request(const hf_manager *manager, const struct arguments *arguments, const hf_call *call,
                        const char *json) {
    hf_error *error = NULL;
    hf_bytes *body = NULL;
    hf_status status = hf_request(manager, arguments->operand, arguments->second, json, call, NULL, &body, &error);
    int code;

    if (status == HF_NOT_FOUND) {
        return report_absence(arguments->second, "not found");
    }
    code = report_status("request", status, error);
    if (code == EXIT_SUCCESS) {
        code = print_text(hf_bytes_data(body), hf_bytes_len(body));
    }
    hf_bytes_free(body);
    return code;
}

/* Sends the request with a call of its own, because the wrapping time is refused by all other functions. */
static int send_wrapped(const hf_manager *manager, const struct arguments *arguments, const char *json) {
    hf_call *call = arguments->call ? hf_call_copy(arguments->call) : hf_call_new();
    hf_error *error = NULL;
    hf_status status = hf_call_set_wrap_ttl_ms(call, arguments->wrap_ttl, &error);
    int code = report_status("--wrap-ttl", status, error);

    if (code == EXIT_SUCCESS) {
        code = send_request(manager, arguments, call, json);
    }
    hf_call_free(call);
    return code;
}

int request(const hf_manager *manager, const struct arguments *arguments) {
    struct value json = {NULL, 0, 0};
    int code = EXIT_SUCCESS;

    if (takes_body(arguments->operand) && !isatty(STDIN_FILENO)) {
        code = read_value(&json, 0);
    }
    if (code == EXIT_SUCCESS) {
        const char *text = json.length > 0 ? json.text : NULL;

        code = arguments->wrap_ttl ? send_wrapped(manager, arguments, text)
                                   : send_request(manager, arguments, arguments->call, text);
    }
    free_value(&json);
    return code;
}

/* The token is a secret until it is spent, so it comes from standard input. */
int unwrap(const hf_manager *manager, const struct arguments *arguments) {
    struct value token = {NULL, 0, 0};
    char *json = NULL;
    int code = read_value(&token, 0);

    if (code == EXIT_SUCCESS) {
        hf_error *error = NULL;
        hf_status status = hf_unwrap(manager, token.text, arguments->call, &json, &error);

        code = report_status("unwrap", status, error);
    }
    if (code == EXIT_SUCCESS) {
        code = print_text(json, strlen(json));
    }
    hf_free_string(json);
    free_value(&token);
    return code;
}

int check(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_status status = hf_manager_check(manager, arguments->call, &error);

    return report_status("check", status, error);
}
