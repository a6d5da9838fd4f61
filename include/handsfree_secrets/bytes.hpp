/**
 * @file bytes.hpp
 * @brief Bytes that may contain NUL.
 */
#ifndef HANDSFREE_SECRETS_BYTES_HPP
#define HANDSFREE_SECRETS_BYTES_HPP

#include "base.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_bytes(hf_bytes *object) { hf_bytes_free(object); }
using BytesHandle = std::unique_ptr<hf_bytes, Deleter<hf_bytes, free_bytes>>;

}  // namespace detail

/**
 * Bytes that may contain NUL: a binary value, or a response of the server. It owns memory of the library and wipes it
 * in its destructor.
 *
 * It does not convert to `std::string` and cannot be printed; view(), data() and the iterators give access to the
 * bytes.
 */
class Bytes {
public:
    /** No bytes. */
    Bytes() noexcept = default;

    /** The first byte, never null. A NUL that is not counted follows the last byte. */
    const unsigned char *data() const noexcept {
        return static_cast<const unsigned char *>(handle_ ? hf_bytes_data(handle_.get()) : "");
    }

    /** The number of bytes. */
    std::size_t size() const noexcept { return hf_bytes_len(handle_.get()); }

    /** Whether there are no bytes. */
    bool empty() const noexcept { return size() == 0; }

    /** The bytes as text, such as the JSON of a response; valid as long as this object holds them. */
    std::string_view view() const noexcept {
        return std::string_view(static_cast<const char *>(static_cast<const void *>(data())), size());
    }

    const unsigned char *begin() const noexcept { return data(); }
    const unsigned char *end() const noexcept { return data() + size(); }

    /** Wipes and frees the bytes now. */
    void wipe() noexcept { handle_.reset(); }

    /** Takes ownership of bytes of the C API; null gives no bytes. */
    static Bytes adopt(hf_bytes *bytes) noexcept {
        Bytes adopted;
        adopted.handle_.reset(bytes);
        return adopted;
    }

private:
    detail::BytesHandle handle_;
};

/** Deleted, so that a value is not printed by accident; write `bytes.view()`. */
template <class Stream>
Stream &operator<<(Stream &stream, const Bytes &bytes) = delete;

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_BYTES_HPP
