/**
 * @file handsfree_secrets.h
 * @brief A HashiCorp Vault client, blocking and with queues: store, get, update, delete and list secrets.
 *
 * Generated from the library's source. Change it there, then: make header
 */

/**
 * @mainpage handsfree_secrets
 *
 * @section first A first program
 *
 * @code{.c}
 * #include <handsfree_secrets.h>
 * #include <stdio.h>
 *
 * int main(void)
 * {
 *     hf_manager *manager = NULL;
 *     hf_error *error = NULL;
 *     char *value = NULL;
 *     hf_status status = hf_manager_open(NULL, NULL, &manager, &error);
 *
 *     if (status == HF_OK)
 *         status = hf_get_secret(manager, "vault://github_token_user_123", NULL, &value, &error);
 *     if (status == HF_OK)
 *         printf("the secret has a value\n");
 *     else if (status == HF_NOT_FOUND)
 *         printf("there is no such secret\n");
 *     else
 *         fprintf(stderr, "%s: %s\n", hf_status_name(status), hf_error_message(error));
 *
 *     hf_free_string(value);
 *     hf_error_free(error);
 *     hf_manager_free(manager);
 *     return status == HF_OK ? 0 : 1;
 * }
 * @endcode
 *
 * With SECRET_MANAGER_TYPE=vault, VAULT_ADDR and VAULT_TOKEN (or VAULT_ROLE_ID and VAULT_SECRET_ID) in the environment
 * this program reads from Vault. Without SECRET_MANAGER_TYPE it reads from the process environment, where references
 * have the form "env://...".
 *
 * @section link Compiling and linking
 *
 * The header is valid C99 and C++98 and later. A program needs this header and one library:
 *
 *     cc program.c $(pkg-config --cflags --libs handsfree_secrets)
 *     cc program.c -lhandsfree_secrets
 *
 * With CMake, call find_package(handsfree_secrets CONFIG) and link the target handsfree_secrets::handsfree_secrets. The
 * library stays mapped after dlclose, so it may be loaded and closed repeatedly.
 *
 * @section ownership Ownership
 *
 * Arguments are borrowed: the library never takes ownership of them. An object that a function returns, or writes
 * through a `T **`, belongs to the caller, and exactly one function frees it. Results that are `const` pointers are
 * borrowed from the object or the library and are not freed.
 *
 * | returned as              | by, for example                                       | freed by            |
 * |--------------------------|-------------------------------------------------------|---------------------|
 * | char *                   | hf_get_secret, hf_store_secret, hf_transit_encrypt    | hf_free_string      |
 * | hf_bytes *               | hf_document_bytes, hf_request, hf_transit_decrypt     | hf_bytes_free       |
 * | hf_manager *             | hf_manager_open, hf_manager_default, hf_manager_ref   | hf_manager_free     |
 * | hf_document *            | hf_get_document, hf_document_ref                      | hf_document_free    |
 * | hf_transit *             | hf_transit_open, hf_transit_ref                       | hf_transit_free     |
 * | hf_lease *               | hf_credentials_get, hf_lease_open, hf_lease_ref       | hf_lease_free       |
 * | hf_credentials *         | hf_credentials_open, hf_credentials_ref               | hf_credentials_free |
 * | hf_versions *            | hf_list_versions                                      | hf_versions_free    |
 * | hf_watch *               | hf_watch_new                                          | hf_watch_free       |
 * | hf_change *              | hf_watch_next                                         | hf_change_free      |
 * | hf_string_list *         | hf_list_secrets                                       | hf_string_list_free |
 * | hf_results *             | hf_get_secrets, hf_store_secrets, hf_get_documents    | hf_results_free     |
 * | hf_options *             | hf_options_new, hf_options_new_isolated               | hf_options_free     |
 * | hf_call *                | hf_call_new, hf_call_copy                             | hf_call_free        |
 * | hf_queue *               | hf_queue_new                                          | hf_queue_free       |
 * | hf_metadata *            | hf_metadata_new                                       | hf_metadata_free    |
 * | hf_fields *              | hf_fields_new                                         | hf_fields_free      |
 * | hf_error *               | any function with `hf_error **error`                  | hf_error_free       |
 *
 * Every function that frees an object accepts NULL. A function sets its out-parameters to NULL (lengths to 0) when it
 * starts and writes results only if it returns HF_OK, so a program may free all of them on every path.
 *
 * @section errors Errors
 *
 * Compare statuses with HF_OK. HF_NOT_FOUND, HF_PENDING and HF_MISMATCH are positive; failures are negative. The
 * parameter `error` may be NULL. If it is not, the function writes an hf_error to it if and only if the status is
 * negative, and NULL otherwise. Free an error, and a result, before its variable is used again. NULL where a value is
 * required, and text that is not UTF-8, are HF_ERR_INVALID_ARGUMENT; no content behind a valid pointer ends the
 * process. There is no "last error" and no other thread-local state.
 *
 * @section threads Threads, forks, signals
 *
 * Any number of threads may use a manager, an hf_transit, an hf_lease, an hf_credentials or an hf_queue at once, and read
 * the immutable objects: hf_error, hf_string_list, hf_results, hf_document, hf_bytes and hf_versions. Only one thread at a
 * time may change an hf_call, hf_options, hf_metadata or hf_fields; any number of calls may use the object while nobody
 * changes it. Only one thread at a time may use an hf_envelope. Each function says whether it blocks. A child process made
 * by fork may use and free the managers that it inherited, but not go on with the encryption of an hf_envelope, nor use an
 * hf_queue, which it only frees; it goes on with the leases that it inherited, and neither renews nor revokes them. A
 * signal handler may call hf_call_cancel and no other function. Signals do not make a call fail, and errno is preserved.
 *
 * The library starts no threads, except for those of an hf_queue, whose number the program sets. A program that shuts
 * down can end the calls of all of its threads: they use one hf_call, and hf_call_cancel on it ends them within 100 ms.
 *
 * @section memory Memory
 *
 * The library overwrites memory before it frees it. hf_free_string wipes the whole string, whatever was written into
 * it. The caller has to wipe the copies that it makes.
 *
 * If there is not enough memory for a response, a value, metadata or a request, the call fails with HF_ERR_TOO_LARGE. A
 * failed allocation of a small object, such as a reference, ends the process.
 *
 * @section abi Compatibility
 *
 * Later versions keep all numbers and signatures, and only add functions. All objects are opaque: programs hold
 * pointers to incomplete types.
 */

