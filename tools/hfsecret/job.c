/* The environment of the command of `hfsecret run`: its references, their values, and the command itself. */
#define _DEFAULT_SOURCE

#include "hfsecret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* What a command inherits only with --keep-credentials. Headers may hold those for a gateway. */
static const char *const CREDENTIALS[] = {
    "VAULT_TOKEN",    "BAO_TOKEN", "VAULT_SECRET_ID", "VAULT_SECRET_ID_WRAPPED",
    "VAULT_PASSWORD", "VAULT_JWT", "VAULT_HEADERS",   "BAO_HEADERS",
};

/* At the start of a text, as editors of Windows write it. */
static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";

/* Sets a variable. An environment may hold several of one name, and programs differ in which one they take, so none of
 * the others stays. */
static int set_variable(const char *name, const char *value) {
    return unsetenv(name) == 0 && setenv(name, value, 1) == 0 ? EXIT_SUCCESS : report_file(name);
}

/* What is wrong with a line of a file for --env-file. NULL: nothing. `equals` is its first '=', or NULL. */
static const char *problem_of(const char *line, const char *equals) {
    const char *value;

    if (!equals || equals == line) {
        return "a line is NAME=VALUE";
    }
    if (strcspn(line, " \t'\"") < (size_t)(equals - line)) {
        return "a line is NAME=VALUE, with neither export nor blanks nor quotation marks before the =";
    }
    value = equals + 1 + strspn(equals + 1, " \t'\"");
    if (value > equals + 1 && is_reference(value)) {
        return "a reference stands without quotation marks and blanks, which would belong to the value";
    }
    return NULL;
}

