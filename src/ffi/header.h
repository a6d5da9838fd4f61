/**
 * @file handsfree_secrets.h
 * @brief A blocking HashiCorp Vault client: store, get, update, delete and list secrets.
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
 *         printf("it has a value\n");
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
 * this reads from Vault. Without SECRET_MANAGER_TYPE the secrets are those of the process environment ("env://...").
 *
 * @section link Compiling and linking
 *
 * C99 or later, C++98 or later. One header, one library, no other dependency:
 *
 *     cc program.c $(pkg-config --cflags --libs handsfree_secrets)
 *     cc program.c -lhandsfree_secrets
 *
 * CMake: find_package(handsfree_secrets CONFIG), then the target handsfree_secrets::handsfree_secrets. The library
 * stays mapped after dlclose, so loading it again and again is safe.
 *
 * @section ownership Who owns what
 *
 * Borrow in, own out. Arguments stay the caller's; none is ever consumed. What comes by a `T **` belongs to the caller,
 * and has exactly one function that frees it; `const` results are borrowed.
 *
 * | comes from                                               | is freed by         |
 * |----------------------------------------------------------|---------------------|
 * | hf_get_secret, hf_store_secret, hf_canonical_reference   | hf_free_string      |
 * | hf_manager_open, hf_manager_default, hf_manager_ref      | hf_manager_free     |
 * | hf_list_secrets                                          | hf_string_list_free |
 * | hf_get_secrets, hf_store_secrets                         | hf_results_free     |
 * | hf_options_new, hf_options_new_isolated                  | hf_options_free     |
 * | hf_call_new                                              | hf_call_free        |
 * | hf_metadata_new                                          | hf_metadata_free    |
 * | any function with `hf_error **error`                     | hf_error_free       |
 *
 * Every function that frees accepts NULL. Out-parameters become NULL (a length 0) when the function begins, and get a
 * value only with HF_OK; so all of them can be freed on every path.
 *
 * @section errors Errors
 *
 * Compare with HF_OK. HF_NOT_FOUND is positive, failures are negative. `error` may be NULL; where it is not, it gets an
 * hf_error exactly if the status is negative. An `error` variable that is used again is freed first. NULL where a value
 * is needed, and text that is not UTF-8, are HF_ERR_INVALID_ARGUMENT; nothing that a valid pointer points at ends the
 * process. There is no "last error" and no other state of a thread.
 *
 * @section threads Threads, forks, signals
 *
 * A manager may be used by any number of threads at once; so may the immutable hf_error, hf_string_list and hf_results.
 * hf_call is set by one thread, then used by any number of calls at once; hf_options and hf_metadata are changed by
 * one thread at a time, and unchanged used by any number of calls. Functions that block say so. A child made by fork
 * may use and free inherited managers. In a signal handler only hf_call_cancel may be called. Signals do not fail a
 * call; errno is left as it was.
 *
 * @section memory Memory
 *
 * The library wipes what it frees. hf_free_string wipes the whole string, whatever was written into it. Copies that the
 * caller makes are the caller's to wipe.
 *
 * Where there is no memory for an answer, a value, metadata or a request the call fails with HF_ERR_TOO_LARGE. Memory
 * that runs out for something small, such as a reference, ends the process.
 *
 * @section abi Compatibility
 *
 * Numbers and signatures do not change, functions are only added. No object is visible: all are pointers to types that
 * only the library knows.
 */

#ifndef HANDSFREE_SECRETS_H
#define HANDSFREE_SECRETS_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. hf_version tells that of the loaded library. */
#define HF_VERSION_MAJOR @MAJOR@
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_MINOR @MINOR@
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_PATCH @PATCH@
/** major * 1000000 + minor * 1000 + patch, for the preprocessor to compare. */
#define HF_VERSION_NUMBER @NUMBER@
/** "major.minor.patch" */
#define HF_VERSION_STRING "@VERSION@"

/** Marks what the library exports. */
#if defined(__GNUC__)
#define HF_API __attribute__((visibility("default")))
#else
#define HF_API
#endif

/** The compiler warns where a result is not used. */
#if defined(__GNUC__)
#define HF_MUST_USE __attribute__((warn_unused_result))
#else
#define HF_MUST_USE
#endif

/** The compiler warns where a deprecated function is used. */
#if defined(__clang__) || (defined(__GNUC__) && (__GNUC__ > 4 || (__GNUC__ == 4 && __GNUC_MINOR__ >= 5)))
#define HF_DEPRECATED(instead) __attribute__((deprecated(instead)))
#else
#define HF_DEPRECATED(instead)
#endif

/** No function lets an exception out. */
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
