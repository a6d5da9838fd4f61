/* `lease`: credentials that the server makes for one use, and their end. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the parameters from their file, a JSON object. Without a file `*fields` is NULL, for a GET. The caller frees it,
 * also after a failure. */
static int read_parameters(const struct arguments *arguments, hf_fields **fields) {
    struct value json = {NULL, 0, 0};
    int code;

    if (!arguments->parameters_file) {
        return EXIT_SUCCESS;
    }
    code = read_file(&json, arguments->parameters_file);
    if (code == EXIT_SUCCESS) {
        code = check_text(&json, 1);
    }
    if (code == EXIT_SUCCESS) {
        hf_error *error = NULL;
        hf_status status;

        *fields = hf_fields_new();
        status = hf_fields_set_object(*fields, json.text, &error);
        code = report_status(arguments->parameters_file, status, error);
    }
    free_value(&json);
    return code;
}

/* Appends one field: a text as it is, anything else as JSON. */
static int append_field(struct value *text, const hf_document *fields, const char *name) {
    size_t length = 0;
    const char *field = hf_document_text(fields, name, &length);

    if (!field) {
        field = hf_document_json(fields, name, &length);
    }
    return field ? append(text, field, length) : report_absence(name, "the credentials have no such field");
}

/* Appends the lease as one JSON object: its id, its time, and the fields to the letter of the server. */
static int append_lease(struct value *text, const hf_lease *lease) {
    size_t length = 0;
    const char *fields = hf_document_json(hf_lease_fields(lease), NULL, &length);
    char time[64];
    int code = append(text, "{\"lease_id\":", strlen("{\"lease_id\":"));

    snprintf(time, sizeof time, ",\"remaining_ms\":%lld,\"fields\":", (long long)hf_lease_remaining_ms(lease));
    if (code == EXIT_SUCCESS) {
        code = append_quoted(text, hf_lease_id(lease));
    }
    if (code == EXIT_SUCCESS) {
        code = append(text, time, strlen(time));
    }
    if (code == EXIT_SUCCESS) {
        code = append(text, fields ? fields : "{}", fields ? length : 2);
    }
    return code == EXIT_SUCCESS ? append(text, "}", 1) : code;
}

static int print_lease(const struct arguments *arguments, const hf_lease *lease) {
    const hf_document *fields = hf_lease_fields(lease);
    struct value text = {NULL, 0, 0};
    int code;

    if (arguments->json) {
        code = append_lease(&text, lease);
    } else if (arguments->field) {
        code = append_field(&text, fields, arguments->field);
    } else {
        code = append_lines(&text, fields);
    }
    if (code == EXIT_SUCCESS && (arguments->json || arguments->field)) {
        code = append(&text, "\n", 1);
    }
    if (code == EXIT_SUCCESS) {
        code = deliver(arguments, text.text, text.length);
    }
    free_value(&text);
    return code;
}

/* Ends credentials that nobody has, because they could not be printed, or says that they live on. */
static void abandon(const struct arguments *arguments, const hf_lease *lease) {
    hf_error *error = NULL;

    if (hf_lease_id(lease)[0] == '\0') {
        return;
    }
    if (hf_lease_revoke(lease, arguments->call, &error) != HF_OK) {
        print_error("%s: nobody has these credentials, and they live until their end: %s", hf_lease_id(lease),
                    error ? hf_error_message(error) : "they could not be revoked");
    }
    hf_error_free(error);
}

static int obtain(const hf_manager *manager, const struct arguments *arguments, const hf_fields *parameters) {
    const char *path = arguments->operand;
    hf_error *error = NULL;
    hf_lease *lease = NULL;
    hf_status status = hf_lease_open(manager, path, parameters, arguments->call, &lease, &error);
    int code = status == HF_NOT_FOUND ? report_absence(path, "not found") : report_status(path, status, error);

    if (code == EXIT_SUCCESS) {
        code = print_lease(arguments, lease);
        if (code != EXIT_SUCCESS) {
            abandon(arguments, lease);
        }
    }
    hf_lease_free(lease);
    return code;
}

/* The server answers when the credentials are gone, because of "sync". */
static int send_revocation(const hf_manager *manager, const struct arguments *arguments, const char *id) {
    struct value json = {NULL, 0, 0};
    int code = append(&json, "{\"sync\":true,\"lease_id\":", strlen("{\"sync\":true,\"lease_id\":"));

    if (code == EXIT_SUCCESS) {
        code = append_quoted(&json, id);
    }
    if (code == EXIT_SUCCESS) {
        code = append(&json, "}", sizeof "}"); /* with the NUL */
    }
    if (code == EXIT_SUCCESS) {
        hf_error *error = NULL;
        hf_bytes *body = NULL;
        hf_status status =
            hf_request(manager, "POST", "sys/leases/revoke", json.text, arguments->call, NULL, &body, &error);

        code = status == HF_NOT_FOUND ? report_absence(id, "not found") : report_status("revoke", status, error);
        hf_bytes_free(body);
    }
    free_value(&json);
    return code;
}

static int revoke(const hf_manager *manager, const struct arguments *arguments) {
    struct value id = {NULL, 0, 0};
    int code;

    if (arguments->operand) {
        return send_revocation(manager, arguments, arguments->operand);
    }
    code = read_value(&id, 0);
    if (code == EXIT_SUCCESS && id.length == 0) {
        code = report_usage("standard input has no id of a lease", "");
    }
    if (code == EXIT_SUCCESS) {
        code = send_revocation(manager, arguments, id.text);
    }
    free_value(&id);
    return code;
}

int lease(const hf_manager *manager, const struct arguments *arguments) {
    hf_fields *parameters = NULL;
    int code;

    if (arguments->revoke) {
        return revoke(manager, arguments);
    }
    code = check_destination(arguments);
    if (code == EXIT_SUCCESS) {
        code = read_parameters(arguments, &parameters);
    }
    if (code == EXIT_SUCCESS) {
        code = obtain(manager, arguments, parameters);
    }
    hf_fields_free(parameters);
    return code;
}
