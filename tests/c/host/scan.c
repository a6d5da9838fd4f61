/* scan.c value KEY MASKED [MASKED...]      what the library keeps of a value
 * scan.c token MASKED                      what it keeps of a token, once the manager is gone
 * scan.c approle MASKED                    what it keeps of a secret_id (VAULT_ROLE_ID is in the environment)
 *
 * Reads the whole memory of this process for a text that the process itself only ever sees masked (each byte XOR 0x5A,
 * in hex): every copy in the clear was made by the library, or stands in a buffer that is wiped here first. More masked
 * texts to look for at the end come as lines on standard input. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MASK 0x5A
#define LONGEST 4096
#define CHUNK (1 << 20)

struct needle {
    unsigned char masked[LONGEST];
    size_t length;
};

/* The result of a scan. */
struct copies {
    int elsewhere;
    int on_stack;
};

/* The buffer of the scanner: a mapping that it does not scan. */
static unsigned char *window;

static struct needle unhex(const char *text)
{
    struct needle needle;
    unsigned byte;

    memset(&needle, 0, sizeof needle);
    while (needle.length < LONGEST && sscanf(text + 2 * needle.length, "%2x", &byte) == 1) {
        needle.masked[needle.length++] = (unsigned char)byte;
        if (text[2 * needle.length] == '\0' || text[2 * needle.length] == '\n')
            break;
    }
    if (needle.length < 12) {
        fprintf(stderr, "a text that short is found by chance\n");
        exit(2);
    }
    return needle;
}

static int count_in_window(const struct needle *needle, size_t filled)
{
    const unsigned char *at = window, *end = window + filled;
    int first = needle->masked[0] ^ MASK, count = 0;

    while ((at = memchr(at, first, (size_t)(end - at))) != NULL) {
        size_t i = 1;

        while (i < needle->length && at + i < end && (at[i] ^ MASK) == needle->masked[i])
            i++;
        count += i == needle->length;
        at++;
    }
    return count;
}

/* Chunks overlap by one byte less than a needle, so that no match is missed or counted twice. */
static int count_between(int memory, const struct needle *needle, unsigned long from, unsigned long to)
{
    int count = 0;

    while (from + needle->length <= to) {
        size_t wanted = to - from < CHUNK ? to - from : CHUNK;
        ssize_t got = pread(memory, window, wanted, (off_t)from);

        if (got < (ssize_t)needle->length)
            return count;
        count += count_in_window(needle, (size_t)got);
        from += (size_t)got - needle->length + 1;
    }
    return count;
}

/* Scans all writable memory. */
static struct copies scan(const struct needle *needle)
{
    struct copies copies = {0, 0};
    int memory = open("/proc/self/mem", O_RDONLY);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];

    if (memory < 0 || maps == NULL)
        exit(2);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char rights[8];

        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w')
            continue;
        /* The kernel merges neighbouring mappings of the same kind, so scan the parts on both sides of the window. */
        if (from <= (unsigned long)window && (unsigned long)window < to) {
            copies.elsewhere += count_between(memory, needle, from, (unsigned long)window);
            copies.elsewhere += count_between(memory, needle, (unsigned long)window + CHUNK, to);
        } else if (strstr(line, "[stack]") != NULL) {
            copies.on_stack += count_between(memory, needle, from, to);
        } else {
            int found = count_between(memory, needle, from, to);

            if (found > 0)
                printf("  %d in %s", found, line);
            copies.elsewhere += found;
        }
    }
    fclose(maps);
    close(memory);
    memset(window, 0, CHUNK);
    return copies;
}

static void expect(const char *when, const struct needle *needle, int present)
{
    struct copies copies = scan(needle);

    printf("%-44s %d copies, %d on the stack\n", when, copies.elsewhere, copies.on_stack);
    CHECK((copies.elsewhere > 0) == present, "%s: %d copies", when, copies.elsewhere);
}

/* The text in plain text, which has to be wiped with `wipe`. The pieces before it need escapes in JSON, and the
 * repetition makes a copy of any part of a long text match. */
static char *unmask(const struct needle *needle, const char *front, size_t times)
{
    size_t prefix = strlen(front), i, j;
    char *text = mmap(NULL, prefix + needle->length * times + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (text == MAP_FAILED)
        exit(2);
    memcpy(text, front, prefix);
    for (i = 0; i < times; i++) {
        for (j = 0; j < needle->length; j++)
            text[prefix + i * needle->length + j] = (char)(needle->masked[j] ^ MASK);
    }
    return text;
}

static void wipe(char *text)
{
    munmap(text, strlen(text) + 1);
}

/* Whether the page of `address` is excluded from core dumps. */
static int is_kept_from_dumps(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[1024];
    int inside = 0, kept = 0;

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, ':') != NULL && strncmp(line, "VmFlags", 7) != 0)
            inside = from <= (unsigned long)address && (unsigned long)address < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            kept = strstr(line, " dd") != NULL;
    }
    if (maps != NULL)
        fclose(maps);
    return kept;
}

