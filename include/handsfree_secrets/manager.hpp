/**
 * @file manager.hpp
 * @brief A store of secrets.
 */
#ifndef HANDSFREE_SECRETS_MANAGER_HPP
#define HANDSFREE_SECRETS_MANAGER_HPP

#include "batch.hpp"
#include "call.hpp"
#include "list.hpp"
#include "metadata.hpp"
#include "options.hpp"
#include "result.hpp"
#include "secret.hpp"
#include "text.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_manager(hf_manager *object) { hf_manager_free(object); }
using ManagerHandle = std::unique_ptr<hf_manager, Deleter<hf_manager, free_manager>>;

}  // namespace detail

/**
 * A store of secrets: Vault, or the process environment. It holds one reference to the library's manager; all its
 * functions may be called from any number of threads at once.
 *
 * After a `fork` the child may go on using and destroy the managers that it inherited.
 */
class Manager {
public:
    /** No manager: every operation fails with `HF_ERR_INVALID_ARGUMENT` until one is assigned. */
    Manager() noexcept = default;

#ifndef HF_NO_EXCEPTIONS
    /** Opens a manager with the configuration of the environment. It fails fast: the configuration is checked, and
     *  the credentials are tried. Blocks. @throws Error `HF_ERR_CONFIG`, `HF_ERR_AUTH`, `HF_ERR_CONNECTION`, … */
    static Manager open(const Call &call = Call::defaults()) { return try_open(call).value(); }

    /** Opens a manager with options, which come before the environment. Blocks. @throws Error as the other */
    static Manager open(const Options &options, const Call &call = Call::defaults()) {
        return try_open(options, call).value();
    }

    /** The manager that the whole process shares, opened from the environment when it is first asked for. A failure
     *  is not remembered. Blocks when it opens. @throws Error as open() */
    static Manager get_default(const Call &call = Call::defaults()) { return try_get_default(call).value(); }

    /** Stores a value under a key, in place of what was there, and gives the reference to get it back with.
     *  Blocks. @throws Error `HF_ERR_INVALID_ARGUMENT` for a bad key, or what the server says */
    std::string store_secret(Text key, Text value, const Call &call = Call::defaults()) const {
        return try_store_secret(std::move(key), std::move(value), call).value();
    }

    /** The same, with metadata beside the value. Blocks. @throws Error */
    std::string store_secret(Text key, Text value, const Metadata &metadata,
                             const Call &call = Call::defaults()) const {
        return try_store_secret(std::move(key), std::move(value), metadata, call).value();
    }

    /** The value behind a reference, or nothing where there is none. Blocks.
     *  @throws Error `HF_ERR_INVALID_REFERENCE` for what is no reference of this manager, or what the server says */
    [[nodiscard]] std::optional<Secret> get_secret(Text reference, const Call &call = Call::defaults()) const {
        return try_get_secret(std::move(reference), call).value();
    }

    /** The same into memory of your own, a locked page for one: gives the length, without the NUL that follows
     *  it, or nothing where there is no secret. `capacity` counts the NUL. Blocks.
     *  @throws Error `HF_ERR_TOO_LARGE` if it does not fit */
    [[nodiscard]] std::optional<std::size_t> get_secret_into(Text reference, char *buffer, std::size_t capacity,
                                                             const Call &call = Call::defaults()) const {
        return try_get_secret_into(std::move(reference), buffer, capacity, call).value();
    }

    /** Replaces the value behind a reference and keeps its metadata. `false`: there is no such secret, and none was
     *  made. Blocks. @throws Error */
    [[nodiscard]] bool update_secret(Text reference, Text value, const Call &call = Call::defaults()) const {
        return try_update_secret(std::move(reference), std::move(value), call).value();
    }

    /** The same, and replaces the metadata; an empty map removes it. Blocks. @throws Error */
    [[nodiscard]] bool update_secret(Text reference, Text value, const Metadata &metadata,
                                     const Call &call = Call::defaults()) const {
        return try_update_secret(std::move(reference), std::move(value), metadata, call).value();
    }

