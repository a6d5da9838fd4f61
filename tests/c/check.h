/* Checks for the C tests: a failed check prints its place, and does not end the program before the last row of a
 * table. */
#ifndef CHECK_H
#define CHECK_H

#include <handsfree_secrets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition, ...)                                          \
    do {                                                               \
        if (!(condition)) {                                            \
            failures++;                                                \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                              \
            fprintf(stderr, "\n");                                     \
        }                                                              \
    } while (0)

/* Compares a status with the expected one, and frees the error, which has to be set exactly for failures. Secrets of
 * the tests hold the word "canary", which no message may repeat. */
static inline void check_status(int line, const char *what, hf_status got, hf_status expected, hf_error **error)
{
    if (got != expected || (got < 0) != (*error != NULL) || (got < 0 && hf_error_status(*error) != got)
        || strstr(hf_error_message(*error), "canary") != NULL) {
        failures++;
        fprintf(stderr, "line %d: %s: %s, expected %s; the error says: %s\n", line, what, hf_status_name(got),
                hf_status_name(expected), hf_error_message(*error));
    }
    hf_error_free(*error);
    *error = NULL;
}

/* CHECK_STATUS(HF_OK, hf_options_set(options, "A", "B", &error)), with `hf_error *error` in scope. */
#define CHECK_STATUS(expected, call) check_status(__LINE__, #call, (call), (expected), &error)

static inline hf_manager *open_env(void)
{
    hf_options *options = hf_options_new_isolated();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "SECRET_MANAGER_TYPE", "env", &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        exit(1);
    return manager;
}

static inline int result(void)
{
    if (failures > 0)
        fprintf(stderr, "%d checks failed\n", failures);
    return failures == 0 ? 0 : 1;
}

#endif
