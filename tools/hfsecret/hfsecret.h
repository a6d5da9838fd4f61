/* Declarations shared by the files of hfsecret. */
#ifndef HFSECRET_H
#define HFSECRET_H

#include <handsfree_secrets.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Exit codes of main, beside those that exit_code returns for a status. 126 and 127 have the meaning that they have for a
 * shell. */
enum {
    EXIT_PARSED = -1, /* no exit code: parse_arguments has found a command */
    EXIT_USAGE = 2,
    EXIT_IO = 120,
    EXIT_MISMATCH = 121,
    EXIT_OTHER = 125,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NO_COMMAND = 127
};

/* One bit a command, so that a set of commands is a number. */
enum command {
    STORE = 1 << 0,
    GET = 1 << 1,
    UPDATE = 1 << 2,
    DELETE = 1 << 3,
    LIST = 1 << 4,
    MIGRATE = 1 << 5,
    VERSIONS = 1 << 6,
    UNDELETE = 1 << 7,
    ROTATE = 1 << 8,
    REQUEST = 1 << 9,
    CHECK = 1 << 10,
    ENCRYPT = 1 << 11,
    DECRYPT = 1 << 12,
    REWRAP = 1 << 13,
    SIGN = 1 << 14,
    VERIFY = 1 << 15,
    HMAC = 1 << 16,
    DATA_KEY = 1 << 17,
    RUN = 1 << 18,
    RENDER = 1 << 19,
    DESTROY = 1 << 20,
    ROLLBACK = 1 << 21,
    UNWRAP = 1 << 22,
    LEASE = 1 << 23,
    WATCH = 1 << 24,
    ON_KEY = ENCRYPT | DECRYPT | REWRAP | SIGN | VERIFY | HMAC | DATA_KEY,
    WITH_FILE = GET | RENDER | DATA_KEY | LEASE, /* that can write a file */
    WITH_VERSIONS = DELETE | UNDELETE | DESTROY | ROLLBACK, /* that take numbers of versions */
    ANY = 0x7fffffff
};

enum { DEFAULT_MODE = 0600 /* of a file with a secret */ };

/* Words of the command line, which are borrowed from it. */
struct words {
    char **all;
    size_t count;
};

struct arguments {
    enum command command;
    struct words operands;
    const char *operand; /* the first operand; NULL: none */
    const char *second;  /* the one behind it; NULL: none */
    int exact, all, json, dry_run, overwrite, keep_credentials, envelope, revoke, watches;
    int64_t *versions; /* of the commands on versions */
    size_t version_count;
    const char *policy, *bits;                           /* NULL: none */
    const char *context_file, *associated_data_file;     /* NULL: none */
    const char *field, *parameters_file;                 /* of lease; NULL: none */
    const char *output, *owner;                          /* NULL: none */
    mode_t mode;                                         /* of `output` */
    int has_mode;                                        /* whether --mode was given */
    int64_t wrap_ttl;                                    /* of request, in milliseconds; 0: none */
    struct words env_files, files;                       /* of run */
    struct words watcher;                                /* the command of watch, which is executed; may be empty */
    int signal;                                          /* of run and watch; 0: none */
    int64_t kill_after;                                  /* of run --watch, in milliseconds; 0: the default */
    pid_t pid;                                           /* of watch; 0: none */
    hf_metadata *metadata; /* NULL: none for store, keep for update */
    hf_call *call;         /* NULL: the default timeout */
};

/* A text that is wiped before it is freed. */
struct value {
    char *text;
    size_t length, capacity;
};

/* A key, and the parameters of one command on it. */
struct use {
    const struct arguments *arguments;
    const hf_transit *key;
    const hf_fields *parameters;
};

/* Functions that return int return an exit code, unless they say otherwise. */

/* tables.c: the commands and options. */
struct command_row {
    const char *name;
    enum command command;
    int least, most; /* operands */
    const char *operands;
    const char *help; /* lines, each with a newline */
};

enum { OPTION_BASE = 256 /* getopt_long returns ids behind the letters */ };

enum option_id {
    OPTION_ALL,
    OPTION_ASSOCIATED_DATA_FILE,
    OPTION_BITS,
    OPTION_CAS,
    OPTION_CONTEXT_FILE,
    OPTION_DRY_RUN,
    OPTION_ENVELOPE,
    OPTION_ENV_FILE,
    OPTION_EXACT,
    OPTION_FIELD,
    OPTION_FILE,
    OPTION_JSON,
    OPTION_KEEP_CREDENTIALS,
    OPTION_KILL_AFTER,
    OPTION_METADATA,
    OPTION_MODE,
    OPTION_NO_METADATA,
    OPTION_OUTPUT,
    OPTION_OVERWRITE,
    OPTION_OWNER,
    OPTION_PARAMETERS_FILE,
    OPTION_PID,
    OPTION_POLICY,
    OPTION_REVOKE,
    OPTION_SIGNAL,
    OPTION_TIMEOUT,
    OPTION_WATCH,
    OPTION_WRAP_TTL,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT
};

struct option_row {
    const char *name;
    int commands;      /* that take it */
    const char *value; /* the name of its value; NULL: it takes none */
    const char *help;
};

