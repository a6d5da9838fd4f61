/**
 * @file watch.hpp
 * @brief Changes of secrets.
 */
#ifndef HANDSFREE_SECRETS_WATCH_HPP
#define HANDSFREE_SECRETS_WATCH_HPP

#include "call.hpp"
#include "manager.hpp"
#include "result.hpp"
#include "text.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_watch(hf_watch *object) { hf_watch_free(object); }
using WatchHandle = std::unique_ptr<hf_watch, Deleter<hf_watch, free_watch>>;

inline void free_change(hf_change *object) { hf_change_free(object); }
using ChangeHandle = std::unique_ptr<hf_change, Deleter<hf_change, free_change>>;

}  // namespace detail

/** What has changed. Later versions of the library may have other kinds: then read the secret again. */
enum class ChangeKind : std::int32_t {
    /** The secret has another content. */
    written = HF_CHANGE_WRITTEN,
    /** The content is gone. */
    deleted = HF_CHANGE_DELETED,
    /** The secret cannot be looked at. */
    failed = HF_CHANGE_FAILED,
};

/** A change of a secret. */
class Change {
public:
    /** Takes over a C object. */
    explicit Change(hf_change *change) noexcept : handle_(change) {}

    /** The reference as it was added; of a secret beneath a folder its canonical reference. */
    std::string_view reference() const noexcept { return hf_change_reference(handle_.get()); }

    /** What has changed. */
    ChangeKind kind() const noexcept { return static_cast<ChangeKind>(hf_change_kind(handle_.get())); }

    /** The number of the latest version. */
    std::int64_t version() const noexcept { return hf_change_version(handle_.get()); }

    /** Why the secret cannot be looked at; empty for other changes. */
    std::string_view message() const noexcept {
        const hf_error *error = hf_change_error(handle_.get());
        return error != nullptr ? hf_error_message(error) : "";
    }

    /** The C object, borrowed. */
    const hf_change *get() const noexcept { return handle_.get(); }

private:
    detail::ChangeHandle handle_;
};

/**
 * Watches secrets for changes.
 *
 * @code
 * hf::Watch watch(manager);
 * watch.add("vault://db");
 * while (auto change = watch.next()) {
 *     reconnect(manager.get_document(change->reference()));
 * }
 * @endcode
 *
 * Any thread may add and remove references, and one at a time waits for changes.
 */
class Watch {
public:
    /** The version of add() for a program that has nothing: what is there is told first. */
    static constexpr std::int64_t nothing = 0;
    /** The version of add() for changes after the first look only. */
    static constexpr std::int64_t unseen = -1;

#ifndef HF_NO_EXCEPTIONS
    /** Creates a watch of nothing yet. @throws Error `HF_ERR_UNSUPPORTED` with the `env` backend */
    explicit Watch(const Manager &manager) : Watch(try_open(manager).value()) {}

    /** Watches a secret, or everything beneath a reference that ends in '/'. `known_version` is what the program has.
     *  @throws Error `HF_ERR_INVALID_REFERENCE`, `HF_ERR_INVALID_ARGUMENT` */
    void add(Text reference, std::int64_t known_version = nothing) {
        try_add(std::move(reference), known_version).value();
    }

    /** Ends the watch of a reference. Returns false if it was not watched. */
    bool remove(Text reference) { return try_remove(std::move(reference)).value(); }

    /** Waits for the next change, for ever if the call has no timeout. Empty if nothing has changed in its time. Blocks.
     *  @throws Error `HF_ERR_CANCELLED`, or the failure of the last look */
    std::optional<Change> next(const Call &call = Call::defaults()) { return try_next(call).value(); }
#endif

    /** As the constructor, without exceptions. */
    static Result<Watch> try_open(const Manager &manager) noexcept {
        hf_watch *watch = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_watch_new(manager.get(), &watch, &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return Watch(detail::WatchHandle(watch));
    }

    /** As add(), without exceptions. */
    Result<void> try_add(Text reference, std::int64_t known_version = nothing) noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_watch_add(handle_.get(), reference.c_str(), known_version, &error);
        return detail::finish(status, error);
    }

    /** As remove(), without exceptions. */
    Result<bool> try_remove(Text reference) noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status = hf_watch_remove(handle_.get(), reference.c_str(), &error);
        if (status == HF_OK || status == HF_NOT_FOUND) {
            return status == HF_OK;
        }
        return Failure(status, error);
    }

    /** As next(), without exceptions. */
    Result<std::optional<Change>> try_next(const Call &call = Call::defaults()) noexcept {
        hf_change *change = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_watch_next(handle_.get(), call.get(), &change, &error);
        if (status == HF_NOT_FOUND) {
            return std::optional<Change>();
        }
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return std::optional<Change>(Change(change));
    }

    /** The C object, borrowed. */
    hf_watch *get() const noexcept { return handle_.get(); }

private:
    explicit Watch(detail::WatchHandle handle) noexcept : handle_(std::move(handle)) {}

    detail::WatchHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_WATCH_HPP
