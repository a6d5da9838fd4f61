/**
 * @file metadata.hpp
 * @brief Metadata of a secret.
 */
#ifndef HANDSFREE_SECRETS_METADATA_HPP
#define HANDSFREE_SECRETS_METADATA_HPP

#include "text.hpp"

#include <map>
#include <memory>
#include <string>

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

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_METADATA_HPP
