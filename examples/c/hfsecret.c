/* hfsecret: secrets for shell scripts and batch jobs, over libhandsfree_secrets.
 *
 *   cc hfsecret.c $(pkg-config --cflags --libs handsfree_secrets) -o hfsecret
 *
 * No secret ever stands on the command line, which other users can see, or in a message; only `get` prints one. What
 * read a value wipes it. The exit codes are those of `hfsecret --help`. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <handsfree_secrets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_NOT_FOUND = 1, EXIT_USAGE = 2, EXIT_IO = 120, EXIT_OTHER = 125 };

/* What the server takes in one request; more is certainly a mistake, such as the wrong file. */
#define VALUE_LIMIT ((size_t)32 << 20)
#define DEFAULT_ENV_PREFIX "HANDSFREE_SECRET_"

static const char HELP[] =
    "usage: hfsecret [OPTION...] COMMAND [ARGUMENT]\n"
    "\n"
    "  store KEY          store standard input under KEY, print the reference\n"
    "  get REFERENCE      print the secret\n"
    "  update REFERENCE   replace the secret by standard input\n"
    "  delete REFERENCE   delete the secret with all its versions\n"
    "  list [PREFIX]      print the references of all secrets, or of those whose path starts with PREFIX\n"
    "  migrate            copy every env:// secret of the environment into Vault; prints, tab-separated,\n"
    "                     the old reference, the new one and what was done\n"
    "\n"
    "  --exact            store, update: keep the newline that ends standard input; get: print none\n"
    "  --metadata N=V     store, update: a name and value beside the secret; may be repeated\n"
    "  --no-metadata      update: remove what metadata there are; without either option they stay\n"
    "  --dry-run          migrate: write nothing, print what would be done\n"
    "  --overwrite        migrate: replace a value in Vault that differs\n"
    "  --timeout SECONDS  the limit of each request, in place of VAULT_CLIENT_TIMEOUT\n"
    "  --help, --version\n"
    "\n"
    "The environment says where secrets live: SECRET_MANAGER_TYPE=vault, VAULT_ADDR, and VAULT_TOKEN or\n"
    "VAULT_ROLE_ID with VAULT_SECRET_ID. migrate reads env and writes Vault whatever SECRET_MANAGER_TYPE says.\n"
    "\n"
    "exit: 0 done, 1 no such secret, 2 wrong usage, 3 invalid argument or key, 4 invalid reference,\n"
    "5 configuration, 6 credentials refused, 7 permission denied, 8 no connection, 9 TLS, 10 timeout,\n"
    "11 server unavailable, 12 rate limited, 13 conflict, 14 too large, 15 not a Vault server, 16 unsupported,\n"
    "17 cancelled, 18 internal error, 120 standard input or output failed, 125 anything else.\n"
    "migrate goes on after a failure that concerns one secret, and exits with the code of the first.\n";

enum command { STORE = 1, GET = 2, UPDATE = 4, DELETE = 8, LIST = 16, MIGRATE = 32, ANY = 63 };

struct arguments {
    enum command command;
    const char *operand; /* NULL: none */
    int exact, dry_run, overwrite;
    hf_metadata *metadata; /* NULL: none for store, keep for update */
    hf_call *call;         /* NULL: no limit of our own */
};

/* A text that is wiped before its memory goes. */
struct value {
    char *text;
    size_t length, capacity;
};

/* A status -1, -2, ... becomes 3, 4, ...: 0 to 2 mean what scripts expect. */
static int exit_code(hf_status status) {
    if (status == HF_OK || status == HF_NOT_FOUND) {
        return status;
    }
    return status < 0 && status > EXIT_USAGE - EXIT_IO ? EXIT_USAGE - status : EXIT_OTHER;
}

/* Reports what is no success, frees `error`, and gives the exit code. */
static int finish(const char *subject, hf_status status, hf_error *error) {
    if (status != HF_OK) {
        const char *why = status == HF_NOT_FOUND ? "no such secret" : hf_status_name(status);

        fprintf(stderr, "hfsecret: %s: %s\n", subject, error ? hf_error_message(error) : why);
    }
    hf_error_free(error);
    return exit_code(status);
}

static int usage(const char *problem, const char *what) {
    fprintf(stderr, "hfsecret: %s%s; hfsecret --help tells more\n", problem, what);
    return EXIT_USAGE;
}