    /** Deletes a secret with all its versions. `false`: there was none. Blocks. @throws Error */
    bool delete_secret(Text reference, const Call &call = Call::defaults()) const {
        return try_delete_secret(std::move(reference), call).value();
    }

    /** The canonical references of the secrets whose path starts with `prefix`, sorted; `nullptr`: of all.
     *  Blocks. @throws Error */
    [[nodiscard]] std::vector<std::string> list_secrets(Text prefix = nullptr,
                                                        const Call &call = Call::defaults()) const {
        return try_list_secrets(std::move(prefix), call).value();
    }

    /** Gets the values behind many references at once, up to `VAULT_LIST_CONCURRENCY` (8) requests being on their way
     *  at a time. Each has an outcome of its own; the time limit is that of all of them together. Blocks.
     *  @throws Error where the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results get_secrets(const std::vector<std::string> &references,
                                      const Call &call = Call::defaults()) const {
        return try_get_secrets(references, call).value();
    }

    /** Stores many values at once, without metadata; the outcomes' texts are references. Where two keys name the same
     *  secret, either value may be the last. Blocks.
     *  @throws Error where the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results store_secrets(const std::vector<Item> &items, const Call &call = Call::defaults()) const {
        return try_store_secrets(items, call).value();
    }

    /** The one spelling that all references to the same secret share. Asks no server. @throws Error */
    [[nodiscard]] std::string canonical_reference(Text reference) const {
        return try_canonical_reference(std::move(reference)).value();
    }
#endif

    /** The same as open() without exceptions. */
    static Result<Manager> try_open(const Call &call = Call::defaults()) noexcept {
        return open_with(nullptr, call);
    }

    /** The same as open() without exceptions. */
    static Result<Manager> try_open(const Options &options, const Call &call = Call::defaults()) noexcept {
        if (options.get() == nullptr) {
            // To C this would mean "no options", and options that somebody set must not be dropped silently.
            return Failure(HF_ERR_INVALID_ARGUMENT, "the options were moved from; open a manager before moving them");
        }
        return open_with(options.get(), call);
    }

    /** The same as get_default() without exceptions. */
    static Result<Manager> try_get_default(const Call &call = Call::defaults()) noexcept {
        hf_manager *manager = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_default(call.get(), &manager, &error);
        return finish_open(status, error, manager);
    }

    /** Lets the next get_default() open a new one. Managers that were handed out stay as they are. */
    static void reset_default() noexcept { hf_manager_reset_default(); }

    /** The same as store_secret() without exceptions. */
    Result<std::string> try_store_secret(Text key, Text value, const Call &call = Call::defaults()) const noexcept {
        return store(key, value, nullptr, call);
    }

    /** The same as store_secret() without exceptions. */
    Result<std::string> try_store_secret(Text key, Text value, const Metadata &metadata,
                                         const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return store(key, value, handle->get(), call);
    }

    /** The same as get_secret() without exceptions. */
    Result<std::optional<Secret>> try_get_secret(Text reference,
                                                 const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        char *value = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_get_secret(handle_.get(), reference.c_str(), call.get(), &value, &error);
        if (status == HF_NOT_FOUND) {
            return std::optional<Secret>();
        }
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return std::optional<Secret>(Secret::adopt(value));
    }

    /** The same as get_secret_into() without exceptions. */
    Result<std::optional<std::size_t>> try_get_secret_into(Text reference, char *buffer, std::size_t capacity,
                                                           const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        std::size_t length = 0;
        hf_error *error = nullptr;
        const hf_status status =
            hf_get_secret_into(handle_.get(), reference.c_str(), call.get(), buffer, capacity, &length, &error);
        if (status == HF_NOT_FOUND) {
            return std::optional<std::size_t>();
        }
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return std::optional<std::size_t>(length);
    }

    /** The same as update_secret() without exceptions. */
    Result<bool> try_update_secret(Text reference, Text value, const Call &call = Call::defaults()) const noexcept {
        return update(reference, value, nullptr, call);
    }

    /** The same as update_secret() without exceptions. */
    Result<bool> try_update_secret(Text reference, Text value, const Metadata &metadata,
                                   const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return update(reference, value, handle->get(), call);
    }

