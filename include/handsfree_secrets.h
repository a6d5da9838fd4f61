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
#define HF_VERSION_MAJOR 0
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_MINOR 1
/** See HF_VERSION_MAJOR. */
#define HF_VERSION_PATCH 0
/** major * 1000000 + minor * 1000 + patch, for the preprocessor to compare. */
#define HF_VERSION_NUMBER 1000
/** "major.minor.patch" */
#define HF_VERSION_STRING "0.1.0"

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

/** @defgroup version Version
 *
 * The version of the library that is loaded, which may be newer than the header that a program was compiled with.
 * @{
 */

/**
 * The version of the loaded library, as `HF_VERSION_STRING` is that of this header.
 *
 * Any thread; does not block.
 *
 * @return A text such as "0.1.0". Borrowed: it lives as long as the process, and is not freed.
 */
HF_API const char *hf_version(void) HF_NOEXCEPT;

/**
 * The version of the loaded library as a number: major * 1000000 + minor * 1000 + patch, as `HF_VERSION_NUMBER` is
 * that of this header.
 *
 * Any thread; does not block.
 *
 * @return The number. A program that needs a function of version a.b.c compares with it.
 */
HF_API int32_t hf_version_number(void) HF_NOEXCEPT;

/** @} */

/** @defgroup error Statuses and errors
 *
 * Every function that can fail returns an `hf_status`. Success is `HF_OK` and nothing else; `HF_NOT_FOUND` is no
 * success and no error; everything negative is a failure. Later versions may add numbers: treat a negative number
 * that you do not know as a failure.
 * @{
 */

/**
 * Why a call failed. Immutable, and so usable from any thread. Owned by the caller of the function that failed, who
 * frees it with `hf_error_free`.
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
 * There is no such secret. Not an error: no `hf_error` is made, and the out-value is NULL.
 */
#define HF_NOT_FOUND 1

/**
 * NULL where a value is needed, invalid UTF-8, an invalid key, an unknown option. The message names the
 * parameter.
 */
#define HF_ERR_INVALID_ARGUMENT (-1)

/**
 * The text is no reference of this manager. Also logged as a warning.
 */
#define HF_ERR_INVALID_REFERENCE (-2)

/**
 * Configuration is missing or contradicts itself; or the mount or the namespace does not exist.
 */
#define HF_ERR_CONFIG (-3)

/**
 * Vault refuses the credentials; or the token is dead and no login can replace it.
 */
#define HF_ERR_AUTH (-4)

/**
 * The token is alive, but its policy says no. The message names the path and the capability.
 */
#define HF_ERR_PERMISSION_DENIED (-5)

/**
 * No TCP or Unix-socket connection could be made, or it broke.
 */
#define HF_ERR_CONNECTION (-6)

/**
 * A certificate was refused, by us or by the server, or the TLS handshake failed.
 */
#define HF_ERR_TLS (-7)

/**
 * The call's time was up.
 */
#define HF_ERR_TIMEOUT (-8)

/**
 * Vault is sealed, not initialised or without an active node; or it answered with a passing server error, also
 * after the retries.
 */
#define HF_ERR_UNAVAILABLE (-9)

/**
 * Vault limits the rate of requests, also after the retries.
 */
#define HF_ERR_RATE_LIMITED (-10)

/**
 * Others changed the secret at the same time, again and again.
 */
#define HF_ERR_CONFLICT (-11)

/**
 * A value or an answer is over a limit: the server's, ours, or the capacity of the caller's buffer. Or there is no
 * memory for it.
 */
#define HF_ERR_TOO_LARGE (-12)

/**
 * What answers is not Vault, or not as documented.
 */
#define HF_ERR_PROTOCOL (-13)

/**
 * This backend, mount or server cannot do it; or the value is one that this function cannot return.
 */
#define HF_ERR_UNSUPPORTED (-14)

/**
 * `hf_call_cancel` ended the call.
 */
