/**
 * @file result.hpp
 * @brief The results of the functions without exceptions.
 */
#ifndef HANDSFREE_SECRETS_RESULT_HPP
#define HANDSFREE_SECRETS_RESULT_HPP

#include "error.hpp"

#include <optional>
#include <string>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/**
 * The result of a `try_` function: a `T` or a @ref Failure.
 *
 * @code
 * auto found = manager.try_get_secret("vault://db/password");
 * if (!found) {
 *     log(found.error().message());         // it failed
 * } else if (!*found) {
 *     log("no such secret");                // it worked, and there is none
 * } else {
 *     connect((*found)->view());
 * }
 * @endcode
 */
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) noexcept : value_(std::move(value)) {}                 // NOLINT: implicit, as a return value
    Result(Failure failure) noexcept : failure_(std::move(failure)) {}     // NOLINT: implicit, as a return value

    /** Whether the call succeeded. For a `Result<bool>` the value itself is `*result`. */
    bool ok() const noexcept { return value_.has_value(); }
    /** Equivalent to ok(). */
    explicit operator bool() const noexcept { return ok(); }

    /** The value. After a failure it throws @ref Error, or ends the process if exceptions are off. */
    T &value() & { return checked(); }
    T &&value() && { return std::move(checked()); }
    T &operator*() & { return checked(); }
    T &&operator*() && { return std::move(checked()); }
    T *operator->() { return &checked(); }

    /** The failure. After a success its status is `HF_OK`. */
    const Failure &error() const & noexcept { return failure_; }
    Failure error() && noexcept { return std::move(failure_); }

private:
    T &checked() {
        if (!value_) {
            detail::fail(failure_);
        }
        return *value_;
    }

    std::optional<T> value_;
    Failure failure_{HF_OK, static_cast<hf_error *>(nullptr)};
};

/** The result of a `try_` function that returns no value. */
template <>
class [[nodiscard]] Result<void> {
public:
    Result() noexcept = default;
    Result(Failure failure) noexcept : failure_(std::move(failure)) {}     // NOLINT: implicit, as a return value

    /** Whether the call succeeded. */
    bool ok() const noexcept { return failure_.status() == HF_OK; }
    /** Equivalent to ok(). */
    explicit operator bool() const noexcept { return ok(); }

    /** After a failure it throws @ref Error, or ends the process if exceptions are off. */
    void value() const {
        if (!ok()) {
            detail::fail(failure_);
        }
    }

    /** The failure. After a success its status is `HF_OK`. */
    const Failure &error() const & noexcept { return failure_; }
    Failure error() && noexcept { return std::move(failure_); }

private:
    Failure failure_{HF_OK, static_cast<hf_error *>(nullptr)};
};

namespace detail {

/** Converts the outcome of a C call that returns only a status. */
inline Result<void> finish(hf_status status, hf_error *error) noexcept {
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return {};
}

/** Converts the outcome of a C call that may return `HF_NOT_FOUND`. */
inline Result<bool> finish_found(hf_status status, hf_error *error) noexcept {
    if (status != HF_OK && status != HF_NOT_FOUND) {
        return Failure(status, error);
    }
    return status == HF_OK;
}

/** Converts the outcome of a C call that returns a value or `HF_NOT_FOUND`. */
template <class T>
Result<std::optional<T>> finish_optional(hf_status status, hf_error *error, T value) noexcept {
    if (status == HF_NOT_FOUND) {
        return std::optional<T>();
    }
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return std::optional<T>(std::move(value));
}

/** Converts the outcome of a C call that returns a string that is not a secret. */
inline Result<std::string> finish_string(hf_status status, hf_error *error, char *text) noexcept {
    StringHandle owned(text);
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return std::string(text);
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_RESULT_HPP
