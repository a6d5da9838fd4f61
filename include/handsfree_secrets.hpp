/**
 * @file handsfree_secrets.hpp
 * @brief The C++ face of libhandsfree_secrets: C++17, header only, nothing to link but the C library.
 *
 * @code
 * #include <handsfree_secrets.hpp>
 * namespace hf = handsfree::secrets;
 *
 * hf::Manager manager = hf::Manager::open();                      // configured by the environment
 * std::string reference = manager.store_secret("github_token_user_123", token, {{"scopes", "repo,user"}});
 * if (std::optional<hf::Secret> found = manager.get_secret(reference)) {
 *     login(found->view());
 * }                                                               // the secret's memory is wiped here
 * @endcode
 *
 * **Two ways to learn of a failure.** Every operation that can fail exists twice. `get_secret` throws `Error`.
 * `try_get_secret` is `noexcept` and gives a `Result`. Where exceptions are off (`-fno-exceptions`), or where
 * `HF_NO_EXCEPTIONS` is defined before this header is included, only the second kind exists. Units of both kinds
 * may be linked into one program; an object of one kind cannot be handed to the other by mistake, because the
 * linker tells them apart. Hand over `release()` and `adopt()` there.
 *
 * **"Nothing there" is no failure.** Reading gives an empty `std::optional`, update and delete give `false`.
 *
 * **Ownership.** Every class here owns one C object, frees it in its destructor, moves and does not copy. A
 * moved-from object may be destroyed or assigned to, and nothing else. What is passed in is borrowed for the call.
 *
 * **Threads.** A `Manager` may be used by any number of threads at once. A `Call` is set by one thread, then used by any
 * number of operations at once. `Options` are changed by one thread at a time. A `Secret` is a value like any other.
 *
 * **Blocking.** Opening a manager and the five operations on secrets block until the answer is there or the
 * deadline has passed. Nothing else does.
 *
 * **Memory.** A `Secret` is wiped when it ends. A `std::string` made from its view is not: hand the view on
 * where you can. When memory runs out, the process may end.
 *
 * **Parts.** This header includes all that stand in `handsfree_secrets/`, one for each kind of object. Each of them may
 * be included alone: `#include <handsfree_secrets/secret.hpp>`. Define `HF_NO_EXCEPTIONS` before the first of them.
 */
#ifndef HANDSFREE_SECRETS_HPP
#define HANDSFREE_SECRETS_HPP

#include "handsfree_secrets/base.hpp"
#include "handsfree_secrets/batch.hpp"
#include "handsfree_secrets/call.hpp"
#include "handsfree_secrets/duration.hpp"
#include "handsfree_secrets/error.hpp"
#include "handsfree_secrets/list.hpp"
#include "handsfree_secrets/log.hpp"
#include "handsfree_secrets/manager.hpp"
#include "handsfree_secrets/metadata.hpp"
#include "handsfree_secrets/options.hpp"
#include "handsfree_secrets/result.hpp"
#include "handsfree_secrets/results.hpp"
#include "handsfree_secrets/secret.hpp"
#include "handsfree_secrets/text.hpp"
#include "handsfree_secrets/version.hpp"

#endif  // HANDSFREE_SECRETS_HPP