#define HF_ERR_CANCELLED (-15)

/**
 * A bug in the library.
 */
#define HF_ERR_INTERNAL (-16)

/**
 * The status of the call that failed.
 *
 * Any thread; does not block.
 *
 * @param error  The error.
 * @return The same number that the failed function returned. `HF_ERR_INVALID_ARGUMENT` where `error` is NULL.
 */
HF_API HF_MUST_USE hf_status hf_error_status(const hf_error *error) HF_NOEXCEPT;

/**
 * What failed, with which path, variable or parameter, and what to do next, in English, for people. Programs look at
 * the status. The text may change between versions. It never holds a secret value, a token or a secret_id.
 *
 * Any thread; does not block.
 *
 * @param error  The error.
 * @return UTF-8 in one line. Borrowed: it lives as long as `error`, and is not freed. "" where `error` is NULL.
 */
HF_API const char *hf_error_message(const hf_error *error) HF_NOEXCEPT;

/**
 * The HTTP status of the answer that the failure came with.
 *
 * Any thread; does not block.
 *
 * @param error  The error.
 * @return Such as 403. 0 where no HTTP answer was involved, or `error` is NULL.
 */
HF_API int32_t hf_error_http_status(const hf_error *error) HF_NOEXCEPT;

/**
 * Frees an error.
 *
 * Any thread; does not block.
 *
 * @param error  The error. NULL is fine.
 */
HF_API void hf_error_free(hf_error *error) HF_NOEXCEPT;

/**
 * The name of a status, for log lines.
 *
 * Any thread; does not block.
 *
 * @param status  Any number.
 * @return Such as "HF_NOT_FOUND"; "HF_UNKNOWN" for a number that this version does not know. Borrowed: it lives as
 *     long as the process, and is not freed.
 */
HF_API const char *hf_status_name(hf_status status) HF_NOEXCEPT;

/** @} */

/** @defgroup log Logging
 *
 * The library is silent unless it is asked. A line goes to the callback of its manager's options if they have one,
 * else to the process-wide callback, else to standard error if `VAULT_LOG_LEVEL` says so. No line at any level holds
 * a secret value, a token or a secret_id.
 *
 * A callback may run on any thread that calls the library, on several at once, and no lock of the library is held
 * meanwhile: it may call the library, and may replace itself. It must return: no C++ exception, no longjmp, no
 * pthread_exit.
 * @{
 */

/**
 * No line at all.
 */
#define HF_LOG_OFF 0

/**
 * Something failed.
 */
#define HF_LOG_ERROR 1

/**
 * Needs attention: TLS verification is off, two kinds of credentials are set.
 */
#define HF_LOG_WARN 2

/**
 * Changes of state: a login, another node.
 */
#define HF_LOG_INFO 3

/**
 * What each request did.
 */
#define HF_LOG_DEBUG 4

/**
 * Every step.
 */
#define HF_LOG_TRACE 5

/**
 * Receives log lines.
 *
 * `level` is one of `HF_LOG_ERROR` to `HF_LOG_TRACE`. `message` is UTF-8 in one line, valid during the call only.
 * `user_data` is what was given with the callback.
 */
typedef void (*hf_log_callback)(int32_t level, const char *message, void *user_data);

/**
 * Called once, when the library will never use `user_data` again; on any thread.
 */
typedef void (*hf_destroy)(void *user_data);

/**
 * Sets or removes the process-wide log callback, which serves all managers whose options have none.
 *
 * Any thread, at any time, also from within the callback; does not block. The `destroy` of the callback before is
 * called once the last call into it has returned: mostly before this function returns, else on the thread that was
 * still inside of it.
 *
 * @param callback   Receives the lines. NULL: none from now on; then `user_data` and `destroy` are not used.
 * @param user_data  Passed to `callback` and `destroy`; may be NULL. Stays the caller's until `destroy` is called.
 * @param destroy    Called once when `user_data` is no longer needed; NULL: nothing to do.
 * @param max_level  `HF_LOG_*`: lines beyond this level are not passed on. A smaller number is taken as `HF_LOG_OFF`,
 *     a larger one as `HF_LOG_TRACE`.
 */
