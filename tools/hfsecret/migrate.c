/* `hfsecret migrate`: copies the secrets of the environment into Vault. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ENV_PREFIX "HANDSFREE_SECRET_"

/* A migration replaces existing secrets in Vault only with --overwrite. When it is run again, it continues where it
 * stopped, and prints "unchanged" for each secret that is already in Vault. */
struct migration {
    const struct arguments *arguments;
    hf_manager *env, *vault;
    hf_string_list *references; /* env:// */
    size_t prefix_length;       /* of "env://PREFIX" */
};

/* The outcome for one secret. */
struct outcome {
    hf_status status;
    hf_error *error;
    const char *done;    /* with HF_OK */
    const char *problem; /* in place of an error's message */
};

/* Returns "vault://" and the key: the variable's name without the prefix, in lower case. The names that env lists have
 * only the letters A to Z, so the keys are distinct. Returns NULL if there is no memory. */
static char *new_reference(const struct migration *migration, const char *old) {
    static const char scheme[] = "vault://";
    const char *name = old + migration->prefix_length;
    char *reference = malloc(sizeof scheme + strlen(name));
    size_t index;

    if (reference) {
        memcpy(reference, scheme, sizeof scheme);
        for (index = 0; index <= strlen(name); index++) {
            char letter = name[index];

            /* Not tolower, which depends on the locale. */
            reference[sizeof scheme - 1 + index] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
        }
    }
    return reference;
}

/* Whether the path exists although a get found nothing: a deleted version, or a document without `value`. Storing would
 * restore the former and destroy the latter. */
static hf_status path_is_taken(const struct migration *migration, const char *new, int *taken, hf_error **error) {
    hf_string_list *there = NULL;
    char *canonical = NULL;
    hf_status status = hf_canonical_reference(migration->vault, new, &canonical, error);
    size_t index;

    *taken = 0;
    if (status == HF_OK) {
        const char *key = new + strlen("vault://");

        status = hf_list_secrets(migration->vault, key, migration->arguments->call, &there, error);
    }
    for (index = 0; index < hf_string_list_len(there); index++) {
        *taken = *taken || strcmp(hf_string_list_get(there, index), canonical) == 0;
    }
    hf_string_list_free(there);
    hf_free_string(canonical);
    return status;
}

static void store_new(const struct migration *migration, const char *new, const char *value, struct outcome *outcome) {
    const struct arguments *arguments = migration->arguments;
    int taken;

    outcome->status = path_is_taken(migration, new, &taken, &outcome->error);
    if (outcome->status != HF_OK) {
        return;
    }
    if (taken) {
        outcome->status = HF_ERR_CONFLICT;
        outcome->problem = "a deleted secret, or a document without the field `value`, is there; remove it with all "
                           "its versions (hfsecret delete), or rename the variable";
        return;
    }
    outcome->done = arguments->dry_run ? "would be stored" : "stored";
    if (!arguments->dry_run) {
        outcome->status = hf_store_secret(migration->vault, new + strlen("vault://"), value, NULL, arguments->call,
                                          NULL, &outcome->error);
    }
}

static void replace(const struct migration *migration, const char *new, const char *value, struct outcome *outcome) {
    const struct arguments *arguments = migration->arguments;

    if (!arguments->overwrite) {
        outcome->status = HF_ERR_CONFLICT;
        outcome->problem = "another value is there; --overwrite replaces it";
        return;
    }
    outcome->done = arguments->dry_run ? "would be replaced" : "replaced";
    if (!arguments->dry_run) {
        outcome->status = hf_update_secret(migration->vault, new, value, NULL, arguments->call, &outcome->error);
    }
}

static struct outcome migrate_one(const struct migration *migration, const char *old, const char *new) {
    struct outcome outcome = {HF_OK, NULL, NULL, NULL};
    hf_call *call = migration->arguments->call;
    char *value = NULL, *there = NULL;

