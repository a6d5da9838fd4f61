/* Declarations shared by the files of hfsecret. */
#ifndef HFSECRET_H
#define HFSECRET_H

#include <handsfree_secrets.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of main, beside those that exit_code returns for a status. */
enum { EXIT_USAGE = 2, EXIT_IO = 120, EXIT_MISMATCH = 121, EXIT_OTHER = 125 };

enum command {
    STORE = 1,
    GET = 2,
    UPDATE = 4,
    DELETE = 8,
    LIST = 16,
    MIGRATE = 32,
    VERSIONS = 64,
    UNDELETE = 128,
    ROTATE = 256,
    REQUEST = 512,
    CHECK = 1024,
    ENCRYPT = 2048,
    DECRYPT = 4096,
    REWRAP = 8192,
    SIGN = 16384,
    VERIFY = 32768,
    ON_KEY = ENCRYPT | DECRYPT | REWRAP | SIGN | VERIFY,
    ANY = 65535
};

struct arguments {
    enum command command;
    const char *operand; /* NULL: none */
    const char *second;  /* the operand behind it; NULL: none */
    int exact, all, json, dry_run, overwrite;
    int64_t *versions; /* of undelete */
    size_t version_count;
    const char *policy;    /* NULL: none */
    const char *context_file, *associated_data_file; /* NULL: none */
    hf_metadata *metadata; /* NULL: none for store, keep for update */
    hf_call *call;         /* NULL: the default timeout */
};

/* A text that is wiped before it is freed. */
struct value {
    char *text;
    size_t length, capacity;
};

/* Functions that return int return an exit code, unless they say otherwise. */

/* options.c: the command line. The caller frees the objects in `arguments`, also after a failure. */
int parse_arguments(int count, char **words, struct arguments *arguments);

/* commands.c: opens the manager and runs the command. */
int run_command(const struct arguments *arguments);

/* documents.c: prints all fields of a secret. */
int get_document(const hf_manager *manager, const struct arguments *arguments);

/* versions.c */
int versions(const hf_manager *manager, const struct arguments *arguments);
int undelete(const hf_manager *manager, const struct arguments *arguments);
int rotate(const hf_manager *manager, const struct arguments *arguments);

/* request.c */
int request(const hf_manager *manager, const struct arguments *arguments);
int check(const hf_manager *manager, const struct arguments *arguments);

/* transit.c: the commands ON_KEY. */
int transit(const hf_manager *manager, const struct arguments *arguments);

/* migrate.c: copies the environment's secrets into Vault. */
int migrate(const struct arguments *arguments);

/* input.c: texts that are wiped, and reading them. The caller frees the value, also after a failure. */
int append(struct value *value, const char *text, size_t length);
int read_value(struct value *value, int exact);
int read_input(struct value *value);
int read_file(struct value *value, const char *path);
void free_value(struct value *value);

/* output.c: output and exit codes. */
int exit_code(hf_status status);
int report_status(const char *subject, hf_status status, hf_error *error);
int report_absence(const char *subject, const char *what);
int report_usage(const char *problem, const char *what);
int flush_output(int code);
int write_all(const char *text, size_t length);

#endif
