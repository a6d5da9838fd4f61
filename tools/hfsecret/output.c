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
    if (status == HF_ERR_IO) {
        return EXIT_IO;
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

/* Prints what errno says about a file. */
int report_file(const char *path) {
    fprintf(stderr, "hfsecret: %s: %s\n", path, strerror(errno));
    return EXIT_IO;
}

int report_no_memory(void) {
    fprintf(stderr, "hfsecret: no memory\n");
    return EXIT_OTHER;
}

static int report_output_failure(void) {
    return report_file("standard output");
}

/* Flushes stdio and checks for errors, such as a full disk. Returns `code` on success. */
int flush_output(int code) {
    return fflush(stdout) == 0 && !ferror(stdout) ? code : report_output_failure();
}

/* Writes a secret without stdio, whose buffer would keep a copy. Returns 0 and sets errno after a failure. */
int write_descriptor(int descriptor, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, text, length);

        if (written < 0 && errno != EINTR) {
            return 0;
        }
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return 1;
}

/* Prints a secret. */
int write_all(const char *text, size_t length) {
    return write_descriptor(STDOUT_FILENO, text, length) ? EXIT_SUCCESS : report_output_failure();
}

/* Writes a secret to the file of --output or, without one, prints it. */
int deliver(const struct arguments *arguments, const char *text, size_t length) {
    return arguments->output ? write_file(arguments, text, length) : write_all(text, length);
}
