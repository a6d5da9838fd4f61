/* Opens the manager and calls the function of the command; the commands on one value, and `list`. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get_field(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    char *value = NULL;
    struct value text = {NULL, 0, 0};
    hf_status status = hf_get_secret(manager, arguments->operand, arguments->call, &value, &error);
    int code = report_status(arguments->operand, status, error);

    if (code == EXIT_SUCCESS) {
        code = append(&text, value, strlen(value));
    }
    if (code == EXIT_SUCCESS && !arguments->exact) {
        code = append(&text, "\n", 1);
    }
    if (code == EXIT_SUCCESS) {
        code = deliver(arguments, text.text, text.length);
    }
    free_value(&text);
    hf_free_string(value);
    return code;
}

static int get(const hf_manager *manager, const struct arguments *arguments) {
    int code = check_destination(arguments);

    if (code != EXIT_SUCCESS) {
        return code;
    }
    return arguments->all || arguments->json ? get_document(manager, arguments) : get_field(manager, arguments);
}

static int store(const hf_manager *manager, const struct arguments *arguments, const char *value) {
    hf_error *error = NULL;
    char *reference = NULL;
    hf_status status = hf_store_secret(manager, arguments->operand, value, arguments->metadata, arguments->call,
                                       &reference, &error);
    int code = report_status(arguments->operand, status, error);

    if (reference) {
        printf("%s\n", reference);
    }
    hf_free_string(reference);
    return flush_output(code);
}

static int update(const hf_manager *manager, const struct arguments *arguments, const char *value) {
    hf_error *error = NULL;
    hf_status status =
        hf_update_secret(manager, arguments->operand, value, arguments->metadata, arguments->call, &error);

    return report_status(arguments->operand, status, error);
}

/* store and update: both take the value from standard input. */
static int put_value(const hf_manager *manager, const struct arguments *arguments) {
    struct value value = {NULL, 0, 0};
    int code = read_value(&value, arguments->exact);

    if (code == EXIT_SUCCESS) {
        code = arguments->command == STORE ? store(manager, arguments, value.text)
                                           : update(manager, arguments, value.text);
    }
    free_value(&value);
    return code;
}

static int put(const hf_manager *manager, const struct arguments *arguments) {
    return arguments->json ? put_document(manager, arguments) : put_value(manager, arguments);
}

static int delete(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_status status = hf_delete_secret(manager, arguments->operand, arguments->call, &error);

    return report_status(arguments->operand, status, error);
}

static int list(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_string_list *references = NULL;
    hf_status status = hf_list_secrets(manager, arguments->operand, arguments->call, &references, &error);
    int code = report_status("list", status, error);
    size_t index;

    for (index = 0; index < hf_string_list_len(references); index++) {
        printf("%s\n", hf_string_list_get(references, index));
    }
    hf_string_list_free(references);
    return flush_output(code);
}

static int run_on(const hf_manager *manager, const struct arguments *arguments) {
    if (arguments->command & (STORE | UPDATE | DELETE) && strcmp(hf_manager_type(manager), "env") == 0) {
        print_error("the env backend forgets what is written when this program ends; "
                    "set SECRET_MANAGER_TYPE=vault, or export the variable");
        return exit_code(HF_ERR_UNSUPPORTED);
    }
    switch (arguments->command) {
    case GET: return get(manager, arguments);
    case STORE:
    case UPDATE: return put(manager, arguments);
    case DELETE: return arguments->version_count > 0 ? change_versions(manager, arguments) : delete(manager, arguments);
    case LIST: return list(manager, arguments);
    case VERSIONS: return versions(manager, arguments);
    case UNDELETE:
    case DESTROY: return change_versions(manager, arguments);
    case ROLLBACK: return rollback(manager, arguments);
    case ROTATE: return rotate(manager, arguments);
    case REQUEST: return request(manager, arguments);
    case UNWRAP: return unwrap(manager, arguments);
    case LEASE: return lease(manager, arguments);
    case CHECK: return check(manager, arguments);
    case WATCH: return watch(manager, arguments);
    case RENDER: return render(manager, arguments);
    default: return transit(manager, arguments);
    }
}

int run_command(const struct arguments *arguments) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status;
    int code;

    if (arguments->command == MIGRATE || arguments->command == RUN) {
        return arguments->command == RUN ? run(arguments) : migrate(arguments);
    }
    if (arguments->command == WATCH) {
        status = open_to_watch(arguments->call, &manager, &error);
    } else {
        status = hf_manager_open(NULL, arguments->call, &manager, &error);
    }
    code = report_status("open", status, error);
    if (code == EXIT_SUCCESS) {
        code = run_on(manager, arguments);
    }
    hf_manager_free(manager);
    return code;
}
