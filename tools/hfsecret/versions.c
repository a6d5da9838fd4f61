/* The commands on versions of a secret. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>

static const char *state_name(int32_t state) {
    switch (state) {
    case HF_VERSION_LIVE: return "live";
    case HF_VERSION_DELETED: return "deleted";
    default: return "destroyed";
    }
}

int versions(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_versions *list = NULL;
    hf_status status = hf_list_versions(manager, arguments->operand, arguments->call, &list, &error);
    int code = report_status(arguments->operand, status, error);
    size_t index;

    for (index = 0; index < hf_versions_len(list); index++) {
        printf("%lld\t%s\t%s\t%s\n", (long long)hf_versions_number(list, index),
               state_name(hf_versions_state(list, index)), hf_versions_created(list, index),
               hf_versions_deletion(list, index));
    }
    hf_versions_free(list);
    return flush_output(code);
}

/* delete, undelete and destroy, of some versions. */
int change_versions(const hf_manager *manager, const struct arguments *arguments) {
    const char *reference = arguments->operand;
    const int64_t *numbers = arguments->versions;
    size_t count = arguments->version_count;
    hf_error *error = NULL;
    hf_status status;

    switch (arguments->command) {
    case UNDELETE: status = hf_undelete_versions(manager, reference, numbers, count, arguments->call, &error); break;
    case DESTROY: status = hf_destroy_versions(manager, reference, numbers, count, arguments->call, &error); break;
    default: status = hf_delete_versions(manager, reference, numbers, count, arguments->call, &error);
    }
    if (status == HF_NOT_FOUND) {
        return report_absence(reference, arguments->command == UNDELETE
                                             ? "no such secret, no such version, or it is destroyed"
                                             : "no such secret, or no such version");
    }
    return report_status(reference, status, error);
}

static int print_version(int64_t version, int code) {
    if (code == EXIT_SUCCESS) {
        printf("%lld\n", (long long)version);
    }
    return flush_output(code);
}

int rollback(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    int64_t version = 0;
    hf_status status = hf_rollback_secret(manager, arguments->operand, arguments->versions[0], arguments->call,
                                          &version, &error);

    if (status == HF_NOT_FOUND) {
        return report_absence(arguments->operand, "no such secret or version, or it is deleted or destroyed");
    }
    return print_version(version, report_status(arguments->operand, status, error));
}

/* Prints the number of the new version, with which `get` reads the value, and not the value. */
int rotate(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    int64_t version = 0;
    hf_status status = hf_rotate_secret(manager, arguments->operand, arguments->policy, arguments->call, NULL,
                                        &version, &error);

    return print_version(version, report_status(arguments->operand, status, error));
}