HF_API
void hf_set_log_callback(hf_log_callback callback,
                         void *user_data,
                         hf_destroy destroy,
                         int32_t max_level) HF_NOEXCEPT;

/** @} */

/** @defgroup options Options
 *
 * The settings that a manager is opened with. An option has the name of the environment variable of the same meaning,
 * and comes before the environment:
 * `hf_options_set(options, "VAULT_ADDR", "https://vault.example.com:8200", &error)`. The groups address; credentials;
 * CA; client certificate and key; proxy are taken whole: where one member is set as an option, no member comes from the
 * environment.
 *
 * Options are changed by one thread at a time, and unchanged used by any number of calls. They can be freed as soon as
 * the manager is open.
 * @{
 */

/**
 * Options of a manager that is to be opened. One owner; changed by one thread at a time.
 */
typedef struct hf_options hf_options;

/**
 * New options: nothing is set, and what is not set comes from the environment.
 *
 * Any thread; does not block.
 *
 * @return The options, owned by the caller: `hf_options_free`. NULL only if there is a bug in the library.
 */
HF_API hf_options *hf_options_new(void) HF_NOEXCEPT;

/**
 * New options for a manager that never looks at the environment: nothing is set, and what is not set has its default.
 *
 * Any thread; does not block.
 *
 * @return The options, owned by the caller: `hf_options_free`. NULL only if there is a bug in the library.
 */
HF_API hf_options *hf_options_new_isolated(void) HF_NOEXCEPT;

/**
 * Sets an option. The name is checked now, the value when a manager is opened.
 *
 * One thread at a time for each `options`; does not block.
 *
 * @param options  The options.
 * @param name     Such as "VAULT_ADDR". A name that this version does not know is refused, so this also tells what a
 *     library can do.
 * @param value    Copied. "" means explicitly none: the environment does not count either.
 * @param error    Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, in place of what was set before.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an unknown name; the message has the nearest known one.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_options_set(hf_options *options,
                         const char *name,
                         const char *value,
                         hf_error **error) HF_NOEXCEPT;

/**
 * Sets or removes the log callback of the managers that are opened with these options. It comes in place of the
 * process-wide one and of standard error.
 *
 * One thread at a time for each `options`; does not block. `destroy` is called once, after the last call into the
 * callback: when it has been replaced or its options freed, and the last manager opened with it freed too.
 *
 * @param options    The options.
 * @param callback   Receives the lines. NULL: none; then `user_data` and `destroy` are not used.
 * @param user_data  Passed to `callback` and `destroy`; may be NULL. Stays the caller's until `destroy` is called.
 * @param destroy    Called once when `user_data` is no longer needed; NULL: nothing to do. Not called for a callback
 *     that was refused.
 * @param max_level  `HF_LOG_*`: lines beyond this level are not passed on.
 * @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, in place of the one before.
 * @retval HF_ERR_INVALID_ARGUMENT  `options` is NULL, or `max_level` is no level.
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
 * Any thread, when no other uses them; does not block.
 *
 * @param options  The options. NULL is fine.
 */
HF_API void hf_options_free(hf_options *options) HF_NOEXCEPT;

/** @} */

/** @defgroup call Calls
 *
 * The settings of calls: how long each may take, and a way to end them from another thread or from a signal handler. A
 * NULL call has the manager's timeout (`VAULT_CLIENT_TIMEOUT`, 60 seconds if not set) and cannot be cancelled. One
 * `hf_call` may serve any number of calls, one after the other or at once on any number of threads; the time of each
 * begins with it. To cancel it ends all of them.
 * @{
 */

/**
 * Settings of calls. One owner; set by one thread at a time, then used by any number of calls at once.
 */
typedef struct hf_call hf_call;

