/**
 * @file manager.hpp
 * @brief A store of secrets.
 */
#ifndef HANDSFREE_SECRETS_MANAGER_HPP
#define HANDSFREE_SECRETS_MANAGER_HPP

#include "batch.hpp"
#include "call.hpp"
#include "document_operations.hpp"
#include "lease_operations.hpp"
#include "list.hpp"
#include "metadata.hpp"
#include "options.hpp"
#include "request.hpp"
#include "result.hpp"
#include "secret.hpp"
#include "text.hpp"
#include "transit_operations.hpp"
#include "version_operations.hpp"

#include <cstddef>
#include <cstdint>
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
 * A store of secrets: Vault, or the process environment. It owns one reference to a manager of the library. Any number
 * of threads may call its functions at once.
 *
 * Its functions for single values and for the manager itself are below; those for documents, versions, requests,
 * keys of transit and credentials are in its base classes.
 *
 * After a `fork` the child process may use and destroy the managers that it inherited.
 */
class Manager : public DocumentOperations<Manager>,
                public VersionOperations<Manager>,
                public RequestOperations<Manager>,
                public TransitOperations<Manager>,
                public LeaseOperations<Manager> {
public:
    /** An empty object: every operation fails with `HF_ERR_INVALID_ARGUMENT` until a manager is assigned. */
    Manager() noexcept = default;

#ifndef HF_NO_EXCEPTIONS
    /** Opens a manager with the configuration of the environment. Checks the configuration and tries the credentials
     *  once. Blocks.
     *  @throws Error `HF_ERR_CONFIG`, `HF_ERR_AUTH`, `HF_ERR_CONNECTION`, … */
    static Manager open(const Call &call = Call::defaults()) { return try_open(call).value(); }

    /** Opens a manager with options, which override the environment. Blocks. @throws Error as above */
    static Manager open(const Options &options, const Call &call = Call::defaults()) {
        return try_open(options, call).value();
    }

    /** Returns the process-wide manager. The first call opens it from the environment and blocks; a failure is not
     *  remembered.
     *  @throws Error as open() */
    static Manager get_default(const Call &call = Call::defaults()) { return try_get_default(call).value(); }

    /** Checks that the manager can be used now: that a server answers, is unsealed, and takes the token. For the `env`
     *  backend there is nothing to check. Blocks.
     *  @throws Error as open(), with the reason why it cannot be used */
    void check(const Call &call = Call::defaults()) const { try_check(call).value(); }

    /** Opens connections until this number of them is idle, so that the first operations find them open. Sends no
     *  request. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if it is less than 1, or more than `VAULT_MAX_IDLE_CONNECTIONS` and
     *  `VAULT_MAX_CONNECTIONS` allow; otherwise the reason why they cannot be opened */
    void warm(std::int32_t connections, const Call &call = Call::defaults()) const {
        try_warm(connections, call).value();
    }

    /** Drops what is cached about all secrets, so that the next reads ask the server. Sends no request.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if there is no manager */
    void clear_cache() const { try_clear_cache().value(); }

    /** Drops what is cached about one secret, with all versions and fields. Sends no request.
     *  @throws Error `HF_ERR_INVALID_REFERENCE` */
    void clear_cache(Text reference) const { try_clear_cache(std::move(reference)).value(); }

    /** The metrics of this manager in Prometheus' text format, to be served as `text/plain; version=0.0.4`. Empty with
     *  the `env` backend. Does not block.
     *  @throws Error never, unless there is a bug in the library */
    std::string metrics() const { return try_metrics().value(); }

    /** The metrics of all managers of the process, closed ones included. As metrics() otherwise. */
    static std::string process_metrics() { return try_process_metrics().value(); }

    /** Stores a value under a key and returns its reference. A secret that is already there is replaced. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for an invalid key, or as the server reports */
    std::string store_secret(Text key, Text value, const Call &call = Call::defaults()) const {
        return try_store_secret(std::move(key), std::move(value), call).value();
    }

    /** As above, with metadata beside the value. Blocks. @throws Error */
    std::string store_secret(Text key, Text value, const Metadata &metadata,
                             const Call &call = Call::defaults()) const {
        return try_store_secret(std::move(key), std::move(value), metadata, call).value();
    }

    /** Returns the value that a reference names, or nothing if it does not exist. Blocks.
     *  @throws Error `HF_ERR_INVALID_REFERENCE` if the text is not a reference of this manager, or as the server
     *  reports */
    [[nodiscard]] std::optional<Secret> get_secret(Text reference, const Call &call = Call::defaults()) const {
        return try_get_secret(std::move(reference), call).value();
    }

    /** Writes the value that a reference names to a buffer of the caller, such as a locked page. Returns the length
     *  without the terminating NUL, or nothing if the secret does not exist. `capacity` includes the NUL. Blocks.
     *  @throws Error `HF_ERR_TOO_LARGE` if the value does not fit */
    [[nodiscard]] std::optional<std::size_t> get_secret_into(Text reference, char *buffer, std::size_t capacity,
                                                             const Call &call = Call::defaults()) const {
        return try_get_secret_into(std::move(reference), buffer, capacity, call).value();
    }

    /** Replaces the value that a reference names and keeps its metadata. Returns `false` if the secret does not exist;
     *  it is not created. Blocks.
     *  @throws Error */
    [[nodiscard]] bool update_secret(Text reference, Text value, const Call &call = Call::defaults()) const {
        return try_update_secret(std::move(reference), std::move(value), call).value();
    }

    /** As above, and replaces the metadata; an empty map removes it. Blocks. @throws Error */
    [[nodiscard]] bool update_secret(Text reference, Text value, const Metadata &metadata,
                                     const Call &call = Call::defaults()) const {
        return try_update_secret(std::move(reference), std::move(value), metadata, call).value();
    }

    /** Deletes a secret with all its versions. Returns `false` if it did not exist. Blocks. @throws Error */
    bool delete_secret(Text reference, const Call &call = Call::defaults()) const {
        return try_delete_secret(std::move(reference), call).value();
    }

    /** Returns the canonical references of the secrets whose path starts with `prefix`, sorted; `nullptr` for all
     *  secrets. Secrets with a path that no reference can name are left out and logged. Blocks.
     *  @throws Error */
    [[nodiscard]] std::vector<std::string> list_secrets(Text prefix = nullptr,
                                                        const Call &call = Call::defaults()) const {
        return try_list_secrets(std::move(prefix), call).value();
    }

    /** Gets the values that many references name, with up to `VAULT_LIST_CONCURRENCY` (8) requests in flight at a time.
     *  Each has its own outcome; the timeout is that of the whole call. Blocks.
     *  @throws Error if the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results get_secrets(const std::vector<std::string> &references,
                                      const Call &call = Call::defaults()) const {
        return try_get_secrets(references, call).value();
    }

    /** Stores many values, without metadata; the texts of the outcomes are references. If two keys name the same
     *  secret, either value may be the one that stays. Blocks.
     *  @throws Error if the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results store_secrets(const std::vector<Item> &items, const Call &call = Call::defaults()) const {
        return try_store_secrets(items, call).value();
    }

    /** Returns the canonical form of a reference: all references to the same secret share it. Sends no request.
     *  @throws Error */
    [[nodiscard]] std::string canonical_reference(Text reference) const {
        return try_canonical_reference(std::move(reference)).value();
    }
#endif

    /** As open(), without exceptions. */
    static Result<Manager> try_open(const Call &call = Call::defaults()) noexcept {
        return open_with(nullptr, call);
    }

    /** As open(), without exceptions. */
    static Result<Manager> try_open(const Options &options, const Call &call = Call::defaults()) noexcept {
        if (options.get() == nullptr) {
            // To C this would mean "no options", and options that somebody set must not be dropped silently.
            return Failure(HF_ERR_INVALID_ARGUMENT, "the options were moved from; open a manager before moving them");
        }
        return open_with(options.get(), call);
    }

    /** As get_default(), without exceptions. */
    static Result<Manager> try_get_default(const Call &call = Call::defaults()) noexcept {
        hf_manager *manager = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_default(call.get(), &manager, &error);
        return finish_open(status, error, manager);
    }

    /** Makes the next get_default() open a new manager. Managers that it returned before stay valid. */
    static void reset_default() noexcept { hf_manager_reset_default(); }

    /** As warm(), without exceptions. */
    Result<void> try_warm(std::int32_t connections, const Call &call = Call::defaults()) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_manager_warm(handle_.get(), connections, call.get(), &error);
        return detail::finish(status, error);
    }

    /** As clear_cache(), without exceptions. */
    Result<void> try_clear_cache() const noexcept { return clear_cache_of(nullptr); }

    /** As clear_cache(), without exceptions. */
    Result<void> try_clear_cache(Text reference) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return checked;
        }
        return clear_cache_of(reference.c_str());
    }

    /** As metrics(), without exceptions. */
    Result<std::string> try_metrics() const noexcept {
        if (!handle_) {
            // To C this would mean the whole process.
            return Failure(HF_ERR_INVALID_ARGUMENT, "there is no manager; process_metrics() is for all of them");
        }
        return metrics_of(handle_.get());
    }

    /** As process_metrics(), without exceptions. */
    static Result<std::string> try_process_metrics() noexcept { return metrics_of(nullptr); }

    /** As check(), without exceptions. */
    Result<void> try_check(const Call &call = Call::defaults()) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_manager_check(handle_.get(), call.get(), &error);
        return detail::finish(status, error);
    }

    /** As store_secret(), without exceptions. */
    Result<std::string> try_store_secret(Text key, Text value, const Call &call = Call::defaults()) const noexcept {
        return store(key, value, nullptr, call);
    }

    /** As store_secret(), without exceptions. */
    Result<std::string> try_store_secret(Text key, Text value, const Metadata &metadata,
                                         const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return store(key, value, handle->get(), call);
    }

    /** As get_secret(), without exceptions. */
    Result<std::optional<Secret>> try_get_secret(Text reference,
                                                 const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        char *value = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_get_secret(handle_.get(), reference.c_str(), call.get(), &value, &error);
        return detail::finish_optional(status, error, Secret::adopt(value));
    }

    /** As get_secret_into(), without exceptions. */
    Result<std::optional<std::size_t>> try_get_secret_into(Text reference, char *buffer, std::size_t capacity,
                                                           const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        std::size_t length = 0;
        hf_error *error = nullptr;
        const hf_status status =
            hf_get_secret_into(handle_.get(), reference.c_str(), call.get(), buffer, capacity, &length, &error);
        return detail::finish_optional(status, error, length);
    }

    /** As update_secret(), without exceptions. */
    Result<bool> try_update_secret(Text reference, Text value, const Call &call = Call::defaults()) const noexcept {
        return update(reference, value, nullptr, call);
    }

    /** As update_secret(), without exceptions. */
    Result<bool> try_update_secret(Text reference, Text value, const Metadata &metadata,
                                   const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return update(reference, value, handle->get(), call);
    }

    /** As delete_secret(), without exceptions. */
    Result<bool> try_delete_secret(Text reference, const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status = hf_delete_secret(handle_.get(), reference.c_str(), call.get(), &error);
        return detail::finish_found(status, error);
    }

    /** As list_secrets(), without exceptions. */
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

    /** As get_secrets(), without exceptions. */
    Result<Results> try_get_secrets(const std::vector<std::string> &references,
                                    const Call &call = Call::defaults()) const noexcept {
        return detail::get_many(hf_get_secrets, handle_.get(), references, call);
    }

    /** As store_secrets(), without exceptions. */
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

    /** As canonical_reference(), without exceptions. */
    Result<std::string> try_canonical_reference(Text reference) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        char *text = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_canonical_reference(handle_.get(), reference.c_str(), &text, &error);
        return detail::finish_string(status, error, text);
    }

    /** The backend: "env" or "vault"; empty if there is no manager. */
    std::string_view type() const noexcept { return handle_ ? hf_manager_type(handle_.get()) : ""; }

    /** Returns another reference to the same manager, for another owner. Sends no request. */
    Manager share() const noexcept { return adopt(handle_ ? hf_manager_ref(handle_.get()) : nullptr); }

    /** Whether this object has a manager. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /** The C object, borrowed. */
    const hf_manager *get() const noexcept { return handle_.get(); }

    /** Transfers the reference to the caller, who frees it with `hf_manager_free`. */
    hf_manager *release() noexcept { return handle_.release(); }

    /** Takes ownership of a reference from release() or the C API. */
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

    Result<void> clear_cache_of(const char *reference) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_manager_cache_clear(handle_.get(), reference, &error);
        return detail::finish(status, error);
    }

    static Result<std::string> metrics_of(const hf_manager *manager) noexcept {
        char *text = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_metrics(manager, &text, &error);
        return detail::finish_string(status, error, text);
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
