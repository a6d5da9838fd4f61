/**
 * @file versions.hpp
 * @brief The versions of a secret.
 */
#ifndef HANDSFREE_SECRETS_VERSIONS_HPP
#define HANDSFREE_SECRETS_VERSIONS_HPP

#include "iterator.hpp"
#include "metadata.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_versions(hf_versions *object) { hf_versions_free(object); }
using VersionsHandle = std::unique_ptr<hf_versions, Deleter<hf_versions, free_versions>>;

}  // namespace detail

/** The state of a version when it was listed. */
enum class VersionState : std::int32_t {
    /** There is no such version: the index was past the end. */
    absent = 0,
    /** The version can be read. */
    live = HF_VERSION_LIVE,
    /** The version was deleted and can be undeleted. */
    deleted = HF_VERSION_DELETED,
    /** The content of the version is gone for good. */
    destroyed = HF_VERSION_DESTROYED,
};

/** One version of a secret. It borrows from its @ref Versions and is valid as long as they are. It may be copied. */
class Version {
public:
    /** The version at `index`; past the end it is absent. */
    Version(const hf_versions *versions, std::size_t index) noexcept : versions_(versions), index_(index) {}

    /** The number of the version; 0 if it is absent. */
    std::int64_t number() const noexcept { return hf_versions_number(versions_, index_); }

    /** The state when the versions were listed. */
    VersionState state() const noexcept { return static_cast<VersionState>(hf_versions_state(versions_, index_)); }

    /** When the version was created, in RFC 3339. The memory belongs to the versions; a NUL follows the text. */
    std::string_view created() const noexcept { return text(hf_versions_created(versions_, index_)); }

    /** When the version was, or will be, deleted, in RFC 3339; empty if neither. The memory belongs to the versions; a
     *  NUL follows the text. */
    std::string_view deletion() const noexcept { return text(hf_versions_deletion(versions_, index_)); }

private:
    static std::string_view text(const char *text) noexcept { return text != nullptr ? text : ""; }

    const hf_versions *versions_;
    std::size_t index_;
};

/**
 * The versions of a secret, with ascending numbers, and the custom metadata that belong to all of them. Any number of
 * threads may read it at once.
 *
 * @code
 * if (const std::optional<hf::Versions> versions = manager.list_versions("vault://db")) {
 *     for (const hf::Version version : *versions) {
 *         std::cout << version.number() << ' ' << version.created() << '\n';
 *     }
 * }
 * @endcode
 */
class Versions {
public:
    /** Iterates over the versions. */
    using Iterator = detail::PartIterator<hf_versions, Version>;

    /** No versions. */
    Versions() noexcept = default;

    /** The number of versions. Versions that the server has pruned are absent. */
    std::size_t size() const noexcept { return hf_versions_len(handle_.get()); }

    /** Whether there are no versions. */
    bool empty() const noexcept { return size() == 0; }

    /** The version at this index, which is not its number; past the end it is absent. */
    Version operator[](std::size_t index) const & noexcept { return Version(handle_.get(), index); }
    /** Deleted, because a version borrows from the versions. */
    Version operator[](std::size_t index) const && = delete;

    Iterator begin() const noexcept { return Iterator(handle_.get(), 0); }
    Iterator end() const noexcept { return Iterator(handle_.get(), size()); }

    /** The custom metadata of the secret; empty if there is none. */
    MetadataView custom_metadata() const & noexcept {
        return MetadataView(hf_versions_custom_metadata(handle_.get()));
    }
    /** Deleted, because the metadata borrows from the versions. */
    MetadataView custom_metadata() const && = delete;

    /** The C object, borrowed. */
    const hf_versions *get() const noexcept { return handle_.get(); }

    /** Takes ownership of versions of the C API; null gives no versions. */
    static Versions adopt(hf_versions *versions) noexcept {
        Versions adopted;
        adopted.handle_.reset(versions);
        return adopted;
    }

private:
    detail::VersionsHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_VERSIONS_HPP