/* Scans for the values of a batch, which the results own. */
static void check_many(const hf_manager *manager, const char *key, const struct needle *needle, size_t times)
{
    char reference[256], *value = unmask(needle, "", times);
    const char *keys[2], *values[2], *references[2];
    hf_results *results = NULL;
    hf_error *error = NULL;

    snprintf(reference, sizeof reference, "vault://%s", key);
    keys[0] = key;
    values[0] = value;
    keys[1] = "not\na key";
    values[1] = value;
    CHECK_STATUS(HF_OK, hf_store_secrets(manager, keys, values, 2, NULL, &results, &error));
    wipe(value);
    expect("after stores, one of which failed", needle, 0);
    hf_results_free(results);

    references[0] = reference;
    references[1] = "vault://scan_nothing";
    CHECK_STATUS(HF_OK, hf_get_secrets(manager, references, 2, NULL, &results, &error));
    CHECK(hf_results_status(results, 0) == HF_OK, "%s", hf_status_name(hf_results_status(results, 0)));
    CHECK(is_kept_from_dumps(hf_results_text(results, 0)), "the value's page is in core dumps");
    expect("while the caller holds the results", needle, 1);
    hf_results_free(results);
    expect("after gets and hf_results_free", needle, 0);
}

static void check_value(const char *key, const struct needle *needle, size_t times)
{
    hf_manager *manager = open_from_environment();
    hf_metadata *metadata = hf_metadata_new();
    hf_string_list *list = NULL;
    hf_error *error = NULL;
    hf_call *call = hf_call_new();
    char reference[256], into[64], *value, *back = NULL;
    size_t length = 0;

    snprintf(reference, sizeof reference, "vault://%s", key);
    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "owner", "scan", &error));

    value = unmask(needle, "", times);
    expect("the program's own", needle, 1);
    CHECK_STATUS(HF_OK, hf_store_secret(manager, key, value, NULL, NULL, NULL, &error));
    wipe(value);
    expect("after a store", needle, 0);

    value = unmask(needle, "\"\\\n\xc3\xbc", times);
    CHECK_STATUS(HF_OK, hf_update_secret(manager, reference, value, metadata, NULL, &error));
    wipe(value);
    expect("after an update", needle, 0);

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &back, &error));
    CHECK(is_kept_from_dumps(back), "the value's page is in core dumps");
    expect("while the caller holds the value", needle, 1);
    hf_free_string(back);
    expect("after a get and hf_free_string", needle, 0);

    CHECK_STATUS(HF_OK, hf_get_secret(manager, reference, NULL, &back, &error));
    back[0] = '\0'; /* the library stores the length, so it does not depend on the NUL */
    hf_free_string(back);
    expect("after a get that was cut by the caller", needle, 0);

    CHECK_STATUS(HF_ERR_TOO_LARGE, hf_get_secret_into(manager, reference, NULL, into, 8, &length, &error));
    expect("after a get into too little room", needle, 0);
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, NULL, NULL, &list, &error));
    hf_string_list_free(list);
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "vault://a__b", NULL, &back, &error));
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_get_secret(manager, reference, call, &back, &error));
    value = unmask(needle, "", times);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_store_secret(manager, key, value, NULL, call, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_store_secret(manager, "a\nb", value, NULL, NULL, NULL, &error));
    wipe(value);
    expect("after a list and failures", needle, 0);

    check_many(manager, key, needle, times);
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, reference, NULL, &error));
    hf_call_free(call);
    hf_metadata_free(metadata);
    hf_manager_free(manager);
    expect("after hf_manager_free", needle, 0);
}

static void expect_those_on_standard_input(void)
{
    char line[2 * LONGEST];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct needle needle = unhex(line);

        expect("a text from standard input", &needle, 0);
    }
}

static void check_credential(const char *variable, const struct needle *needle)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    char *credential = unmask(needle, "", 1), *value = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, variable, credential, &error));
    if (strcmp(variable, "VAULT_SECRET_ID") == 0)
        CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ROLE_ID", getenv("ROLE_ID"), &error));
    wipe(credential);
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    put(manager, "scan", "v");
    CHECK(gets_value(manager, "vault://scan", "v"), "the value");
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret(manager, "vault://scan_nothing", NULL, &value, &error));
    expect("while the manager is open", needle, 1);
    hf_manager_free(manager);
    expect("after hf_manager_free", needle, 0);
}

/* A credential that is refused: the remembered failure does not hold it in plain text. */
static void check_refused(const char *variable, const struct needle *needle)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    char *credential = unmask(needle, "wrong-", 1);

    CHECK_STATUS(HF_OK, hf_options_set(options, variable, credential, &error));
    if (strcmp(variable, "VAULT_SECRET_ID") == 0)
        CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_ROLE_ID", getenv("ROLE_ID"), &error));
    wipe(credential);
    CHECK(hf_manager_open(options, NULL, &manager, &error) < 0, "a wrong credential is refused");
    hf_options_free(options);
    expect("after a refusal", needle, 0);
    hf_error_free(error);
}

int main(int argc, char **argv)
{
    struct needle needle;

    window = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (window == MAP_FAILED || argc < 3)
        return 2;
    if (strcmp(argv[1], "value") == 0 && argc == 4) {
        needle = unhex(argv[3]);
        check_value(argv[2], &needle, 1);
        check_value(argv[2], &needle, 20);
        check_value(argv[2], &needle, 5000);
    } else {
        const char *variable = strcmp(argv[1], "token") == 0 ? "VAULT_TOKEN" : "VAULT_SECRET_ID";

        needle = unhex(argv[2]);
        check_credential(variable, &needle);
        check_refused(variable, &needle);
        printf("done\n");
        fflush(stdout);
        expect_those_on_standard_input();
    }
    return result();
}
