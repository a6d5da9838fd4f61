/* What every peer in C and C++ brings, and what harness.c makes of it: a program that measures on request. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the client of the process, from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT. */
void *peer_open(void);

/* What one thread of several works with: the client itself where threads may share it. Ended by peer_thread_end. */
void *peer_thread(void *client);
void peer_thread_end(void *client, void *mine);

/* The value at a path of the KV mount `secret`, given back by peer_release. */
char *peer_get(void *client, const char *path);
void peer_release(char *value);

void peer_store(void *client, const char *path, const char *value);

/* How many secrets stand below a folder, at any depth; 0: this peer lists nothing. */
size_t peer_list(void *client, const char *folder);

/* Gets all paths, the fastest way that a user of the peer would take; how many values came. */
size_t peer_batch(void *client, const char *const *paths, size_t count);

/* Ends the process with a message. A benchmark has no use for half a result. */
#ifdef __GNUC__
__attribute__((noreturn, format(printf, 1, 2)))
#endif
void fail(const char *format, ...);

/* A variable that has to be set. */
const char *setting(const char *name);

#ifdef __cplusplus
}
#endif

#endif