    /** The same as delete_secret() without exceptions. */
    Result<bool> try_delete_secret(Text reference, const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status = hf_delete_secret(handle_.get(), reference.c_str(), call.get(), &error);
        return detail::finish_found(status, error);
    }

    /** The same as list_secrets() without exceptions. */
    Result<std::vector<std::string>> try_list_secrets(Text prefix = nullptr,
                                                      const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(prefix); !checked) {
            return std::move(checked).error();
        }
        hf_string_list *list = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_list_secrets(handle_.get(), prefix.c_str(), call.get(), &list, &error);
        const detail::StringListHandle owned(list);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return detail::texts_of(owned);
    }

    /** The same as get_secrets() without exceptions. */
    Result<Results> try_get_secrets(const std::vector<std::string> &references,
                                    const Call &call = Call::defaults()) const noexcept {
        std::vector<bool> refused(references.size());
        detail::Texts texts(references.size());
        for (const std::string &reference : references) {
            texts.add(reference, refused[texts.size()]);
        }
        hf_results *results = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_get_secrets(handle_.get(), texts.data(), texts.size(), call.get(), &results, &error);
        return detail::finish_many(status, error, results, std::move(refused));
    }

    /** The same as store_secrets() without exceptions. */
    Result<Results> try_store_secrets(const std::vector<Item> &items,
                                      const Call &call = Call::defaults()) const noexcept {
        std::vector<bool> refused(items.size());
        detail::Texts keys(items.size());
        detail::Texts values(items.size());
        for (const Item &item : items) {
            keys.add(item.key, refused[keys.size()]);
            values.add(item.value, refused[values.size()]);
        }
        hf_results *results = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_store_secrets(handle_.get(), keys.data(), values.data(), keys.size(), call.get(), &results, &error);
        return detail::finish_many(status, error, results, std::move(refused));
    }

    /** The same as canonical_reference() without exceptions. */
    Result<std::string> try_canonical_reference(Text reference) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        char *text = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_canonical_reference(handle_.get(), reference.c_str(), &text, &error);
        return detail::finish_string(status, error, text);
    }

    /** Which backend: "env" or "vault"; empty where there is no manager. */
    std::string_view type() const noexcept { return handle_ ? hf_manager_type(handle_.get()) : ""; }

    /** Another handle on the same manager, for an owner of its own. No traffic. */
    Manager share() const noexcept { return adopt(handle_ ? hf_manager_ref(handle_.get()) : nullptr); }

    /** Whether there is a manager to work with. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /** The C object, borrowed. */
    const hf_manager *get() const noexcept { return handle_.get(); }

    /** Gives the reference away: the caller frees it with `hf_manager_free`. */
    hf_manager *release() noexcept { return handle_.release(); }

    /** Takes a reference over, from release() or from the C API. */
    static Manager adopt(hf_manager *manager) noexcept {
        Manager adopted;
        adopted.handle_.reset(manager);
        return adopted;
    }

private:
    static Result<Manager> open_with(const hf_options *options, const Call &call) noexcept {
        hf_manager *manager = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_open(options, call.get(), &manager, &error);
        return finish_open(status, error, manager);
    }

    static Result<Manager> finish_open(hf_status status, hf_error *error, hf_manager *manager) noexcept {
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return adopt(manager);
    }

    Result<std::string> store(const Text &key, const Text &value, const hf_metadata *metadata,
                              const Call &call) const noexcept {
        if (auto checked = detail::check_texts(key, value); !checked) {
            return std::move(checked).error();
        }
        char *reference = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_store_secret(handle_.get(), key.c_str(), value.c_str(), metadata, call.get(), &reference, &error);
        return detail::finish_string(status, error, reference);
    }

    Result<bool> update(const Text &reference, const Text &value, const hf_metadata *metadata,
                        const Call &call) const noexcept {
        if (auto checked = detail::check_texts(reference, value); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status =
            hf_update_secret(handle_.get(), reference.c_str(), value.c_str(), metadata, call.get(), &error);
        return detail::finish_found(status, error);
    }

    detail::ManagerHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_MANAGER_HPP
