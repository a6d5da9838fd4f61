/* The values of many references. Each secret is read once, so all its fields come from one version, and all secrets are
 * read in one batch. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reference {
    char *label;     /* what it is for: a variable, or a line of a template */
    char *text;      /* as it was written */
    char *canonical; /* cut before '#'; NULL if it is no reference of the manager */
    const char *field;
    size_t document; /* the index of the result */
};

int is_reference(const char *text) {
    return strncmp(text, "vault://", 8) == 0 || strncmp(text, "env://", 6) == 0;
}

static char *copy_text(const char *text, size_t length) {
    char *copy = malloc(length + 1);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

static int grow_references(struct references *references) {
    size_t capacity = references->capacity ? 2 * references->capacity : 16;
    struct reference *all = realloc(references->all, capacity * sizeof *all);

    if (!all) {
        return report_no_memory();
    }
    references->all = all;
    references->capacity = capacity;
    return EXIT_SUCCESS;
}

/* Adds a reference, whose index is the number of those before it. */
int add_reference(struct references *references, const char *label, const char *text, size_t length) {
    struct reference added = {NULL, NULL, NULL, NULL, 0};

    if (references->count == references->capacity && grow_references(references) != EXIT_SUCCESS) {
        return EXIT_OTHER;
    }
    added.label = copy_text(label, strlen(label));
    added.text = copy_text(text, length);
    references->all[references->count++] = added;
    return added.label && added.text ? EXIT_SUCCESS : report_no_memory();
}

/* Only `run --watch` cancels, when there is nothing left to be told. */
static int report_reference(const struct reference *reference, hf_status status, const char *message) {
    if (status != HF_ERR_CANCELLED) {
        print_error("%s: %s: %s", reference->label, reference->text, message);
    }
    return exit_code(status);
}

static int from_hex(char digit) {
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* Decodes the percent signs of a field, which are valid in a canonical reference. */
static void decode(char *text) {
    char *end = text;

    for (; *text; text++) {
        if (*text == '%') {
            *end++ = (char)(from_hex(text[1]) * 16 + from_hex(text[2]));
            text += 2;
        } else {
            *end++ = *text;
        }
    }
    *end = '\0';
}

/* Splits a reference into the document and the field. Only the library knows the grammar; its canonical form is one that
 * can be split at '#'. */
static int split(struct reference *reference, const hf_manager *manager) {
    hf_error *error = NULL;
    hf_status status = hf_canonical_reference(manager, reference->text, &reference->canonical, &error);
    int code = EXIT_SUCCESS;
    char *mark;

    if (status != HF_OK) {
        code = report_reference(reference, status, error ? hf_error_message(error) : hf_status_name(status));
        hf_error_free(error);
        return code;
    }
    mark = strchr(reference->canonical, '#');
    reference->field = mark ? mark + 1 : "value";
    if (mark) {
        *mark = '\0';
        decode(mark + 1);
    }
    return EXIT_SUCCESS;
}

/* Returns the index of a document, which is added unless it is there. */
static size_t place_of(const char **documents, size_t *count, const char *document) {
    size_t index;

    for (index = 0; index < *count; index++) {
        if (strcmp(documents[index], document) == 0) {
            return index;
        }
    }
    documents[index] = document;
    *count = index + 1;
    return index;
}

/* Checks what the server has returned for one reference. */
static int check_reference(const struct references *references, const struct reference *reference) {
    hf_status status = hf_results_status(references->documents, reference->document);
    const hf_error *error = hf_results_error(references->documents, reference->document);
    const hf_document *document = hf_results_document(references->documents, reference->document);

    if (status == HF_OK && hf_document_kind(document, reference->field) == 0) {
        status = HF_NOT_FOUND;
    }
    if (status == HF_NOT_FOUND) {
        return report_reference(reference, status, "no such secret, version or field");
    }
    if (status != HF_OK) {
        return report_reference(reference, status, error ? hf_error_message(error) : hf_status_name(status));
    }
    if (!hf_document_text(document, reference->field, &(size_t){0})) {
        return report_reference(reference, HF_ERR_UNSUPPORTED, "the field is an object, an array or null, and not a text");
    }
    return EXIT_SUCCESS;
}

static int get_documents(struct references *references, const char **documents, size_t count,
                         const hf_manager *manager, const hf_call *call) {
    hf_error *error = NULL;
    hf_status status = hf_get_documents(manager, documents, count, call, &references->documents, &error);

    if (status == HF_ERR_CANCELLED) {
        hf_error_free(error);
        return exit_code(status);
    }
    return report_status("get", status, error);
}

/* Gets the values of all references. Names each failure, and returns the code of the first one. */
int resolve(struct references *references, const hf_manager *manager, const hf_call *call) {
    const char **documents = calloc(references->count + 1, sizeof *documents);
    size_t index, count = 0;
    int first = EXIT_SUCCESS, code;

    if (!documents) {
        return report_no_memory();
    }
    for (index = 0; index < references->count; index++) {
        struct reference *reference = &references->all[index];

        code = split(reference, manager);
        first = first ? first : code;
        if (code == EXIT_SUCCESS) {
            reference->document = place_of(documents, &count, reference->canonical);
        }
    }
    code = get_documents(references, documents, count, manager, call);
    for (index = 0; code == EXIT_SUCCESS && index < references->count; index++) {
        if (references->all[index].canonical) {
            int failure = check_reference(references, &references->all[index]);

            first = first ? first : failure;
        }
    }
    free((void *)documents);
    return first ? first : code;
}

/* The value of a reference after resolve has succeeded. Borrowed. */
const char *resolved_value(const struct references *references, size_t index, size_t *length) {
    const struct reference *reference = &references->all[index];

    return hf_document_text(hf_results_document(references->documents, reference->document), reference->field, length);
}

/* The secret of a reference, and its version, which may be 0. NULL if the reference names a version, whose content does not
 * change. Borrowed. */
const char *watched_document(const struct references *references, size_t index, int64_t *version) {
    const struct reference *reference = &references->all[index];

    *version = hf_document_version(hf_results_document(references->documents, reference->document));
    return strchr(reference->canonical, '?') ? NULL : reference->canonical;
}

void free_references(struct references *references) {
    size_t index;

    for (index = 0; index < references->count; index++) {
        free(references->all[index].label);
        free(references->all[index].text);
        hf_free_string(references->all[index].canonical);
    }
    free(references->all);
    hf_results_free(references->documents);
}