/**
 * New settings: the manager's timeout, not cancelled.
 *
 * Any thread; does not block.
 *
 * @return The settings, owned by the caller: `hf_call_free`. NULL only if there is a bug in the library.
 */
HF_API hf_call *hf_call_new(void) HF_NOEXCEPT;

/**
 * Sets how long a call may take: connecting, TLS, sending, waiting and reading, retries and logins included. A call
 * that is running already keeps its time.
 *
 * One thread at a time for each `call`; does not block.
 *
 * @param call          The settings.
 * @param milliseconds  At least 1: there is no call that takes no time. There is no "for ever"; a large number will
 *     do.
 * @param error         Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set, for the calls that begin from now on.
 * @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is 0 or negative.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API HF_MUST_USE hf_status hf_call_set_timeout_ms(hf_call *call, int64_t milliseconds, hf_error **error) HF_NOEXCEPT;

/**
 * Ends all calls that run with these settings, within 100 ms, with `HF_ERR_CANCELLED`; and every later one with them
 * at once. It cannot be undone: a cancelled `hf_call` can only be freed.
 *
 * Any thread, also while calls run, and a signal handler: it is async-signal-safe, the only function of the library
 * that is. Does not block.
 *
 * @param call  The settings. NULL is fine.
 */
HF_API void hf_call_cancel(const hf_call *call) HF_NOEXCEPT;

/**
 * Frees settings.
 *
 * Any thread, when no call runs with them and no other thread or signal handler is about to cancel; does not block.
 *
 * @param call  The settings. NULL is fine.
 */
HF_API void hf_call_free(hf_call *call) HF_NOEXCEPT;

/** @} */

/** @defgroup manager Managers
 *
 * A manager is a store of secrets: a Vault mount, or the process environment. It is counted: each reference that a
 * function gives is freed once, and the manager closes with the last. All its functions may be called from any number
 * of threads at once, and from a child after a fork.
 * @{
 */

/**
 * A store of secrets. Counted; usable from any number of threads at once.
 */
typedef struct hf_manager hf_manager;

/**
 * Opens a manager. The configuration is checked first; then, for Vault, the credentials are tried once, so that errors
 * show now and not at the first secret.
 *
 * Any thread. Blocks, until the call's time is up at the latest. `options` are not changed, and may be used by
 * several threads for this at once.
 *
 * @param options      What to open. NULL: what the environment says.
 * @param call         Time limit and cancellation. NULL: the defaults.
 * @param out_manager  Where the manager goes; the caller owns one reference: `hf_manager_free`. NULL on failure.
 * @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                      Open.
 * @retval HF_ERR_INVALID_ARGUMENT    `out_manager` is NULL.
 * @retval HF_ERR_CONFIG              A setting is missing or wrong, or two contradict each other; the namespace does
 *     not exist, or VAULT_MOUNT lies inside of a mount. The message names the variable. A mount that does not exist
 *     is reported by the first operation: no token may ask for it in advance.
 * @retval HF_ERR_AUTH                Vault refuses the credentials.
 * @retval HF_ERR_PERMISSION_DENIED   The credentials may not log in, or not from here.
 * @retval HF_ERR_CONNECTION          Vault cannot be reached.
 * @retval HF_ERR_TLS                 A certificate was refused, or the handshake failed.
 * @retval HF_ERR_TIMEOUT             The call's time was up.
 * @retval HF_ERR_UNAVAILABLE         Vault is sealed, not initialised or without an active node.
 * @retval HF_ERR_RATE_LIMITED        Vault limits the rate of requests.
 * @retval HF_ERR_PROTOCOL            What answers is not Vault.
 * @retval HF_ERR_UNSUPPORTED         This version has no such backend or way to log in.
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
 * The manager of the whole process, as the environment says. The first caller opens it, the others get the same. A
 * failure is not remembered: the next caller tries again.
 *
 * Any thread. Blocks where it opens the manager, or waits for a thread that does; until the call's time is up at the
 * latest.
 *
 * @param call         Time limit and cancellation. NULL: the defaults.
 * @param out_manager  Where the manager goes; the caller owns one reference: `hf_manager_free`. NULL on failure.
 * @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @return The statuses of `hf_manager_open`.
 */