    outcome.status = hf_get_secret(migration->env, old, call, &value, &outcome.error);
    if (outcome.status == HF_OK) {
        outcome.status = hf_get_secret(migration->vault, new, call, &there, &outcome.error);
        if (outcome.status == HF_NOT_FOUND) {
            store_new(migration, new, value, &outcome);
        } else if (outcome.status == HF_OK && strcmp(value, there) == 0) {
            outcome.done = "unchanged";
        } else if (outcome.status == HF_OK) {
            replace(migration, new, value, &outcome);
        }
    }
    hf_free_string(value);
    hf_free_string(there);
    return outcome;
}

/* Whether the failure would affect the next secret, too. */
static int concerns_all(hf_status status) {
    switch (status) {
    case HF_ERR_CONFIG:
    case HF_ERR_AUTH:
    case HF_ERR_CONNECTION:
    case HF_ERR_TLS:
    case HF_ERR_TIMEOUT:
    case HF_ERR_UNAVAILABLE:
    case HF_ERR_RATE_LIMITED:
    case HF_ERR_PROTOCOL:
        return 1;
    default:
        return 0;
    }
}

/* Prints the outcome for one secret and frees its objects. */
static int report_outcome(const char *old, const char *new, const struct outcome *outcome) {
    if (outcome->status == HF_OK) {
        printf("%s\t%s\t%s\n", old, new, outcome->done);
        return flush_output(EXIT_SUCCESS);
    }
    if (outcome->problem) {
        print_error("%s: %s: %s", old, new, outcome->problem);
        return exit_code(outcome->status);
    }
    return report_status(old, outcome->status, outcome->error);
}

/* Returns the exit code of the first failure. */
static int migrate_all(const struct migration *migration) {
    size_t index, count = hf_string_list_len(migration->references);
    int first = EXIT_SUCCESS, stop = 0;

    for (index = 0; index < count && !stop; index++) {
        const char *old = hf_string_list_get(migration->references, index);
        char *new = new_reference(migration, old);
        struct outcome outcome;
        int code;

        if (!new) {
            return report_no_memory();
        }
        outcome = migrate_one(migration, old, new);
        code = report_outcome(old, new, &outcome);
        stop = concerns_all(outcome.status) || code == EXIT_IO;
        first = first ? first : code;
        free(new);
    }
    if (stop && index < count) {
        print_error("stopped; %lu of %lu secrets not tried; migrate again when the cause is mended",
                    (unsigned long)(count - index), (unsigned long)count);
    }
    return first;
}

static int open_type(const char *type, const struct arguments *arguments, hf_manager **manager) {
    hf_error *error = NULL;
    hf_options *options = hf_options_new();
    hf_status status = hf_options_set(options, "SECRET_MANAGER_TYPE", type, &error);

    if (status == HF_OK) {
        status = hf_manager_open(options, arguments->call, manager, &error);
    }
    hf_options_free(options);
    return report_status(type, status, error);
}

int migrate(const struct arguments *arguments) {
    struct migration migration = {arguments, NULL, NULL, NULL, 0};
    const char *prefix = getenv("SECRET_MANAGER_ENV_PREFIX");
    int code = open_type("env", arguments, &migration.env);

    migration.prefix_length = strlen("env://") + strlen(prefix && *prefix ? prefix : DEFAULT_ENV_PREFIX);
    if (code == EXIT_SUCCESS) {
        code = open_type("vault", arguments, &migration.vault);
    }
    if (code == EXIT_SUCCESS) {
        hf_error *error = NULL;
        hf_status status = hf_list_secrets(migration.env, NULL, arguments->call, &migration.references, &error);

        code = report_status("list", status, error);
    }
    if (code == EXIT_SUCCESS) {
        code = migrate_all(&migration);
    }
    hf_string_list_free(migration.references);
    hf_manager_free(migration.env);
    hf_manager_free(migration.vault);
    return code;
}
