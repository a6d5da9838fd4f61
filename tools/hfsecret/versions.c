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

int undelete(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_status status = hf_undelete_versions(manager, arguments->operand, arguments->versions,
                                            arguments->version_count, arguments->call, &error);

    if (status == HF_NOT_FOUND) {
        return report_absence(arguments->operand, "no such secret, no such version, or it is destroyed");
    }
    return report_status(arguments->operand, status, error);
}

/* Prints the number of the new version, with which `get` reads the value, and not the value. */
int rotate(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    int64_t version = 0;
    hf_status status = hf_rotate_secret(manager, arguments->operand, arguments->policy, arguments->call, NULL,
                                        &version, &error);
    int code = report_status(arguments->operand, status, error);

    if (code == EXIT_SUCCESS) {
        printf("%lld\n", (long long)version);
    }
    return flush_output(code);
}
