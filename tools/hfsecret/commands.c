/* Opens the manager and runs a command; the commands on one value, and `list`. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    char *value = NULL;
    hf_status status = hf_get_secret(manager, arguments->operand, arguments->call, &value, &error);
    int code = report_status(arguments->operand, status, error);

    if (code == EXIT_SUCCESS) {
        code = write_all(value, strlen(value));
    }
    if (code == EXIT_SUCCESS && !arguments->exact) {
        code = write_all("\n", 1);
    }
    hf_free_string(value);
    return code;
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
static int put(const hf_manager *manager, const struct arguments *arguments) {
    struct value value = {NULL, 0, 0};
    int code = read_value(&value, arguments->exact);

    if (code == EXIT_SUCCESS) {
        code = arguments->command == STORE ? store(manager, arguments, value.text)
                                           : update(manager, arguments, value.text);
    }
    free_value(&value);
    return code;
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
        fprintf(stderr, "hfsecret: the env backend forgets what is written when this program ends; "
                        "set SECRET_MANAGER_TYPE=vault, or export the variable\n");
        return exit_code(HF_ERR_UNSUPPORTED);
    }
    switch (arguments->command) {
    case GET: return arguments->all || arguments->json ? get_document(manager, arguments) : get(manager, arguments);
    case VERSIONS: return versions(manager, arguments);
    case UNDELETE: return undelete(manager, arguments);
    case ROTATE: return rotate(manager, arguments);
    case REQUEST: return request(manager, arguments);
    case CHECK: return check(manager, arguments);
    case ENCRYPT:
    case DECRYPT:
    case REWRAP:
    case SIGN:
    case VERIFY: return transit(manager, arguments);
    case DELETE: return delete(manager, arguments);
    case LIST: return list(manager, arguments);
    default: return put(manager, arguments);
    }
}

int run_command(const struct arguments *arguments) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status;
    int code;

    if (arguments->command == MIGRATE) {
        return migrate(arguments);
    }
    status = hf_manager_open(NULL, arguments->call, &manager, &error);
    code = report_status("open", status, error);
    if (code == EXIT_SUCCESS) {
        code = run_on(manager, arguments);
    }
    hf_manager_free(manager);
    return code;
}