/* What was printed with stdio has to arrive: a full disk must not look like success. */
static int flush(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    fprintf(stderr, "hfsecret: standard output: %s\n", strerror(errno));
    return EXIT_IO;
}

/* The compiler may not leave this out, as it may a memset before a free. */
static void wipe(char *memory, size_t length) {
    volatile char *byte = memory;

    while (length-- > 0) {
        *byte++ = 0;
    }
}

static void free_value(struct value *value) {
    if (value->text) {
        wipe(value->text, value->capacity);
        free(value->text);
    }
}

/* realloc would leave the old copy behind. */
static int grow(struct value *value) {
    struct value bigger;

    bigger.capacity = value->capacity ? 2 * value->capacity : 4096;
    bigger.length = value->length;
    bigger.text = malloc(bigger.capacity);
    if (!bigger.text) {
        return 0;
    }
    if (value->text) {
        memcpy(bigger.text, value->text, value->length);
    }
    free_value(value);
    *value = bigger;
    return 1;
}

/* Reads standard input to its end, past stdio, whose buffer would keep a copy. One newline at the end is the line's
 * and not the value's, as `echo value | hfsecret store KEY` means it, unless `exact`. Gives an exit code. */
static int read_value(struct value *value, int exact) {
    ssize_t got;

    do {
        if (value->length + 1 >= value->capacity && !grow(value)) {
            fprintf(stderr, "hfsecret: no memory for standard input\n");
            return EXIT_OTHER;
        }
        got = read(STDIN_FILENO, value->text + value->length, value->capacity - value->length - 1);
        if (got > 0) {
            value->length += (size_t)got;
        }
        if (value->length > VALUE_LIMIT) {
            fprintf(stderr, "hfsecret: standard input is over 32 MiB, which no server takes\n");
            return exit_code(HF_ERR_TOO_LARGE);
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        fprintf(stderr, "hfsecret: standard input: %s\n", strerror(errno));
        return EXIT_IO;
    }
    if (!exact && value->length > 0 && value->text[value->length - 1] == '\n') {
        value->length--;
    }
    value->text[value->length] = '\0';
    if (strlen(value->text) != value->length) {
        fprintf(stderr, "hfsecret: standard input holds a NUL byte: a secret is text; encode it, with base64 for one\n");
        return exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    return EXIT_SUCCESS;
}

static int write_all(const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, text, length);

        if (written < 0 && errno != EINTR) {
            fprintf(stderr, "hfsecret: standard output: %s\n", strerror(errno));
            return EXIT_IO;
        }
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return EXIT_SUCCESS;
}

static int get(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    char *value = NULL;
    hf_status status = hf_get_secret(manager, arguments->operand, arguments->call, &value, &error);
    int code = finish(arguments->operand, status, error);

    if (code == EXIT_SUCCESS) {
        code = write_all(value, strlen(value));
    }
    if (code == EXIT_SUCCESS && !arguments->exact) {
        code = write_all("\n", 1);
    }
    hf_free_string(value);
    return code;
}

/* store and update. */
static int put(const hf_manager *manager, const struct arguments *arguments) {
    struct value value = {NULL, 0, 0};
    hf_error *error = NULL;
    char *reference = NULL;
    int code = read_value(&value, arguments->exact);

    if (code == EXIT_SUCCESS) {
        hf_status status = arguments->command == STORE
                               ? hf_store_secret(manager, arguments->operand, value.text, arguments->metadata,
                                                 arguments->call, &reference, &error)
                               : hf_update_secret(manager, arguments->operand, value.text, arguments->metadata,
                                                  arguments->call, &error);
        code = finish(arguments->operand, status, error);
    }
    free_value(&value);
    if (reference) {
        printf("%s\n", reference);
    }
    hf_free_string(reference);
    return flush(code);
}

static int delete(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_status status = hf_delete_secret(manager, arguments->operand, arguments->call, &error);

    return finish(arguments->operand, status, error);
}

static int list(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_string_list *references = NULL;
    hf_status status = hf_list_secrets(manager, arguments->operand, arguments->call, &references, &error);
    int code = finish("list", status, error);
    size_t index;

    for (index = 0; index < hf_string_list_len(references); index++) {
        printf("%s\n", hf_string_list_get(references, index));
    }
    hf_string_list_free(references);
    return flush(code);
}

/* A migration never replaces what somebody else put into Vault, unless --overwrite says so; run again it goes on where
 * it stopped, and when all is there it says "unchanged" for each secret. */
struct migration {
    const struct arguments *arguments;
    hf_manager *env, *vault;
    hf_string_list *references; /* env:// */
    size_t prefix_length;       /* of "env://PREFIX" */
};

/* Says what became of one secret. */
struct outcome {
    hf_status status;
    hf_error *error;
    const char *done;    /* with HF_OK */
    const char *problem; /* in place of an error's message */
};

/* "vault://" and the key: the variable's name without the prefix, in lower case. The names that env lists hold no
 * letters but A to Z, so no two become one key. NULL: no memory. */
static char *new_reference(const struct migration *migration, const char *old) {
    static const char scheme[] = "vault://";
    const char *name = old + migration->prefix_length;
    char *reference = malloc(sizeof scheme + strlen(name));
    size_t index;

    if (reference) {
        memcpy(reference, scheme, sizeof scheme);
        for (index = 0; index <= strlen(name); index++) {
            char letter = name[index];

            /* Not tolower: the locale has no say in a key. */
            reference[sizeof scheme - 1 + index] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
        }
    }
    return reference;
}

/* Whether the path exists although a get found nothing there: a deleted version, or a document without `value`.
 * Storing would bring back the one and destroy the other. */
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
        outcome->problem = "a deleted secret, or a document without the field `value`, is there; remove it with its "
                           "metadata (vault kv metadata delete), or rename the variable";
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

/* Failures that the next secret would meet, too. */
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

static int migrate_all(const struct migration *migration) {
    size_t index, count = hf_string_list_len(migration->references);
    int first = EXIT_SUCCESS, stop = 0;

    for (index = 0; index < count && !stop; index++) {
        const char *old = hf_string_list_get(migration->references, index);
        char *new = new_reference(migration, old);
        struct outcome outcome;
        int code;

        if (!new) {
            fprintf(stderr, "hfsecret: no memory\n");
            return EXIT_OTHER;
        }
        outcome = migrate_one(migration, old, new);
        stop = concerns_all(outcome.status);
        if (outcome.status == HF_OK) {
            printf("%s\t%s\t%s\n", old, new, outcome.done);
            code = flush(EXIT_SUCCESS);
            stop = code != EXIT_SUCCESS;
        } else if (outcome.problem) {
            fprintf(stderr, "hfsecret: %s: %s: %s\n", old, new, outcome.problem);
            code = exit_code(outcome.status);
        } else {
            code = finish(old, outcome.status, outcome.error);
        }
        first = first ? first : code;
        free(new);
    }
    if (stop && index < count) {
        fprintf(stderr, "hfsecret: stopped; %lu of %lu secrets not tried; migrate again when the cause is mended\n",
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
    return finish(type, status, error);
}

static int migrate(const struct arguments *arguments) {
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

        code = finish("list", status, error);
    }
    if (code == EXIT_SUCCESS) {
        code = migrate_all(&migration);
    }
    hf_string_list_free(migration.references);
    hf_manager_free(migration.env);
    hf_manager_free(migration.vault);
    return code;
}

static int run(const struct arguments *arguments) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    int code;

    if (arguments->command == MIGRATE) {
        return migrate(arguments);
    }
    code = finish("open", hf_manager_open(NULL, arguments->call, &manager, &error), error);
    if (code == EXIT_SUCCESS && arguments->command & (STORE | UPDATE | DELETE) &&
        strcmp(hf_manager_type(manager), "env") == 0) {
        fprintf(stderr, "hfsecret: the env backend forgets what is written when this program ends; "
                        "set SECRET_MANAGER_TYPE=vault, or export the variable\n");
        code = exit_code(HF_ERR_UNSUPPORTED);
    } else if (code == EXIT_SUCCESS) {
        switch (arguments->command) {
        case GET: code = get(manager, arguments); break;
        case DELETE: code = delete(manager, arguments); break;
        case LIST: code = list(manager, arguments); break;
        default: code = put(manager, arguments); break;
        }
    }
    hf_manager_free(manager);
    return code;
}

/* Takes "NAME=VALUE". */
static int add_metadata(struct arguments *arguments, char *pair) {
    char *equals = strchr(pair, '=');
    hf_error *error = NULL;
    hf_status status;

    if (!equals) {
        return usage("--metadata takes NAME=VALUE, not ", pair);
    }
    *equals = '\0';
    status = hf_metadata_set(arguments->metadata, pair, equals + 1, &error);
    return status == HF_OK ? EXIT_SUCCESS : finish("--metadata", status, error);
}

static int set_timeout(struct arguments *arguments, const char *seconds) {
    hf_error *error = NULL;
    char *end = NULL;
    double limit = strtod(seconds, &end);

    if (end == seconds || *end || !(limit >= 0.001 && limit <= 1e9)) {
        return usage("--timeout takes seconds, not ", seconds);
    }
    if (!arguments->call) {
        arguments->call = hf_call_new();
    }
    return finish("--timeout", hf_call_set_timeout_ms(arguments->call, (int64_t)(limit * 1000), &error), error);
}

static const struct option {
    const char *name;
    int commands; /* that take it */
    int has_value;
} OPTIONS[] = {
    {"--exact", STORE | GET | UPDATE, 0}, {"--metadata", STORE | UPDATE, 1}, {"--no-metadata", UPDATE, 0},
    {"--dry-run", MIGRATE, 0},            {"--overwrite", MIGRATE, 0},       {"--timeout", ANY, 1},
};

static const struct {
    const char *name;
    enum command command;
    int least, most; /* operands */
} COMMANDS[] = {
    {"store", STORE, 1, 1},   {"get", GET, 1, 1},   {"update", UPDATE, 1, 1},
    {"delete", DELETE, 1, 1}, {"list", LIST, 0, 1}, {"migrate", MIGRATE, 0, 0},
};

static int take_option(struct arguments *arguments, const struct option *option, char *value) {
    if (strcmp(option->name, "--exact") == 0) {
        arguments->exact = 1;
    } else if (strcmp(option->name, "--dry-run") == 0) {
        arguments->dry_run = 1;
    } else if (strcmp(option->name, "--overwrite") == 0) {
        arguments->overwrite = 1;
    } else if (strcmp(option->name, "--timeout") == 0) {
        return set_timeout(arguments, value);
    } else if (!arguments->metadata) {
        arguments->metadata = hf_metadata_new();
    }
    return strcmp(option->name, "--metadata") == 0 ? add_metadata(arguments, value) : EXIT_SUCCESS;
}

/* Options may stand before, between and behind the command and its operand, until "--". Gives an exit code. */
static int parse(int count, char **words, struct arguments *arguments) {
    const char *operands[3] = {NULL, NULL, NULL};
    int index, used = 0, allowed = ANY, options_end = 0;
    size_t entry;

    for (index = 1; index < count; index++) {
        char *word = words[index];

        if (!options_end && strcmp(word, "--") == 0) {
            options_end = 1;
        } else if (!options_end && strncmp(word, "--", 2) == 0) {
            const struct option *option = OPTIONS;
            const struct option *end = OPTIONS + sizeof OPTIONS / sizeof *OPTIONS;
            int code;

            while (option < end && strcmp(option->name, word) != 0) {
                option++;
            }
            if (option == end) {
                return usage("no option ", word);
            }
            if (option->has_value && ++index == count) {
                return usage("a value is missing for ", word);
            }
            allowed &= option->commands;
            code = take_option(arguments, option, words[index]);
            if (code != EXIT_SUCCESS) {
                return code;
            }
        } else if (used == 3) {
            return usage("too many arguments", "");
        } else {
            operands[used++] = word;
        }
    }
    if (used == 0) {
        return usage("a command is missing", "");
    }
    for (entry = 0; entry < sizeof COMMANDS / sizeof *COMMANDS; entry++) {
        if (strcmp(COMMANDS[entry].name, operands[0]) == 0) {
            arguments->command = COMMANDS[entry].command;
            arguments->operand = operands[1];
            if (used - 1 < COMMANDS[entry].least || used - 1 > COMMANDS[entry].most) {
                return usage("wrong number of arguments for ", operands[0]);
            }
            return allowed & arguments->command ? EXIT_SUCCESS : usage("an option is not for ", operands[0]);
        }
    }
    return usage("no command ", operands[0]);
}

int main(int count, char **words) {
    struct arguments arguments = {ANY, NULL, 0, 0, 0, NULL, NULL};
    int code;

    if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0)) {
        fputs(HELP, stdout);
        return flush(EXIT_SUCCESS);
    }
    if (count == 2 && strcmp(words[1], "--version") == 0) {
        printf("hfsecret %s\n", hf_version());
        return flush(EXIT_SUCCESS);
    }
    code = parse(count, words, &arguments);
    if (code == EXIT_SUCCESS) {
        code = run(&arguments);
    }
    hf_metadata_free(arguments.metadata);
    hf_call_free(arguments.call);
    return code;
}
