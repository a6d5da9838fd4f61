/* Shared by the programs that test the library in a host process. Each reads its server from the environment:
 * VAULT_ADDR, VAULT_TOKEN, VAULT_MOUNT and, for TLS, VAULT_CACERT. */
#ifndef HOST_H
#define HOST_H

#include "../check.h"

#include <stdint.h>
#include <time.h>

static inline double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The processor time of this process. */
static inline double processor_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Opens a manager from the environment; ends the program on failure. */
static inline hf_manager *open_from_environment(void)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    if (hf_manager_open(NULL, NULL, &manager, &error) != HF_OK) {
        fprintf(stderr, "open: %s\n", hf_error_message(error));
        exit(1);
    }
    return manager;
}

/* Stores `value` under `key`. */
static inline void put(const hf_manager *manager, const char *key, const char *value)
{
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_store_secret(manager, key, value, NULL, NULL, NULL, &error));
}

/* Gets `reference`, and returns whether its value is `expected`; prints failures to standard error. */
static inline int gets_value(const hf_manager *manager, const char *reference, const char *expected)
{
    hf_error *error = NULL;
    char *value = NULL;
    hf_status status = hf_get_secret(manager, reference, NULL, &value, &error);
    int right = status == HF_OK && strcmp(value, expected) == 0;

    if (!right)
        fprintf(stderr, "%s: %s: %s\n", reference, hf_status_name(status), error == NULL ? "another value" : hf_error_message(error));
    hf_free_string(value);
    hf_error_free(error);
    return right;
}

/* Parses a number. */
static inline long number(int argc, char **argv, int index)
{
    if (index >= argc) {
        fprintf(stderr, "argument %d is missing\n", index);
        exit(2);
    }
    return strtol(argv[index], NULL, 10);
}

#endif
