/* `hfsecret run`: executes a command with the secrets that its environment refers to. */
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

/* The references, and for each of them the variable that it is for. */
struct job {
    struct references references;
    char **names; /* as many as there are references */
    size_t files; /* the first reference of --file; those of the environment stand before it */
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

static int read_env_files(const struct arguments *arguments) {
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

/* Gets all values. Without a reference no manager is needed. */
static int resolve_job(struct job *job, const struct arguments *arguments) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status;
    int code;

    if (job->references.count == 0) {
        return EXIT_SUCCESS;
    }
    status = hf_manager_open(NULL, arguments->call, &manager, &error);
    code = report_status("open", status, error);
    if (code == EXIT_SUCCESS) {
        code = resolve(&job->references, manager, arguments->call);
    }
    hf_manager_free(manager);
    return code;
}

static int set_text(const char *name, const char *text, size_t length) {
    if (strlen(text) != length) {
        fprintf(stderr, "hfsecret: %s: the secret holds a NUL byte, which no variable can hold; use --file\n", name);
        return exit_code(HF_ERR_UNSUPPORTED);
    }
    return set_variable(name, text);
}

static int set_file(const char *name, const char *text, size_t length) {
#ifdef __linux__
    static const char format[] = "/proc/self/fd/%d";
#else
    static const char format[] = "/dev/fd/%d";
#endif
    char path[64];
    int descriptor, code = memory_file(name, text, length, &descriptor);

    if (code == EXIT_SUCCESS) {
        snprintf(path, sizeof path, format, descriptor);
        code = set_variable(name, path);
    }
    return code;
}

static int set_environment(const struct job *job, const struct arguments *arguments) {
    size_t index;
    int code = EXIT_SUCCESS;

    for (index = 0; !arguments->keep_credentials && index < sizeof CREDENTIALS / sizeof *CREDENTIALS; index++) {
        unsetenv(CREDENTIALS[index]);
    }
    for (index = 0; code == EXIT_SUCCESS && index < job->references.count; index++) {
        size_t length = 0;
        const char *text = resolved_value(&job->references, index, &length);

        code = (index < job->files ? set_text : set_file)(job->names[index], text, length);
    }
    return code;
}

static int execute(char **command) {
    unprotect_process();
    execvp(command[0], command);
    report_file(command[0]);
    return errno == ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}

int run(const struct arguments *arguments) {
    struct job job = {{NULL, 0, 0, NULL}, NULL, 0};
    size_t index;
    int code = read_env_files(arguments);

    if (code == EXIT_SUCCESS) {
        job.names = calloc(count_variables() + arguments->files.count + 1, sizeof *job.names);
        code = job.names ? add_variables(&job) : report_no_memory();
    }
    if (code == EXIT_SUCCESS) {
        code = add_files(&job, &arguments->files);
    }
    if (code == EXIT_SUCCESS) {
        code = resolve_job(&job, arguments);
    }
    if (code == EXIT_SUCCESS) {
        code = set_environment(&job, arguments);
    }
    for (index = 0; index < job.references.count; index++) {
        free(job.names[index]);
    }
    free(job.names);
    free_references(&job.references);
    return code == EXIT_SUCCESS ? execute(arguments->operands.all) : code;
}