#ifndef HANDSFREE_SECRETS_H
#define HANDSFREE_SECRETS_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. hf_version returns the version of the loaded library. */
#define HF_VERSION_MAJOR @MAJOR@
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_MINOR @MINOR@
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_PATCH @PATCH@
/** major * 1000000 + minor * 1000 + patch, for the preprocessor to compare. */
#define HF_VERSION_NUMBER @NUMBER@
/** "major.minor.patch" */
#define HF_VERSION_STRING "@VERSION@"

/** Marks the exported functions. */
#if defined(__GNUC__)
#define HF_API __attribute__((visibility("default")))
#else
#define HF_API
#endif

/** Makes the compiler warn if a result is ignored. */
#if defined(__GNUC__)
#define HF_MUST_USE __attribute__((warn_unused_result))
#else
#define HF_MUST_USE
#endif

/** Makes the compiler warn if a deprecated function is used. */
#if defined(__clang__) || (defined(__GNUC__) && (__GNUC__ > 4 || (__GNUC__ == 4 && __GNUC_MINOR__ >= 5)))
#define HF_DEPRECATED(instead) __attribute__((deprecated(instead)))
#else
#define HF_DEPRECATED(instead)
#endif

/** No function throws an exception. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define HF_NOEXCEPT noexcept
#else
#define HF_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

@SECTIONS@
#ifdef __cplusplus
}
#endif

#endif /* HANDSFREE_SECRETS_H */
