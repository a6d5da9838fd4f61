/* The functions that every C or C++ peer implements, with which harness.c builds a program that measures on request. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the client of the process, from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT. */
void *peer_open(void);

/* The client of one of several threads, which is the client of the process if threads may share it. Freed by
 * peer_thread_end. */
void *peer_thread(void *client);
void peer_thread_end(void *client, void *mine);

/* The value at a path of the KV mount `secret`, freed by peer_release. */
char *peer_get(void *client, const char *path);
void peer_release(char *value);

/* All fields of the secret at a path, freed by peer_document_free, and the total length of the texts of all fields. */
void *peer_document(void *client, const char *path);
size_t peer_texts(void *document);
void peer_document_free(void *document);

/* The number of versions of a secret; 0 if this peer does not support that. */
size_t peer_versions(void *client, const char *path);

void peer_store(void *client, const char *path, const char *value);

/* The number of secrets in a folder, at any depth; 0 if this peer does not support lists. */
size_t peer_list(void *client, const char *folder);

/* Gets all paths in the fastest way available to a user of the peer, and returns the number of values. */
size_t peer_batch(void *client, const char *const *paths, size_t count);

/* Gets the value at a path `count` times without a thread for each: this thread begins all of them, and QUEUED are under
 * way at a time. Returns the number of values. Where `times` is not NULL it receives the nanoseconds that it took to begin
 * each. A peer without it has the one of harness.c, which fails. */
enum { QUEUED = 32 };
size_t peer_queue(void *client, const char *path, size_t count, int64_t *times);

/* With the transit engine: encrypts a text with the key `bench`; checks the signature of a text, of the key
 * `bench-ed25519`; encrypts a text `count` times in the fastest way available, and returns the number of ciphertexts; makes
 * an envelope of this many bytes. A peer without one of them has the one of harness.c, which fails. */
void peer_encrypt(void *client, const char *text);
void peer_verify(void *client, const char *text, const char *signature);
size_t peer_encrypt_many(void *client, const char *text, size_t count);
size_t peer_envelope(void *client, size_t length);

/* Writes the user and the password for a connection to a database that is opened now, with the credentials of this path. */
void peer_credentials(void *client, const char *path, char *user, char *password, size_t size);

/* How many items a request takes: OpenBao's limit is 1,000 names and texts. */
enum { ITEMS_OF_REQUEST = 494 };

/* The time, in nanoseconds. */
int64_t now(void);

/* Ends the process with a message. */
#ifdef __GNUC__
__attribute__((noreturn, format(printf, 1, 2)))
#endif
void fail(const char *format, ...);

/* The value of a variable, which has to be set. */
const char *setting(const char *name);

#ifdef __cplusplus
}
#endif

#endif