/* Sets the variable of a line NAME=VALUE. Empty lines and comments are left out. */
static int read_line(const char *path, size_t number, char *line) {
    char *equals = strchr(line, '=');
    const char *problem;

    if (*line == '#' || !*line) {
        return EXIT_SUCCESS;
    }
    problem = problem_of(line, equals);
    if (problem) {
        print_error("%s:%lu: %s", path, (unsigned long)number, problem);
        return exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    *equals = '\0';
    return set_variable(line, equals + 1);
}

/* Ends a line at `*text`, and moves `*text` to the next one, or sets it to NULL behind the last. Lines of Windows end in a
 * carriage return, too. */
static char *cut_line(char **text) {
    char *line = *text, *end = line + strcspn(line, "\n");

    *text = *end ? end + 1 : NULL;
    if (end > line && end[-1] == '\r') {
        end--;
    }
    *end = '\0';
    return line;
}

static int read_env_file(const char *path) {
    struct value text = {NULL, 0, 0};
    size_t number = 0;
    int code = read_file(&text, path);
    char *rest = NULL;

    if (code == EXIT_SUCCESS) {
        code = append(&text, "", 1);
        rest = text.text;
    }
    if (code == EXIT_SUCCESS && strlen(rest) + 1 != text.length) {
        print_error("%s: a NUL byte, which no variable can hold", path);
        code = exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    if (code == EXIT_SUCCESS && strncmp(rest, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        rest += strlen(BYTE_ORDER_MARK);
    }
    while (code == EXIT_SUCCESS && rest) {
        code = read_line(path, ++number, cut_line(&rest));
    }
    free_value(&text);
    return code;
}

int read_env_files(const struct arguments *arguments) {
    size_t index;
    int code = EXIT_SUCCESS;

    for (index = 0; code == EXIT_SUCCESS && index < arguments->env_files.count; index++) {
        code = read_env_file(arguments->env_files.all[index]);
    }
    return code;
}

static size_t count_variables(void) {
    size_t count = 0;

    while (environ[count]) {
        count++;
    }
    return count;
}

/* Adds the reference of "NAME=REFERENCE". */
static int add(struct job *job, const char *pair) {
    size_t length = strcspn(pair, "=");
    char *name = malloc(length + 1);

    if (!name) {
        return report_no_memory();
    }
    memcpy(name, pair, length);
    name[length] = '\0';
    job->names[job->references.count] = name;
    return add_reference(&job->references, name, pair + length + 1, strlen(pair + length + 1));
}

static int add_variables(struct job *job) {
    size_t index;
    int code = EXIT_SUCCESS;

    for (index = 0; code == EXIT_SUCCESS && environ[index]; index++) {
        const char *equals = strchr(environ[index], '=');

        if (equals && equals != environ[index] && is_reference(equals + 1)) {
            code = add(job, environ[index]);
        }
    }
    job->files = job->references.count;
    return code;
}

static int add_files(struct job *job, const struct words *files) {
    size_t index;
    int code = EXIT_SUCCESS;

    for (index = 0; code == EXIT_SUCCESS && index < files->count; index++) {
        const char *pair = files->all[index], *equals = strchr(pair, '=');

        if (!equals || equals == pair || !is_reference(equals + 1)) {
            return report_usage("--file takes NAME=REFERENCE, not ", pair);
        }
        code = add(job, pair);
    }
    return code;
}

/* Finds the references of the environment and of --file. */
int collect_job(struct job *job, const struct arguments *arguments) {
    int code;

    job->names = calloc(count_variables() + arguments->files.count + 1, sizeof *job->names);
    code = job->names ? add_variables(job) : report_no_memory();
    return code == EXIT_SUCCESS ? add_files(job, &arguments->files) : code;
}

/* Gets all values. */
int resolve_job(struct job *job, const hf_manager *manager, const hf_call *call) {
    int code = resolve(&job->references, manager, call);
    size_t index, length = 0;

    for (index = 0; code == EXIT_SUCCESS && index < job->files; index++) {
        const char *text = resolved_value(&job->references, index, &length);

        if (strlen(text) != length) {
            print_error("%s: the secret holds a NUL byte, which no variable can hold; use --file",
                    job->names[index]);
            code = exit_code(HF_ERR_UNSUPPORTED);
        }
    }
    return code;
}

/* Sets a variable to the path of a descriptor. */
static int set_path(const char *name, int descriptor) {
#ifdef __linux__
    static const char format[] = "/proc/self/fd/%d";
#else
    static const char format[] = "/dev/fd/%d";
#endif
    char path[64];

    snprintf(path, sizeof path, format, descriptor);
    return set_variable(name, path);
}

static int set_file(const struct job *job, size_t index) {
    size_t length = 0;
    const char *text = resolved_value(&job->references, index, &length);
    int descriptor, code;

    if (job->descriptors) {
        return set_path(job->names[index], job->descriptors[index - job->files]);
    }
    code = memory_file(job->names[index], text, length, &descriptor);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    seal_memory_file(descriptor);
    return set_path(job->names[index], descriptor);
}

/* Sets all variables, and makes the files of --file that are not there yet. */
static int set_environment(const struct job *job, const struct arguments *arguments) {
    size_t index;
    int code = EXIT_SUCCESS;

    for (index = 0; !arguments->keep_credentials && index < sizeof CREDENTIALS / sizeof *CREDENTIALS; index++) {
        unsetenv(CREDENTIALS[index]);
    }
    for (index = job->files; code == EXIT_SUCCESS && index > 0; index--) { /* Of several of one name the first counts. */
        code = set_variable(job->names[index - 1], resolved_value(&job->references, index - 1, &(size_t){0}));
    }
    for (index = job->files; code == EXIT_SUCCESS && index < job->references.count; index++) {
        code = set_file(job, index);
    }
    return code;
}

void free_job(struct job *job) {
    size_t index;

    for (index = 0; index < job->references.count; index++) {
        free(job->names[index]);
    }
    free(job->names);
    free(job->descriptors);
    free_references(&job->references);
    *job = (struct job){0};
}

/* Executes the command with the values. Frees the job. Returns only if that fails. */
int execute_job(struct job *job, const struct arguments *arguments) {
    char **command = arguments->operands.all;
    int code = set_environment(job, arguments), failure;

    free_job(job);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    unprotect_process();
    execvp(command[0], command);
    failure = errno; /* which a message that cannot be written changes */
    print_error("%s: %s%s", command[0], strerror(failure),
                failure == E2BIG ? "; --file takes secrets that are too long for the environment" : "");
    return failure == ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}
