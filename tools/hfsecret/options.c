/* The command line. Options may be before, between and after the command and its operands, up to "--". For `run` they
 * end where the command that it executes begins. */
#include "hfsecret.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state of the parser, beside `struct arguments`. */
struct parser {
    const struct command_row *command; /* NULL: none yet */
    struct option options[OPTION_COUNT + 1];
    int allowed; /* the commands that take all options so far */
    int wants_help, wants_version;
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

/* Creates what these options are kept in. */
static hf_call *call_of(struct arguments *arguments) {
    if (!arguments->call) {
        arguments->call = hf_call_new();
    }
    return arguments->call;
}

/* Parses seconds. Returns them in milliseconds, or 0 if it is not a time from a millisecond to 30 years. */
static int64_t milliseconds(const char *seconds) {
    char *end = NULL;
    double limit = strtod(seconds, &end);

    return end == seconds || *end || !(limit >= 0.001 && limit <= 1e9) ? 0 : (int64_t)(limit * 1000);
}

static int set_timeout(struct arguments *arguments, const char *seconds) {
    int64_t limit = milliseconds(seconds);
    hf_error *error = NULL;
    hf_status status;

    if (!limit) {
        return report_usage("--timeout takes seconds, not ", seconds);
    }
    status = hf_call_set_timeout_ms(call_of(arguments), limit, &error);
    return report_status("--timeout", status, error);
}

static int set_kill_after(struct arguments *arguments, const char *seconds) {
    arguments->kill_after = milliseconds(seconds);
    return arguments->kill_after ? EXIT_SUCCESS : report_usage("--kill-after takes seconds, not ", seconds);
}

static int set_wrap_ttl(struct arguments *arguments, const char *seconds) {
    arguments->wrap_ttl = milliseconds(seconds);
    return arguments->wrap_ttl ? EXIT_SUCCESS : report_usage("--wrap-ttl takes seconds, not ", seconds);
}

/* Parses the number of a version. Returns 0 if it is none. */
static int parse_version(const char *word, int64_t *version) {
    char *end = NULL;

    errno = 0;
    *version = strtoll(word, &end, 10);
    return *word >= '0' && *word <= '9' && !*end && !errno;
}

static int set_cas(struct arguments *arguments, const char *word) {
    hf_error *error = NULL;
    hf_status status;
    int64_t version;

    if (!parse_version(word, &version)) {
        return report_usage("--cas takes the number of a version, not ", word);
    }
    status = hf_call_set_cas(call_of(arguments), version, &error);
    return report_status("--cas", status, error);
}

static int set_pid(struct arguments *arguments, const char *word) {
    int64_t number;

    if (!parse_version(word, &number) || number < 1 || (int64_t)(pid_t)number != number) {
        return report_usage("--pid takes the number of a process, not ", word);
    }
    arguments->pid = (pid_t)number;
    return EXIT_SUCCESS;
}

static int set_signal(struct arguments *arguments, const char *word) {
    static const struct {
        const char *name;
        int number;
    } signals[] = {
        {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL},
        {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"TERM", SIGTERM},
    };
    const char *name = strncmp(word, "SIG", 3) == 0 ? word + 3 : word;
    size_t index;

    for (index = 0; index < sizeof signals / sizeof *signals; index++) {
        if (strcmp(signals[index].name, name) == 0) {
            arguments->signal = signals[index].number;
            return EXIT_SUCCESS;
        }
    }
    return report_usage("--signal takes HUP, INT, QUIT, KILL, USR1, USR2 or TERM, not ", word);
}

static int set_mode(struct arguments *arguments, const char *word) {
    char *end = NULL;
    long mode = strtol(word, &end, 8);

    if (*word < '0' || *word > '7' || *end || mode > 0777) {
        return report_usage("--mode takes an octal number up to 777, not ", word);
    }
    arguments->mode = (mode_t)mode;
    arguments->has_mode = 1;
    return EXIT_SUCCESS;
}

/* Adds a word to a list that has room for all words of the command line. */
static int add_word(struct words *words, char *word, int room) {
    if (!words->all) {
        words->all = calloc((size_t)room, sizeof *words->all);
    }
    if (!words->all) {
        return report_no_memory();
    }
    words->all[words->count++] = word;
    return EXIT_SUCCESS;
}

static int take_metadata(struct arguments *arguments, char *pair) {
    if (!arguments->metadata) {
        arguments->metadata = hf_metadata_new();
    }
    return pair ? add_metadata(arguments, pair) : EXIT_SUCCESS;
}

static int take_option(struct parser *parser, struct arguments *arguments, enum option_id id, char *value, int room) {
    switch (id) {
    case OPTION_ALL: arguments->all = 1; break;
    case OPTION_ASSOCIATED_DATA_FILE: arguments->associated_data_file = value; break;
    case OPTION_BITS: arguments->bits = value; break;
    case OPTION_CAS: return set_cas(arguments, value);
    case OPTION_CONTEXT_FILE: arguments->context_file = value; break;
    case OPTION_DRY_RUN: arguments->dry_run = 1; break;
    case OPTION_ENVELOPE: arguments->envelope = 1; break;
    case OPTION_ENV_FILE: return add_word(&arguments->env_files, value, room);
    case OPTION_EXACT: arguments->exact = 1; break;
    case OPTION_FIELD: arguments->field = value; break;
    case OPTION_FILE: return add_word(&arguments->files, value, room);
    case OPTION_JSON: arguments->json = 1; break;
    case OPTION_KEEP_CREDENTIALS: arguments->keep_credentials = 1; break;
    case OPTION_KILL_AFTER: return set_kill_after(arguments, value);
    case OPTION_METADATA: return take_metadata(arguments, value);
    case OPTION_MODE: return set_mode(arguments, value);
    case OPTION_NO_METADATA: return take_metadata(arguments, NULL);
    case OPTION_OUTPUT: arguments->output = value; break;
    case OPTION_OVERWRITE: arguments->overwrite = 1; break;
    case OPTION_OWNER: arguments->owner = value; break;
    case OPTION_PARAMETERS_FILE: arguments->parameters_file = value; break;
    case OPTION_PID: return set_pid(arguments, value);
    case OPTION_POLICY: arguments->policy = value; break;
    case OPTION_REVOKE: arguments->revoke = 1; break;
    case OPTION_SIGNAL: return set_signal(arguments, value);
    case OPTION_TIMEOUT: return set_timeout(arguments, value);
    case OPTION_WATCH: arguments->watches = 1; break;
    case OPTION_WRAP_TTL: return set_wrap_ttl(arguments, value);
    case OPTION_HELP: parser->wants_help = 1; break;
    case OPTION_VERSION: parser->wants_version = 1; break;
    case OPTION_COUNT: break;
    }
    return EXIT_SUCCESS;
}

/* Says why getopt_long refuses a word. It points `optind` behind the word, except within one of several letters. A letter
 * that is not ASCII is several of them. */
static int refuse_option(int reason, char **words) {
    char letter[] = {'-', (char)optopt, '\0'};
    int is_letter = optopt != 0 && optopt < OPTION_BASE;

    if (reason == ':') {
        return report_usage("a value is missing for ", words[optind - 1]);
    }
    return is_letter ? report_usage("no option ", letter)
                     : report_usage("no option, or one that is not unique or takes no value: ", words[optind - 1]);
}

/* Parses options. "+" in `how` stops it at the first other word; without it, getopt_long moves the other words to the
 * end, where `optind` then points. */
static int parse_options(struct parser *parser, struct arguments *arguments, int count, char **words, const char *how) {
    int found, code = EXIT_SUCCESS;

    optind = 0; /* starts over; the words are others than before */
    opterr = 0;
    while (code == EXIT_SUCCESS && (found = getopt_long(count, words, how, parser->options, NULL)) != -1) {
        if (found == 'h') {
            found = OPTION_BASE + OPTION_HELP;
        }
        if (found < OPTION_BASE) {
            return refuse_option(found, words);
        }
        parser->allowed &= OPTIONS[found - OPTION_BASE].commands;
        code = take_option(parser, arguments, (enum option_id)(found - OPTION_BASE), optarg, count);
    }
    return code;
}

/* Returns 0 if there is no command of this name. */
static int find_command(struct parser *parser, struct arguments *arguments, const char *name) {
    size_t index;

    for (index = 0; index < COMMAND_COUNT; index++) {
        if (strcmp(COMMANDS[index].name, name) == 0) {
            parser->command = &COMMANDS[index];
            arguments->command = COMMANDS[index].command;
            return 1;
        }
    }
    return 0;
}

/* Parses the numbers of versions behind the reference. */
static int set_versions(struct arguments *arguments) {
    size_t count = arguments->operands.count - 1;

    arguments->versions = calloc(count + 1, sizeof *arguments->versions);
    if (!arguments->versions) {
        return report_no_memory();
    }
    for (; arguments->version_count < count; arguments->version_count++) {
        const char *word = arguments->operands.all[arguments->version_count + 1];

        if (!parse_version(word, &arguments->versions[arguments->version_count])) {
            return report_usage("a version is a number, not ", word);
        }
    }
    return EXIT_SUCCESS;
}

/* Refuses options of `lease` that exclude one another, and a path that is missing. */
static int check_lease(const struct arguments *arguments) {
    if (arguments->revoke &&
        (arguments->json || arguments->field || arguments->parameters_file || arguments->output)) {
        return report_usage("--revoke prints nothing, and goes with no option but --timeout", "");
    }
    if (arguments->json && arguments->field) {
        return report_usage("--json does not go with --field", "");
    }
    return arguments->operand || arguments->revoke ? EXIT_SUCCESS : report_usage("a path is missing for ", "lease");
}

/* Cuts off the command of `watch`, which begins behind "--". Returns how many words are left. */
static int cut_watcher(struct arguments *arguments, char **words, int count) {
    int place = 0;

    while (place < count && strcmp(words[place], "--") != 0) {
        place++;
    }
    if (place < count) {
        arguments->watcher.all = words + place + 1;
        arguments->watcher.count = (size_t)(count - place - 1);
    }
    return place;
}

/* Checks that `watch` has either a command or a signal and its process. */
static int check_watch(const struct arguments *arguments) {
    int has_command = arguments->watcher.count > 0, has_signal = arguments->signal != 0;

    if (has_signal != (arguments->pid != 0)) {
        return report_usage("--signal goes with --pid", "");
    }
    if (has_command == has_signal) {
        return report_usage("watch takes either a command behind -- or --signal and --pid", "");
    }
    return EXIT_SUCCESS;
}

/* Refuses options that exclude one another. */
static int check_options(const struct arguments *arguments) {
    if (arguments->all && (arguments->json || arguments->exact)) {
        return report_usage("--all goes with neither --json nor --exact", "");
    }
    if (arguments->json && arguments->exact && arguments->command != GET) {
        return report_usage("--json does not go with --exact here", "");
    }
    if (arguments->command == RUN && arguments->signal && !arguments->watches) {
        return report_usage("--signal goes with --watch", "");
    }
    if (arguments->kill_after && !arguments->watches) {
        return report_usage("--kill-after goes with --watch", "");
    }
    if (!arguments->output && (arguments->owner || arguments->has_mode)) {
        return report_usage("--mode and --owner are those of the file of --output", "");
    }
    if ((arguments->output && !*arguments->output) || (arguments->owner && !*arguments->owner)) {
        return report_usage("a name is missing for ", *arguments->output ? "--owner" : "--output");
    }
    return EXIT_SUCCESS;
}

/* Takes the operands, of which there are as many as the command takes. */
static int set_operands(const struct parser *parser, struct arguments *arguments, char **words, int count) {
    int code = EXIT_SUCCESS;

    if (count < parser->command->least || count > parser->command->most) {
        return report_usage("wrong number of arguments for ", parser->command->name);
    }
    if (!(parser->allowed & (int)arguments->command)) {
        return report_usage("an option is not for ", parser->command->name);
    }
    arguments->operands.all = words;
    arguments->operands.count = (size_t)count;
    arguments->operand = count > 0 ? words[0] : NULL;
    arguments->second = count > 1 ? words[1] : NULL;
    code = check_options(arguments);
    if (code == EXIT_SUCCESS && arguments->command == LEASE) {
        code = check_lease(arguments);
    }
    if (code == EXIT_SUCCESS && arguments->command == WATCH) {
        code = check_watch(arguments);
    }
    return code == EXIT_SUCCESS && arguments->command & WITH_VERSIONS ? set_versions(arguments) : code;
}

static void set_options(struct option *options) {
    size_t index;

    for (index = 0; index < OPTION_COUNT; index++) {
        options[index].name = OPTIONS[index].name;
        options[index].has_arg = OPTIONS[index].value ? required_argument : no_argument;
        options[index].val = OPTION_BASE + (int)index;
    }
}

/* --help and --version, if one was given. */
static int answer(const struct parser *parser) {
    if (parser->wants_help) {
        return print_help(parser->command);
    }
    if (parser->wants_version) {
        printf("hfsecret %s\n", hf_version());
        return flush_output(EXIT_SUCCESS);
    }
    return EXIT_PARSED;
}

/* The first plain word is the command; the second round begins with it, which getopt_long takes for the program. */
int parse_arguments(int count, char **words, struct arguments *arguments) {
    struct parser parser = {0};
    int code, first;

    set_options(parser.options);
    parser.allowed = ANY;
    arguments->mode = DEFAULT_MODE;
    code = parse_options(&parser, arguments, count, words, "+:h");
    first = optind;
    if (code == EXIT_SUCCESS && first < count && !find_command(&parser, arguments, words[first])) {
        return report_usage("no command ", words[first]);
    }
    if (code == EXIT_SUCCESS && arguments->command == WATCH) {
        count = first + cut_watcher(arguments, words + first, count - first);
    }
    if (code == EXIT_SUCCESS && parser.command) {
        code = parse_options(&parser, arguments, count - first, words + first,
                             arguments->command == RUN ? "+:h" : ":h");
    }
    if (code == EXIT_SUCCESS) {
        code = answer(&parser);
    }
    if (code != EXIT_PARSED) {
        return code;
    }
    if (!parser.command) {
        return report_usage("a command is missing", "");
    }
    code = set_operands(&parser, arguments, words + first + optind, count - first - optind);
    return code == EXIT_SUCCESS ? EXIT_PARSED : code;
}

void free_arguments(struct arguments *arguments) {
    free(arguments->versions);
    free(arguments->env_files.all);
    free(arguments->files.all);
    hf_metadata_free(arguments->metadata);
    hf_call_free(arguments->call);
}
