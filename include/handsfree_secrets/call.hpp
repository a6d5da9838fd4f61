/**
 * @file call.hpp
 * @brief How long one operation may take, and the means to end it early.
 */
#ifndef HANDSFREE_SECRETS_CALL_HPP
#define HANDSFREE_SECRETS_CALL_HPP

#include "duration.hpp"
#include "result.hpp"

#include <chrono>
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
 * How long one operation may take, and the means to end it early. Without one, `VAULT_CLIENT_TIMEOUT` holds (60 s).
 *
 * @code
 * hf::Call call(std::chrono::milliseconds(500));
 * auto secret = manager.get_secret("vault://db/password", call);
 * @endcode
 *
 * The deadline starts anew with each operation, and covers all of it: connecting, TLS, logging in, retries. Use a
 * call in one operation at a time.
 */
class Call {
public:
    /** The manager's timeout; made to be cancelled, or to be given a timeout later. */
    Call() noexcept : handle_(hf_call_new()) {}

#ifndef HF_NO_EXCEPTIONS
    /** With a timeout. @throws Error `HF_ERR_INVALID_ARGUMENT` if the library refuses it, as it does a negative one. */
    template <class Rep, class Period>
    explicit Call(std::chrono::duration<Rep, Period> timeout) : Call() {
        set_timeout(timeout);
    }

    /** Limits every later operation with this call. Fractions of a millisecond are rounded up. @throws Error */
    template <class Rep, class Period>
    void set_timeout(std::chrono::duration<Rep, Period> timeout) {
        try_set_timeout(timeout).value();
    }
#endif

    /** The same without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set_timeout(std::chrono::duration<Rep, Period> timeout) noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_timeout_ms(handle_.get(), detail::to_milliseconds(timeout), &error);
        return detail::finish(status, error);
    }

    /** Ends the operations that use this call, and every later one, with `HF_ERR_CANCELLED`. From any thread, and
     *  from a signal handler. */
    void cancel() const noexcept { hf_call_cancel(handle_.get()); }

    /** What the operations use where none is given: the manager's timeout, nobody who cancels. Cancelling this one
     *  does nothing. */
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
