/* scan_leases.c KEY MASKED ROLE      what the library keeps of credentials
 *
 * ROLE is a path that makes a private key for the parameter "common_name". The text is masked as scan.h has it. */
#include "scan.h"

static hf_error *error = NULL;

static void store(const hf_manager *manager, const char *key, const struct needle *needle)
{
    char *text = unmask(needle, "", 1);

    CHECK_STATUS(HF_OK, hf_store_secret(manager, key, text, NULL, NULL, NULL, &error));
    wipe(text);
}

/* A secret that serves as credentials, until another value is in its place. */
static void check_secret(const hf_manager *manager, const char *key, const char *reference, const struct needle *needle)
{
    hf_credentials *credentials = NULL;
    hf_lease *lease = NULL, *next = NULL;
    double end = now() + 30;

    store(manager, key, needle);
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, reference, NULL, NULL, &credentials, &error));
    CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &lease, &error));
    CHECK(is_kept_from_dumps(hf_document_text(hf_lease_fields(lease), "value", NULL)), "the value is in core dumps");
    expect("while the credentials hold the value", needle, 1);
    put(manager, key, "another");
    do {
        hf_lease_free(next);
        next = NULL;
        CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &next, &error));
    } while (hf_lease_generation(next) == 1 && now() < end);
    expect("while the caller holds the old generation", needle, 1);
    hf_lease_free(lease);
    expect("when nobody holds the old generation", needle, 0);
    hf_lease_free(next);
    hf_credentials_free(credentials);
}

/* A private key: masked here first, then looked for. */
static void check_private_key(const hf_manager *manager, const char *role)
{
    hf_fields *fields = hf_fields_new();
    hf_credentials *credentials = NULL;
    hf_lease *lease = NULL;
    struct needle needle;
    const char *key;

    CHECK_STATUS(HF_OK, hf_fields_set(fields, "common_name", "a.test", &error));
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, role, fields, NULL, &credentials, &error));
    CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &lease, &error));
    key = hf_document_text(hf_lease_fields(lease), "private_key", NULL);
    CHECK(key != NULL && is_kept_from_dumps(key), "the private key is in core dumps");
    memset(&needle, 0, sizeof needle);
    for (key = strchr(key, '\n') + 1; needle.length < 40; needle.length++)
        needle.masked[needle.length] = (unsigned char)(key[needle.length] ^ MASK);
    expect("while the caller holds the lease", &needle, 1);
    hf_lease_free(lease);
    expect("while the credentials hold it", &needle, 1);
    CHECK_STATUS(HF_OK, hf_credentials_revoke(credentials, NULL, &error));
    expect("after the revocation", &needle, 0);
    hf_credentials_free(credentials);
    hf_fields_free(fields);
}

int main(int argc, char **argv)
{
    struct needle needle;
    hf_manager *manager;
    char reference[100];

    if (argc != 4)
        return 2;
    make_window();
    needle = unhex(argv[2]);
    manager = open_from_environment();
    snprintf(reference, sizeof reference, "vault://%s", argv[1]);
    check_secret(manager, argv[1], reference, &needle);
    check_private_key(manager, argv[3]);
    hf_manager_free(manager);
    expect("after hf_manager_free", &needle, 0);
    return result();
}
