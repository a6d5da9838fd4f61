/**
 * @file text.hpp
 * @brief A text that a function borrows for the call.
 */
#ifndef HANDSFREE_SECRETS_TEXT_HPP
#define HANDSFREE_SECRETS_TEXT_HPP

#include "result.hpp"
#include "secret.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

/** Wipes memory before it is freed. */
struct WipingDeleter {
    std::size_t size = 0;

    void operator()(char *memory) const noexcept {
        // A plain memset before a delete is a dead store, and compilers remove those.
        volatile char *byte = memory;
        for (std::size_t left = size; left > 0; --left) {
            *byte++ = 0;
        }
        delete[] memory;
    }
};

}  // namespace detail

/**
 * A text that a function borrows for the call. A literal, a `std::string` or a @ref Secret converts to it without a
 * copy. A `std::string_view` is copied, because it need not end with a NUL; the copy is wiped. A text that contains a
 * NUL byte is refused with `HF_ERR_INVALID_ARGUMENT` and never truncated.
 */
class Text {
public:
    Text(std::nullptr_t) noexcept {}                                                     // NOLINT: implicit
    Text(const char *text) noexcept : text_(text) {}                                     // NOLINT: implicit
    Text(const std::string &text) noexcept : Text(text.c_str(), text.size()) {}          // NOLINT: implicit
    Text(const Secret &text) noexcept : text_(text.c_str()) {}                           // NOLINT: implicit
    Text(std::string_view text)                                                          // NOLINT: implicit
        : Text(copy(text), text.size()) {}

    /** The text with a NUL at its end; null if it was made from null. */
    const char *c_str() const noexcept { return text_; }

    /** Whether the text contains a NUL, so that C would see only its beginning. */
    bool has_nul() const noexcept { return has_nul_; }

private:
    using Copy = std::unique_ptr<char[], detail::WipingDeleter>;

    Text(const char *text, std::size_t size) noexcept : text_(text), has_nul_(std::strlen(text) != size) {}
    Text(Copy text, std::size_t size) noexcept : Text(text.get(), size) { copy_ = std::move(text); }

    static Copy copy(std::string_view text) {
        Copy copy(new char[text.size() + 1](), detail::WipingDeleter{text.size()});
        if (!text.empty()) {
            std::memcpy(copy.get(), text.data(), text.size());
        }
        return copy;
    }

    const char *text_ = nullptr;
    bool has_nul_ = false;
    Copy copy_;
};

namespace detail {

/** The failure for a text that contains a NUL, if it does. */
inline Result<void> check_texts(const Text &first, const Text &second = nullptr,
                                const Text &third = nullptr) noexcept {
    if (first.has_nul() || second.has_nul() || third.has_nul()) {
        return Failure(HF_ERR_INVALID_ARGUMENT, "a text with a NUL byte in it was given; no text may hold one");
    }
    return {};
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_TEXT_HPP
