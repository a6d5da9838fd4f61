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
#define HF_VERSION_MAJOR 0
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_MINOR 1
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_PATCH 0
/** major * 1000000 + minor * 1000 + patch, for the preprocessor to compare. */
#define HF_VERSION_NUMBER 1000
/** "major.minor.patch" */
#define HF_VERSION_STRING "0.1.0"

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

/** @defgroup version Version
 *
 * The version of the loaded library. It may be newer than the header that the program was compiled with.
 * @{
 */

/**
 * Returns the version of the loaded library as text. `HF_VERSION_STRING` is the version of this header.
 *
 * May be called from any thread. Does not block.
 *
 * @return A text such as "0.1.0". Borrowed: valid until the process ends; do not free it.
 */
HF_API const char *hf_version(void) HF_NOEXCEPT;

/**
 * Returns the version of the loaded library as a number: major * 1000000 + minor * 1000 + patch. `HF_VERSION_NUMBER`
 * is the version of this header.
 *
 * May be called from any thread. Does not block.
 *
 * @return The number, to be compared with the version that a program needs.
 */
HF_API int32_t hf_version_number(void) HF_NOEXCEPT;

/** @} */

/** @defgroup error Statuses and errors
 *
 * Every function that can fail returns an `hf_status`. Only `HF_OK` means success. `HF_NOT_FOUND` is neither a success
 * nor a failure. All negative numbers are failures. Later versions may add statuses: treat an unknown negative number
 * as a failure.
 * @{
 */

/**
 * Why a call failed. Immutable, so any thread may read it. Owned by the caller of the failed function, who frees it
 * with `hf_error_free`.
 */
typedef struct hf_error hf_error;

/**
 * The outcome of a call: one of the `HF_*` numbers below.
 */
typedef int32_t hf_status;

/**
 * Done.
 */
#define HF_OK 0

/**
 * The secret, the version or the field does not exist. Not an error: no `hf_error` is created, and the out-parameter
 * is NULL.
 */
#define HF_NOT_FOUND 1

/**
 * The call was submitted to a queue, or none has ended in time. Not an error: no `hf_error` is created.
 */
#define HF_PENDING 2

/**
 * A signature or an HMAC is not that of the data. Not an error: no `hf_error` is created.
 */
#define HF_MISMATCH 3

/**
 * NULL where a value is required, invalid UTF-8, an invalid key, or an unknown option. The message names the
 * parameter.
 */
#define HF_ERR_INVALID_ARGUMENT (-1)

/**
 * The text is not a reference of this manager. Also logged as a warning.
 */
#define HF_ERR_INVALID_REFERENCE (-2)

/**
 * The configuration is incomplete or contradictory, or the mount or the namespace does not exist.
 */
#define HF_ERR_CONFIG (-3)

/**
 * Vault rejects the credentials, or the token is no longer valid and no login can replace it.
 */
#define HF_ERR_AUTH (-4)

/**
 * The token is valid, but its policy denies the request. The message names the path and the capability.
 */
#define HF_ERR_PERMISSION_DENIED (-5)

/**
 * No TCP or Unix-socket connection could be made, or it broke.
 */
#define HF_ERR_CONNECTION (-6)

/**
 * The library or the server rejected a certificate, or the TLS handshake failed.
 */
#define HF_ERR_TLS (-7)

/**
 * The call's deadline passed.
 */
#define HF_ERR_TIMEOUT (-8)

/**
 * Vault is sealed, not initialised or without an active node, or it still returned a temporary server error after
 * the retries.
 */
#define HF_ERR_UNAVAILABLE (-9)

/**
 * Vault still limited the rate of requests after the retries.
 */
#define HF_ERR_RATE_LIMITED (-10)

/**
 * A check-and-set condition does not hold, or other writers changed the secret on every attempt.
 */
#define HF_ERR_CONFLICT (-11)

/**
 * A value or a response exceeds a limit (the server's, the library's, or the capacity of the caller's buffer), or
 * there is not enough memory for it.
 */
#define HF_ERR_TOO_LARGE (-12)

/**
 * The peer is not Vault, or its response is not as documented.
 */
#define HF_ERR_PROTOCOL (-13)

/**
 * The backend, mount or server does not support the operation, or the function cannot return this value.
 */
#define HF_ERR_UNSUPPORTED (-14)

/**
 * `hf_call_cancel` ended the call, its queue was closed, or the process is exiting.
 */
#define HF_ERR_CANCELLED (-15)

/**
 * A bug in the library.
 */
#define HF_ERR_INTERNAL (-16)

/**
 * A file descriptor of the program could not be read or written. The message has the system's reason.
 */
#define HF_ERR_IO (-17)

/**
 * Returns the status of the failed call.
 *
 * May be called from any thread. Does not block.
 *
 * @param error  The error.
 * @return The status that the failed function returned; `HF_ERR_INVALID_ARGUMENT` if `error` is NULL.
 */
HF_API HF_MUST_USE hf_status hf_error_status(const hf_error *error) HF_NOEXCEPT;

/**
 * Returns the message of an error: what failed, with which path, variable or parameter, and what to do next. The
 * message is English text for people and may change between versions; programs test the status instead. It never
 * contains a secret value, a token or a secret_id.
 *
 * May be called from any thread. Does not block.
 *
 * @param error  The error.
 * @return One line of UTF-8; "" if `error` is NULL. Borrowed: valid as long as `error`; do not free it.
 */
HF_API const char *hf_error_message(const hf_error *error) HF_NOEXCEPT;

/**
 * Returns the HTTP status of the response that caused the failure.
 *
 * May be called from any thread. Does not block.
 *
 * @param error  The error.
 * @return A number such as 403; 0 if no HTTP response was involved, or `error` is NULL.
 */
HF_API int32_t hf_error_http_status(const hf_error *error) HF_NOEXCEPT;

/**
 * Frees an error.
 *
 * May be called from any thread. Does not block.
 *
 * @param error  The error. May be NULL.
 */
HF_API void hf_error_free(hf_error *error) HF_NOEXCEPT;

/**
 * Returns the name of a status, for log lines.
 *
 * May be called from any thread. Does not block.
 *
 * @param status  Any number.
 * @return A name such as "HF_NOT_FOUND"; "HF_UNKNOWN" for a number that this version does not know. Borrowed: valid
 *     until the process ends; do not free it.
 */
HF_API const char *hf_status_name(hf_status status) HF_NOEXCEPT;

/** @} */

/** @defgroup log Logging
 *
 * The library logs nothing by default. A log line goes to the callback that was set on the options of its manager;
 * without one, to the process-wide callback; without either, to standard error if `VAULT_LOG_LEVEL` is set. A line
 * that standard error does not accept at once is dropped; the next line that is written says how many were dropped. No
 * line at any level contains a secret value, a token or a secret_id.
 *
 * A callback runs on the thread whose call logs the line, so it may run on several threads at once. The call waits
 * until the callback returns. The library holds no lock while a callback runs: the callback may call the library and
 * may replace itself. It must return normally, without a C++ exception, longjmp or pthread_exit.
 * @{
 */

/**
 * No log lines.
 */
#define HF_LOG_OFF 0

/**
 * Failures.
 */
#define HF_LOG_ERROR 1

/**
 * Conditions that need attention, such as disabled TLS verification or two kinds of credentials.
 */
#define HF_LOG_WARN 2

/**
 * Changes of state, such as a login or a change to another node.
 */
#define HF_LOG_INFO 3

/**
 * The result of each request.
 */
#define HF_LOG_DEBUG 4

/**
 * Every step of a request.
 */
#define HF_LOG_TRACE 5

/**
 * A function that receives log lines.
 *
 * `level` is one of `HF_LOG_ERROR` to `HF_LOG_TRACE`. `message` is one line of UTF-8 and valid only during the call.
 * `user_data` is the pointer that was set with the callback.
 */
typedef void (*hf_log_callback)(int32_t level, const char *message, void *user_data);

/**
 * A function that the library calls once, on any thread, when it no longer uses `user_data`.
 */
typedef void (*hf_destroy)(void *user_data);

/**
 * Sets or removes the process-wide log callback. It receives the lines of all managers whose options have no callback.
 *
 * May be called from any thread at any time, also from a callback. Does not block. The previous callback's `destroy`
 * is called when no thread runs that callback any more: usually before this function returns, otherwise on the last
 * thread that leaves the callback.
 *
 * @param callback   Receives the lines. NULL removes the callback; `user_data` and `destroy` are then ignored.
 * @param user_data  Passed to `callback` and `destroy`. The caller keeps it valid until `destroy` is called. May be
 *     NULL.
 * @param destroy    Called once when `user_data` is no longer needed. May be NULL.
 * @param max_level  The most verbose level (`HF_LOG_*`) that is passed on. Smaller numbers mean `HF_LOG_OFF`, larger
 *     ones `HF_LOG_TRACE`.
 */
HF_API
void hf_set_log_callback(hf_log_callback callback,
                         void *user_data,
                         hf_destroy destroy,
                         int32_t max_level) HF_NOEXCEPT;

/** @} */

/** @defgroup options Options
 *
 * The settings that a manager is opened with. An option has the name of the environment variable of the same meaning
 * and overrides it: `hf_options_set(options, "VAULT_CACERT", "/etc/ssl/vault-ca.pem", &error)`. docs/configuration.md
 * lists all options with their defaults and units.
 *
 * A program that sets `VAULT_ADDR` or `VAULT_AGENT_ADDR` has to set `SECRET_MANAGER_TYPE` to "vault" too, as an option
 * or in the environment; otherwise opening fails with `HF_ERR_CONFIG`. Address, credentials, CA, client certificate
 * with its key, and proxy are groups: if one member of a group is set as an option, no member of the group is read
 * from the environment.
 *
 * Only one thread at a time may change options. Any number of threads may open managers with them while nobody changes
 * them. They may be freed as soon as the manager is open.
 * @{
 */

/**
 * The settings that a manager is opened with. One owner; only one thread at a time may change them.
 */
typedef struct hf_options hf_options;

/**
 * Creates empty options. Settings that are not set come from the environment.
 *
 * May be called from any thread. Does not block.
 *
 * @return The options; the caller frees them with `hf_options_free`. NULL only if there is a bug in the library.
 */
HF_API hf_options *hf_options_new(void) HF_NOEXCEPT;

/**
 * Creates empty options for a manager that never reads the environment. Settings that are not set have their defaults.
 *
 * May be called from any thread. Does not block.
 *
 * @return The options; the caller frees them with `hf_options_free`. NULL only if there is a bug in the library.
 */
HF_API hf_options *hf_options_new_isolated(void) HF_NOEXCEPT;

/**
 * Sets an option. The name is checked at once, the value when a manager is opened.
 *
 * Only one thread at a time may use the same `options`. Does not block.
 *
 * @param options  The options.
 * @param name     The name, such as "VAULT_CACERT". A name that this version does not know is refused, so a program
 *     can find out whether the library has an option.
 * @param value    The value; it is copied. "" means that the setting has its default and the environment variable is
 *     ignored.
 * @param error    Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The option is set; an earlier value is replaced.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an unknown name; the message suggests a known one.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_options_set(hf_options *options,
                         const char *name,
                         const char *value,
                         hf_error **error) HF_NOEXCEPT;

/**
 * Sets or removes the log callback of the managers that are opened with these options. Their lines then go to neither
 * the process-wide callback nor standard error.
 *
 * Only one thread at a time may use the same `options`. Does not block. `destroy` is called once, after the last call
 * of the callback: when the callback was replaced or the options were freed, and every manager that was opened with it
 * is closed.
 *
 * @param options    The options.
 * @param callback   Receives the lines. NULL removes the callback; `user_data` and `destroy` are then ignored.
 * @param user_data  Passed to `callback` and `destroy`. The caller keeps it valid until `destroy` is called. May be
 *     NULL.
 * @param destroy    Called once when `user_data` is no longer needed. Not called if this function fails. May be NULL.
 * @param max_level  The most verbose level (`HF_LOG_*`) that is passed on.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The callback is set; an earlier one is replaced.
 * @retval HF_ERR_INVALID_ARGUMENT  `options` is NULL, or `max_level` is not a level.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_options_set_log_callback(hf_options *options,
                                      hf_log_callback callback,
                                      void *user_data,
                                      hf_destroy destroy,
                                      int32_t max_level,
                                      hf_error **error) HF_NOEXCEPT;

/**
 * Frees options. Managers that were opened with them stay open.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param options  The options. May be NULL.
 */
HF_API void hf_options_free(hf_options *options) HF_NOEXCEPT;

/** @} */

/** @defgroup call Calls
 *
 * The settings of calls: how long each may take, and a way to end them from another thread or from a signal handler. A
 * call without settings (NULL) has the manager's timeout (`VAULT_CLIENT_TIMEOUT`, 60 seconds by default) and cannot be
 * cancelled. Any number of calls may use one `hf_call`, one after another or on several threads at once; the time of
 * each call starts with that call. Cancelling it ends all of them, so a program that shuts down can end the calls of
 * all of its threads with one `hf_call`.
 * @{
 */

/**
 * The settings of calls. One owner; only one thread at a time may change them, and any number of calls may use them at
 * once.
 */
typedef struct hf_call hf_call;

/**
 * Creates call settings with the manager's timeout, not cancelled.
 *
 * May be called from any thread. Does not block.
 *
 * @return The settings; the caller frees them with `hf_call_free`. NULL only if there is a bug in the library.
 */
HF_API hf_call *hf_call_new(void) HF_NOEXCEPT;

/**
 * Copies call settings: timeout, condition, wrapping time, trace parent, age of cached answers; not the queue and
 * its tag. Cancelling the original cancels the copies, too; cancelling a copy does not cancel the original.
 *
 * May be called from any thread while no other thread changes `call`. Does not block.
 *
 * @param call  The settings.
 * @return The copy; the caller frees it with `hf_call_free`. NULL if `call` is NULL.
 */
HF_API hf_call *hf_call_copy(const hf_call *call) HF_NOEXCEPT;

