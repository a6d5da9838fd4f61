/**
 * @file metadata.hpp
 * @brief Metadata of a secret.
 */
#ifndef HANDSFREE_SECRETS_METADATA_HPP
#define HANDSFREE_SECRETS_METADATA_HPP

#include "iterator.hpp"
#include "text.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** Metadata that is stored beside a value: a map from text to text. Metadata is not wiped; do not put secrets into
 *  it. */
using Metadata = std::map<std::string, std::string>;

namespace detail {

inline void free_metadata(hf_metadata *object) { hf_metadata_free(object); }
using MetadataHandle = std::unique_ptr<hf_metadata, Deleter<hf_metadata, free_metadata>>;

/** Creates the C object with these entries. */
inline Result<MetadataHandle> make_metadata(const Metadata &metadata) noexcept {
    MetadataHandle handle(hf_metadata_new());
    for (const auto &[key, value] : metadata) {
        if (auto checked = check_texts(key, value); !checked) {
            return Failure(checked.error().status(), "the metadata has a NUL byte in a key or a value; none may hold one");
        }
        hf_error *error = nullptr;
        const hf_status status = hf_metadata_set(handle.get(), key.c_str(), value.c_str(), &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
    }
    return handle;
}

}  // namespace detail

/** One entry of a @ref MetadataView. It borrows its texts, after which a NUL follows. A text that contains a NUL itself
 *  is empty here. */
struct MetadataEntry {
    /** The entry at `index`; past the end its texts are empty. */
    MetadataEntry(const hf_metadata *metadata, std::size_t index) noexcept
        : key(text(hf_metadata_key(metadata, index))), value(text(hf_metadata_value(metadata, index))) {}

    std::string_view key;
    std::string_view value;

private:
    static std::string_view text(const char *text) noexcept { return text != nullptr ? text : ""; }
};

/**
 * The metadata of a @ref Document or of @ref Versions, sorted by key. It borrows from that object and is valid as long
 * as it is. It may be copied.
 *
 * @code
 * for (const auto &[key, value] : document.metadata()) {
 *     std::cout << key << ": " << value << '\n';
 * }
 * @endcode
 */
class MetadataView {
public:
    /** Iterates over the entries. */
    using Iterator = detail::PartIterator<hf_metadata, MetadataEntry>;

    /** No metadata. */
    MetadataView() noexcept = default;

    /** The entries of a C object, borrowed; null means none. */
    explicit MetadataView(const hf_metadata *metadata) noexcept : metadata_(metadata) {}

    /** The number of entries. */
    std::size_t size() const noexcept { return hf_metadata_len(metadata_); }

    /** Whether there are no entries. */
    bool empty() const noexcept { return size() == 0; }

    /** The value for a key; nothing if there is no such entry. A NUL follows the text. */
    std::optional<std::string_view> get(Text key) const noexcept {
        const char *value = key.has_nul() ? nullptr : hf_metadata_get(metadata_, key.c_str());
        return value != nullptr ? std::optional<std::string_view>(value) : std::nullopt;
    }

    Iterator begin() const noexcept { return Iterator(metadata_, 0); }
    Iterator end() const noexcept { return Iterator(metadata_, size()); }

    /** A copy of all entries, such as for Manager::set_custom_metadata(). */
    Metadata copy() const {
        Metadata copy;
        for (const auto &[key, value] : *this) {
            copy.emplace(key, value);
        }
        return copy;
    }

private:
    const hf_metadata *metadata_ = nullptr;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_METADATA_HPP
