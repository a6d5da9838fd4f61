/* For programs that run against a real server, which the environment names. */
#ifndef SERVER_H
#define SERVER_H

#include "check.h"

static inline hf_manager *open_server(void)
{
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_manager_open(NULL, NULL, &manager, &error));
    if (manager == NULL)
        exit(1);
    return manager;
}

static inline hf_document *get_document(const hf_manager *manager, const char *reference)
{
    hf_document *document = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_get_document(manager, reference, NULL, &document, &error));
    return document;
}

/* Stores the members of a JSON object under a key, and returns the new version. */
static inline int64_t store_json(const hf_manager *manager, const char *key, const char *object)
{
    hf_fields *fields = hf_fields_new();
    int64_t version = 0;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_fields_set_object(fields, object, &error));
    CHECK_STATUS(HF_OK, hf_store_document(manager, key, fields, NULL, NULL, NULL, &version, &error));
    hf_fields_free(fields);
    return version;
}

/* Whether both are NULL or the same text. */
static inline int same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

#endif
