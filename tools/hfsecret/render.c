/* `hfsecret render`: a template, in which each {{ REFERENCE }} is replaced by the value. Other braces stay. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A reference in the template, with its braces. */
struct place {
    size_t start, end;
};

struct template {
    const char *path;
    struct value text;
    struct references references;
    struct place *places; /* as many as there are references */
};

static int report_line(const struct template *template, size_t line, const char *problem) {
    print_error("%s:%lu: %s", template->path, (unsigned long)line, problem);
    return exit_code(HF_ERR_INVALID_ARGUMENT);
}

static int add_place(struct template *template, size_t line, struct place place, const char *text, size_t length) {
    size_t count = template->references.count;
    struct place *places = realloc(template->places, (count + 1) * sizeof *places);
    char label[32];

    if (!places) {
        return report_no_memory();
    }
    template->places = places;
    places[count] = place;
    snprintf(label, sizeof label, "line %lu", (unsigned long)line);
    return add_reference(&template->references, label, text, length);
}

/* Reads the braces at `*start`, and moves `*start` behind them. */
static int read_braces(struct template *template, size_t line, const char **start) {
    const char *text = *start + 2, *end;
    struct place place;

    text += strspn(text, " \t");
    if (!is_reference(text)) {
        *start += 1; /* The second brace may be the first one of a reference: {{{ vault://db }}}. */
        return EXIT_SUCCESS;
    }
    end = text + strcspn(text, "\n}");
    if (strncmp(end, "}}", 2) != 0) {
        return report_line(template, line, "a reference begins with {{ and does not end with }} in the same line");
    }
    place.start = (size_t)(*start - template->text.text);
    *start = end + 2;
    place.end = (size_t)(*start - template->text.text);
    while (end > text && strchr(" \t", end[-1])) {
        end--;
    }
    return add_place(template, line, place, text, (size_t)(end - text));
}

static int parse(struct template *template) {
    const char *next = template->text.text;
    size_t line = 1;
    int code = EXIT_SUCCESS;

    while (code == EXIT_SUCCESS && *next) {
        if (strncmp(next, "{{", 2) == 0) {
            code = read_braces(template, line, &next);
        } else {
            line += *next++ == '\n';
        }
    }
    return code;
}

static int read_template(struct template *template) {
    int code = read_file(&template->text, template->path);

    if (code == EXIT_SUCCESS) {
        code = append(&template->text, "", 1);
    }
    if (code == EXIT_SUCCESS && strlen(template->text.text) + 1 != template->text.length) {
        print_error("%s: a template is a text, without NUL bytes", template->path);
        code = exit_code(HF_ERR_INVALID_ARGUMENT);
    }
    return code;
}

/* Writes the text with the values in their places. */
static int fill_in(const struct template *template, const struct arguments *arguments) {
    struct value result = {NULL, 0, 0};
    size_t index, next = 0, length;
    int code = EXIT_SUCCESS;

    for (index = 0; code == EXIT_SUCCESS && index < template->references.count; index++) {
        struct place place = template->places[index];
        const char *value = resolved_value(&template->references, index, &length);

        code = append(&result, template->text.text + next, place.start - next);
        if (code == EXIT_SUCCESS) {
            code = append(&result, value, length);
        }
        next = place.end;
    }
    if (code == EXIT_SUCCESS) {
        code = append(&result, template->text.text + next, template->text.length - 1 - next);
    }
    if (code == EXIT_SUCCESS) {
        code = deliver(arguments, result.text, result.length);
    }
    free_value(&result);
    return code;
}

int render(const hf_manager *manager, const struct arguments *arguments) {
    struct template template = {NULL, {NULL, 0, 0}, {NULL, 0, 0, NULL}, NULL};
    int code = check_destination(arguments);

    template.path = arguments->operand;
    if (code == EXIT_SUCCESS) {
        code = read_template(&template);
    }
    if (code == EXIT_SUCCESS) {
        code = parse(&template);
    }
    if (code == EXIT_SUCCESS) {
        code = resolve(&template.references, manager, arguments->call);
    }
    if (code == EXIT_SUCCESS) {
        code = fill_in(&template, arguments);
    }
    free_references(&template.references);
    free(template.places);
    free_value(&template.text);
    return code;
}
