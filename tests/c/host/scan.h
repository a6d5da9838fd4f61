/* Reads the whole memory of this process for a text that the process itself only ever sees masked (each byte XOR 0x5A,
 * in hex): every copy in the clear was made by the library, or stands in a buffer that is wiped here first. */
#ifndef SCAN_H
#define SCAN_H
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
static inline int is_kept_from_dumps(const void *address)
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

/* Before the first scan. */
static void make_window(void)
{
    window = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (window == MAP_FAILED)
        exit(2);
}

#endif
