/**
 * @file error.hpp
 * @brief Why something did not work.
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

/** The name of a status, "HF_ERR_AUTH"; "HF_UNKNOWN" for a number that the linked library does not know. */
inline std::string_view status_name(hf_status status) noexcept { return hf_status_name(status); }

namespace detail {

inline void free_error(hf_error *object) { hf_error_free(object); }
using ErrorHandle = std::unique_ptr<hf_error, Deleter<hf_error, free_error>>;

}  // namespace detail

/** Why something did not work: what a failed @ref Result holds. */
class Failure {
public:
    /** Takes over the error of a C call that returned `status`. */
    Failure(hf_status status, hf_error *error) noexcept : status_(status), error_(error) {}

    /** A failure that needs no C call to be known; `message` must outlive it, as a literal does. */
    Failure(hf_status status, const char *message) noexcept : status_(status), message_(message) {}

    /** Which one: `HF_ERR_PERMISSION_DENIED`, … Treat a number that you do not know as a failure. */
    hf_status status() const noexcept { return status_; }

    /** The status of Vault's HTTP answer, 0 where no answer was involved. */
    std::int32_t http_status() const noexcept { return error_ ? hf_error_http_status(error_.get()) : 0; }

    /** What failed, with which path or variable, and what to do about it. Valid as long as this object. It ends
     *  with a NUL and never holds a secret. */
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
 * What the throwing functions throw. It copies without throwing; `what()` is the message.
 *
 * After `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` or `HF_ERR_CANCELLED` from a store, an update
 * or a delete the change may have happened all the same.
 */
class Error : public std::runtime_error {
public:
    explicit Error(const Failure &failure)
        : std::runtime_error(std::string(failure.message())),
          status_(failure.status()),
          http_status_(failure.http_status()) {}

    Error(hf_status status, std::int32_t http_status, std::string_view message)
        : std::runtime_error(std::string(message)), status_(status), http_status_(http_status) {}

    /** Which failure: `HF_ERR_PERMISSION_DENIED`, … Treat a number that you do not know as a failure. */
    hf_status status() const noexcept { return status_; }

    /** The status of Vault's HTTP answer, 0 where no answer was involved. */
    std::int32_t http_status() const noexcept { return http_status_; }

    /** What failed, with which path or variable, and what to do about it. The same text as what(). */
    std::string_view message() const noexcept { return what(); }

private:
    hf_status status_;
    std::int32_t http_status_;
};
#endif

namespace detail {

/** Ends a use of a result that is not there: throws, or ends the process where nothing can be thrown. */
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
