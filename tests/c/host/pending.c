/* pending.c CALLS: the memory of a get that is pending in a queue, by counting what is allocated and freed.
 * Fails if it is more than 1 KiB. */
#define _GNU_SOURCE
#include "../queue_servers.h"
#include "host.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>

enum { MOST_BYTES = 1024 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* The bytes of all blocks, with what the allocator keeps in front of each. */
static atomic_llong allocated;

static void *counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add(&allocated, (long long)(malloc_usable_size(block) + sizeof(size_t)));
    return block;
}

static void *uncounted(void *block)
{
    if (block != NULL)
        atomic_fetch_sub(&allocated, (long long)(malloc_usable_size(block) + sizeof(size_t)));
    return block;
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    return counted(__libc_realloc(uncounted(block), size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = counted(__libc_memalign(alignment, size));
    return *block == NULL ? ENOMEM : 0;
}

void free(void *block)
{
    __libc_free(uncounted(block));
}

int main(int argc, char **argv)
{
    long calls = number(argc, argv, 1), i;
    struct submitted *gets = calloc((size_t)calls, sizeof *gets), busy = {0};
    hf_queue *queue = new_queue(1);
    hf_call *endless;
    long long before, each;
    int connection;

    set_up();
    endless = submit_endless(queue, 60 * LONG, &busy); /* it has the only thread */
    connection = swallow(&hole);
    before = atomic_load(&allocated);
    for (i = 0; i < calls; i++)
        submit_get(queue, manager, REFERENCE, &gets[i]);
    each = (atomic_load(&allocated) - before) / calls;
    printf("%lld bytes a pending get\n", each);
    CHECK(hf_queue_pending(queue) == (size_t)calls + 1, "%zu are pending", hf_queue_pending(queue));
    CHECK(each > 0 && each <= MOST_BYTES, "%lld bytes", each);
    hf_call_cancel(endless);
    for (i = 0; i <= calls && failures == 0; i++)
        CHECK(take(queue, LONG) != NULL, "each is taken");
    for (i = 0; i < calls; i++)
        free_submitted(&gets[i]);
    hf_call_free(endless);
    free_submitted(&busy);
    hf_queue_free(queue);
    close(connection);
    free(gets);
    tear_down();
    return result();
}
