/* stack.c BYTES: makes every kind of call on a thread with a stack of BYTES. Prints how much of it was used, which
 * it finds by filling the stack with a pattern first. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <pthread.h>
#include <sys/mman.h>

static void everything(void)
{
    hf_manager *manager = open_from_environment(); /* includes the TLS handshake and the certificates */
    hf_metadata *metadata = hf_metadata_new();
    hf_error *error = NULL;
    hf_string_list *list = NULL;
    char *value = NULL;

    CHECK_STATUS(HF_OK, hf_metadata_set(metadata, "owner", "tests", &error));
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "deep/path_of.a_key", "v", metadata, NULL, NULL, &error));
    CHECK_STATUS(HF_OK, hf_update_secret(manager, "vault://deep/path_of.a_key", "w", NULL, NULL, &error));
    CHECK(gets_value(manager, "vault://deep/path_of.a_key", "w"), "the value");
    CHECK_STATUS(HF_OK, hf_list_secrets(manager, "deep", NULL, &list, &error));
    hf_string_list_free(list);
    CHECK_STATUS(HF_OK, hf_delete_secret(manager, "vault://deep/path_of.a_key", NULL, &error));
    CHECK_STATUS(HF_NOT_FOUND, hf_get_secret(manager, "vault://deep/path_of.a_key", NULL, &value, &error));
    CHECK_STATUS(HF_ERR_INVALID_REFERENCE, hf_get_secret(manager, "vault://a__b", NULL, &value, &error));
    hf_metadata_free(metadata);
    hf_manager_free(manager);
}

static void *run(void *unused)
{
    (void)unused;
    everything();
    return NULL;
}

int main(int argc, char **argv)
{
    size_t size = (size_t)number(argc, argv, 1);
    size_t guard = 64 * 1024;
    unsigned char *stack = mmap(NULL, size + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t untouched = 0;

    if (stack == MAP_FAILED || mprotect(stack, guard, PROT_NONE) != 0)
        return 2;
    stack += guard;
    memset(stack, 0xA5, size);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, size) != 0 || pthread_create(&thread, &attributes, run, NULL) != 0)
        return 2;
    pthread_join(thread, NULL);
    while (untouched < size && stack[untouched] == 0xA5)
        untouched++;
    printf("%zu of %zu bytes of stack used\n", size - untouched, size);
    return result();
}
