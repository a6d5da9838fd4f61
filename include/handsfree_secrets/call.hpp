/**
 * @file call.hpp
 * @brief The settings of operations: timeout, cancellation, condition, wrapping, trace parent, age.
 */
#ifndef HANDSFREE_SECRETS_CALL_HPP
#define HANDSFREE_SECRETS_CALL_HPP

#include "duration.hpp"
#include "result.hpp"
#include "text.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_call(hf_call *object) { hf_call_free(object); }
using CallHandle = std::unique_ptr<hf_call, Deleter<hf_call, free_call>>;

}  // namespace detail

/**
 * The settings of operations: timeout, cancellation, condition of a write, wrapping, trace parent, age of cached answers. Without a Call an operation has
 * the timeout `VAULT_CLIENT_TIMEOUT` (60 s by default) and cannot be cancelled.
 *
 * @code
 * hf::Call call(std::chrono::milliseconds(500));
 * auto secret = manager.get_secret("vault://db/password", call);
 * @endcode
 *
 * The time starts anew with each operation and includes connecting, TLS, logins and retries. Any number of operations
 * may use one Call, one after another or at once on several threads; only one thread at a time may change it.
 */
class Call {
public:
    /** Creates a call with the manager's timeout. */
    Call() noexcept : handle_(hf_call_new()) {}

#ifndef HF_NO_EXCEPTIONS
    /** Creates a call with a timeout. @throws Error `HF_ERR_INVALID_ARGUMENT` if it is not positive */
    template <class Rep, class Period>
    explicit Call(std::chrono::duration<Rep, Period> timeout) : Call() {
        set_timeout(timeout);
    }

    /** Sets the timeout of later operations. Fractions of a millisecond are rounded up.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if it is not positive */
    template <class Rep, class Period>
    void set_timeout(std::chrono::duration<Rep, Period> timeout) {
        try_set_timeout(timeout).value();
    }

    /** Sets the check-and-set condition of later stores and updates: they write only if the latest version of the
     *  secret has this number, and fail with `HF_ERR_CONFLICT` otherwise. 0: there is no version yet; -1: no condition.
     *  Reads ignore it; other operations that change something refuse it with `HF_ERR_INVALID_ARGUMENT`.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if it is less than -1 */
    void set_cas(std::int64_t version) { try_set_cas(version).value(); }

    /** Makes Manager::request() ask for a wrapped response, whose token lives this long, rounded up to seconds; all
     *  other operations refuse such a call with `HF_ERR_INVALID_ARGUMENT`.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if it is not positive */
    template <class Rep, class Period>
    void set_wrap_ttl(std::chrono::duration<Rep, Period> ttl) {
        try_set_wrap_ttl(ttl).value();
    }

    /** Sets how old a cached answer may be for later reads, in place of `VAULT_CACHE_TTL`; rounded up to milliseconds.
     *  0: the server is asked; -1 ms: as the manager is set.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if it is less than -1 ms */
    template <class Rep, class Period>
    void set_max_age(std::chrono::duration<Rep, Period> age) {
        try_set_max_age(age).value();
    }

    /** Makes every request of later operations carry this `traceparent` of W3C Trace Context; "" for none.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if it is not of version 00 of the standard */
    void set_trace_parent(Text traceparent) { try_set_trace_parent(std::move(traceparent)).value(); }
#endif

    /** As set_timeout(), without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set_timeout(std::chrono::duration<Rep, Period> timeout) noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_timeout_ms(handle_.get(), detail::to_milliseconds(timeout), &error);
        return detail::finish(status, error);
    }

    /** As set_cas(), without exceptions. */
    Result<void> try_set_cas(std::int64_t version) noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_cas(handle_.get(), version, &error);
        return detail::finish(status, error);
    }

    /** As set_wrap_ttl(), without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set_wrap_ttl(std::chrono::duration<Rep, Period> ttl) noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_wrap_ttl_ms(handle_.get(), detail::to_milliseconds(ttl), &error);
        return detail::finish(status, error);
    }

    /** As set_max_age(), without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set_max_age(std::chrono::duration<Rep, Period> age) noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_max_age_ms(handle_.get(), detail::to_milliseconds(age), &error);
        return detail::finish(status, error);
    }

    /** As set_trace_parent(), without exceptions. */
    Result<void> try_set_trace_parent(Text traceparent) noexcept {
        if (auto checked = detail::check_texts(traceparent); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_trace_parent(handle_.get(), traceparent.c_str(), &error);
        return detail::finish(status, error);
    }

    /** Returns a call with the same settings, which can be changed independently. Cancelling the original cancels the
     *  copy, too; cancelling the copy does not cancel the original. A copy of defaults() is a new call. */
    Call copy() const noexcept { return handle_ ? Call(detail::CallHandle(hf_call_copy(handle_.get()))) : Call(); }

    /** Cancels the operations that use this call, within 100 ms, and all later ones: they end with `HF_ERR_CANCELLED`.
     *  May be called from any thread and from a signal handler. Does not block. */
    void cancel() const noexcept { hf_call_cancel(handle_.get()); }

    /** The call that operations use by default: the manager's timeout, without cancellation. Cancelling it has no
     *  effect. */
    static const Call &defaults() noexcept {
        static const Call none{detail::CallHandle()};
        return none;
    }

    /** The C object, borrowed; null for defaults(). */
    const hf_call *get() const noexcept { return handle_.get(); }

private:
    explicit Call(detail::CallHandle handle) noexcept : handle_(std::move(handle)) {}

    detail::CallHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_CALL_HPP
