/* Output and exit codes. */
#define _POSIX_C_SOURCE 200809L

#include "hfsecret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Converts a status -1, -2, ... to 3, 4, ...: 0 to 2 have the usual meanings for scripts. */
int exit_code(hf_status status) {
    if (status == HF_OK || status == HF_NOT_FOUND) {
        return status;
    }
    return status < 0 && status > EXIT_USAGE - EXIT_IO ? EXIT_USAGE - status : EXIT_OTHER;
}

/* Prints a status other than HF_OK, and frees `error`. Assign the status to a variable before calling this: within one
 * argument list the compiler may read `error` before the function that sets it has run. */
int report_status(const char *subject, hf_status status, hf_error *error) {
    if (status == HF_NOT_FOUND) {
        return report_absence(subject, "no such secret, version or field");
    }
    if (status != HF_OK) {
        fprintf(stderr, "hfsecret: %s: %s\n", subject, error ? hf_error_message(error) : hf_status_name(status));
    }
    hf_error_free(error);
    return exit_code(status);
}

/* Prints what a HF_NOT_FOUND means, which comes without an error. */
int report_absence(const char *subject, const char *what) {
    fprintf(stderr, "hfsecret: %s: %s\n", subject, what);
    return exit_code(HF_NOT_FOUND);
}

int report_usage(const char *problem, const char *what) {
    fprintf(stderr, "hfsecret: %s%s; hfsecret --help tells more\n", problem, what);
    return EXIT_USAGE;
}

static int report_output_failure(void) {
    fprintf(stderr, "hfsecret: standard output: %s\n", strerror(errno));
    return EXIT_IO;
}

/* Flushes stdio and checks for errors, such as a full disk. Returns `code` on success. */
int flush_output(int code) {
    return fflush(stdout) == 0 && !ferror(stdout) ? code : report_output_failure();
}

/* Prints a secret without stdio, whose buffer would keep a copy. */
int write_all(const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, text, length);

        if (written < 0 && errno != EINTR) {
            return report_output_failure();
        }
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return EXIT_SUCCESS;
}