HF_API
HF_MUST_USE
hf_status hf_manager_default(const hf_call *call,
                             hf_manager **out_manager,
                             hf_error **error) HF_NOEXCEPT;

/**
 * Forgets the process-wide manager: the next `hf_manager_default` opens a new one. Only the library's reference is
 * dropped; whoever has one goes on using it.
 *
 * Any thread; does not block.
 */
HF_API void hf_manager_reset_default(void) HF_NOEXCEPT;

/**
 * Adds a reference.
 *
 * Any thread; does not block.
 *
 * @param manager  The manager.
 * @return `manager`, owned once more: one more `hf_manager_free`. NULL where `manager` is NULL.
 */
HF_API hf_manager *hf_manager_ref(const hf_manager *manager) HF_NOEXCEPT;

/**
 * Drops one reference; the last one closes the manager. Makes no request and revokes no token.
 *
 * Any thread; does not block.
 *
 * @param manager  A reference of the caller's own. NULL is fine.
 */
HF_API void hf_manager_free(hf_manager *manager) HF_NOEXCEPT;

/**
 * The kind of the manager.
 *
 * Any thread; does not block.
 *
 * @param manager  The manager.
 * @return "env" or "vault". Borrowed: it lives as long as the process, and is not freed. NULL where `manager` is NULL.
 */
HF_API const char *hf_manager_type(const hf_manager *manager) HF_NOEXCEPT;

/** @} */

/** @defgroup metadata Metadata
 *
 * Data stored beside a value: a map from string to string, such as `{"scopes": "repo,user"}`. Stored in Vault
 * beside the value; the `env` backend ignores it.
 * @{
 */

/**
 * A map from string to string. One owner; changed by one thread at a time, and unchanged used by any number of calls.
 */
typedef struct hf_metadata hf_metadata;

/**
 * New, empty metadata.
 *
 * Any thread; does not block.
 *
 * @return The metadata, owned by the caller: `hf_metadata_free`. NULL only if there is a bug in the library.
 */
HF_API hf_metadata *hf_metadata_new(void) HF_NOEXCEPT;

/**
 * Sets one entry, in place of an entry with the same key.
 *
 * One thread at a time for each `metadata`, while no other uses it; does not block.
 *
 * @param metadata  The metadata.
 * @param key       Copied. Any UTF-8 text.
 * @param value     Copied. Any UTF-8 text.
 * @param error     Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    Set.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
 * @retval HF_ERR_TOO_LARGE         There is no memory for the copies.
 * @retval HF_ERR_INTERNAL          A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_metadata_set(hf_metadata *metadata,
                          const char *key,
                          const char *value,
                          hf_error **error) HF_NOEXCEPT;

/**
 * Frees metadata.
 *
 * Any thread, when no other uses it; does not block.
 *
 * @param metadata  The metadata. NULL is fine.
 */
HF_API void hf_metadata_free(hf_metadata *metadata) HF_NOEXCEPT;

/** @} */

/** @defgroup list Lists of strings
 * @{
 */

/**
 * A list of strings. Immutable, and so usable from any thread. One owner, who frees it with `hf_string_list_free`.
 */
typedef struct hf_string_list hf_string_list;

/**
 * How many strings the list has.
 *
 * Any thread; does not block.
 *
 * @param list  The list.
 * @return The number; 0 where `list` is NULL.
 */
HF_API size_t hf_string_list_len(const hf_string_list *list) HF_NOEXCEPT;

/**
 * One string of the list.
 *
 * Any thread; does not block.
 *
 * @param list   The list.
 * @param index  From 0.
 * @return UTF-8. Borrowed: it lives as long as `list`, and is not freed. NULL past the end, or where `list` is NULL.
 */
