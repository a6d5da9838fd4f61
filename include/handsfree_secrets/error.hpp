/**
 * @file error.hpp
 * @brief The error of a failed call.
 */
#ifndef HANDSFREE_SECRETS_ERROR_HPP
#define HANDSFREE_SECRETS_ERROR_HPP

#include "base.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#ifndef HF_NO_EXCEPTIONS
#include <stdexcept>
#endif

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** Returns the name of a status, such as "HF_ERR_AUTH"; "HF_UNKNOWN" for a number that the linked library does not
 *  know. */
inline std::string_view status_name(hf_status status) noexcept { return hf_status_name(status); }

namespace detail {

inline void free_error(hf_error *object) { hf_error_free(object); }
using ErrorHandle = std::unique_ptr<hf_error, Deleter<hf_error, free_error>>;

}  // namespace detail

/** The error of a failed call, as a @ref Result holds it. */
class Failure {
public:
    /** Takes ownership of the error of a C call that returned `status`. */
    Failure(hf_status status, hf_error *error) noexcept : status_(status), error_(error) {}

    /** A failure that was found without a C call. `message` has to outlive it, as a literal does. */
    Failure(hf_status status, const char *message) noexcept : status_(status), message_(message) {}

    /** The status, such as `HF_ERR_PERMISSION_DENIED`. Treat an unknown number as a failure. */
    hf_status status() const noexcept { return status_; }

    /** The HTTP status of Vault's response; 0 if no response was involved. */
    std::int32_t http_status() const noexcept { return error_ ? hf_error_http_status(error_.get()) : 0; }

    /** The message: what failed, with which path or variable, and what to do next. Valid as long as this object. A NUL
     *  follows the text. It never contains a secret. */
    std::string_view message() const noexcept {
        return error_ ? hf_error_message(error_.get()) : message_ != nullptr ? message_ : hf_status_name(status_);
    }

private:
    hf_status status_;
    const char *message_ = nullptr;
    detail::ErrorHandle error_;
};

#ifndef HF_NO_EXCEPTIONS
/**
 * The exception that the throwing functions throw. Copying it does not throw; `what()` is the message.
 *
 * After `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` or `HF_ERR_CANCELLED` from a store, an update or a
 * delete the change may have happened.
 */
class Error : public std::runtime_error {
public:
    explicit Error(const Failure &failure)
        : std::runtime_error(std::string(failure.message())),
          status_(failure.status()),
          http_status_(failure.http_status()) {}

    Error(hf_status status, std::int32_t http_status, std::string_view message)
        : std::runtime_error(std::string(message)), status_(status), http_status_(http_status) {}

    /** The status, such as `HF_ERR_PERMISSION_DENIED`. Treat an unknown number as a failure. */
    hf_status status() const noexcept { return status_; }

    /** The HTTP status of Vault's response; 0 if no response was involved. */
    std::int32_t http_status() const noexcept { return http_status_; }

    /** The message: what failed, with which path or variable, and what to do next. The same text as what(). */
    std::string_view message() const noexcept { return what(); }

private:
    hf_status status_;
    std::int32_t http_status_;
};
#endif

namespace detail {

/** Reports the use of a missing result: throws, or ends the process if exceptions are off. */
[[noreturn]] inline void fail(const Failure &failure) {
#ifndef HF_NO_EXCEPTIONS
    throw Error(failure);
#else
    static_cast<void>(failure);
    std::abort();
#endif
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_ERROR_HPP
