/**
 * @file bytes_view.hpp
 * @brief Bytes that a function borrows for the call.
 */
#ifndef HANDSFREE_SECRETS_BYTES_VIEW_HPP
#define HANDSFREE_SECRETS_BYTES_VIEW_HPP

#include "base.hpp"
#include "secret.hpp"

#include <cstddef>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

template <class T>
using ElementOf = std::remove_cv_t<std::remove_pointer_t<decltype(std::declval<const T &>().data())>>;

/** Whether a type has `data()` and `size()`, and its elements are bytes. */
template <class T, class = void>
struct HoldsBytes : std::false_type {};

template <class T>
struct HoldsBytes<T, std::void_t<ElementOf<T>, decltype(std::declval<const T &>().size())>>
    : std::bool_constant<std::is_same_v<ElementOf<T>, char> || std::is_same_v<ElementOf<T>, unsigned char> ||
                         std::is_same_v<ElementOf<T>, std::byte>> {};

}  // namespace detail

/**
 * Bytes that a function borrows for the call; they may contain NUL. A literal, a @ref Secret, and everything that has
 * its bytes in one piece converts to it: `std::string`, `std::string_view`, @ref Bytes, `std::vector<std::byte>`,
 * `std::vector<unsigned char>`, `std::array`, and in C++20 `std::span<const std::byte>`. Nothing is copied.
 */
class BytesView {
public:
    /** No bytes. */
    BytesView() noexcept = default;
    /** `size` bytes; `data` may be null if `size` is 0. */
    BytesView(const void *data, std::size_t size) noexcept
        : data_(static_cast<const unsigned char *>(data)), size_(size) {}
    /** A text that ends with a NUL, which is not one of the bytes; null for no bytes. */
    BytesView(const char *text) noexcept                                                 // NOLINT: implicit
        : BytesView(text, text != nullptr ? std::strlen(text) : 0) {}
    BytesView(const Secret &secret) noexcept                                             // NOLINT: implicit
        : BytesView(secret.c_str(), secret.size()) {}
    template <class T, class = std::enable_if_t<detail::HoldsBytes<T>::value>>
    BytesView(const T &bytes) noexcept                                                   // NOLINT: implicit
        : BytesView(bytes.data(), bytes.size()) {}
    /** Deleted, because it is a mistake more often than no bytes. */
    BytesView(std::nullptr_t) = delete;

    /** The first byte; may be null if there are none. */
    const unsigned char *data() const noexcept { return data_; }

    /** The number of bytes. */
    std::size_t size() const noexcept { return size_; }

    /** Whether there are no bytes. */
    bool empty() const noexcept { return size_ == 0; }

    /** The bytes as text. */
    std::string_view view() const noexcept {
        return std::string_view(static_cast<const char *>(static_cast<const void *>(data_)), size_);
    }

    const unsigned char *begin() const noexcept { return data_; }
    const unsigned char *end() const noexcept { return data_ + size_; }

private:
    const unsigned char *data_ = nullptr;
    std::size_t size_ = 0;
};

/** Deleted, so that a value is not printed by accident; write `bytes.view()`. */
template <class Stream>
Stream &operator<<(Stream &stream, const BytesView &bytes) = delete;

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_BYTES_VIEW_HPP
