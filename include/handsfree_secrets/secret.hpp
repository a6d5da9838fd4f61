/**
 * @file secret.hpp
 * @brief The value of a secret.
 */
#ifndef HANDSFREE_SECRETS_SECRET_HPP
#define HANDSFREE_SECRETS_SECRET_HPP

#include "base.hpp"

#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/**
 * The value of a secret. It owns memory of the library and wipes it in its destructor.
 *
 * It does not convert to `std::string` and cannot be printed; view() gives access to the value.
 */
class Secret {
public:
    /** An empty secret. */
    Secret() noexcept = default;
    Secret(Secret &&other) noexcept : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}
    Secret &operator=(Secret &&other) noexcept {
        text_ = std::move(other.text_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    Secret(const Secret &) = delete;
    Secret &operator=(const Secret &) = delete;
    ~Secret() = default;

    /** The value in UTF-8; valid as long as this object holds it. */
    std::string_view view() const noexcept { return std::string_view(c_str(), size_); }

    /** The value with a NUL at its end, never null. */
    const char *c_str() const noexcept { return text_ ? text_.get() : ""; }

    /** Its length in bytes. */
    std::size_t size() const noexcept { return size_; }

    /** Whether the value is empty. An empty value is a value; a missing secret is an empty `std::optional`. */
    bool empty() const noexcept { return size_ == 0; }

    /** Wipes and frees the value now. */
    void wipe() noexcept {
        text_.reset();
        size_ = 0;
    }

    /** Takes ownership of a string of the C API (`char **out_value`); null gives an empty secret. */
    static Secret adopt(char *text) noexcept {
        Secret secret;
        secret.size_ = text != nullptr ? std::strlen(text) : 0;
        secret.text_.reset(text);
        return secret;
    }

private:
    detail::StringHandle text_;
    std::size_t size_ = 0;
};

/** Deleted, so that a secret is not printed by accident; write `secret.view()`. */
template <class Stream>
Stream &operator<<(Stream &stream, const Secret &secret) = delete;

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_SECRET_HPP
