/* For programs that use the transit engine of a real server. */
#ifndef TRANSIT_H
#define TRANSIT_H

#include "server.h"

static char transit_mount[200];

/* For messages. */
static inline const char *shown(const char *text)
{
    return text == NULL ? "NULL" : text;
}

/* Sends a request to the administration of the server. */
static inline void administer(const hf_manager *manager, const char *path, const char *json)
{
    hf_bytes *body = NULL;
    hf_error *error = NULL;

    check_status(__LINE__, path, hf_request(manager, "POST", path, json, NULL, NULL, &body, &error), HF_OK, &error);
    hf_bytes_free(body);
}

/* Opens a manager, and enables an engine of its own, which is named after the KV mount of the test. */
static inline hf_manager *open_transit_server(void)
{
    const char *mount = getenv("VAULT_MOUNT");
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    char path[300];

    snprintf(transit_mount, sizeof transit_mount, "%s-transit", mount == NULL ? "test" : mount);
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_TRANSIT_MOUNT", transit_mount, &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        exit(1);
    snprintf(path, sizeof path, "sys/mounts/%s", transit_mount);
    administer(manager, path, "{\"type\": \"transit\"}");
    return manager;
}

/* Sends settings to "keys/KEY" of the engine, or to "keys/KEY/config" and the like. */
static inline void set_up_key(const hf_manager *manager, const char *key, const char *json)
{
    char path[400];

    snprintf(path, sizeof path, "%s/keys/%s", transit_mount, key);
    administer(manager, path, json);
}

static inline hf_transit *open_key(const hf_manager *manager, const char *key)
{
    hf_transit *transit = NULL;
    hf_error *error = NULL;

    check_status(__LINE__, key, hf_transit_open(manager, key, NULL, &transit, &error), HF_OK, &error);
    if (transit == NULL)
        exit(1);
    return transit;
}

/* Makes a key, and opens it. */
static inline hf_transit *make_key(const hf_manager *manager, const char *key, const char *json)
{
    set_up_key(manager, key, json);
    return open_key(manager, key);
}

#endif
