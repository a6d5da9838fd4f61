/**
 * @file version_operations.hpp
 * @brief The operations of a manager on versions.
 */
#ifndef HANDSFREE_SECRETS_VERSION_OPERATIONS_HPP
#define HANDSFREE_SECRETS_VERSION_OPERATIONS_HPP

#include "call.hpp"
#include "metadata.hpp"
#include "result.hpp"
#include "secret.hpp"
#include "text.hpp"
#include "versions.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** What Manager::rotate_secret() has written. */
struct RotatedSecret {
    /** The new value. */
    Secret value;
    /** The number of the new version. */
    std::int64_t version;
};

/**
 * The part of @ref Manager that works on the versions of a secret. A reference names the whole secret, without a
 * version and, except for rotate_secret(), without a field. KV version 1 and the `env` backend have no versions:
 * everything fails with `HF_ERR_UNSUPPORTED`.
 */
template <class Derived>
class VersionOperations {
public:
#ifndef HF_NO_EXCEPTIONS
    /** Returns the versions of a secret and its custom metadata, or nothing if it does not exist. Blocks.
     *  @throws Error as Manager::get_secret() */
    [[nodiscard]] std::optional<Versions> list_versions(Text reference, const Call &call = Call::defaults()) const {
        return try_list_versions(std::move(reference), call).value();
    }

    /** Deletes versions; 0 is the latest one. They cannot be read until undelete_versions(). Returns `false`, and
     *  changes nothing, if the secret or one of the versions does not exist. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for no versions or a number below 0, or as Manager::delete_secret() */
    [[nodiscard]] bool delete_versions(Text reference, const std::vector<std::int64_t> &versions,
                                       const Call &call = Call::defaults()) const {
        return try_delete_versions(std::move(reference), versions, call).value();
    }

    /** Makes deleted versions readable again. Returns `false`, and changes nothing, if the secret or one of the
     *  versions does not exist, or a version was destroyed. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for no versions or a number below 1, or as Manager::update_secret() */
    [[nodiscard]] bool undelete_versions(Text reference, const std::vector<std::int64_t> &versions,
                                         const Call &call = Call::defaults()) const {
        return try_undelete_versions(std::move(reference), versions, call).value();
    }

    /** Removes the content of versions for good. Returns `false`, and changes nothing, if the secret or one of the
     *  versions does not exist. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for no versions or a number below 1, or as Manager::delete_secret() */
    [[nodiscard]] bool destroy_versions(Text reference, const std::vector<std::int64_t> &versions,
                                        const Call &call = Call::defaults()) const {
        return try_destroy_versions(std::move(reference), versions, call).value();
    }

    /** Writes the fields of an older version as a new version. Returns its number, or nothing if the secret or the
     *  version does not exist, or the version was deleted or destroyed. Blocks.
     *  @throws Error `HF_ERR_CONFLICT` if somebody wrote the secret meanwhile, or as Manager::update_secret() */
    [[nodiscard]] std::optional<std::int64_t> rollback_secret(Text reference, std::int64_t version,
                                                              const Call &call = Call::defaults()) const {
        return try_rollback_secret(std::move(reference), version, call).value();
    }

    /** Replaces the custom metadata of a secret, which belong to all of its versions; an empty map removes it. The
     *  metadata that stores and updates take are something else: a field of one version. Returns `false` if the secret
     *  does not exist. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for more than 64 keys, keys of more than 128 or values of more than 512
     *  bytes, or as Manager::update_secret() */
    [[nodiscard]] bool set_custom_metadata(Text reference, const Metadata &metadata,
                                           const Call &call = Call::defaults()) const {
        return try_set_custom_metadata(std::move(reference), metadata, call).value();
    }

    /** Gives the field that a reference names, or "value", a new random value, with one write on condition that nobody
     *  changed the secret since it was read. The value is made by the server's password policy with this name;
     *  `nullptr` for 32 letters and digits. Returns nothing if the secret or the field does not exist. Blocks.
     *  @throws Error `HF_ERR_CONFLICT` if somebody wrote the secret meanwhile, `HF_ERR_CONFIG` if there is no such
     *  policy, or as Manager::update_secret() */
    [[nodiscard]] std::optional<RotatedSecret> rotate_secret(Text reference, Text password_policy = nullptr,
                                                             const Call &call = Call::defaults()) const {
        return try_rotate_secret(std::move(reference), std::move(password_policy), call).value();
    }
#endif

    /** As list_versions(), without exceptions. */
    Result<std::optional<Versions>> try_list_versions(Text reference,
                                                      const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_versions *versions = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_list_versions(manager(), reference.c_str(), call.get(), &versions, &error);
        return detail::finish_optional(status, error, Versions::adopt(versions));
    }

    /** As delete_versions(), without exceptions. */
    Result<bool> try_delete_versions(Text reference, const std::vector<std::int64_t> &versions,
                                     const Call &call = Call::defaults()) const noexcept {
        return change(hf_delete_versions, reference, versions, call);
    }

    /** As undelete_versions(), without exceptions. */
    Result<bool> try_undelete_versions(Text reference, const std::vector<std::int64_t> &versions,
                                       const Call &call = Call::defaults()) const noexcept {
        return change(hf_undelete_versions, reference, versions, call);
    }

    /** As destroy_versions(), without exceptions. */
    Result<bool> try_destroy_versions(Text reference, const std::vector<std::int64_t> &versions,
                                      const Call &call = Call::defaults()) const noexcept {
        return change(hf_destroy_versions, reference, versions, call);
    }

    /** As rollback_secret(), without exceptions. */
    Result<std::optional<std::int64_t>> try_rollback_secret(Text reference, std::int64_t version,
                                                            const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        std::int64_t written = 0;
        hf_error *error = nullptr;
        const hf_status status =
            hf_rollback_secret(manager(), reference.c_str(), version, call.get(), &written, &error);
        return detail::finish_optional(status, error, written);
    }

    /** As set_custom_metadata(), without exceptions. */
    Result<bool> try_set_custom_metadata(Text reference, const Metadata &metadata,
                                         const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        hf_error *error = nullptr;
        const hf_status status =
            hf_set_custom_metadata(manager(), reference.c_str(), handle->get(), call.get(), &error);
        return detail::finish_found(status, error);
    }

    /** As rotate_secret(), without exceptions. */
    Result<std::optional<RotatedSecret>> try_rotate_secret(Text reference, Text password_policy = nullptr,
                                                           const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference, password_policy); !checked) {
            return std::move(checked).error();
        }
        char *value = nullptr;
        std::int64_t version = 0;
        hf_error *error = nullptr;
        const hf_status status = hf_rotate_secret(manager(), reference.c_str(), password_policy.c_str(), call.get(),
                                                  &value, &version, &error);
        return detail::finish_optional(status, error, RotatedSecret{Secret::adopt(value), version});
    }

protected:
    VersionOperations() noexcept = default;

private:
    const hf_manager *manager() const noexcept { return static_cast<const Derived *>(this)->get(); }

    /** Calls one of the three C functions that change the state of versions. */
    template <class Function>
    Result<bool> change(Function function, const Text &reference, const std::vector<std::int64_t> &versions,
                        const Call &call) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status =
            function(manager(), reference.c_str(), versions.data(), versions.size(), call.get(), &error);
        return detail::finish_found(status, error);
    }
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_VERSION_OPERATIONS_HPP
