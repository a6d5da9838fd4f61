/* The environment of the command of `hfsecret run`: its references, their values, and the command itself. */
#define _DEFAULT_SOURCE

#include "hfsecret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* What a command inherits only with --keep-credentials. */
static const char *const CREDENTIALS[] = {
    "VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "VAULT_SECRET_ID_WRAPPED", "VAULT_PASSWORD", "VAULT_JWT",
};

static int set_variable(const char *name, const char *value) {
    return setenv(name, value, 1) == 0 ? EXIT_SUCCESS : report_file(name);
}

/* Sets the variable of a line NAME=VALUE. Empty lines and comments are left out. */
static int read_line(const char *path, size_t number, char *line) {
    char *equals = strchr(line, '=');

    if (*line == '#' || !*line) {
        return EXIT_SUCCESS;
    }
    if (!equals || equals == line) {
        fprintf(stderr, "hfsecret: %s:%lu: a line is NAME=VALUE\n", path, (unsigned long)number);
        return exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    *equals = '\0';
    return set_variable(line, equals + 1);
}

static int read_env_file(const char *path) {
    struct value text = {NULL, 0, 0};
    size_t number = 0;
    int code = read_file(&text, path);
    char *line = text.text, *end;

    if (code == EXIT_SUCCESS) {
        code = append(&text, "", 1);
        line = text.text;
    }
    if (code == EXIT_SUCCESS && strlen(line) + 1 != text.length) {
        fprintf(stderr, "hfsecret: %s: a NUL byte, which no variable can hold\n", path);
        code = exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    for (; code == EXIT_SUCCESS && line; line = end) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = '\0';
        }
        code = read_line(path, ++number, line);
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

        if (equals && is_reference(equals + 1)) {
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
            fprintf(stderr, "hfsecret: %s: the secret holds a NUL byte, which no variable can hold; use --file\n",
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
    for (index = 0; code == EXIT_SUCCESS && index < job->references.count; index++) {
        code = index < job->files
                   ? set_variable(job->names[index], resolved_value(&job->references, index, &(size_t){0}))
                   : set_file(job, index);
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
    int code = set_environment(job, arguments);

    free_job(job);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    unprotect_process();
    execvp(command[0], command);
    report_file(command[0]);
    return errno == ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}
