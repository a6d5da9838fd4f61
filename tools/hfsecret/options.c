/* The command line. Options may be before, between and after the command and its operand, up to "--". */
#include "hfsecret.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct option {
    const char *name;
    int commands; /* that take it */
    int has_value;
} OPTIONS[] = {
    {"--exact", STORE | GET | UPDATE, 0}, {"--metadata", STORE | UPDATE, 1}, {"--no-metadata", UPDATE, 0},
    {"--all", GET, 0},                    {"--json", GET, 0},                {"--policy", ROTATE, 1},
    {"--dry-run", MIGRATE, 0},            {"--overwrite", MIGRATE, 0},       {"--timeout", ANY, 1},
    {"--context-file", ON_KEY, 1},        {"--associated-data-file", ENCRYPT | DECRYPT | REWRAP, 1},
};

static const struct {
    const char *name;
    enum command command;
    int least, most; /* operands */
} COMMANDS[] = {
    {"store", STORE, 1, 1},       {"get", GET, 1, 1},         {"update", UPDATE, 1, 1},
    {"delete", DELETE, 1, 1},     {"list", LIST, 0, 1},       {"migrate", MIGRATE, 0, 0},
    {"versions", VERSIONS, 1, 1}, {"rotate", ROTATE, 1, 1},   {"undelete", UNDELETE, 2, INT_MAX},
    {"check", CHECK, 0, 0},       {"request", REQUEST, 2, 2}, {"encrypt", ENCRYPT, 1, 1},
    {"decrypt", DECRYPT, 1, 1},   {"rewrap", REWRAP, 1, 1},   {"sign", SIGN, 1, 1},
    {"verify", VERIFY, 2, 2},
};

/* The state of the parser, beside `struct arguments`. */
struct words {
    int count, next;
    char **all;      /* those that are parsed are replaced by the plain ones among them */
    int plain_count; /* the command and its operands */
    int allowed; /* the commands that take all options so far */
};

/* Parses "NAME=VALUE". */
static int add_metadata(struct arguments *arguments, char *pair) {
    char *equals = strchr(pair, '=');
    hf_error *error = NULL;
    hf_status status;

    if (!equals) {
        return report_usage("--metadata takes NAME=VALUE, not ", pair);
    }
    *equals = '\0';
    status = hf_metadata_set(arguments->metadata, pair, equals + 1, &error);
    return report_status("--metadata", status, error);
}

static int set_timeout(struct arguments *arguments, const char *seconds) {
    hf_error *error = NULL;
    hf_status status;
    char *end = NULL;
    double limit = strtod(seconds, &end);

    if (end == seconds || *end || !(limit >= 0.001 && limit <= 1e9)) {
        return report_usage("--timeout takes seconds, not ", seconds);
    }
    if (!arguments->call) {
        arguments->call = hf_call_new();
    }
    status = hf_call_set_timeout_ms(arguments->call, (int64_t)(limit * 1000), &error);
    return report_status("--timeout", status, error);
}

static int take_option(struct arguments *arguments, const struct option *option, char *value) {
    if (strcmp(option->name, "--exact") == 0) {
        arguments->exact = 1;
    } else if (strcmp(option->name, "--all") == 0) {
        arguments->all = 1;
    } else if (strcmp(option->name, "--json") == 0) {
        arguments->json = 1;
    } else if (strcmp(option->name, "--policy") == 0) {
        arguments->policy = value;
    } else if (strcmp(option->name, "--context-file") == 0) {
        arguments->context_file = value;
    } else if (strcmp(option->name, "--associated-data-file") == 0) {
        arguments->associated_data_file = value;
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

/* Returns NULL if there is no option of this name. */
static const struct option *find_option(const char *name) {
    size_t index;

    for (index = 0; index < COUNT(OPTIONS); index++) {
        if (strcmp(OPTIONS[index].name, name) == 0) {
            return &OPTIONS[index];
        }
    }
    return NULL;
}

/* Parses the option `word`, and the next word if that is its value. */
static int parse_option(struct words *words, char *word, struct arguments *arguments) {
    const struct option *option = find_option(word);
    char *value = NULL;

    if (!option) {
        return report_usage("no option ", word);
    }
    if (option->has_value) {
        if (words->next == words->count) {
            return report_usage("a value is missing for ", word);
        }
        value = words->all[words->next++];
    }
    words->allowed &= option->commands;
    return take_option(arguments, option, value);
}

static int parse_words(struct words *words, struct arguments *arguments) {
    int options_end = 0, code = EXIT_SUCCESS;

    while (code == EXIT_SUCCESS && words->next < words->count) {
        char *word = words->all[words->next++];

        if (!options_end && strcmp(word, "--") == 0) {
            options_end = 1;
        } else if (!options_end && strncmp(word, "--", 2) == 0) {
            code = parse_option(words, word, arguments);
        } else {
            words->all[words->plain_count++] = word;
        }
    }
    return code;
}

/* Parses the numbers of versions. */
static int set_versions(struct arguments *arguments, char **words, size_t count) {
    arguments->versions = calloc(count, sizeof *arguments->versions);
    if (!arguments->versions) {
        fprintf(stderr, "hfsecret: no memory\n");
        return EXIT_OTHER;
    }
    for (; arguments->version_count < count; arguments->version_count++) {
        const char *word = words[arguments->version_count];
        char *end = NULL;

        errno = 0;
        arguments->versions[arguments->version_count] = strtoll(word, &end, 10);
        if (*word < '0' || *word > '9' || *end || errno) {
            return report_usage("a version is a number, not ", word);
        }
    }
    return EXIT_SUCCESS;
}

/* The operands, of which there are as many as the command takes. */
static int set_operands(struct arguments *arguments, char **operands, int count) {
    arguments->operand = count > 0 ? operands[0] : NULL;
    arguments->second = count > 1 ? operands[1] : NULL;
    if (arguments->all && (arguments->json || arguments->exact)) {
        return report_usage("--all goes with neither --json nor --exact", "");
    }
    return arguments->command == UNDELETE ? set_versions(arguments, operands + 1, (size_t)count - 1) : EXIT_SUCCESS;
}

/* The first plain word is the command, the next ones are its operands. */
static int choose_command(const struct words *words, struct arguments *arguments) {
    const char *name = words->all[0];
    int operands = words->plain_count - 1;
    size_t index;

    for (index = 0; index < COUNT(COMMANDS); index++) {
        if (strcmp(COMMANDS[index].name, name) == 0) {
            arguments->command = COMMANDS[index].command;
            if (operands < COMMANDS[index].least || operands > COMMANDS[index].most) {
                return report_usage("wrong number of arguments for ", name);
            }
            return words->allowed & (int)arguments->command ? set_operands(arguments, words->all + 1, operands)
                                                            : report_usage("an option is not for ", name);
        }
    }
    return report_usage("no command ", name);
}

int parse_arguments(int count, char **all, struct arguments *arguments) {
    struct words words = {0, 1, NULL, 0, ANY};
    int code;

    words.count = count;
    words.all = all;
    code = parse_words(&words, arguments);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    return words.plain_count > 0 ? choose_command(&words, arguments) : report_usage("a command is missing", "");
}