HF_API const char *hf_string_list_get(const hf_string_list *list, size_t index) HF_NOEXCEPT;

/**
 * Frees a list, its strings included.
 *
 * Any thread, when no other uses it; does not block.
 *
 * @param list  The list. NULL is fine.
 */
HF_API void hf_string_list_free(hf_string_list *list) HF_NOEXCEPT;

/** @} */

/** @defgroup secrets Secrets
 *
 * The five operations. All of them may be called from any number of threads at once on one manager, and block until
 * the call's time is up at the latest; thread cancellation is disabled meanwhile. They share these statuses, which
 * the functions do not repeat:
 *
 * - `HF_ERR_CONFIG`: the mount or the namespace does not exist;
 * - `HF_ERR_AUTH`: the token is dead and no login can replace it;
 * - `HF_ERR_PERMISSION_DENIED`: the policy says no; the message names path and capability;
 * - `HF_ERR_CONNECTION`, `HF_ERR_TLS`, `HF_ERR_UNAVAILABLE`, `HF_ERR_RATE_LIMITED`, `HF_ERR_PROTOCOL`: as in
 *   `hf_manager_open`;
 * - `HF_ERR_TIMEOUT`, `HF_ERR_CANCELLED`: the call's time was up, or `hf_call_cancel`;
 * - `HF_ERR_INTERNAL`: a bug in the library.
 *
 * `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` and `HF_ERR_CANCELLED` from store, update or delete mean
 * that it may have happened all the same; so does `HF_ERR_PROTOCOL`, where the answer made no sense.
 *
 * A reference is a capability: it names what is read or deleted. Never take one from untrusted input.
 * @{
 */

/**
 * Stores a value under a key, replacing what was there, its metadata included.
 *
 * Any thread; blocks.
 *
 * @param manager        The manager.
 * @param key            Such as "github_token_user_123". '.' and '_' are the same as '/': the secret is at
 *     github/token/user/123. At most 512 bytes; no empty segments, no control characters.
 * @param value          The value. "" is a value.
 * @param metadata       What stands beside the value. NULL or empty: none.
 * @param call           Time limit and cancellation. NULL: the defaults.
 * @param out_reference  Where the reference to get the secret back with goes, such as
 *     "vault://github_token_user_123"; owned by the caller: `hf_free_string`. May be NULL. NULL on failure.
 * @param error          Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    Stored.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an invalid key; nothing was sent.
 * @retval HF_ERR_CONFLICT          The mount demands check-and-set, and others kept writing.
 * @retval HF_ERR_TOO_LARGE         The value is over the server's limit or ours; nothing was written.
 * @retval HF_ERR_UNSUPPORTED       The mount is no KV version 2.
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
 * Gets the value behind a reference.
 *
 * Any thread; blocks.
 *
 * @param manager    The manager.
 * @param reference  Such as "vault://github_token_user_123", "vault://db?version=3", "vault://db#password".
 * @param call       Time limit and cancellation. NULL: the defaults.
 * @param out_value  Where the value goes: UTF-8, owned by the caller: `hf_free_string`, which wipes it. A number or
 *     boolean comes as its JSON text. NULL unless the status is `HF_OK`.
 * @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                     There is a value, and `*out_value` has it.
 * @retval HF_NOT_FOUND              There is no such secret, version or field, or it was deleted. No error is made.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
 * @retval HF_ERR_TOO_LARGE          The answer is over 64 MiB.
 * @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or has U+0000 in it.
 */
HF_API
HF_MUST_USE
hf_status hf_get_secret(const hf_manager *manager,
                        const char *reference,
                        const hf_call *call,
                        char **out_value,
                        hf_error **error) HF_NOEXCEPT;

