/**
 * @file result.hpp
 * @brief What the functions without exceptions give.
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
 * What a `try_` function gives: a `T`, or the @ref Failure that kept it from coming.
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

    /** Whether it worked. For a `Result<bool>` this is not the answer: that is `*result`. */
    bool ok() const noexcept { return value_.has_value(); }
    /** The same as ok(). */
    explicit operator bool() const noexcept { return ok(); }

    /** What came. After a failure: throws @ref Error, or ends the process where exceptions are off. */
    T &value() & { return checked(); }
    T &&value() && { return std::move(checked()); }
    T &operator*() & { return checked(); }
    T &&operator*() && { return std::move(checked()); }
    T *operator->() { return &checked(); }

    /** Why it failed. To be asked only after a failure; after a success its status is `HF_OK`. */
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

/** The same for what gives nothing but success. */
template <>
class [[nodiscard]] Result<void> {
public:
    Result() noexcept = default;
    Result(Failure failure) noexcept : failure_(std::move(failure)) {}     // NOLINT: implicit, as a return value

    /** Whether it worked. */
    bool ok() const noexcept { return failure_.status() == HF_OK; }
    /** The same as ok(). */
    explicit operator bool() const noexcept { return ok(); }

    /** After a failure: throws @ref Error, or ends the process where exceptions are off. */
    void value() const {
        if (!ok()) {
            detail::fail(failure_);
        }
    }

    /** Why it failed. To be asked only after a failure; after a success its status is `HF_OK`. */
    const Failure &error() const & noexcept { return failure_; }
    Failure error() && noexcept { return std::move(failure_); }

private:
    Failure failure_{HF_OK, static_cast<hf_error *>(nullptr)};
};

namespace detail {

/** The result of a C call that gives nothing but its status. */
inline Result<void> finish(hf_status status, hf_error *error) noexcept {
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return {};
}

/** The result of a C call to which "not found" is an answer. */
inline Result<bool> finish_found(hf_status status, hf_error *error) noexcept {
    if (status != HF_OK && status != HF_NOT_FOUND) {
        return Failure(status, error);
    }
    return status == HF_OK;
}

/** The result of a C call that gives a string that is no secret. */
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