extern const struct command_row COMMANDS[];
extern const size_t COMMAND_COUNT;
extern const struct option_row OPTIONS[OPTION_COUNT]; /* by their id */

/* options.c: the command line. Returns EXIT_PARSED, or the exit code after a failure, or after help was printed. The
 * caller frees the objects in `arguments` in each case. */
int parse_arguments(int count, char **words, struct arguments *arguments);
void free_arguments(struct arguments *arguments);

/* help.c: prints the help of the program or, unless it is NULL, of one command. */
int print_help(const struct command_row *command);

/* process.c: what the process shows to others, and its standard streams. */
void protect_process(void);
void unprotect_process(void);

/* commands.c: opens the manager and runs the command. */
int run_command(const struct arguments *arguments);

/* documents.c: all fields of a secret. */
int get_document(const hf_manager *manager, const struct arguments *arguments);
int put_document(const hf_manager *manager, const struct arguments *arguments);
int append_lines(struct value *text, const hf_document *document);
int append_quoted(struct value *text, const char *word);

/* lease.c */
int lease(const hf_manager *manager, const struct arguments *arguments);

/* versions.c */
int versions(const hf_manager *manager, const struct arguments *arguments);
int change_versions(const hf_manager *manager, const struct arguments *arguments);
int rollback(const hf_manager *manager, const struct arguments *arguments);
int rotate(const hf_manager *manager, const struct arguments *arguments);

/* request.c */
int request(const hf_manager *manager, const struct arguments *arguments);
int unwrap(const hf_manager *manager, const struct arguments *arguments);
int check(const hf_manager *manager, const struct arguments *arguments);

/* transit.c: the commands ON_KEY. */
int transit(const hf_manager *manager, const struct arguments *arguments);

/* envelope.c: the same for data of any size, whose start was read from standard input. */
int is_envelope(const struct value *start); /* returns 0 or 1 */
int envelope(const struct use *use, struct value *start);

/* migrate.c: copies the environment's secrets into Vault. */
int migrate(const struct arguments *arguments);

/* run.c: executes a command with the secrets that its environment refers to. Returns only if that fails, or with
 * --watch when the command has ended. */
int run(const struct arguments *arguments);

/* supervise.c: run --watch. */
int supervise(const struct arguments *arguments);

/* watch.c: executes a command, or sends a signal, whenever secrets have changed. */
hf_status open_to_watch(const hf_call *call, hf_manager **manager, hf_error **error);
int watch(const hf_manager *manager, const struct arguments *arguments);
int next_changes(hf_watch *watch, const hf_call *call, int *count);

/* render.c: replaces the references in a template. */
int render(const hf_manager *manager, const struct arguments *arguments);

/* references.c: the values of many references, from one batch of requests. */
struct references {
    struct reference *all;
    size_t count, capacity;
    hf_results *documents;
};

int is_reference(const char *text);
int add_reference(struct references *references, const char *label, const char *text, size_t length);
int resolve(struct references *references, const hf_manager *manager, const hf_call *call);
const char *resolved_value(const struct references *references, size_t index, size_t *length);
const char *watched_document(const struct references *references, size_t index, int64_t *version);
void free_references(struct references *references);

/* job.c: the command of run, and the environment that it gets. */
struct job {
    struct references references;
    char **names;     /* the variable of each reference */
    size_t files;     /* the first reference of --file; those of the environment stand before it */
    int *descriptors; /* of the files of --file; NULL: each execution of the command gets files of its own */
};

int read_env_files(const struct arguments *arguments);
int collect_job(struct job *job, const struct arguments *arguments);
int resolve_job(struct job *job, const hf_manager *manager, const hf_call *call);
int execute_job(struct job *job, const struct arguments *arguments);
void free_job(struct job *job);

/* input.c: texts that are wiped, and reading them. The caller frees the value, also after a failure. */
int append(struct value *value, const char *text, size_t length);
int read_value(struct value *value, int exact);
int read_input(struct value *value);
int read_part(struct value *value, size_t most);
int check_text(struct value *value, int exact);
int read_file(struct value *value, const char *path);
void free_value(struct value *value);

/* file.c: writes a file, or nothing; descriptors of files in memory. */
int write_file(const struct arguments *arguments, const char *text, size_t length);
int check_destination(const struct arguments *arguments);
int memory_file(const char *label, const char *text, size_t length, int *descriptor);
int change_memory_file(const char *label, const char *text, size_t length, int descriptor);
void seal_memory_file(int descriptor);

/* output.c: output and exit codes. */
#ifdef __GNUC__
__attribute__((format(printf, 1, 2)))
#endif
void print_error(const char *format, ...);
int exit_code(hf_status status);
int report_status(const char *subject, hf_status status, hf_error *error);
int report_absence(const char *subject, const char *what);
int report_usage(const char *problem, const char *what);
int report_file(const char *path);
int report_no_memory(void);
int flush_output(int code);
int write_descriptor(int descriptor, const char *text, size_t length);
int write_all(const char *text, size_t length);
int deliver(const struct arguments *arguments, const char *text, size_t length);

#endif