/**
 * Gets the value behind a reference into memory of the caller's: for languages that have no pointers to free, and for
 * pages that are locked.
 *
 * Any thread; blocks. The library's own copy is wiped before this returns.
 *
 * @param manager     The manager.
 * @param reference   As for `hf_get_secret`.
 * @param call        Time limit and cancellation. NULL: the defaults.
 * @param buffer      Where the value goes, with a NUL behind it; what lies behind the NUL is not touched. Unless the
 *     status is `HF_OK`, its first byte is NUL. Must not overlap `reference`.
 * @param capacity    How many bytes `buffer` has. The value and its NUL must fit: a value of 20 bytes takes 21.
 * @param out_length  Where the length of the value in bytes goes, its NUL not counted; 0 unless the status is `HF_OK`.
 * @param error       Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                     There is a value, and `buffer` has it.
 * @retval HF_NOT_FOUND              There is no such secret, version or field, or it was deleted. No error is made.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
 * @retval HF_ERR_TOO_LARGE          The value does not fit; the message says how many bytes it takes. Or the answer
 *     is over 64 MiB.
 * @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or has U+0000 in it.
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
 * Replaces the value of a secret that exists. Its other fields stay as they are; a field named by the reference is the
 * one that is replaced. Concurrent updates do not undo each other's fields.
 *
 * Any thread; blocks.
 *
 * @param manager    The manager.
 * @param reference  As for `hf_get_secret`, without a version.
 * @param value      The new value. "" is a value.
 * @param metadata   NULL keeps what is there; empty metadata removes it.
 * @param call       Time limit and cancellation. NULL: the defaults.
 * @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                     Updated.
 * @retval HF_NOT_FOUND              There is no such secret. No error is made, and nothing written.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version, or metadata for a reference that
 *     names the field "metadata" itself.
 * @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
 * @retval HF_ERR_CONFLICT           Others kept writing.
 * @retval HF_ERR_TOO_LARGE          The value is over the server's limit or ours; nothing was written.
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
 * Deletes a secret, all its versions and its metadata.
 *
 * Any thread; blocks.
 *
 * @param manager    The manager.
 * @param reference  As for `hf_get_secret`, without a version or field.
 * @param call       Time limit and cancellation. NULL: the defaults.
 * @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                     Deleted.
 * @retval HF_NOT_FOUND              There was no such secret. No error is made.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a version or field.
 * @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
 */
HF_API
HF_MUST_USE
hf_status hf_delete_secret(const hf_manager *manager,
                           const char *reference,
                           const hf_call *call,
                           hf_error **error) HF_NOEXCEPT;

/**
 * Lists the references of the secrets whose path starts with a prefix, at any depth, sorted. Each of them can be given
 * to the other functions. A secret whose latest version was deleted may be among them.
 *
 * Any thread; blocks.
 *
 * @param manager   The manager.
 * @param prefix    A plain string prefix of the path, '.' and '_' being the same as '/': "github_tok" finds
 *     github/token/user/123 and github/tokens. NULL or "": all.
 * @param call      Time limit and cancellation. NULL: the defaults.
 * @param out_list  Where the list goes, owned by the caller: `hf_string_list_free`. Empty where there is nothing. NULL
 *     on failure.
 * @param error     Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    The list is complete; it may be empty.
 * @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a prefix that no path can have.
 * @retval HF_ERR_TOO_LARGE         An answer is over 64 MiB.
 */
HF_API
HF_MUST_USE
hf_status hf_list_secrets(const hf_manager *manager,
                          const char *prefix,
                          const hf_call *call,
                          hf_string_list **out_list,
                          hf_error **error) HF_NOEXCEPT;

/**
 * The one spelling of a reference: two references name the same secret exactly if their canonical forms are equal.
 *
 * Any thread; does not block, and makes no request.
 *
 * @param manager        The manager.
 * @param reference      As for `hf_get_secret`.
 * @param out_reference  Where the canonical form goes, owned by the caller: `hf_free_string`. NULL on failure.
 * @param error          Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                     `*out_reference` has the canonical form.
 * @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
 * @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
 * @retval HF_ERR_INTERNAL           A bug in the library.
 */