/**
 * Sets how long a call may take, including connecting, TLS, sending, waiting, reading, retries and logins. A call that
 * is already running keeps its deadline.
 *
 * Only one thread at a time may change the same `call`. Does not block.
 *
 * @param call          The settings.
 * @param milliseconds  The timeout in milliseconds, at least 1. No number means "no limit"; pass a large one.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that start from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is 0 or negative.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API HF_MUST_USE hf_status hf_call_set_timeout_ms(hf_call *call, int64_t milliseconds, hf_error **error) HF_NOEXCEPT;

/**
 * Sets the check-and-set condition of store and update, of a secret or a document: they write only if the latest
 * version of the secret has this number, and return `HF_ERR_CONFLICT` otherwise, which always is somebody else's write:
 * nothing is tried again after a conflict, and a write whose response was lost is not repeated. Reads ignore the
 * condition; other functions that change something refuse it with `HF_ERR_INVALID_ARGUMENT`. KV version 1 and the `env`
 * backend have no versions (`HF_ERR_UNSUPPORTED`).
 *
 * Only one thread at a time may change the same `call`. Does not block.
 *
 * @param call     The settings.
 * @param version  The number of the latest version. 0: there is no version yet. -1: no condition.
 * @param error    Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that start from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `version` is less than -1.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API HF_MUST_USE hf_status hf_call_set_cas(hf_call *call, int64_t version, hf_error **error) HF_NOEXCEPT;

/**
 * Has `hf_request` ask for a wrapped answer: the server keeps the answer, and sends a token that `hf_unwrap` exchanges
 * for it once. All other functions refuse such a call with `HF_ERR_INVALID_ARGUMENT`.
 *
 * Only one thread at a time may change the same `call`. Does not block.
 *
 * @param call          The settings.
 * @param milliseconds  How long the token lives, from 1 to 9,223,372,036,000 (292 years). Servers count seconds, so it is
 *     rounded up.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that start from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is out of range.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_call_set_wrap_ttl_ms(hf_call *call,
                                  int64_t milliseconds,
                                  hf_error **error) HF_NOEXCEPT;

/**
 * Sets how old a cached answer may be for reads with these settings, in place of `VAULT_CACHE_TTL`. It bounds the answers
 * that serve while the server cannot be asked (`VAULT_CACHE_STALE_TTL`), too. Without a cache, and for calls that do not
 * read secrets or documents, it has no effect.
 *
 * Only one thread at a time may change the same `call`. Does not block.
 *
 * @param call          The settings.
 * @param milliseconds  The age. 0: the server is asked. -1: as the manager is set.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that start from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is less than -1.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_call_set_max_age_ms(hf_call *call,
                                 int64_t milliseconds,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Has every request of the calls carry the header `traceparent` of W3C Trace Context: redirects, retries, logins and
 * the questions that they cause. So a trace shows which call of the program a request belongs to. A `traceparent` in
 * `VAULT_HEADERS` is not sent then.
 *
 * Only one thread at a time may change the same `call`. Does not block.
 *
 * @param call         The settings.
 * @param traceparent  The header, version 00, such as "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01". "" to
 *     send none.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that start from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` or `traceparent` is NULL, or `traceparent` is not of this form.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_call_set_trace_parent(hf_call *call,
                                   const char *traceparent,
                                   hf_error **error) HF_NOEXCEPT;

/**
 * Cancels all calls that use these settings: running calls end within 100 ms with `HF_ERR_CANCELLED`, later ones at
 * once. A call that is looking up a host name ends when the C library's lookup returns. Cancelling cannot be undone: a
 * cancelled `hf_call` can only be freed.
 *
 * A call in a queue ends as soon, and is taken like any other; to cancel one that has ended changes nothing.
 *
 * May be called from any thread while calls run, and from a signal handler: this is the only function of the library
 * that is async-signal-safe. Does not block.
 *
 * @param call  The settings. May be NULL.
 */
HF_API void hf_call_cancel(const hf_call *call) HF_NOEXCEPT;

/**
 * Frees call settings.
 *
 * May be called from any thread once no call uses the settings and no thread or signal handler can cancel them any
 * more. Does not block.
 *
 * @param call  The settings. May be NULL.
 */
HF_API void hf_call_free(hf_call *call) HF_NOEXCEPT;

/** @} */

/** @defgroup queue Queues
 *
 * Calls that do not block. A function that is given an `hf_call` with a queue returns `HF_PENDING`, and threads of the
 * queue do its work. Its end is taken from the queue with `hf_queue_next`, which event loops call when `hf_queue_fd` is
 * readable. docs/async.md shows how to use queues with epoll, libevent, libuv, and in other languages.
 *
 * - For each `HF_PENDING` exactly one call is taken from the queue. Every other status is final: the out-parameters are
 *   written, and nothing is taken. What needs no request is answered so: wrong arguments, the `env` backend, encryption
 *   with a data key that is kept.
 * - Arguments are copied, descriptors are duplicated, and objects are kept open: the program may free all of them, and
 *   the `hf_call`, when the function has returned.
 * - Out-parameters, the `hf_error **` and the buffer of `hf_get_secret_into` are cleared when the call is submitted. They
 *   have to stay valid until the call was taken or abandoned. The thread that takes the call writes them, inside of
 *   `hf_queue_next`; no other thread does.
 * - Calls begin in the order of their submission, and end in any order.
 * - The timeout counts from the submission. A call ends at its deadline, and within 100 ms of a cancellation, also if it
 *   has not begun, or if its thread is looking up a host name.
 * - A queue has at most as many threads as calls under way. They are made when they are needed, and end when the queue is
 *   freed; they block all signals, and have stacks of 256 KiB. Log callbacks of the calls run on them.
 * - A child of fork cannot use a queue of its parent (`HF_ERR_UNSUPPORTED`), but has to free it like any other object, for
 *   its memory. The calls go on in the parent.
 * @{
 */

/**
 * A queue of calls. One owner, who frees it with `hf_queue_free`; any number of threads may use it at once.
 */
typedef struct hf_queue hf_queue;

/**
 * Creates a queue. It has no threads until a call is submitted, and three file descriptors; the first queue of a process
 * opens one more, which stays open.
 *
 * May be called from any thread. Does not block.
 *
 * @param concurrency  How many calls may be under way at a time, from 1 to 64. Others wait for their turn.
 * @param out_queue    Receives the queue; the caller frees it with `hf_queue_free`. NULL unless the status is `HF_OK`.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_queue` has the queue.
 * @retval HF_ERR_INVALID_ARGUMENT  `out_queue` is NULL, or `concurrency` is out of range.
 * @retval HF_ERR_TOO_LARGE         The process cannot open more descriptors.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_queue_new(int32_t concurrency,
                       hf_queue **out_queue,
                       hf_error **error) HF_NOEXCEPT;

/**
 * Returns a descriptor that is readable while calls have ended and wait to be taken, and once a closed queue is empty. It
 * may be readable without need. Level-triggered polling works, and edge-triggered polling if the queue is emptied each
 * time. It may be duplicated; it must not be read, written or closed.
 *
 * May be called from any thread. Does not block.
 *
 * @param queue  The queue.
 * @return The descriptor, valid as long as the queue; -1 in a child of fork, or if `queue` is NULL.
 */
HF_API
int hf_queue_fd(const hf_queue *queue) HF_NOEXCEPT;

/**
 * Sets the queue of the calls from now on, and the tag by which `hf_queue_next` names them. The `hf_call` keeps what the
 * queue needs to refuse calls, also when the queue was freed: `HF_ERR_CANCELLED`.
 *
 * Only one thread at a time may change the same `call`. Does not block.
 *
 * @param call   The settings.
 * @param queue  The queue. NULL: calls block again.
 * @param tag    A number of the program's choice, such as an address.
 * @param error  Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that start from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL.
 * @retval HF_ERR_UNSUPPORTED       The queue belongs to the parent of this process.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_call_set_queue(hf_call *call,
                            hf_queue *queue,
                            size_t tag,
                            hf_error **error) HF_NOEXCEPT;

/**
 * Takes a call that has ended, and writes its out-parameters. If several threads wait, one of them takes it.
 *
 * May be called from any thread. Blocks for `timeout_ms`; POSIX thread cancellation is disabled meanwhile.
 *
 * @param queue       The queue.
 * @param timeout_ms  How long to wait for a call, in milliseconds. 0: not at all. -1: without a limit.
 * @param out_tag     Receives the tag of the call. Set to 0 if none was taken.
 * @param out_status  Receives the status that the call came to. Set to 0 if none was taken.
 * @param error       Receives the error of this function, not that of the call; the caller frees it with
 *     `hf_error_free`. May be NULL.
 * @retval HF_OK                    A call was taken.
 * @retval HF_PENDING               No call has ended in time. No error is created.
 * @retval HF_NOT_FOUND             The queue is closed and empty. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, or `timeout_ms` is less than -1.
 * @retval HF_ERR_UNSUPPORTED       The queue belongs to the parent of this process.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_queue_next(hf_queue *queue,
                        int64_t timeout_ms,
                        size_t *out_tag,
                        hf_status *out_status,
                        hf_error **error) HF_NOEXCEPT;

/**
 * Returns the number of calls that were submitted and not taken.
 *
 * May be called from any thread. Does not block.
 *
 * @param queue  The queue.
 * @return The number; 0 in a child of fork, or if `queue` is NULL.
 */
HF_API size_t hf_queue_pending(const hf_queue *queue) HF_NOEXCEPT;

/**
 * Closes a queue: calls are refused from now on (`HF_ERR_CANCELLED`), and those that have not ended are cancelled. They
 * are still taken with `hf_queue_next`, which returns `HF_NOT_FOUND` when none is left, also to threads that wait in it.
 *
 * May be called from any thread. Does not block.
 *
 * @param queue  The queue. May be NULL.
 */
HF_API
void hf_queue_close(hf_queue *queue) HF_NOEXCEPT;

/**
 * Closes and frees a queue. Calls that were not taken write nothing: what they have made is freed and wiped.
 *
 * May be called from any thread once no other thread uses the queue, except to wait in `hf_queue_next`. Blocks until the
 * calls under way have ended, which are cancelled: for 100 ms, or until the lookup of a host name returns. In a child of
 * fork it does not block.
 *
 * @param queue  The queue. May be NULL.
 */
HF_API
void hf_queue_free(hf_queue *queue) HF_NOEXCEPT;

/**
 * Cancels all calls that use these settings, and forgets those that are in a queue and were not taken: once this
 * returns, nothing is written for them, and they are not taken any more. What they make is freed and wiped. As after
 * `hf_call_cancel`, the `hf_call` can only be freed.
 *
 * May be called from any thread; not from a signal handler. Does not block.
 *
 * @param call  The settings. May be NULL.
 */
HF_API void hf_call_abandon(const hf_call *call) HF_NOEXCEPT;

/** @} */

/** @defgroup manager Managers
 *
 * A manager is a store of secrets: a Vault mount or the process environment. Managers are reference-counted: each
 * reference that a function returns is freed once, and the manager closes with the last one. Any number of threads may
 * use a manager at once, and so may a child process after fork.
 * @{
 */

/**
 * A store of secrets. Reference-counted; any number of threads may use it at once.
 */
typedef struct hf_manager hf_manager;

/**
 * Opens a manager. It checks the configuration and, for Vault, tries the credentials once, so that errors are reported
 * now and not by the first operation.
 *
 * May be called from any thread, by several at once with the same `options`. Blocks until the call's deadline at the
 * latest.
 *
 * @param options      The settings. NULL to take all of them from the environment.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_manager  Receives the manager; the caller owns one reference and frees it with `hf_manager_free`. Set to
 *     NULL on failure.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                      The manager is open.
 * @retval HF_ERR_INVALID_ARGUMENT    `out_manager` is NULL.
 * @retval HF_ERR_CONFIG              A setting is missing or invalid, or two settings contradict each other; the
 *     namespace does not exist, or VAULT_MOUNT is a path inside a mount. The message names the variable. A mount that
 *     does not exist is reported by the first operation.
 * @retval HF_ERR_AUTH                Vault rejects the credentials.
 * @retval HF_ERR_PERMISSION_DENIED   The credentials may not log in, or not from this address.
 * @retval HF_ERR_CONNECTION          Vault cannot be reached.
 * @retval HF_ERR_TLS                 A certificate was rejected, or the TLS handshake failed.
 * @retval HF_ERR_TIMEOUT             The call's deadline passed.
 * @retval HF_ERR_UNAVAILABLE         Vault is sealed, not initialised or without an active node.
 * @retval HF_ERR_RATE_LIMITED        Vault still limited the rate of requests after the retries.
 * @retval HF_ERR_PROTOCOL            The peer is not Vault.
 * @retval HF_ERR_UNSUPPORTED         This version does not support the backend or the login method.
 * @retval HF_ERR_CANCELLED           `hf_call_cancel`.
 * @retval HF_ERR_INTERNAL            A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_open(const hf_options *options,
                          const hf_call *call,
                          hf_manager **out_manager,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Returns the process-wide manager, which the environment configures. The first caller opens it; later callers get the
 * same one. A failure is not remembered: the next caller tries again.
 *
 * May be called from any thread. Blocks while it opens the manager or waits for another thread that opens it, until
 * the call's deadline at the latest.
 *
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_manager  Receives the manager; the caller owns one reference and frees it with `hf_manager_free`. Set to
 *     NULL on failure.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @return The statuses of `hf_manager_open`.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_default(const hf_call *call,
                             hf_manager **out_manager,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Drops the process-wide manager, so that the next `hf_manager_default` opens a new one. Only the library's own
 * reference is dropped; those that callers own stay valid.
 *
 * May be called from any thread. Does not block.
 */
HF_API void hf_manager_reset_default(void) HF_NOEXCEPT;

