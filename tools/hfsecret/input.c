/* Texts in memory that is wiped, and reading a secret from standard input or bytes from a file into one. */
#define _POSIX_C_SOURCE 200809L

#include "hfsecret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest request that a server accepts by default. A larger input or file is a mistake, such as the wrong file. */
#define VALUE_LIMIT ((size_t)32 << 20)

/* Unlike a memset before a free, the compiler may not remove this. */
static void wipe(char *memory, size_t length) {
    volatile char *byte = memory;

    while (length-- > 0) {
        *byte++ = 0;
    }
}

void free_value(struct value *value) {
    if (value->text) {
        wipe(value->text, value->capacity);
        free(value->text);
    }
}

/* Doubles the memory, without realloc, which would leave an old copy. Returns 0 if there is no memory. */
static int grow(struct value *value) {
    struct value bigger;

    bigger.capacity = value->capacity ? 2 * value->capacity : 4096;
    bigger.length = value->length;
    bigger.text = malloc(bigger.capacity);
    if (!bigger.text) {
        return 0;
    }
    if (value->text) {
        memcpy(bigger.text, value->text, value->length);
    }
    free_value(value);
    *value = bigger;
    return 1;
}

/* Appends a text, without a NUL behind it. */
int append(struct value *value, const char *text, size_t length) {
    while (value->capacity - value->length <= length) {
        if (!grow(value)) {
            return report_no_memory();
        }
    }
    memcpy(value->text + value->length, text, length);
    value->length += length;
    return EXIT_SUCCESS;
}

/* Reads a descriptor until the value has `most` bytes or the data end, without stdio, whose buffer would keep a copy. Leaves
 * room for a NUL. */
static int read_some(struct value *value, size_t most, int descriptor, const char *name) {
    ssize_t got = 1;

    while (value->length < most && (got > 0 || (got < 0 && errno == EINTR))) {
        size_t room;

        if (value->length + 1 >= value->capacity && !grow(value)) {
            print_error("no memory for %s", name);
            return EXIT_OTHER;
        }
        room = value->capacity - value->length - 1;
        got = read(descriptor, value->text + value->length, room < most - value->length ? room : most - value->length);
        if (got > 0) {
            value->length += (size_t)got;
        }
    }
    return got < 0 ? report_file(name) : EXIT_SUCCESS;
}

/* Reads a descriptor to its end. */
static int read_all(struct value *value, int descriptor, const char *name) {
    int code = read_some(value, VALUE_LIMIT + 1, descriptor, name);

    if (value->length > VALUE_LIMIT) {
        print_error("%s is over 32 MiB, the limit of hfsecret", name);
        return exit_code(HF_ERR_TOO_LARGE);
    }
    return code;
}

/* Reads the bytes of standard input until there are `most`. Fewer are all. */
int read_part(struct value *value, size_t most) {
    return read_some(value, most, STDIN_FILENO, "standard input");
}

/* Reads the bytes of standard input. */
int read_input(struct value *value) {
    return read_all(value, STDIN_FILENO, "standard input");
}

/* Reads the bytes of a file. */
int read_file(struct value *value, const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC), code;

    if (descriptor < 0) {
        return report_file(path);
    }
    code = read_all(value, descriptor, path);
    close(descriptor);
    return code;
}

/* Reads a text from standard input. */
int read_value(struct value *value, int exact) {
    int code = read_input(value);

    return code == EXIT_SUCCESS ? check_text(value, exact) : code;
}

/* Ends a text that was read with a NUL, and checks that it holds no other. Unless `exact`, a newline at the end is removed,
 * for `echo value | hfsecret store KEY`. */
int check_text(struct value *value, int exact) {
    if (!exact && value->length > 0 && value->text[value->length - 1] == '\n') {
        value->length--;
    }
    value->text[value->length] = '\0';
    if (strlen(value->text) != value->length) {
        print_error("standard input holds a NUL byte: a secret is text; encode it, with base64 for one");
        return exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    return EXIT_SUCCESS;
}
