/* Output and exit codes. */
#define _GNU_SOURCE

#include "hfsecret.h"

#include <errno.h>
#include <stdarg.h>
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

/* The length of the visible character of UTF-8 at the start of a text. 0: a control character, of which U+0080 to U+009F are
 * two bytes, or no UTF-8. */
static size_t visible_length(const char *text) {
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    size_t index;

    for (index = 1; index < length; index++) {
        if (((unsigned char)text[index] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if (first < ' ' || first == 0x7f || (first == 0xc2 && (unsigned char)text[1] < 0xa0)) {
        return 0;
    }
    return length;
}

/* Appends a message in one line: a control character as \n or \x1b, and bytes that are no UTF-8 likewise, so that a name
 * cannot begin another line or reach the terminal as a command. */
static int append_visible(struct value *line, const char *message) {
    int code = EXIT_SUCCESS;

    while (code == EXIT_SUCCESS && *message) {
        size_t length = visible_length(message);
        char escape[8] = "\\n";

        if (*message != '\n') {
            snprintf(escape, sizeof escape, "\\x%02x", (unsigned)(unsigned char)*message);
        }
        code = length ? append(line, message, length) : append(line, escape, strlen(escape));
        message += length ? length : 1;
    }
    return code;
}

/* Prints a message to standard error as one line, in one write. */
void print_error(const char *format, ...) {
    static const char program[] = "hfsecret: ";
    struct value line = {NULL, 0, 0};
    char *message = NULL;
    va_list values;
    int length, code;

    va_start(values, format);
    length = vasprintf(&message, format, values);
    va_end(values);
    if (length < 0) {
        (void)report_no_memory();
        return;
    }
    code = append(&line, program, sizeof program - 1);
    if (code == EXIT_SUCCESS) {
        code = append_visible(&line, message);
    }
    if (code == EXIT_SUCCESS && append(&line, "\n", 1) == EXIT_SUCCESS) {
        (void)write_descriptor(STDERR_FILENO, line.text, line.length);
    }
    free(message);
    free_value(&line);
}

/* Prints a status other than HF_OK, and frees `error`. Assign the status to a variable before calling this: within one
 * argument list the compiler may read `error` before the function that sets it has run. */
int report_status(const char *subject, hf_status status, hf_error *error) {
    if (status == HF_NOT_FOUND) {
        return report_absence(subject, "no such secret, version or field");
    }
    if (status != HF_OK) {
        print_error("%s: %s", subject, error ? hf_error_message(error) : hf_status_name(status));
    }
    hf_error_free(error);
    return exit_code(status);
}

/* Prints what a HF_NOT_FOUND means, which comes without an error. */
int report_absence(const char *subject, const char *what) {
    print_error("%s: %s", subject, what);
    return exit_code(HF_NOT_FOUND);
}

int report_usage(const char *problem, const char *what) {
    print_error("%s%s; hfsecret --help tells more", problem, what);
    return EXIT_USAGE;
}

/* Prints what errno says about a file. */
int report_file(const char *path) {
    print_error("%s: %s", path, strerror(errno));
    return EXIT_IO;
}

int report_no_memory(void) {
    static const char message[] = "hfsecret: no memory\n";

    (void)write_descriptor(STDERR_FILENO, message, sizeof message - 1);
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