/**
 * Checks that a manager can be used now: that a server answers, is unsealed, and takes the token. It does not look at the
 * mount, a secret or the policy. It sends one request, which needs no policy and does not use up `num_uses`; a token that
 * has died is replaced by a login, as in any call. For the `env` backend there is nothing to check.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager  The manager.
 * @param call     Deadline and cancellation. NULL for the defaults.
 * @param error    Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The manager can be used.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager` is NULL.
 * @return Otherwise the reason why it cannot, with the statuses of `hf_manager_open`.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_check(const hf_manager *manager,
                           const hf_call *call,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Opens connections until this number of them is idle, so that the first calls find them open: looks up the server's
 * name, connects, and makes the TLS handshakes. It sends no request. With several nodes, the connections lead to the
 * one that calls would use, or to the first one that takes them. For the `env` backend there is nothing to open.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param connections  How many connections are to be idle: from 1 to what `VAULT_MAX_IDLE_CONNECTIONS` and
 *     `VAULT_MAX_CONNECTIONS` allow.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The connections are open.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager` is NULL; `connections` is less than 1 or more than can be kept.
 * @retval HF_ERR_CONNECTION        The server cannot be reached.
 * @retval HF_ERR_TLS               A certificate was rejected, or the TLS handshake failed.
 * @retval HF_ERR_TIMEOUT           The call's deadline passed.
 * @retval HF_ERR_CANCELLED         `hf_call_cancel`.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_warm(const hf_manager *manager,
                          int32_t connections,
                          const hf_call *call,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Does what is due: renews or replaces the token, and the credentials of every `hf_credentials` of this manager that is in
 * use; wipes cached answers that cannot serve any more. A program that uses these all the time needs no maintenance: each
 * use does what is due. One that waits for events calls this, and again after the time that it is told. A server that
 * forks calls it in the parent.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_next_ms  Receives in how many milliseconds something is due, the pause after a failure included: 1 or more, or
 *     -1 if never. Set with every status but `HF_ERR_INVALID_ARGUMENT`. `hf_credentials_open`, and a get that is cached,
 *     make it out of date. May be NULL.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    What was due is done.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager` is NULL.
 * @return Otherwise why the first of them failed. What can still be used is handed out all the same.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_maintain(const hf_manager *manager,
                              const hf_call *call,
                              int64_t *out_next_ms,
                              hf_error **error) HF_NOEXCEPT;

/**
 * Drops cached answers, so that the next reads ask the server. Answers that are on their way are not kept either. What is
 * dropped is wiped. A manager without a cache has nothing to drop.
 *
 * May be called from any thread. Does not block, and sends no request.
 *
 * @param manager    The manager.
 * @param reference  The secret, all of whose versions and fields are dropped. NULL for all secrets.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     Dropped.
 * @retval HF_ERR_INVALID_ARGUMENT   `manager` is NULL; invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_INTERNAL           A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_cache_clear(const hf_manager *manager,
                                 const char *reference,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Adds a reference to a manager.
 *
 * May be called from any thread. Does not block.
 *
 * @param manager  The manager.
 * @return `manager`; the caller frees the new reference with `hf_manager_free`. NULL if `manager` is NULL.
 */
HF_API hf_manager *hf_manager_ref(const hf_manager *manager) HF_NOEXCEPT;

/**
 * Frees one reference; freeing the last one closes the manager. Sends no request and revokes no token.
 *
 * May be called from any thread. Does not block.
 *
 * @param manager  A reference that the caller owns. May be NULL.
 */
HF_API void hf_manager_free(hf_manager *manager) HF_NOEXCEPT;

/**
 * Returns the name of a manager's backend.
 *
 * May be called from any thread. Does not block.
 *
 * @param manager  The manager.
 * @return "env" or "vault"; NULL if `manager` is NULL. Borrowed: valid until the process ends; do not free it.
 */
HF_API const char *hf_manager_type(const hf_manager *manager) HF_NOEXCEPT;

/** @} */

/** @defgroup metrics Metrics
 *
 * What the library has done, as text for Prometheus: counts, durations, connections, and the time until the token
 * expires. docs/metrics.md lists them. Labels come from closed sets: never a path, a key, a namespace or a secret. A
 * child process counts from zero.
 * @{
 */

/**
 * Returns the metrics of a manager, or those of the whole process: of all managers, also of those that were closed
 * since. The format is Prometheus' text format 0.0.4, to be served with the content type
 * `text/plain; version=0.0.4`.
 *
 * May be called from any thread. Does not block, and sends no request.
 *
 * @param manager   The manager. NULL for the process. A manager of the `env` backend has no metrics: the text is empty.
 * @param out_text  Receives the text; the caller frees it with `hf_free_string`. Set to NULL on failure.
 * @param error     Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The text was written.
 * @retval HF_ERR_INVALID_ARGUMENT  `out_text` is NULL.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_metrics(const hf_manager *manager,
                             char **out_text,
                             hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup metadata Metadata
 *
 * A map from string to string that is stored beside a value, such as `{"scopes": "repo,user"}`. Vault stores it as a
 * field of the secret; the `env` backend ignores it.
 * @{
 */

/**
 * A map from string to string. One owner; only one thread at a time may change it, and any number of calls may use it
 * while nobody changes it.
 */
typedef struct hf_metadata hf_metadata;

/**
 * Creates empty metadata.
 *
 * May be called from any thread. Does not block.
 *
 * @return The metadata; the caller frees it with `hf_metadata_free`. NULL only if there is a bug in the library.
 */
HF_API hf_metadata *hf_metadata_new(void) HF_NOEXCEPT;

/**
 * Sets one entry. An entry with the same key is replaced.
 *
 * May be called from any thread while no other thread uses `metadata`. Does not block.
 *
 * @param metadata  The metadata.
 * @param key       Any UTF-8 text; it is copied.
 * @param value     Any UTF-8 text; it is copied.
 * @param error     Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
 * @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_metadata_set(hf_metadata *metadata,
                          const char *key,
                          const char *value,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Returns the number of entries.
 *
 * May be called from any thread while no other thread changes `metadata`. Does not block.
 *
 * @param metadata  The metadata.
 * @return The number; 0 if `metadata` is NULL.
 */
HF_API size_t hf_metadata_len(const hf_metadata *metadata) HF_NOEXCEPT;

/**
 * Returns one key. Keys are sorted.
 *
 * May be called from any thread while no other thread changes `metadata`. Does not block.
 *
 * @param metadata  The metadata.
 * @param index     The index, from 0.
 * @return UTF-8; NULL if `index` is past the end, the key has U+0000, or `metadata` is NULL. Borrowed: valid until
 *     `metadata` is changed or freed; do not free it.
 */
HF_API const char *hf_metadata_key(const hf_metadata *metadata, size_t index) HF_NOEXCEPT;

/**
 * Returns the value of one entry, by its index.
 *
 * May be called from any thread while no other thread changes `metadata`. Does not block.
 *
 * @param metadata  The metadata.
 * @param index     The index, from 0, as for `hf_metadata_key`.
 * @return UTF-8; NULL if `index` is past the end, the value has U+0000, or `metadata` is NULL. Borrowed: valid until
 *     `metadata` is changed or freed; do not free it.
 */
HF_API const char *hf_metadata_value(const hf_metadata *metadata, size_t index) HF_NOEXCEPT;

/**
 * Returns the value of one entry, by its key.
 *
 * May be called from any thread while no other thread changes `metadata`. Does not block.
 *
 * @param metadata  The metadata.
 * @param key       The key.
 * @return UTF-8; NULL if there is no such entry, the value has U+0000, or an argument is NULL or invalid UTF-8.
 *     Borrowed: valid until `metadata` is changed or freed; do not free it.
 */
HF_API const char *hf_metadata_get(const hf_metadata *metadata, const char *key) HF_NOEXCEPT;

/**
 * Frees metadata.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param metadata  The metadata. May be NULL.
 */
HF_API void hf_metadata_free(hf_metadata *metadata) HF_NOEXCEPT;

/** @} */

/** @defgroup list Lists of strings
 * @{
 */

/**
 * A list of strings. Immutable, so any thread may read it. One owner, who frees it with `hf_string_list_free`.
 */
typedef struct hf_string_list hf_string_list;

/**
 * Returns the number of strings in a list.
 *
 * May be called from any thread. Does not block.
 *
 * @param list  The list.
 * @return The number; 0 if `list` is NULL.
 */
HF_API size_t hf_string_list_len(const hf_string_list *list) HF_NOEXCEPT;

/**
 * Returns one string of a list.
 *
 * May be called from any thread. Does not block.
 *
 * @param list   The list.
 * @param index  The index, from 0.
 * @return UTF-8; NULL if `index` is past the end or `list` is NULL. Borrowed: valid as long as `list`; do not free it.
 */
HF_API const char *hf_string_list_get(const hf_string_list *list, size_t index) HF_NOEXCEPT;

/**
 * Frees a list and its strings.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param list  The list. May be NULL.
 */
HF_API void hf_string_list_free(hf_string_list *list) HF_NOEXCEPT;

/** @} */

/** @defgroup bytes Bytes
 *
 * Bytes that may hold NUL: binary values, and whole answers of the server.
 * @{
 */

/**
 * Bytes. Immutable, so any thread may read them. One owner, who frees them with `hf_bytes_free`.
 */
typedef struct hf_bytes hf_bytes;

/**
 * Returns the bytes. One NUL, which is not counted, stands behind the last one.
 *
 * May be called from any thread. Does not block.
 *
 * @param bytes  The bytes.
 * @return Their address, never NULL unless `bytes` is NULL. Borrowed: valid as long as `bytes`; do not free it.
 */
HF_API const void *hf_bytes_data(const hf_bytes *bytes) HF_NOEXCEPT;

/**
 * Returns the number of bytes.
 *
 * May be called from any thread. Does not block.
 *
 * @param bytes  The bytes.
 * @return The number; 0 if `bytes` is NULL.
 */
HF_API size_t hf_bytes_len(const hf_bytes *bytes) HF_NOEXCEPT;

/**
 * Wipes and frees bytes.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param bytes  The bytes. May be NULL.
 */
HF_API void hf_bytes_free(hf_bytes *bytes) HF_NOEXCEPT;

/** @} */

/** @defgroup secrets Secrets
 *
 * The five operations on secrets. Any number of threads may call them on one manager at once. They block until the
 * call's deadline at the latest, and POSIX thread cancellation is disabled while they run. They share these statuses,
 * which the functions do not repeat:
 *
 * - `HF_ERR_CONFIG`: the mount or the namespace does not exist;
 * - `HF_ERR_AUTH`: the token is no longer valid and no login can replace it;
 * - `HF_ERR_PERMISSION_DENIED`: the policy denies the request; the message names the path and the capability;
 * - `HF_ERR_CONNECTION`, `HF_ERR_TLS`, `HF_ERR_UNAVAILABLE`, `HF_ERR_RATE_LIMITED`, `HF_ERR_PROTOCOL`: as in
 *   `hf_manager_open`;
 * - `HF_ERR_TIMEOUT`, `HF_ERR_CANCELLED`: the call's deadline passed, or `hf_call_cancel` ended it;
 * - `HF_ERR_INTERNAL`: a bug in the library.
 *
 * After `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` or `HF_ERR_CANCELLED` from store, update or delete
 * the change may have happened; so it may after `HF_ERR_PROTOCOL`, if the response could not be understood.
 *
 * A reference is a capability: it selects what is read, changed or deleted. Never accept one from untrusted input.
 * @{
 */

/**
 * Stores a value under a key. A secret that is already there is replaced, including its metadata.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager        The manager.
 * @param key            The key, such as "github_token_user_123". '.' and '_' mean the same as '/': this secret has
 *     the path github/token/user/123. At most 512 bytes, without empty segments and control characters.
 * @param value          The value. It may be empty.
 * @param metadata       The metadata to store beside the value. NULL or empty for none.
 * @param call           Deadline and cancellation. NULL for the defaults.
 * @param out_reference  Receives the reference that names the secret from now on, such as
 *     "vault://github_token_user_123"; the caller frees it with `hf_free_string`. May be NULL if it is not needed. Set
 *     to NULL on failure.
 * @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The value is stored.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an invalid key; nothing was sent.
 * @retval HF_ERR_CONFLICT          The mount requires check-and-set, and other writers changed the secret on every
 *     attempt.
 * @retval HF_ERR_TOO_LARGE         The value exceeds the server's limit or the library's; nothing was written.
 * @retval HF_ERR_UNSUPPORTED       A condition of the call, where there are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_store_secret(const hf_manager *manager,
                          const char *key,
                          const char *value,
                          const hf_metadata *metadata,
                          const hf_call *call,
                          char **out_reference,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Gets the value that a reference names.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference, such as "vault://github_token_user_123", "vault://db?version=3" (the third version)
 *     or "vault://db#password" (the field password).
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param out_value  Receives the value in UTF-8; the caller frees it with `hf_free_string`, which wipes it. A number
 *     or boolean is returned as its JSON text. NULL unless the status is `HF_OK`.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     `*out_value` has the value.
 * @retval HF_NOT_FOUND              The secret, version or field does not exist, or it was deleted. No error is
 *     created. If only the field is missing, a log line names the fields of the secret.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_TOO_LARGE          The response is larger than 64 MiB.
 * @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or contains U+0000.
 */
HF_API
HF_MUST_USE
hf_status hf_get_secret(const hf_manager *manager,
                        const char *reference,
                        const hf_call *call,
                        char **out_value,
                        hf_error **error) HF_NOEXCEPT;

/**
 * Gets the value that a reference names and writes it to a buffer of the caller. For languages that cannot free C
 * memory, and for locked pages.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest. The library's own copy of the value
 * is wiped before the function returns.
 *
 * @param manager     The manager.
 * @param reference   The reference, as for `hf_get_secret`.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param buffer      Receives the value and a terminating NUL; bytes after the NUL are not changed. Its first byte is
 *     NUL unless the status is `HF_OK`. Must not overlap `reference`.
 * @param capacity    The size of `buffer` in bytes. The value and its NUL must fit: a value of 20 bytes needs 21.
 * @param out_length  Receives the length of the value in bytes, without the NUL; 0 unless the status is `HF_OK`.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     `buffer` has the value.
 * @retval HF_NOT_FOUND              The secret, version or field does not exist, or it was deleted. No error is
 *     created. If only the field is missing, a log line names the fields of the secret.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_TOO_LARGE          The value does not fit, and the message says how many bytes it needs; or the
 *     response is larger than 64 MiB.
 * @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or contains U+0000.
 */