HF_API
HF_MUST_USE
hf_status hf_canonical_reference(const hf_manager *manager,
                                 const char *reference,
                                 char **out_reference,
                                 hf_error **error) HF_NOEXCEPT;

/**
 * Wipes and frees a string that this library gave by a `char **`: the whole of it, whatever was written into it. Never
 * for a `const char *`, and never with `free` in its place.
 *
 * Any thread; does not block.
 *
 * @param string  The string. NULL is fine.
 */
HF_API void hf_free_string(char *string) HF_NOEXCEPT;

/** @} */

/** @defgroup batch Many secrets in one call
 *
 * Up to VAULT_LIST_CONCURRENCY requests (8 by default) are on their way at a time, from the calling thread, and each
 * secret has a status of its own: the statuses are those of the functions for one secret.
 * @{
 */

/**
 * The results of a call for many secrets, in the order of the call. Immutable, and so usable from any thread. One
 * owner, who frees it with `hf_results_free`.
 */
typedef struct hf_results hf_results;

/**
 * Gets the values behind many references at once.
 *
 * Any thread; blocks.
 *
 * @param manager      The manager.
 * @param references   `count` references, each as for `hf_get_secret`. May be NULL if `count` is 0.
 * @param count        How many.
 * @param call         Time limit and cancellation, of all of them together. NULL: the defaults.
 * @param out_results  Where the results go, owned by the caller: `hf_results_free`, which wipes them. NULL on failure.
 * @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results; each has a status of its own, which may be a failure.
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
 * Stores many values at once, without metadata. Where two keys name the same secret, either value may be the last.
 *
 * Any thread; blocks.
 *
 * @param manager      The manager.
 * @param keys         `count` keys, each as for `hf_store_secret`. May be NULL if `count` is 0.
 * @param values       `count` values. May be NULL if `count` is 0.
 * @param count        How many.
 * @param call         Time limit and cancellation, of all of them together. NULL: the defaults.
 * @param out_results  Where the results go, whose texts are references; owned by the caller: `hf_results_free`. NULL
 *     on failure.
 * @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
 * @retval HF_OK                    There are results; each has a status of its own, which may be a failure.
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
 * How many results there are.
 *
 * Any thread; does not block.
 *
 * @param results  The results.
 * @return As many as the call had secrets; 0 where `results` is NULL.
 */
HF_API size_t hf_results_len(const hf_results *results) HF_NOEXCEPT;

/**
 * The status of one secret.
 *
 * Any thread; does not block.
 *
 * @param results  The results.
 * @param index    From 0.
 * @return `HF_OK`, `HF_NOT_FOUND` or a failure; `HF_ERR_INVALID_ARGUMENT` past the end, or where `results` is NULL.
 */
HF_API HF_MUST_USE hf_status hf_results_status(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * The text of one secret: the value that was got, or the reference of what was stored.
 *
 * Any thread; does not block.
 *
 * @param results  The results.
 * @param index    From 0.
 * @return UTF-8. Borrowed: it lives as long as `results`, and is not freed. NULL unless the status is `HF_OK`.
 */
HF_API const char *hf_results_text(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * Why one secret failed.
 *
 * Any thread; does not block.
 *
 * @param results  The results.
 * @param index    From 0.
 * @return The error. Borrowed: it lives as long as `results`, and is not freed. NULL unless the status is negative.
 */
HF_API const hf_error *hf_results_error(const hf_results *results, size_t index) HF_NOEXCEPT;

/**
 * Wipes and frees results, their texts and errors included.
 *
 * Any thread, when no other uses them; does not block.
 *
 * @param results  The results. NULL is fine.
 */
HF_API void hf_results_free(hf_results *results) HF_NOEXCEPT;

/** @} */


#ifdef __cplusplus
}
#endif

#endif /* HANDSFREE_SECRETS_H */
