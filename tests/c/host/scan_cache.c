/* scan_cache.c KEY MASKED      what a cache keeps of a value, and what is left of what it has dropped
 *
 * The text is masked as scan.h has it. */
#include "scan.h"

static hf_error *error = NULL;

static hf_manager *open_with_cache(const char *ttl)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_CACHE_TTL", ttl, &error));
    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_CACHE_SIZE", "2", &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        exit(1);
    return manager;
}

static void store(const hf_manager *manager, const char *key, const struct needle *needle, size_t times)
{
    char *text = unmask(needle, "", times);

    put(manager, key, text);
    wipe(text);
    expect("after a store", needle, 0);
}

static void get(const hf_manager *manager, const char *reference, const struct needle *needle)
{
    char *value = NULL;

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &value, &error));
    hf_free_string(value);
    expect("while the cache has the answer", needle, 1);
}

/* What makes a cache drop an answer. */
static void drop(const hf_manager *manager, const char *key, const char *reference, const struct needle *needle,
                 size_t times)
{
    hf_document *document = NULL;

    get(manager, reference, needle);
    CHECK_STATUS(HF_OK, hf_get_document(manager, reference, NULL, &document, &error));
    CHECK(is_kept_from_dumps(hf_document_json(document, NULL, NULL)), "the cached document is in core dumps");
    CHECK_STATUS(HF_OK, hf_manager_cache_clear(manager, reference, &error));
    expect("while the caller holds a cached document", needle, 1);
    hf_document_free(document);
    expect("after hf_manager_cache_clear", needle, 0);

    get(manager, reference, needle);
    put(manager, "other_0", "0");
    put(manager, "other_1", "1");
    CHECK(gets_value(manager, "vault://other/0", "0") && gets_value(manager, "vault://other/1", "1"), "two others");
    expect("after two others needed its place", needle, 0);

    get(manager, reference, needle);
    put(manager, key, "another");
    expect("after a write through the manager", needle, 0);
    store(manager, key, needle, times);
}

static void expire(const char *reference, const struct needle *needle)
{
    hf_manager *manager = open_with_cache("300ms");
    int64_t next = 0;

    get(manager, reference, needle);
    usleep(400000);
    CHECK_STATUS(HF_OK, hf_manager_maintain(manager, NULL, &next, &error));
    expect("after its time and hf_manager_maintain", needle, 0);
    hf_manager_free(manager);
}

static void check(const char *key, const struct needle *needle, size_t times)
{
    hf_manager *manager = open_with_cache("1h");
    char reference[256];

    snprintf(reference, sizeof reference, "vault://%s", key);
    store(manager, key, needle, times);
    drop(manager, key, reference, needle, times);
    expire(reference, needle);
    get(manager, reference, needle);
    hf_manager_free(manager);
    expect("after hf_manager_free", needle, 0);
}

int main(int argc, char **argv)
{
    struct needle needle;

    if (argc != 3)
        return 2;
    make_window();
    needle = unhex(argv[2]);
    check(argv[1], &needle, 1);
    check(argv[1], &needle, 5000);
    return result();
}
