/**
 * @file handsfree_secrets.hpp
 * @brief The C++17 wrapper of libhandsfree_secrets: header only, links with the C library alone.
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
 * **Errors.** Every operation that can fail exists in two forms. `get_secret` throws `Error`; `try_get_secret` is
 * `noexcept` and returns a `Result`. Without exceptions (`-fno-exceptions`, or `HF_NO_EXCEPTIONS` defined before this
 * header is included) only the second form exists. Translation units of both kinds may be linked into one program.
 * Their classes are different types, so an object cannot be passed from one kind to the other by mistake; use
 * `release()` and `adopt()` for that.
 *
 * **Missing secrets.** A missing secret is not an error: functions that return something return an empty
 * `std::optional`, the others, such as delete, return `false`.
 *
 * **Ownership.** Every class owns one C object, frees it in its destructor, and can be moved but not copied. A
 * moved-from object may only be destroyed or assigned to. Arguments are borrowed for the call. The parts of an object,
 * `Outcome`, `Field`, `Version`, `MetadataView` and `BytesView`, borrow from it and may be copied.
 *
 * **Threads.** Any number of threads may use a `Manager` or a `Transit` at once. Only one thread at a time may change a
 * `Call`, `Options` or `Fields`; any number of operations may use them while nobody changes them. A `Secret`,
 * `Document`, `Bytes`, `Versions` or `Results` may be read by several threads while nobody changes it.
 *
 * **Blocking.** Opening a manager and the operations of a `Manager` or a `Transit` block until the response has arrived
 * or the deadline has passed. Nothing else blocks.
 *
 * **Memory.** A `Secret`, `Document`, `Bytes` or `Fields` is wiped when it is destroyed. A `std::string` made from its
 * view is not wiped: pass the view on where possible. If memory runs out, the process may end.
 *
 * **Parts.** This header includes all headers in `handsfree_secrets/`, one for each kind of object. Each of them may be
 * included alone: `#include <handsfree_secrets/secret.hpp>`. `HF_NO_EXCEPTIONS` has to be defined before the first one.
 */
#ifndef HANDSFREE_SECRETS_HPP
#define HANDSFREE_SECRETS_HPP

#include "handsfree_secrets/async.hpp"
#include "handsfree_secrets/base.hpp"
#include "handsfree_secrets/batch.hpp"
#include "handsfree_secrets/bytes.hpp"
#include "handsfree_secrets/bytes_view.hpp"
#include "handsfree_secrets/call.hpp"
#include "handsfree_secrets/document.hpp"
#include "handsfree_secrets/document_operations.hpp"
#include "handsfree_secrets/duration.hpp"
#include "handsfree_secrets/envelope.hpp"
#include "handsfree_secrets/error.hpp"
#include "handsfree_secrets/fields.hpp"
#include "handsfree_secrets/iterator.hpp"
#include "handsfree_secrets/lease.hpp"
#include "handsfree_secrets/lease_operations.hpp"
#include "handsfree_secrets/list.hpp"
#include "handsfree_secrets/log.hpp"
#include "handsfree_secrets/manager.hpp"
#include "handsfree_secrets/metadata.hpp"
#include "handsfree_secrets/options.hpp"
#include "handsfree_secrets/queue.hpp"
#include "handsfree_secrets/request.hpp"
#include "handsfree_secrets/result.hpp"
#include "handsfree_secrets/results.hpp"
#include "handsfree_secrets/secret.hpp"
#include "handsfree_secrets/text.hpp"
#include "handsfree_secrets/transit.hpp"
#include "handsfree_secrets/transit_many.hpp"
#include "handsfree_secrets/transit_operations.hpp"
#include "handsfree_secrets/version.hpp"
#include "handsfree_secrets/version_operations.hpp"
#include "handsfree_secrets/versions.hpp"
#include "handsfree_secrets/watch.hpp"

#endif  // HANDSFREE_SECRETS_HPP