HF_API
HF_MUST_USE
hf_status hf_get_secret_into(const hf_manager *manager,
                             const char *reference,
                             const hf_call *call,
                             char *buffer,
                             size_t capacity,
                             size_t *out_length,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Replaces the value of an existing secret: the field that the reference names, or `value`. Other fields are kept.
 * Concurrent updates do not overwrite each other's fields.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference, as for `hf_get_secret`, without a version.
 * @param value      The new value. It may be empty.
 * @param metadata   The new metadata. NULL keeps the present metadata; empty metadata removes it.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The value is replaced.
 * @retval HF_NOT_FOUND              The secret does not exist, or has no such field. No error is created, and nothing is
 *     written. `hf_update_document` adds fields.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version, or metadata for a reference that
 *     names the field "metadata" itself.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_CONFLICT           Other writers changed the secret on every attempt.
 * @retval HF_ERR_TOO_LARGE          The value exceeds the server's limit or the library's; nothing was written.
 */
HF_API
HF_MUST_USE
hf_status hf_update_secret(const hf_manager *manager,
                           const char *reference,
                           const char *value,
                           const hf_metadata *metadata,
                           const hf_call *call,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Deletes a secret with all its versions and its metadata.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference, as for `hf_get_secret`, without a version or field.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The secret is deleted.
 * @retval HF_NOT_FOUND              The secret did not exist. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a version or field.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 */
HF_API
HF_MUST_USE
hf_status hf_delete_secret(const hf_manager *manager,
                           const char *reference,
                           const hf_call *call,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Lists the references of the secrets whose path starts with a prefix, at any depth, sorted. Each reference can be
 * passed to the other functions. A secret whose latest version was deleted may be in the list. Secrets with a path
 * that no reference can name, such as one of more than 512 bytes or with a control character, are left out, and each
 * is logged as a warning.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager   The manager.
 * @param prefix    A string prefix of the path, in which '.' and '_' mean the same as '/': "github_tok" finds
 *     github/token/user/123 and github/tokens. NULL or "" for all secrets.
 * @param call      Deadline and cancellation. NULL for the defaults.
 * @param out_list  Receives the list; the caller frees it with `hf_string_list_free`. Empty if nothing matches. Set to
 *     NULL on failure.
 * @param error     Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The list has every reference that matches; it may be empty.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a prefix that no path can have.
 * @retval HF_ERR_TOO_LARGE         A response is larger than 64 MiB.
 */
HF_API
HF_MUST_USE
hf_status hf_list_secrets(const hf_manager *manager,
                          const char *prefix,
                          const hf_call *call,
                          hf_string_list **out_list,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Returns the canonical form of a reference. Two references name the same secret if and only if their canonical forms
 * are equal.
 *
 * May be called from any thread. Does not block and sends no request.
 *
 * @param manager        The manager.
 * @param reference      The reference, as for `hf_get_secret`.
 * @param out_reference  Receives the canonical form; the caller frees it with `hf_free_string`. Set to NULL on
 *     failure.
 * @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     `*out_reference` has the canonical form.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_INTERNAL           A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_canonical_reference(const hf_manager *manager,
                                 const char *reference,
                                 char **out_reference,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Wipes and frees a string that the library returned through a `char **`. The whole allocation is wiped, whatever was
 * written into it. Do not pass it a `const char *`, and do not call `free` instead.
 *
 * May be called from any thread. Does not block.
 *
 * @param string  The string. May be NULL.
 */
HF_API void hf_free_string(char *string) HF_NOEXCEPT;

/** @} */

/** @defgroup fields Fields
 *
 * Names and values, and the functions that write several of them at once. The values are wiped when the fields are freed.
 * The functions that block share the statuses of the section "Secrets".
 * @{
 */

/**
 * Names and values. One owner; only one thread at a time may change them, and any number of calls may use them while
 * nobody changes them.
 */
typedef struct hf_fields hf_fields;

/**
 * Creates fields, none at first.
 *
 * May be called from any thread. Does not block.
 *
 * @return The fields; the caller frees them with `hf_fields_free`. NULL only if there is a bug in the library.
 */
HF_API hf_fields *hf_fields_new(void) HF_NOEXCEPT;

/**
 * Sets a field to a text. A field with the same name is replaced.
 *
 * May be called from any thread while no other thread uses `fields`. Does not block.
 *
 * @param fields  The fields.
 * @param name    The name: UTF-8, not empty; it is copied.
 * @param text    The value: UTF-8, may be empty; it is copied.
 * @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an empty name.
 * @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_fields_set(hf_fields *fields,
                        const char *name,
                        const char *text,
                        hf_error **error) HF_NOEXCEPT;

/**
 * Sets a field to a JSON value of any kind, such as `5`, `true`, `null` or `{"a": [1, 2]}`. A field with the same name
 * is replaced.
 *
 * May be called from any thread while no other thread uses `fields`. Does not block.
 *
 * @param fields  The fields.
 * @param name    The name: UTF-8, not empty; it is copied.
 * @param json    The value, which is sent to the letter; it is copied. KV version 2 keeps numbers as floating point.
 * @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, an empty name, or a text that is not one JSON value; the
 *     message names the place and does not repeat the text.
 * @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_fields_set_json(hf_fields *fields,
                             const char *name,
                             const char *json,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Sets a field to bytes. They are stored as a text in base64, from which `hf_document_bytes` decodes them. A field with
 * the same name is replaced.
 *
 * May be called from any thread while no other thread uses `fields`. Does not block.
 *
 * @param fields  The fields.
 * @param name    The name: UTF-8, not empty; it is copied.
 * @param data    The bytes; they are copied. May be NULL if `length` is 0.
 * @param length  The number of bytes.
 * @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an empty name.
 * @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_fields_set_bytes(hf_fields *fields,
                              const char *name,
                              const void *data,
                              size_t length,
                              hf_error **error) HF_NOEXCEPT;

/**
 * Sets a field for each member of a JSON object. Fields with the same names are replaced.
 *
 * May be called from any thread while no other thread uses `fields`. Does not block.
 *
 * @param fields       The fields.
 * @param json_object  The object, such as `{"username": "app", "port": 5432}`; its values are copied to the letter. A name
 *     may be empty here, so that every document can be stored again.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a text that is not one JSON object; no field is changed,
 *     and the message does not repeat the text.
 * @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_fields_set_object(hf_fields *fields,
                               const char *json_object,
                               hf_error **error) HF_NOEXCEPT;

/**
 * Marks a field as removed: an update deletes it from the secret; a store does not send it.
 *
 * May be called from any thread while no other thread uses `fields`. Does not block.
 *
 * @param fields  The fields.
 * @param name    The name: UTF-8, not empty; it is copied.
 * @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Marked, whether the field was set before or not.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an empty name.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API HF_MUST_USE hf_status hf_fields_remove(hf_fields *fields, const char *name, hf_error **error) HF_NOEXCEPT;

/**
 * Wipes and frees fields.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param fields  The fields. May be NULL.
 */
HF_API void hf_fields_free(hf_fields *fields) HF_NOEXCEPT;

/**
 * Stores fields under a key. A secret that is already there is replaced, with all of its fields and its metadata.
 * `hf_call_set_cas` makes the write conditional: with 0 it stores only if there is nothing yet.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager        The manager.
 * @param key            The key, as for `hf_store_secret`.
 * @param fields         The fields. Removed ones are not sent.
 * @param metadata       The metadata to store beside them, in the field "metadata". NULL or empty for none.
 * @param call           Deadline, cancellation, condition. NULL for the defaults.
 * @param out_reference  Receives the reference that names the secret from now on; the caller frees it with
 *     `hf_free_string`. May be NULL if it is not needed. Set to NULL on failure.
 * @param out_version    Receives the number of the new version; 0 where there are no versions, and on failure. May be
 *     NULL.
 * @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The fields are stored.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, an invalid key, or `metadata` together with a field "metadata":
 *     then nothing was sent. Or the server refuses the fields (HTTP 400), and nothing was written.
 * @retval HF_ERR_CONFLICT          The condition of the call does not hold; or the mount requires check-and-set, and
 *     other writers changed the secret on every attempt.
 * @retval HF_ERR_TOO_LARGE         The fields exceed the server's limits or the library's; nothing was written.
 * @retval HF_ERR_UNSUPPORTED       A condition, where there are no versions; another field than "value", for the `env`
 *     backend.
 */
HF_API
HF_MUST_USE
hf_status hf_store_document(const hf_manager *manager,
                            const char *key,
                            const hf_fields *fields,
                            const hf_metadata *metadata,
                            const hf_call *call,
                            char **out_reference,
                            int64_t *out_version,
                            hf_error **error) HF_NOEXCEPT;

/**
 * Changes fields of an existing secret: those that are set here are added or replaced, removed ones are deleted, and all
 * others stay. Concurrent updates do not overwrite each other's fields, except in KV version 1.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param reference    The reference, such as "vault://db", without a version or field.
 * @param fields       The fields to change.
 * @param metadata     The new metadata. NULL keeps the present metadata; empty metadata removes it.
 * @param call         Deadline, cancellation, condition. NULL for the defaults.
 * @param out_version  Receives the number of the new version; 0 where there are no versions, and on failure. May be
 *     NULL.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The fields are changed.
 * @retval HF_NOT_FOUND              The secret does not exist. No error is created, and nothing is written.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, or `metadata` together
 *     with a field "metadata": then nothing was sent. Or the server refuses the fields (HTTP 400), and nothing was
 *     written.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_CONFLICT           The condition of the call does not hold; or other writers changed the secret on
 *     every attempt.
 * @retval HF_ERR_TOO_LARGE          The fields exceed the server's limits or the library's; nothing was written.
 * @retval HF_ERR_UNSUPPORTED        A condition, where there are no versions; another field than "value", for the `env`
 *     backend.
 */
HF_API
HF_MUST_USE
hf_status hf_update_document(const hf_manager *manager,
                             const char *reference,
                             const hf_fields *fields,
                             const hf_metadata *metadata,
                             const hf_call *call,
                             int64_t *out_version,
                             hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup document Documents
 *
 * A document is all fields of one version of a secret, such as what `vault kv put secret/db username=… password=…` has
 * written. Two gets of two fields may see two versions; a document is one version, whole. A reference of these functions
 * names no field. The `env` backend has the one field "value" and no versions.
 *
 * A text, a name or a JSON text that a document returns is borrowed: it is valid as long as the document, ends with a
 * NUL, and must not be freed. The texts are decoded when the first one is asked for; if there is no memory for that,
 * they are NULL. Everything is wiped when the last reference is freed.
 *
 * The functions that block share the statuses of the section "Secrets".
 * @{
 */

/**
 * The field is a string.
 */
#define HF_KIND_STRING 1

/**
 * The field is a number.
 */
#define HF_KIND_NUMBER 2

/**
 * The field is `true` or `false`.
 */
#define HF_KIND_BOOLEAN 3

/**
 * The field is `null`.
 */
#define HF_KIND_NULL 4

/**
 * The field is an object.
 */
#define HF_KIND_OBJECT 5

/**
 * The field is an array.
 */
#define HF_KIND_ARRAY 6

/**
 * All fields of one version of a secret. Immutable and reference-counted: any thread may read it.
 */
typedef struct hf_document hf_document;

/**
 * Gets all fields of a secret, in one version.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager       The manager.
 * @param reference     The reference, such as "vault://db" or "vault://db?version=3", without a field.
 * @param call          Deadline and cancellation. NULL for the defaults.
 * @param out_document  Receives the document; the caller owns one reference and frees it with `hf_document_free`. NULL
 *     unless the status is `HF_OK`.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     `*out_document` has the document.
 * @retval HF_NOT_FOUND              The secret or the version does not exist, or it was deleted. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a field.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_TOO_LARGE          The response is larger than 64 MiB, or there is not enough memory for it.
 * @retval HF_ERR_UNSUPPORTED        A version of a secret in KV version 1.
 */
HF_API
HF_MUST_USE
hf_status hf_get_document(const hf_manager *manager,
                          const char *reference,
                          const hf_call *call,
                          hf_document **out_document,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Returns the number of fields.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @return The number; 0 if `document` is NULL.
 */
HF_API size_t hf_document_len(const hf_document *document) HF_NOEXCEPT;

/**
 * Returns the name of a field. Names are sorted; "metadata" is one of them like any other.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @param index     The index, from 0.
 * @return UTF-8; NULL if `index` is past the end or `document` is NULL, and for a name with U+0000, which only the JSON of
 *     the whole document shows. Borrowed.
 */
HF_API
const char *hf_document_name(const hf_document *document,
                             size_t index) HF_NOEXCEPT;

/**
 * Returns the kind of a field.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @param name      The name.
 * @return `HF_KIND_STRING`, `HF_KIND_NUMBER`, `HF_KIND_BOOLEAN`, `HF_KIND_NULL`, `HF_KIND_OBJECT` or `HF_KIND_ARRAY`; 0
 *     if there is no such field, or an argument is NULL or invalid UTF-8.
 */
HF_API int32_t hf_document_kind(const hf_document *document, const char *name) HF_NOEXCEPT;

/**
 * Returns the text of a field: a string as it is, a number or boolean as its JSON.
 *
 * May be called from any thread. Does not block.
 *
 * @param document    The document.
 * @param name        The name.
 * @param out_length  Receives the length of the text in bytes, 0 if there is none. May be NULL; then a string with
 *     U+0000, which a C string would cut short, has no text.
 * @return UTF-8; NULL if there is no such field, or if it is null, an object or an array, or a string that is not valid
 *     Unicode; NULL if `document` or `name` is NULL. Borrowed.
 */
HF_API const char *hf_document_text(const hf_document *document, const char *name, size_t *out_length) HF_NOEXCEPT;

/**
 * Returns the JSON of a field, or of the whole document, to the letter of the server.
 *
 * May be called from any thread. Does not block.
 *
 * @param document    The document.
 * @param name        The name. NULL for the whole object.
 * @param out_length  Receives the length of the JSON in bytes, 0 if there is none. May be NULL.
 * @return UTF-8; NULL if there is no such field, `name` is invalid UTF-8, or `document` is NULL. Borrowed.
 */
HF_API const char *hf_document_json(const hf_document *document, const char *name, size_t *out_length) HF_NOEXCEPT;

/**
 * Decodes the text of a field, which is base64, to bytes: what `hf_fields_set_bytes` has stored. Padding may be missing.
 * Nothing marks such a field: a text that happens to be base64, such as "password", is decoded, too.
 *
 * May be called from any thread. Does not block.
 *
 * @param document   The document.
 * @param name       The name.
 * @param out_bytes  Receives the bytes; the caller frees them with `hf_bytes_free`. NULL unless the status is `HF_OK`.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_bytes` has the bytes.
 * @retval HF_NOT_FOUND             There is no such field. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
 * @retval HF_ERR_UNSUPPORTED       The field is not a string in base64.
 * @retval HF_ERR_TOO_LARGE         There is not enough memory.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_document_bytes(const hf_document *document,
                            const char *name,
                            hf_bytes **out_bytes,
                            hf_error **error) HF_NOEXCEPT;

/**
 * Returns the metadata of a document: the entries of its field "metadata", which `hf_store_secret` and
 * `hf_store_document` put beside the value.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @return The metadata, empty if there is none; values that are not strings are their JSON. NULL if `document` is NULL.
 *     Borrowed: valid as long as the document; do not free or change it.
 */
HF_API const hf_metadata *hf_document_metadata(const hf_document *document) HF_NOEXCEPT;

/**
 * Returns the number of the version.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @return The number; 0 if there are no versions (KV version 1, `env`), or `document` is NULL.
 */
HF_API int64_t hf_document_version(const hf_document *document) HF_NOEXCEPT;

/**
 * Returns when the version was created.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @return The time in RFC 3339, such as "2026-11-25T23:56:55.684281514Z"; "" if the server does not tell, or `document`
 *     is NULL. Borrowed.
 */
HF_API const char *hf_document_created(const hf_document *document) HF_NOEXCEPT;

/**
 * Returns how old the answer is that a document was made of.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @return 0: the server answered this call. Otherwise the age of the cached answer in milliseconds, at least 1. 0 if
 *     `document` is NULL.
 */
HF_API int64_t hf_document_age_ms(const hf_document *document) HF_NOEXCEPT;

/**
 * Adds a reference to a document.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  The document.
 * @return `document`; the caller frees the new reference with `hf_document_free`. NULL if `document` is NULL.
 */
HF_API hf_document *hf_document_ref(const hf_document *document) HF_NOEXCEPT;

/**
 * Frees one reference; freeing the last one wipes the document.
 *
 * May be called from any thread. Does not block.
 *
 * @param document  A reference that the caller owns. May be NULL.
 */
HF_API void hf_document_free(hf_document *document) HF_NOEXCEPT;

/** @} */

/** @defgroup batch Many secrets in one call
 *
 * The calling thread keeps up to VAULT_LIST_CONCURRENCY requests (8 by default) in flight at a time. Each secret has
 * its own status, as the function for one secret would return it.
 * @{
 */

/**
 * The results of a call for many items, such as secrets, in the order of the call. Immutable, so any thread may read them. One owner,
 * who frees them with `hf_results_free`.
 */
typedef struct hf_results hf_results;

/**
 * Gets the values that many references name.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param references   An array of `count` references, each as for `hf_get_secret`. May be NULL if `count` is 0.
 * @param count        The number of secrets.
 * @param call         Deadline and cancellation of the whole call. NULL for the defaults.
 * @param out_results  Receives the results; the caller frees them with `hf_results_free`, which wipes them. Set to
 *     NULL on failure.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results. Each has its own status, which may be a failure.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager`, `references` or `out_results` is NULL.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_get_secrets(const hf_manager *manager,
                         const char *const *references,
                         size_t count,
                         const hf_call *call,
                         hf_results **out_results,
                         hf_error **error) HF_NOEXCEPT;

/**
 * Gets the documents of many secrets.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param references   An array of `count` references, each as for `hf_get_document`. May be NULL if `count` is 0.
 * @param count        The number of secrets.
 * @param call         Deadline and cancellation of the whole call. NULL for the defaults.
 * @param out_results  Receives the results, which `hf_results_document` reads; the caller frees them with
 *     `hf_results_free`, which wipes them. Set to NULL on failure.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results. Each has its own status, which may be a failure.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager`, `references` or `out_results` is NULL.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_get_documents(const hf_manager *manager,
                           const char *const *references,
                           size_t count,
                           const hf_call *call,
                           hf_results **out_results,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Stores many values, without metadata. If two keys name the same secret, either value may be the one that stays.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param keys         An array of `count` keys, each as for `hf_store_secret`. May be NULL if `count` is 0.
 * @param values       An array of `count` values. May be NULL if `count` is 0.
 * @param count        The number of secrets.
 * @param call         Deadline and cancellation of the whole call. NULL for the defaults.
 * @param out_results  Receives the results, whose texts are references; the caller frees them with `hf_results_free`.
 *     Set to NULL on failure.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results. Each has its own status, which may be a failure.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager`, `keys`, `values` or `out_results` is NULL.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_store_secrets(const hf_manager *manager,
                           const char *const *keys,
                           const char *const *values,
                           size_t count,
                           const hf_call *call,
                           hf_results **out_results,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Returns the number of results.
 *
 * May be called from any thread. Does not block.
 *
 * @param results  The results.
 * @return The number of items in the call; 0 if `results` is NULL.
 */
HF_API size_t hf_results_len(const hf_results *results) HF_NOEXCEPT;

/**
 * Returns the status of one item.
 *
 * May be called from any thread. Does not block.
 *
 * @param results  The results.
 * @param index    The index, from 0.
 * @return `HF_OK`, `HF_NOT_FOUND` or a failure; `HF_ERR_INVALID_ARGUMENT` if `index` is past the end or `results` is
 *     NULL.
 */
HF_API HF_MUST_USE hf_status hf_results_status(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * Returns the text of one secret: its value after a get, its reference after a store.
 *
 * May be called from any thread. Does not block.
 *
 * @param results  The results.
 * @param index    The index, from 0.
 * @return UTF-8; NULL unless the status is `HF_OK`, and for documents and decrypted data. Borrowed: valid as long as
 *     `results`; do not free it.
 */
HF_API const char *hf_results_text(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * Returns the document of one secret, after `hf_get_documents`.
 *
 * May be called from any thread. Does not block.
 *
 * @param results  The results.
 * @param index    The index, from 0.
 * @return The document; NULL unless the status is `HF_OK`, and for other results. Borrowed: valid as long as `results`;
 *     do not free it. `hf_document_ref` makes a reference that outlives `results`.
 */
HF_API const hf_document *hf_results_document(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * Returns the bytes of one result: what was decrypted, or a text.
 *
 * May be called from any thread. Does not block.
 *
 * @param results     The results.
 * @param index       The index, from 0.
 * @param out_length  Receives the number of bytes, 0 if there are none. May be NULL.
 * @return The bytes, followed by a NUL that is not counted; NULL unless the status is `HF_OK`, and for documents.
 *     Borrowed: valid as long as `results`; do not free it.
 */
HF_API const void *hf_results_bytes(const hf_results *results, size_t index, size_t *out_length) HF_NOEXCEPT;

/**
 * Returns the error of one secret.
 *
 * May be called from any thread. Does not block.
 *
 * @param results  The results.
 * @param index    The index, from 0.
 * @return The error; NULL unless the status is negative. Borrowed: valid as long as `results`; do not free it.
 */
HF_API const hf_error *hf_results_error(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * Wipes and frees results with their texts and errors.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param results  The results. May be NULL.
 */
HF_API void hf_results_free(hf_results *results) HF_NOEXCEPT;

/** @} */

/** @defgroup versions Versions
 *
 * KV version 2 keeps versions of a secret: their numbers, states and times. KV version 1 and the `env` backend have none
 * (`HF_ERR_UNSUPPORTED`). These functions share the statuses of the section "Secrets".
 * @{
 */

/**
 * The version can be read.
 */
#define HF_VERSION_LIVE 1

/**
 * The version was deleted, and can be undeleted.
 */
#define HF_VERSION_DELETED 2

/**
 * The content of the version is gone for good.
 */
#define HF_VERSION_DESTROYED 3

/**
 * The versions of a secret. Immutable, so any thread may read them. One owner, who frees them with `hf_versions_free`.
 */
typedef struct hf_versions hf_versions;

/**
 * Lists the versions of a secret, and its custom metadata, with one request.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager       The manager.
 * @param reference     The reference of the secret.
 * @param call          Deadline and cancellation. NULL for the defaults.
 * @param out_versions  Receives the versions; the caller frees them with `hf_versions_free`. NULL unless the status is
 *     `HF_OK`.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     `*out_versions` has the versions.
 * @retval HF_NOT_FOUND              The secret does not exist. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a version or field.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_list_versions(const hf_manager *manager,
                           const char *reference,
                           const hf_call *call,
                           hf_versions **out_versions,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Returns the number of versions. Versions that the server has pruned are absent.
 *
 * May be called from any thread. Does not block.
 *
 * @param versions  The versions.
 * @return The number; 0 if `versions` is NULL.
 */
HF_API size_t hf_versions_len(const hf_versions *versions) HF_NOEXCEPT;

/**
 * Returns the number of one version. Numbers ascend.
 *
 * May be called from any thread. Does not block.
 *
 * @param versions  The versions.
 * @param index     The index, from 0.
 * @return The number of the version; 0 if `index` is past the end or `versions` is NULL.
 */
HF_API int64_t hf_versions_number(const hf_versions *versions, size_t index) HF_NOEXCEPT;

/**
 * Returns the state of one version when it was listed.
 *
 * May be called from any thread. Does not block.
 *
 * @param versions  The versions.
 * @param index     The index, from 0.
 * @return `HF_VERSION_LIVE`, `HF_VERSION_DELETED` or `HF_VERSION_DESTROYED`; 0 if `index` is past the end or `versions`
 *     is NULL.
 */
HF_API int32_t hf_versions_state(const hf_versions *versions, size_t index) HF_NOEXCEPT;

/**
 * Returns when one version was created.
 *
 * May be called from any thread. Does not block.
 *
 * @param versions  The versions.
 * @param index     The index, from 0.
 * @return The time in RFC 3339; NULL if `index` is past the end or `versions` is NULL. Borrowed: valid as long as
 *     `versions`; do not free it.
 */
HF_API const char *hf_versions_created(const hf_versions *versions, size_t index) HF_NOEXCEPT;

/**
 * Returns when one version was, or will be, deleted.
 *
 * May be called from any thread. Does not block.
 *
 * @param versions  The versions.
 * @param index     The index, from 0.
 * @return The time in RFC 3339, "" for a version that is not deleted; NULL if `index` is past the end or `versions` is
 *     NULL. Borrowed: valid as long as `versions`; do not free it.
 */
HF_API const char *hf_versions_deletion(const hf_versions *versions, size_t index) HF_NOEXCEPT;

/**
 * Returns the custom metadata of the secret, which belong to all of its versions.
 *
 * May be called from any thread. Does not block.
 *
 * @param versions  The versions.
 * @return The metadata, empty if there are none; NULL if `versions` is NULL. Borrowed: valid as long as `versions`; do
 *     not free or change it.
 */
HF_API const hf_metadata *hf_versions_custom_metadata(const hf_versions *versions) HF_NOEXCEPT;

/**
 * Frees versions.
 *
 * May be called from any thread while no other thread uses the object. Does not block.
 *
 * @param versions  The versions. May be NULL.
 */
HF_API void hf_versions_free(hf_versions *versions) HF_NOEXCEPT;

/** @} */

/** @defgroup version_changes Changes of versions
 *
 * A reference of these functions names the whole secret: no version and no field, except where a function says otherwise.
 * KV version 1 and the `env` backend have no versions (`HF_ERR_UNSUPPORTED`). A secret or a version that does not exist is
 * `HF_NOT_FOUND`, also where the server itself would report success; a log line says whether it was pruned, deleted or
 * destroyed. These functions share the statuses of the section "Secrets". What a policy must allow for each of them is in
 * docs/secrets.md.
 * @{
 */

/**
 * Deletes versions of a secret. They cannot be read until `hf_undelete_versions`. `hf_delete_secret` removes a secret with
 * all of its versions for good.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference of the secret.
 * @param versions   An array of `count` version numbers. 0 is the latest version.
 * @param count      The number of versions, at least 1.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The versions are deleted.
 * @retval HF_NOT_FOUND              The secret or one of the versions does not exist. No error is created, and nothing
 *     is changed.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, a `count` of 0, or a
 *     version below 0; nothing was sent.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_delete_versions(const hf_manager *manager,
                             const char *reference,
                             const int64_t *versions,
                             size_t count,
                             const hf_call *call,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Makes deleted versions of a secret readable again. A version that is not deleted stays as it is.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference of the secret.
 * @param versions   An array of `count` version numbers.
 * @param count      The number of versions, at least 1.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The versions can be read.
 * @retval HF_NOT_FOUND              The secret or one of the versions does not exist, or a version was destroyed. No
 *     error is created, and nothing is changed.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, a `count` of 0, or a
 *     version below 1; nothing was sent.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_undelete_versions(const hf_manager *manager,
                               const char *reference,
                               const int64_t *versions,
                               size_t count,
                               const hf_call *call,
                               hf_error **error) HF_NOEXCEPT;

/**
 * Removes the content of versions of a secret for good.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference of the secret.
 * @param versions   An array of `count` version numbers.
 * @param count      The number of versions, at least 1.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The content of the versions is gone.
 * @retval HF_NOT_FOUND              The secret or one of the versions does not exist. No error is created, and nothing
 *     is changed.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, a `count` of 0, or a
 *     version below 1; nothing was sent.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_destroy_versions(const hf_manager *manager,
                              const char *reference,
                              const int64_t *versions,
                              size_t count,
                              const hf_call *call,
                              hf_error **error) HF_NOEXCEPT;

/**
 * Makes an older version of a secret the latest one again: its fields are written as a new version, unless somebody
 * writes the secret at the same time.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager.
 * @param reference    The reference of the secret.
 * @param version      The number of the older version, at least 1.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_version  Receives the number of the new version; 0 unless the status is `HF_OK`. May be NULL.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The fields are those of the older version.
 * @retval HF_NOT_FOUND              The secret or the version does not exist, or the version was deleted or destroyed.
 *     No error is created, and nothing is written.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, or a `version` below 1;
 *     nothing was sent.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_CONFLICT           Somebody has written the secret meanwhile; nothing was written here.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_rollback_secret(const hf_manager *manager,
                             const char *reference,
                             int64_t version,
                             const hf_call *call,
                             int64_t *out_version,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Sets the custom metadata of a secret, which belong to all of its versions: `vault kv metadata put -custom-metadata`.
 * All that was set before is replaced. The metadata that store and update take are something else: a field of one
 * version.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager    The manager.
 * @param reference  The reference of the secret.
 * @param metadata   The metadata: at most 64 keys of 1 to 128 bytes, values of 1 to 512 bytes. Empty to remove them.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The metadata are set.
 * @retval HF_NOT_FOUND              The secret does not exist. No error is created, and nothing is written.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, or metadata over the
 *     limits; nothing was sent.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_set_custom_metadata(const hf_manager *manager,
                                 const char *reference,
                                 const hf_metadata *metadata,
                                 const hf_call *call,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Gives a field of a secret a new random value, which is a text whatever the field was before. It is one write on
 * condition that nobody has changed the secret since it was read: there never is a second rotation. The other fields and the metadata stay, and the old value stays readable
 * with `?version=`.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager          The manager.
 * @param reference        The reference, without a version; with `#field` that field is rotated, else "value".
 * @param password_policy  The name of a password policy of the server that makes the value. NULL for 32 letters and
 *     digits from the system's random generator.
 * @param call             Deadline and cancellation. NULL for the defaults.
 * @param out_value        Receives the new value; the caller frees it with `hf_free_string`, which wipes it. May be NULL
 *     if it is not needed. NULL unless the status is `HF_OK`.
 * @param out_version      Receives the number of the new version; 0 unless the status is `HF_OK`. May be NULL.
 * @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     The field has its new value.
 * @retval HF_NOT_FOUND              The secret does not exist, or has no such field. No error is created, and nothing
 *     is written.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version, or a name that no policy can have.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_CONFIG             There is no such password policy.
 * @retval HF_ERR_CONFLICT           Somebody has written the secret meanwhile; nothing was written here.
 * @retval HF_ERR_UNSUPPORTED        There are no versions.
 */
HF_API
HF_MUST_USE
hf_status hf_rotate_secret(const hf_manager *manager,
                           const char *reference,
                           const char *password_policy,
                           const hf_call *call,
                           char **out_value,
                           int64_t *out_version,
                           hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup request Requests
 *
 * Requests to any endpoint of the server, for what has no function of its own, and response wrapping. They use the
 * connections, the token, the namespace and the retries of the manager. The `env` backend has no server
 * (`HF_ERR_UNSUPPORTED`). These functions share the statuses of the section "Secrets".
 * @{
 */

/**
 * Sends a request to the server. GET and LIST are repeated after a failure, like all reads; the others only if the server
 * cannot have executed them.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager          The manager.
 * @param method           "GET", "LIST", "POST", "PUT", "PATCH" or "DELETE".
 * @param path             The path behind /v1/, such as "sys/health" or "pki/issue/web?x=y": UTF-8, percent-decoded
 *     once, then checked like a literal reference, then encoded. The query is sent as it is.
 * @param json             The body, which is sent to the letter. NULL for none; a POST, PUT or PATCH then has the body
 *     {}. GET, LIST and DELETE take none.
 * @param call             Deadline, cancellation, wrapping time. NULL for the defaults.
 * @param out_http_status  Receives the HTTP status of the answer, such as 200 or 204; 0 unless the status is `HF_OK`.
 *     May be NULL.
 * @param out_body         Receives the whole body of the answer, empty for 204; the caller frees it with
 *     `hf_bytes_free`, which wipes it. NULL unless the status is `HF_OK`.
 * @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The server has done it. For sys/health, every status that is documented for it.
 * @retval HF_NOT_FOUND             There is nothing at the path. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, an unknown method, a path with an empty, "." or ".." segment or
 *     unprintable characters, or a text that is not JSON: then nothing was sent, and the HTTP status of the error is 0.
 *     Or the server refuses what was sent (HTTP 400); the message has its words.
 * @retval HF_ERR_CONFLICT          A check-and-set condition in `json` does not hold.
 * @retval HF_ERR_UNSUPPORTED       The server does not support the method at this path (HTTP 405), or there is no
 *     server.
 * @retval HF_ERR_TOO_LARGE         The response is larger than 64 MiB, or the request is too large for the server.
 */
HF_API
HF_MUST_USE
hf_status hf_request(const hf_manager *manager,
                     const char *method,
                     const char *path,
                     const char *json,
                     const hf_call *call,
                     int32_t *out_http_status,
                     hf_bytes **out_body,
                     hf_error **error) HF_NOEXCEPT;

/**
 * Exchanges a wrapping token for the answer that the server has kept for it. The token is spent by that. It needs no
 * policy.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager         The manager. Its own token is not used.
 * @param wrapping_token  The wrapping token.
 * @param call            Deadline and cancellation. NULL for the defaults.
 * @param out_json        Receives the whole answer as JSON; the caller frees it with `hf_free_string`, which wipes it.
 *     NULL unless the status is `HF_OK`.
 * @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_json` has the answer.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a text that no token can be; nothing was sent.
 * @retval HF_ERR_AUTH              The token is wrong, has expired, or was unwrapped before: then somebody else may have
 *     read the answer.
 * @retval HF_ERR_UNSUPPORTED       There is no server.
 */
HF_API
HF_MUST_USE
hf_status hf_unwrap(const hf_manager *manager,
                    const char *wrapping_token,
                    const hf_call *call,
                    char **out_json,
                    hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup transit Transit
 *
 * Encryption as a service: the server encrypts, decrypts, signs and makes data keys with keys that it does not give away.
 * Data are bytes; ciphertexts, signatures and HMACs are texts such as "vault:v1:…", which the program keeps. Data and
 * data keys are wiped when they are freed. The engine is at VAULT_TRANSIT_MOUNT. docs/transit.md says which function is
 * for what, and what a policy must allow.
 *
 * `parameters` have the names of the engine: "context" and "associated_data", which `hf_fields_set_bytes` sets;
 * "key_version", "hash_algorithm", "signature_algorithm", "prehashed", "marshaling_algorithm" and "bits", which are texts
 * or JSON. One that is unknown, or that the operation does not have, is `HF_ERR_INVALID_ARGUMENT`. A key that was made
 * with derived=true needs a context each time, except for HMACs; the server ignores it for other keys.
 *
 * The `env` backend has no server (`HF_ERR_UNSUPPORTED`). These functions share the statuses of the section "Secrets",
 * and have these in common:
 *
 * - `HF_ERR_INVALID_ARGUMENT`: NULL, invalid UTF-8, a wrong parameter, a ciphertext that was changed or is of another key,
 *   or a wrong context or associated data;
 * - `HF_ERR_UNSUPPORTED`: the type of the key cannot do this, or the version of the key is below min_decryption_version;
 * - `HF_ERR_CONFIG`: the mount does not exist, or the key does not exist any more;
 * - `HF_ERR_TOO_LARGE`: the data exceed the server's limit or the library's.
 * @{
 */

/**
 * A key of the transit engine. Reference-counted; any number of threads may use it at once.
 */
typedef struct hf_transit hf_transit;

/**
 * Opens a key of the transit engine. The key has to exist: the server makes a key when something is encrypted under a
 * mistyped name and the policy allows it; this library does not let that happen.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager      The manager. It stays open as long as the key.
 * @param key          The name of the key.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_transit  Receives the key; the caller owns one reference and frees it with `hf_transit_free`. NULL unless
 *     the status is `HF_OK`.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     `*out_transit` has the key.
 * @retval HF_NOT_FOUND              There is no such key. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a name that no key can have.
 * @retval HF_ERR_CONFIG             The mount does not exist.
 * @retval HF_ERR_PERMISSION_DENIED  The policy does not allow to read the key, and does allow to create it. A token that
 *     may not create the key opens it unchecked.
 * @retval HF_ERR_UNSUPPORTED        There is no server.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_open(const hf_manager *manager,
                          const char *key,
                          const hf_call *call,
                          hf_transit **out_transit,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Adds a reference to a key.
 *
 * May be called from any thread. Does not block.
 *
 * @param transit  The key.
 * @return `transit`; the caller frees the new reference with `hf_transit_free`. NULL if `transit` is NULL.
 */
HF_API hf_transit *hf_transit_ref(const hf_transit *transit) HF_NOEXCEPT;

/**
 * Frees one reference. Sends no request.
 *
 * May be called from any thread. Does not block.
 *
 * @param transit  A reference that the caller owns. May be NULL.
 */
HF_API void hf_transit_free(hf_transit *transit) HF_NOEXCEPT;

/**
 * Encrypts data. RSA keys do so without a request, with the public key, unless there are parameters.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit         The key.
 * @param data            The bytes. May be NULL if `length` is 0.
 * @param length          The number of bytes.
 * @param parameters      "context", "associated_data", "key_version". NULL for none.
 * @param call            Deadline and cancellation. NULL for the defaults.
 * @param out_ciphertext  Receives the ciphertext; the caller frees it with `hf_free_string`. NULL unless the
 *     status is `HF_OK`.
 * @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_encrypt(const hf_transit *transit,
                             const void *data,
                             size_t length,
                             const hf_fields *parameters,
                             const hf_call *call,
                             char **out_ciphertext,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Decrypts a ciphertext.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit     The key.
 * @param ciphertext  The ciphertext, such as "vault:v1:…".
 * @param parameters  "context" and "associated_data", as for the encryption. NULL for none.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param out_bytes   Receives the data; the caller frees them with `hf_bytes_free`, which wipes them. NULL unless the
 *     status is `HF_OK`.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_decrypt(const hf_transit *transit,
                             const char *ciphertext,
                             const hf_fields *parameters,
                             const hf_call *call,
                             hf_bytes **out_bytes,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Encrypts the data of a ciphertext under the latest version of the key, without showing the data. With
 * "associated_data" the server cannot do that: the ciphertext is decrypted and encrypted again, which needs the policy for
 * both.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit         The key.
 * @param ciphertext      The ciphertext, such as "vault:v1:…".
 * @param parameters      "context", "associated_data", "key_version". NULL for none.
 * @param call            Deadline and cancellation. NULL for the defaults.
 * @param out_ciphertext  Receives the new ciphertext; the caller frees it with `hf_free_string`. NULL unless the status is
 *     `HF_OK`.
 * @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_rewrap(const hf_transit *transit,
                            const char *ciphertext,
                            const hf_fields *parameters,
                            const hf_call *call,
                            char **out_ciphertext,
                            hf_error **error) HF_NOEXCEPT;

/**
 * Signs data.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit         The key.
 * @param data            The bytes. May be NULL if `length` is 0.
 * @param length          The number of bytes.
 * @param parameters      "context", "key_version", "hash_algorithm", "signature_algorithm", "prehashed",
 *     "marshaling_algorithm". NULL for none.
 * @param call            Deadline and cancellation. NULL for the defaults.
 * @param out_signature   Receives the signature; the caller frees it with `hf_free_string`. NULL unless the
 *     status is `HF_OK`.
 * @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_sign(const hf_transit *transit,
                          const void *data,
                          size_t length,
                          const hf_fields *parameters,
                          const hf_call *call,
                          char **out_signature,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Makes an HMAC of data. Every key can do this.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit         The key.
 * @param data            The bytes. May be NULL if `length` is 0.
 * @param length          The number of bytes.
 * @param parameters      "key_version", "hash_algorithm". NULL for none.
 * @param call            Deadline and cancellation. NULL for the defaults.
 * @param out_hmac        Receives the HMAC; the caller frees it with `hf_free_string`. NULL unless the
 *     status is `HF_OK`.
 * @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_hmac(const hf_transit *transit,
                          const void *data,
                          size_t length,
                          const hf_fields *parameters,
                          const hf_call *call,
                          char **out_hmac,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Checks a signature or an HMAC of data. Signatures by the common algorithms are checked with the public key, without a
 * request; it is read again after a minute, and for versions that are newer.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit     The key.
 * @param data        The bytes. May be NULL if `length` is 0.
 * @param length      The number of bytes.
 * @param signature   The signature, or the HMAC.
 * @param parameters  "context", "hash_algorithm", "signature_algorithm", "prehashed", "marshaling_algorithm", as for the
 *     signature. NULL for none.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK        It is one of the data.
 * @retval HF_MISMATCH  It is not. No error is created. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_verify(const hf_transit *transit,
                            const void *data,
                            size_t length,
                            const char *signature,
                            const hf_fields *parameters,
                            const hf_call *call,
                            hf_error **error) HF_NOEXCEPT;

/**
 * Makes a data key: a random key for encryption by the program itself, and the same key encrypted under the key of the
 * engine, which the program keeps beside its data. `hf_transit_decrypt` gives the key back.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit      The key.
 * @param parameters   "bits" (128, 256 or 512; 256 is the default), "context", "associated_data". NULL for none.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_key      Receives the key; the caller frees it with `hf_bytes_free`, which wipes it. NULL to have it wrapped
 *     only: then the server does not send it. Set to NULL on failure.
 * @param out_wrapped  Receives the wrapped key; the caller frees it with `hf_free_string`. NULL unless the status is
 *     `HF_OK`.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_data_key(const hf_transit *transit,
                              const hf_fields *parameters,
                              const hf_call *call,
                              hf_bytes **out_key,
                              char **out_wrapped,
                              hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup transit_many Many items of transit
 *
 * Thousands of rows in one call: split into requests that the server takes, up to 8 of which are on their way at a time.
 * Each item has its own status, in the order of the call: a bad one does not spoil the others. The statuses are those of
 * the section "Transit".
 * @{
 */

/**
 * Encrypts many pieces of data.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit          The key.
 * @param data             An array of `count` pointers to bytes, each of which may be NULL if its length is 0. May be NULL
 *     if `count` is 0.
 * @param lengths          An array of `count` lengths. May be NULL if `count` is 0.
 * @param count            The number of items.
 * @param parameters       Parameters of all items, as for `hf_transit_encrypt`. NULL for none.
 * @param item_parameters  An array of `count` pointers to what differs for one item, each of which may be NULL. NULL for
 *     none.
 * @param call             Deadline and cancellation of the whole call. NULL for the defaults.
 * @param out_results      Receives the results, whose texts are ciphertexts; the caller frees them with
 *     `hf_results_free`. Set to NULL on failure.
 * @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results. Each has its own status, which may be a failure.
 * @retval HF_ERR_INVALID_ARGUMENT  `transit`, an array or `out_results` is NULL, or `parameters` are wrong.
 * @retval HF_ERR_UNSUPPORTED       The type of the key cannot do this.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_encrypt_many(const hf_transit *transit,
                                  const void *const *data,
                                  const size_t *lengths,
                                  size_t count,
                                  const hf_fields *parameters,
                                  const hf_fields *const *item_parameters,
                                  const hf_call *call,
                                  hf_results **out_results,
                                  hf_error **error) HF_NOEXCEPT;

/**
 * Decrypts many ciphertexts.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit          The key.
 * @param ciphertexts      An array of `count` ciphertexts. May be NULL if `count` is 0.
 * @param count            The number of items.
 * @param parameters       Parameters of all items, as for `hf_transit_decrypt`. NULL for none.
 * @param item_parameters  An array of `count` pointers to what differs for one item, each of which may be NULL. NULL for
 *     none.
 * @param call             Deadline and cancellation of the whole call. NULL for the defaults.
 * @param out_results      Receives the results, which `hf_results_bytes` reads; the caller frees them with
 *     `hf_results_free`, which wipes them. Set to NULL on failure.
 * @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results. Each has its own status, which may be a failure.
 * @retval HF_ERR_INVALID_ARGUMENT  `transit`, `ciphertexts` or `out_results` is NULL, or `parameters` are wrong.
 * @retval HF_ERR_UNSUPPORTED       The type of the key cannot do this.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_decrypt_many(const hf_transit *transit,
                                  const char *const *ciphertexts,
                                  size_t count,
                                  const hf_fields *parameters,
                                  const hf_fields *const *item_parameters,
                                  const hf_call *call,
                                  hf_results **out_results,
                                  hf_error **error) HF_NOEXCEPT;

/**
 * Encrypts the data of many ciphertexts under the latest version of the key.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit          The key.
 * @param ciphertexts      An array of `count` ciphertexts. May be NULL if `count` is 0.
 * @param count            The number of items.
 * @param parameters       Parameters of all items, as for `hf_transit_rewrap`. NULL for none.
 * @param item_parameters  An array of `count` pointers to what differs for one item, each of which may be NULL. NULL for
 *     none.
 * @param call             Deadline and cancellation of the whole call. NULL for the defaults.
 * @param out_results      Receives the results, whose texts are the new ciphertexts; the caller frees them with
 *     `hf_results_free`, which wipes them. Set to NULL on failure.
 * @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results. Each has its own status, which may be a failure.
 * @retval HF_ERR_INVALID_ARGUMENT  `transit`, `ciphertexts` or `out_results` is NULL, or `parameters` are wrong.
 * @retval HF_ERR_UNSUPPORTED       The type of the key cannot do this.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_transit_rewrap_many(const hf_transit *transit,
                                 const char *const *ciphertexts,
                                 size_t count,
                                 const hf_fields *parameters,
                                 const hf_fields *const *item_parameters,
                                 const hf_call *call,
                                 hf_results **out_results,
                                 hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup envelope Envelopes
 *
 * Encryption of data of any size, at the speed of memory. The data are encrypted here, with AES-256-GCM and a data key;
 * the envelope is the wrapped data key and the encrypted data behind it. docs/envelope.md has the format to the byte, and
 * says what it protects. Data and keys are wiped when they are freed.
 *
 * An envelope costs at most one request, and none while a data key is kept: VAULT_DATA_KEY_MAX_AGE and
 * VAULT_DATA_KEY_MAX_USES limit that. Each `hf_transit` keeps its own. The policy has to allow "update" of
 * `datakey/plaintext/<key>` for encryption, of `decrypt/<key>` for decryption, and of `rewrap/<key>` for
 * `hf_envelope_rewrap`.
 *
 * `parameters` may have "context" and "associated_data", both set by `hf_fields_set_bytes`, and "bits", which are 256.
 * "context", of 4096 bytes at most, goes to the server and stands in the envelope, readable by everybody; a decryption
 * takes it from there. "associated_data", of 65,535 bytes at most, are neither sent nor stored: the decryption has to give
 * the same. Another parameter is `HF_ERR_INVALID_ARGUMENT`.
 *
 * These functions share the statuses of the section "Transit", and have these in common:
 *
 * - `HF_ERR_INVALID_ARGUMENT`: NULL, a wrong parameter, what is not an envelope of this key, or one that was altered, cut
 *   off or lengthened; the message tells which;
 * - `HF_ERR_UNSUPPORTED`: the version of the key that wrapped the data key is below min_decryption_version, or a stream
 *   was begun before a fork and goes on in the child;
 * - `HF_ERR_TOO_LARGE`: "associated_data" are too long, there is not enough memory, or a stream exceeds 128 TiB.
 * @{
 */

/**
 * A stream that is encrypted or decrypted piece by piece. One owner, who frees it with `hf_envelope_free`; one thread at a
 * time. It keeps its key open.
 */
typedef struct hf_envelope hf_envelope;

/**
 * Encrypts data as a whole.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit     The key.
 * @param data        The bytes. May be NULL if `length` is 0.
 * @param length      The number of bytes.
 * @param parameters  "context", "associated_data". NULL for none.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param out_bytes   Receives the envelope; the caller frees it with `hf_bytes_free`. NULL unless the status is `HF_OK`.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_encrypt(const hf_transit *transit,
                              const void *data,
                              size_t length,
                              const hf_fields *parameters,
                              const hf_call *call,
                              hf_bytes **out_bytes,
                              hf_error **error) HF_NOEXCEPT;

/**
 * Decrypts an envelope as a whole.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit     The key.
 * @param data        The envelope.
 * @param length      The number of its bytes.
 * @param parameters  "associated_data", as for the encryption. "context" may be given, and then has to be that of the
 *     envelope. NULL for none.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param out_bytes   Receives the data; the caller frees them with `hf_bytes_free`, which wipes them. NULL unless the
 *     status is `HF_OK`.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_decrypt(const hf_transit *transit,
                              const void *data,
                              size_t length,
                              const hf_fields *parameters,
                              const hf_call *call,
                              hf_bytes **out_bytes,
                              hf_error **error) HF_NOEXCEPT;

/**
 * Begins an encryption piece by piece, for which the data key is asked for. `hf_envelope_update` takes the data and gives
 * the envelope, of which `hf_envelope_finish` gives the end.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit       The key.
 * @param parameters    "context", "associated_data". NULL for none.
 * @param call          Deadline and cancellation. NULL for the defaults.
 * @param out_envelope  Receives the stream; the caller frees it with `hf_envelope_free`. NULL unless the status is
 *     `HF_OK`.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_encryptor(const hf_transit *transit,
                                const hf_fields *parameters,
                                const hf_call *call,
                                hf_envelope **out_envelope,
                                hf_error **error) HF_NOEXCEPT;

/**
 * Begins a decryption piece by piece. `hf_envelope_update` takes the envelope and gives the data, and asks for the data
 * key once it has the header.
 *
 * May be called from any thread. Does not block.
 *
 * @param transit       The key.
 * @param parameters    As for `hf_envelope_decrypt`. NULL for none.
 * @param call          Cancellation. NULL for the defaults.
 * @param out_envelope  Receives the stream; the caller frees it with `hf_envelope_free`. NULL unless the status is
 *     `HF_OK`.
 * @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_decryptor(const hf_transit *transit,
                                const hf_fields *parameters,
                                const hf_call *call,
                                hf_envelope **out_envelope,
                                hf_error **error) HF_NOEXCEPT;

/**
 * Gives a stream more data; parts of 16 KiB to 1 MiB are the fastest. What it returns is authentic, and may be empty, since
 * the stream keeps up to 32 KiB back. After a failure, whatever its reason, the stream has ended and refuses everything
 * else: the data of the failed call would be missing.
 *
 * May be called from any thread while no other thread uses the stream. Blocks until the call's deadline at the latest,
 * where a decryption asks for its data key.
 *
 * @param envelope   The stream.
 * @param data       The bytes. May be NULL if `length` is 0.
 * @param length     The number of bytes.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param out_bytes  Receives what could be encrypted or decrypted, perhaps nothing; the caller frees it with
 *     `hf_bytes_free`, which wipes it. NULL unless the status is `HF_OK`.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_bytes` has the next bytes.
 * @retval HF_ERR_INVALID_ARGUMENT  The stream has ended, or another thread uses it; see also the introduction of this
 *     section, which has the other statuses.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_update(hf_envelope *envelope,
                             const void *data,
                             size_t length,
                             const hf_call *call,
                             hf_bytes **out_bytes,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Ends a stream, and returns the rest of its output. A decryption fails here if the envelope was cut off; what it has
 * given before is authentic, but only a part. The stream has ended after this, also if it failed, and still has to be freed.
 *
 * May be called from any thread while no other thread uses the stream. Does not block.
 *
 * @param envelope   The stream.
 * @param call       Cancellation. NULL for the defaults.
 * @param out_bytes  Receives the rest, perhaps nothing; the caller frees it with `hf_bytes_free`, which wipes it. NULL
 *     unless the status is `HF_OK`.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    The envelope is complete.
 * @retval HF_ERR_INVALID_ARGUMENT  The stream has ended already, or another thread uses it; see also the introduction of
 *     this section, which has the other statuses.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_finish(hf_envelope *envelope,
                             const hf_call *call,
                             hf_bytes **out_bytes,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Frees a stream, finished or not, and wipes what it holds.
 *
 * May be called from any thread while no other thread uses the stream. Does not block.
 *
 * @param envelope  The stream. May be NULL.
 */
HF_API void hf_envelope_free(hf_envelope *envelope) HF_NOEXCEPT;

/**
 * Encrypts from one descriptor to another, in constant memory: from the current offset of `from` to its end. Files, pipes,
 * stream sockets and terminals are taken, blocking and non-blocking ones; their mode stays as it is. Sockets of messages,
 * and the same file for both, are refused. No SIGPIPE is raised. After a failure a beginning of the envelope is in `to`.
 *
 * May be called from any thread. Blocks: without a timeout of `call` the manager's holds for the request and for each wait
 * for a descriptor; with one it holds for the whole. `hf_call_cancel` ends it within 100 ms. Files and disks are not
 * waited for by these rules. Others who read from the same blocking pipe, or, before Linux 6.4, write to it, can make the
 * call wait longer; so can a blocking terminal where the system has no `/proc`.
 *
 * @param transit     The key.
 * @param from        The descriptor of the data. Stays open, and must not be closed before the function returns.
 * @param to          The descriptor for the envelope, likewise.
 * @param parameters  "context", "associated_data". NULL for none.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    All is written. It is not synced to a disk.
 * @retval HF_ERR_IO                A descriptor could not be read or written; the message has the system's reason, such as
 *     that of `ENOSPC` or `EPIPE`.
 * @retval HF_ERR_INVALID_ARGUMENT  A descriptor is not open for that. See also the introduction of this section, which has
 *     the other statuses.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_encrypt_fd(const hf_transit *transit,
                                 int from,
                                 int to,
                                 const hf_fields *parameters,
                                 const hf_call *call,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Decrypts from one descriptor to another, in constant memory, under the rules of `hf_envelope_encrypt_fd`. What is
 * written to `to` is authentic. After a failure it may be a beginning of the data only, so a program must not take it for
 * all of them.
 *
 * May be called from any thread. Blocks as `hf_envelope_encrypt_fd`.
 *
 * @param transit     The key.
 * @param from        The descriptor of the envelope. Stays open, and must not be closed before the function returns.
 * @param to          The descriptor for the data, likewise.
 * @param parameters  As for `hf_envelope_decrypt`. NULL for none.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    All is written. It is not synced to a disk.
 * @retval HF_ERR_IO                A descriptor could not be read or written; the message has the system's reason, such as
 *     that of `ENOSPC` or `EPIPE`.
 * @retval HF_ERR_INVALID_ARGUMENT  A descriptor is not open for that. See also the introduction of this section, which has
 *     the other statuses.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_decrypt_fd(const hf_transit *transit,
                                 int from,
                                 int to,
                                 const hf_fields *parameters,
                                 const hf_call *call,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Wraps the data key of an envelope under the latest version of the key, in one request, whatever the size of the
 * envelope. The new header takes the place of the old one; the data behind it stay as they are. The new header may be
 * longer. The old one has 8 + w + c bytes, where w is the big-endian number in its bytes 4 and 5, and c the one in the two
 * bytes from offset 6 + w.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param transit    The key.
 * @param header     The envelope, or any beginning of it that has the whole header, which is never longer than 8200 bytes.
 * @param length     The number of bytes.
 * @param call       Deadline and cancellation. NULL for the defaults.
 * @param out_bytes  Receives the new header, and nothing of what followed the old one; the caller frees it with
 *     `hf_bytes_free`. NULL unless the status is `HF_OK`.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  Done. Other statuses: see the introduction of this section.
 */
HF_API
HF_MUST_USE
hf_status hf_envelope_rewrap(const hf_transit *transit,
                             const void *header,
                             size_t length,
                             const hf_call *call,
                             hf_bytes **out_bytes,
                             hf_error **error) HF_NOEXCEPT;

/** @} */

/** @defgroup watch Watches
 *
 * A watch tells which secrets have changed: rotated passwords, renewed certificates, new settings. It looks at them
 * every VAULT_WATCH_INTERVAL (30 seconds), at their metadata and not at their values, and a folder is one request where
 * the server can. There is no thread behind it: whoever waits in `hf_watch_next` looks. docs/rotation.md shows how
 * programs use it.
 * @{
 */

/**
 * The secret has another content.
 */
#define HF_CHANGE_WRITTEN 1

/**
 * The content is gone: the secret was deleted, or its latest version was deleted or destroyed.
 */
#define HF_CHANGE_DELETED 2

/**
 * The secret cannot be looked at; `hf_change_error` tells why.
 */
#define HF_CHANGE_FAILED 3

/**
 * A change of a secret. Immutable, so any thread may read it.
 */
typedef struct hf_change hf_change;

/**
 * Watches secrets for changes. One owner; any thread may add and remove references, and one at a time waits for changes.
 */
typedef struct hf_watch hf_watch;

/**
 * Creates a watch of nothing yet. It keeps its manager open.
 *
 * May be called from any thread. Does not block.
 *
 * @param manager    The manager.
 * @param out_watch  Receives the watch; the caller frees it with `hf_watch_free`. Set to NULL on failure.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_watch` has the watch.
 * @retval HF_ERR_INVALID_ARGUMENT  `manager` or `out_watch` is NULL.
 * @retval HF_ERR_UNSUPPORTED       The `env` backend cannot be watched.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_watch_new(const hf_manager *manager,
                       hf_watch **out_watch,
                       hf_error **error) HF_NOEXCEPT;

/**
 * Watches a secret, or everything beneath a folder. It is looked at by whoever waits for changes, at once if somebody
 * does. To add a reference again replaces what was known of it.
 *
 * May be called from any thread, also while another one waits. Does not block.
 *
 * @param watch          The watch.
 * @param reference      The reference of a secret, without `?version=`; or one that ends in '/', for everything beneath
 *     it, such as "vault://app/".
 * @param known_version  The version that the program has: anything else is told. 0: it has nothing, so what is there is
 *     told first. -1: only what changes after the first look. A folder takes 0 or -1.
 * @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     It is watched.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8; `known_version` is less than -1, or a version of a folder; the
 *     reference names a version.
 * @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
 * @retval HF_ERR_INTERNAL           A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_watch_add(hf_watch *watch,
                       const char *reference,
                       int64_t known_version,
                       hf_error **error) HF_NOEXCEPT;

/**
 * Ends the watch of a reference. Changes that were seen before may still be told.
 *
 * May be called from any thread, also while another one waits. Does not block.
 *
 * @param watch      The watch.
 * @param reference  The reference, as it was added.
 * @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    It is not watched any more.
 * @retval HF_NOT_FOUND             It was not watched. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API HF_MUST_USE hf_status hf_watch_remove(hf_watch *watch, const char *reference, hf_error **error) HF_NOEXCEPT;

/**
 * Waits for the next change. Several writes between two looks are one change, to the latest version. What the manager
 * has cached about a secret is dropped before its change is told, so a get afterwards returns this version or a later
 * one. A server that cannot be reached is waited for. No look comes sooner than the interval after the last one.
 *
 * Without a timeout in `call` it waits for ever; `VAULT_CLIENT_TIMEOUT` limits each look. To cancel the call loses no
 * change.
 *
 * May be called from any thread, by one at a time. Blocks until the call's deadline at the latest.
 *
 * @param watch       The watch.
 * @param call        Deadline and cancellation. NULL for none.
 * @param out_change  Receives the change; the caller frees it with `hf_change_free`. NULL unless the status is `HF_OK`.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_change` has the change.
 * @retval HF_NOT_FOUND             Nothing has changed in the time of the call. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  `watch` or `out_change` is NULL, or another thread waits.
 * @retval HF_ERR_CANCELLED         `hf_call_cancel`.
 * @retval HF_ERR_TIMEOUT           The server has not answered a look, and the calls have no more time for it.
 * @return Otherwise the failure of the last look, once the time of the call is over.
 */
HF_API
HF_MUST_USE
hf_status hf_watch_next(hf_watch *watch,
                        const hf_call *call,
                        hf_change **out_change,
                        hf_error **error) HF_NOEXCEPT;

/**
 * Returns which secret has changed.
 *
 * May be called from any thread. Does not block.
 *
 * @param change  The change.
 * @return The reference as it was added; of a secret beneath a folder its canonical reference. "" if `change` is NULL.
 *     Borrowed: valid as long as `change`; do not free it.
 */
HF_API const char *hf_change_reference(const hf_change *change) HF_NOEXCEPT;

/**
 * Returns what has changed.
 *
 * May be called from any thread. Does not block.
 *
 * @param change  The change.
 * @return `HF_CHANGE_WRITTEN`, `HF_CHANGE_DELETED` or `HF_CHANGE_FAILED`. Later versions of the library may have others:
 *     then read the secret again. 0 if `change` is NULL.
 */
HF_API
int32_t hf_change_kind(const hf_change *change) HF_NOEXCEPT;

/**
 * Returns the number of the latest version.
 *
 * May be called from any thread. Does not block.
 *
 * @param change  The change.
 * @return The number: of the version that was written, or of the one that was deleted. 0 for a failure, or if `change` is
 *     NULL.
 */
HF_API
int64_t hf_change_version(const hf_change *change) HF_NOEXCEPT;

/**
 * Returns why a secret cannot be looked at. It is told once for a reference, until a look goes well again.
 *
 * May be called from any thread. Does not block.
 *
 * @param change  The change.
 * @return The error of `HF_CHANGE_FAILED`; NULL for other changes, or if `change` is NULL. Borrowed: valid as long as
 *     `change`; do not free it.
 */
HF_API const hf_error *hf_change_error(const hf_change *change) HF_NOEXCEPT;

/**
 * Frees a change.
 *
 * May be called from any thread. Does not block.
 *
 * @param change  The change. May be NULL.
 */
HF_API void hf_change_free(hf_change *change) HF_NOEXCEPT;

/**
 * Frees a watch. Sends no request.
 *
 * May be called from any thread once no other one uses the watch; a call in a queue keeps what it needs. Does not block.
 *
 * @param watch  The watch. May be NULL.
 */
HF_API
void hf_watch_free(hf_watch *watch) HF_NOEXCEPT;

/** @} */

/** @defgroup lease Leases
 *
 * A lease is one set of credentials that the server made for the program, such as a database user, with the time that they
 * live. `hf_lease_open` serves any path that gives credentials: "database/creds/app", "database/static-creds/app",
 * "rabbitmq/creds/app", "kubernetes/creds/app", "pki/issue/web" with parameters; and a secret of the KV engine by its
 * reference. `hf_credentials`, in the next section, keeps them valid; docs/leases.md has pools, and what happens when
 * Vault is down.
 *
 * How long credentials live is told by their lease; by the next rotation, for a static role; or by their own end, for a
 * certificate. A lease never outlives the token that it was made with, whatever the server says, so that the time left is
 * that of the token if it is less. For a token that the program supplies, that needs "read" on auth/token/lookup-self,
 * which the default policy has.
 *
 * The functions that block share the statuses of the section "Secrets", and `HF_ERR_UNSUPPORTED` for the `env` backend.
 * @{
 */

/**
 * One set of credentials. Reference-counted; any number of threads may use it at once. Its fields and its id never change;
 * the time that is left does, with renewals. Everything is wiped when the last reference is freed.
 */
typedef struct hf_lease hf_lease;

/**
 * Obtains credentials.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager     The manager. It stays open as long as the lease.
 * @param path        The path behind /v1/, such as "database/creds/app", or a reference, such as "vault://db".
 * @param parameters  What is sent with a POST. NULL for a GET. Fields without an entry are a POST without parameters.
 * @param call        Deadline and cancellation. NULL for the defaults.
 * @param out_lease   Receives the lease; the caller owns one reference and frees it with `hf_lease_free`. NULL unless the
 *     status is `HF_OK`.
 * @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    `*out_lease` has the lease.
 * @retval HF_NOT_FOUND             There is nothing at the path. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, a path that cannot be sent, or parameters that the server refuses.
 * @retval HF_ERR_CONFIG            The mount or the role does not exist.
 * @retval HF_ERR_AUTH              The token is refused, or its uses (num_uses) do not suffice.
 * @retval HF_ERR_UNSUPPORTED       The path does not give credentials this way, or there is no server.
 */
HF_API
HF_MUST_USE
hf_status hf_lease_open(const hf_manager *manager,
                        const char *path,
                        const hf_fields *parameters,
                        const hf_call *call,
                        hf_lease **out_lease,
                        hf_error **error) HF_NOEXCEPT;

/**
 * Returns the credentials, such as the fields "username" and "password".
 *
 * May be called from any thread. Does not block.
 *
 * @param lease  The lease.
 * @return The fields. NULL if `lease` is NULL. Borrowed: valid as long as the lease; `hf_document_ref` makes a reference of
 *     their own.
 */
HF_API
const hf_document *hf_lease_fields(const hf_lease *lease) HF_NOEXCEPT;

/**
 * Returns the id of the lease at the server.
 *
 * May be called from any thread. Does not block.
 *
 * @param lease  The lease.
 * @return UTF-8; "" if the server has no lease for the credentials. NULL if `lease` is NULL. Borrowed: valid as long as the
 *     lease; do not free it.
 */
HF_API
const char *hf_lease_id(const hf_lease *lease) HF_NOEXCEPT;

/**
 * Returns how long the credentials are valid from now on. It grows when the lease, or the token that it was made with, is
 * renewed, in all leases of the same generation. A pool closes a connection before this is over.
 *
 * May be called from any thread. Does not block.
 *
 * @param lease  The lease.
 * @return Milliseconds; 0 if they are over or `lease` is NULL; -1 if they have no end.
 */
HF_API
int64_t hf_lease_remaining_ms(const hf_lease *lease) HF_NOEXCEPT;

/**
 * Returns the number of the generation of `hf_credentials`: another number, other credentials.
 *
 * May be called from any thread. Does not block.
 *
 * @param lease  The lease.
 * @return From 1; 0 for a lease of `hf_lease_open`, or if `lease` is NULL.
 */
HF_API uint64_t hf_lease_generation(const hf_lease *lease) HF_NOEXCEPT;

/**
 * Renews a lease for the time of its role. Near its maximum it gets less than that: `hf_lease_remaining_ms` tells. A lease
 * of `hf_credentials_get` is renewed by these.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param lease  The lease.
 * @param call   Deadline and cancellation. NULL for the defaults.
 * @param error  Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    It was renewed.
 * @retval HF_NOT_FOUND             The server does not know the lease any more. No error is created.
 * @retval HF_ERR_INVALID_ARGUMENT  `lease` is NULL, or of `hf_credentials_get`.
 * @retval HF_ERR_UNSUPPORTED       The credentials cannot be renewed; or a login has replaced the token that they end with;
 *     or they were made by the parent of this process.
 */
HF_API
HF_MUST_USE
hf_status hf_lease_renew(const hf_lease *lease,
                         const hf_call *call,
                         hf_error **error) HF_NOEXCEPT;

/**
 * Revokes a lease, so that its credentials are of no use any more. One that is over already is no failure. The default
 * policy does not allow this: it needs "update" on sys/leases/revoke. Connections that are open may go on for a while.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param lease  The lease.
 * @param call   Deadline and cancellation. NULL for the defaults.
 * @param error  Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     It is revoked.
 * @retval HF_ERR_INVALID_ARGUMENT   `lease` is NULL, or of `hf_credentials_get`.
 * @retval HF_ERR_PERMISSION_DENIED  The policy does not allow it: the credentials live until their end.
 * @retval HF_ERR_UNSUPPORTED        The credentials have no lease, or were made by the parent of this process.
 */
HF_API HF_MUST_USE hf_status hf_lease_revoke(const hf_lease *lease, const hf_call *call, hf_error **error) HF_NOEXCEPT;

/**
 * Adds a reference to a lease.
 *
 * May be called from any thread. Does not block.
 *
 * @param lease  The lease.
 * @return `lease`; the caller frees the new reference with `hf_lease_free`. NULL if `lease` is NULL.
 */
HF_API hf_lease *hf_lease_ref(const hf_lease *lease) HF_NOEXCEPT;

/**
 * Frees one reference. Sends no request: the credentials live until their end.
 *
 * May be called from any thread. Does not block.
 *
 * @param lease  A reference that the caller owns. May be NULL.
 */
HF_API void hf_lease_free(hf_lease *lease) HF_NOEXCEPT;

/** @} */

/** @defgroup credentials Credentials
 *
 * A source of credentials that are always valid. A program asks for them whenever it opens a connection, and gets a lease
 * that is good at that time: renewed at two thirds of its time, and replaced by another when it cannot be renewed any
 * longer or its token ends. Most calls send nothing and take less than a microsecond.
 *
 * There is no thread. The call that finds the credentials due sends what is needed, while others go on with what there is.
 * A program that seldom asks calls `hf_manager_maintain` besides. A lease that was handed out stays valid until its own
 * end, so that connections of an older generation go on until their `hf_lease_remaining_ms`.
 *
 * A server that is down costs nothing while the credentials live: they are handed out, and the server is asked again after
 * a pause. From a fortieth of their time before the end on, 250 ms at most, which are left for a login to succeed in,
 * `hf_credentials_get` fails, and its message tells since when and why. If renewals are refused, or the credentials are
 * (`hf_credentials_refused`), other ones are made, but no more than one set in half of their time.
 *
 * What has no lease is read again after VAULT_WATCH_INTERVAL: a secret, or a static role.
 *
 * After a fork the child goes on with the leases that it inherited. When they are over, or the child has reported that they
 * are refused, it makes its own.
 * @{
 */

/**
 * A source of credentials. Reference-counted; any number of threads may use it at once.
 */
typedef struct hf_credentials hf_credentials;

/**
 * Opens a source of credentials, and obtains the first ones.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param manager          The manager. It stays open as long as the credentials.
 * @param path             The path behind /v1/, such as "database/creds/app", or a reference, such as "vault://db".
 * @param parameters       What is sent with a POST. NULL for a GET. Fields without an entry are a POST without parameters.
 * @param call             Deadline and cancellation. NULL for the defaults.
 * @param out_credentials  Receives the source; the caller owns one reference and frees it with `hf_credentials_free`. NULL
 *     unless the status is `HF_OK`.
 * @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK  `*out_credentials` has the source. Other statuses: see `hf_lease_open`.
 */
HF_API
HF_MUST_USE
hf_status hf_credentials_open(const hf_manager *manager,
                              const char *path,
                              const hf_fields *parameters,
                              const hf_call *call,
                              hf_credentials **out_credentials,
                              hf_error **error) HF_NOEXCEPT;

/**
 * Returns credentials that are valid. Ask again for each connection that is opened.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest, and only if the credentials are due and no
 * other call renews or replaces them, or if there are none. One that finds them due spends no more than half of its time on
 * credentials that can still be used, and at most 5 seconds, or twice as long as it took to make the last ones.
 *
 * @param credentials  The source.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param out_lease    Receives the lease; the caller owns one reference and frees it with `hf_lease_free`. NULL unless the
 *     status is `HF_OK`.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK         `*out_lease` has valid credentials.
 * @retval HF_NOT_FOUND  There is nothing at the path any more. No error is created.
 * @return Otherwise the reason why there are none, with the statuses of `hf_lease_open`.
 */
HF_API
HF_MUST_USE
hf_status hf_credentials_get(const hf_credentials *credentials,
                             const hf_call *call,
                             hf_lease **out_lease,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Reports that the credentials of a lease were not accepted, for example because somebody has dropped the user. The next
 * `hf_credentials_get` replaces them, unless such a report or a refused renewal has done so within half of their time: then
 * they stay until that is over. For a lease of an earlier generation nothing is done.
 *
 * Report a refused login only, and not a connection that broke.
 *
 * May be called from any thread. Does not block.
 *
 * @param credentials  The source.
 * @param lease        The lease, from `hf_credentials_get`.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                    Noted.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, or a lease of `hf_lease_open`.
 */
HF_API
HF_MUST_USE
hf_status hf_credentials_refused(const hf_credentials *credentials,
                                 const hf_lease *lease,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Revokes the leases of every generation that is alive; a child process leaves those of its parent alone. The next
 * `hf_credentials_get` makes other ones. The default policy does not allow this: it needs "update" on sys/leases/revoke.
 *
 * May be called from any thread. Blocks until the call's deadline at the latest.
 *
 * @param credentials  The source.
 * @param call         Deadline and cancellation. NULL for the defaults.
 * @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
 * @retval HF_OK                     All are revoked.
 * @retval HF_ERR_INVALID_ARGUMENT   `credentials` is NULL.
 * @retval HF_ERR_PERMISSION_DENIED  The policy does not allow it: they live until their end.
 */
HF_API
HF_MUST_USE
hf_status hf_credentials_revoke(const hf_credentials *credentials,
                                const hf_call *call,
                                hf_error **error) HF_NOEXCEPT;

/**
 * Adds a reference to a source of credentials.
 *
 * May be called from any thread. Does not block.
 *
 * @param credentials  The source.
 * @return `credentials`; the caller frees the new reference with `hf_credentials_free`. NULL if `credentials` is NULL.
 */
HF_API hf_credentials *hf_credentials_ref(const hf_credentials *credentials) HF_NOEXCEPT;

/**
 * Frees one reference. Sends no request: what was obtained lives until its end.
 *
 * May be called from any thread. Does not block.
 *
 * @param credentials  A reference that the caller owns. May be NULL.
 */
HF_API void hf_credentials_free(hf_credentials *credentials) HF_NOEXCEPT;

/** @} */


#ifdef __cplusplus
}
#endif

#endif /* HANDSFREE_SECRETS_H */
