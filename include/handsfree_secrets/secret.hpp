/**
 * @file secret.hpp
 * @brief A secret's value.
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
 * A secret's value. It owns the memory that the library handed out, and wipes it in its destructor.
 *
 * It does not turn into a `std::string` and does not print by itself: view() says where a secret is looked at.
 */
class Secret {
public:
    /** An empty one. */
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

    /** The value: UTF-8, valid as long as this object holds it. */
    std::string_view view() const noexcept { return std::string_view(c_str(), size_); }

    /** The value with a NUL at its end, never null. */
    const char *c_str() const noexcept { return text_ ? text_.get() : ""; }

    /** Its length in bytes. */
    std::size_t size() const noexcept { return size_; }

    /** Whether it is empty. An empty value is a value: "nothing there" is an empty `std::optional`. */
    bool empty() const noexcept { return size_ == 0; }

    /** Wipes and frees the value now. */
    void wipe() noexcept {
        text_.reset();
        size_ = 0;
    }

    /** Takes over a string that the C API returned (`char **out_value`); null gives an empty secret. */
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

/** A secret does not go into a stream by accident; write `secret.view()` where you mean it. */
template <class Stream>
Stream &operator<<(Stream &stream, const Secret &secret) = delete;

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_SECRET_HPP
