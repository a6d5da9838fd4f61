/* `get`, `store` and `update` of all fields of a secret. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a line NAME=VALUE could not be split again with this text as it is: a control character, such as a newline,
 * or a quotation mark at its start, which marks JSON. */
static int needs_json(const char *text, size_t length) {
    size_t index;

    for (index = 0; index < length; index++) {
        if ((unsigned char)text[index] < ' ') {
            return 1;
        }
    }
    return length > 0 && text[0] == '"';
}

/* Appends a text as a JSON string in which '=' is escaped. */
int append_quoted(struct value *text, const char *word) {
    size_t length = strlen(word), index;
    int code = append(text, "\"", 1);

    for (index = 0; code == EXIT_SUCCESS && index < length; index++) {
        unsigned char byte = (unsigned char)word[index];
        char escape[8];
        int is_escaped = byte < ' ' || byte == '"' || byte == '\\' || byte == '=';

        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)byte);
        code = is_escaped ? append(text, escape, strlen(escape)) : append(text, word + index, 1);
    }
    return code == EXIT_SUCCESS ? append(text, "\"", 1) : code;
}

/* Appends a name as it is or, if it could not be told from the value, in quotation marks: the first '=' of a line always
 * ends the name. */
static int append_name(struct value *lines, const char *name) {
    size_t length = strlen(name);

    return needs_json(name, length) || strchr(name, '=') ? append_quoted(lines, name) : append(lines, name, length);
}

/* Appends JSON in one line: control characters in it can be nothing but white space between its parts. */
static int append_json(struct value *lines, const char *json, size_t length) {
    size_t start = lines->length;
    int code = append(lines, json, length);

    for (; start < lines->length; start++) {
        if ((unsigned char)lines->text[start] < ' ') {
            lines->text[start] = ' ';
        }
    }
    return code;
}

static int append_value(struct value *lines, const hf_document *document, const char *name) {
    size_t length = 0;
    const char *text = hf_document_text(document, name, &length);

    if (text && !needs_json(text, length)) {
        return append(lines, text, length);
    }
    text = hf_document_json(document, name, &length);
    return append_json(lines, text ? text : "", text ? length : 0);
}

static int append_line(struct value *lines, const hf_document *document, size_t index) {
    const char *name = hf_document_name(document, index);
    int code;

    if (!name) {
        print_error("the name of a field cannot be printed; --json prints the whole secret");
        return exit_code(HF_ERR_UNSUPPORTED);
    }
    code = append_name(lines, name);
    if (code == EXIT_SUCCESS) {
        code = append(lines, "=", 1);
    }
    if (code == EXIT_SUCCESS) {
        code = append_value(lines, document, name);
    }
    return code == EXIT_SUCCESS ? append(lines, "\n", 1) : code;
}

/* Appends all fields, in lines. */
int append_lines(struct value *text, const hf_document *document) {
    int code = EXIT_SUCCESS;
    size_t index;

    for (index = 0; code == EXIT_SUCCESS && index < hf_document_len(document); index++) {
        code = append_line(text, document, index);
    }
    return code;
}

/* Appends the document to the letter of the server. */
static int append_document(struct value *text, const hf_document *document, int exact) {
    size_t length = 0;
    const char *json = hf_document_json(document, NULL, &length);
    int code = append(text, json ? json : "", json ? length : 0);

    return code == EXIT_SUCCESS && !exact ? append(text, "\n", 1) : code;
}

int get_document(const hf_manager *manager, const struct arguments *arguments) {
    hf_error *error = NULL;
    hf_document *document = NULL;
    struct value text = {NULL, 0, 0};
    hf_status status = hf_get_document(manager, arguments->operand, arguments->call, &document, &error);
    int code = report_status(arguments->operand, status, error);

    if (code == EXIT_SUCCESS) {
        code = arguments->json ? append_document(&text, document, arguments->exact) : append_lines(&text, document);
    }
    if (code == EXIT_SUCCESS) {
        code = deliver(arguments, text.text, text.length);
    }
    free_value(&text);
    hf_document_free(document);
    return code;
}

static int store_fields(const hf_manager *manager, const struct arguments *arguments, const hf_fields *fields) {
    hf_error *error = NULL;
    char *reference = NULL;
    hf_status status = hf_store_document(manager, arguments->operand, fields, arguments->metadata, arguments->call,
                                         &reference, NULL, &error);
    int code = report_status(arguments->operand, status, error);

    if (reference) {
        printf("%s\n", reference);
    }
    hf_free_string(reference);
    return flush_output(code);
}

static int update_fields(const hf_manager *manager, const struct arguments *arguments, const hf_fields *fields) {
    hf_error *error = NULL;
    hf_status status = hf_update_document(manager, arguments->operand, fields, arguments->metadata, arguments->call,
                                          NULL, &error);

    return report_status(arguments->operand, status, error);
}

/* store and update with --json. */
int put_document(const hf_manager *manager, const struct arguments *arguments) {
    struct value json = {NULL, 0, 0};
    hf_fields *fields = hf_fields_new();
    int code = read_value(&json, 1);

    if (code == EXIT_SUCCESS) {
        hf_error *error = NULL;
        hf_status status = hf_fields_set_object(fields, json.text, &error);

        code = report_status("standard input", status, error);
    }
    if (code == EXIT_SUCCESS) {
        code = arguments->command == STORE ? store_fields(manager, arguments, fields)
                                           : update_fields(manager, arguments, fields);
    }
    hf_fields_free(fields);
    free_value(&json);
    return code;
}
