/* `request`, and the check of the server. */
#define _POSIX_C_SOURCE 200809L

#include "hfsecret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int takes_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

/* Prints the answer as it is, with a newline at its end. */
static int print_body(const hf_bytes *body) {
    const char *text = hf_bytes_data(body);
    size_t length = hf_bytes_len(body);
    int code = write_all(text, length);

    return code == EXIT_SUCCESS && length > 0 && text[length - 1] != '\n' ? write_all("\n", 1) : code;
}

static int send_request(const hf_manager *manager, const struct arguments *arguments, const char *json) {
    hf_error *error = NULL;
    hf_bytes *body = NULL;
    hf_status status = hf_request(manager, arguments->operand, arguments->second, json, arguments->call, NULL, &body,
                                  &error);
    int code;

    if (status == HF_NOT_FOUND) {
        return report_absence(arguments->second, "not found");
    }
    code = report_status("request", status, error);
    if (code == EXIT_SUCCESS) {
        code = print_body(body);
    }
    hf_bytes_free(body);
    return code;
}

int request(const hf_manager *manager, const struct arguments *arguments) {
    struct value json = {NULL, 0, 0};
    int code = EXIT_SUCCESS;

    if (takes_body(arguments->operand) && !isatty(STDIN_FILENO)) {
        code = read_value(&json, 0);
    }
    if (code == EXIT_SUCCESS) {
        code = send_request(manager, arguments, json.length > 0 ? json.text : NULL);
    }
    free_value(&json);
    return code;
}

int check(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_status status = hf_manager_check(manager, arguments->call, &error);

    return report_status("check", status, error);
}
