/**
 * @file lease.hpp
 * @brief Credentials with an end, and sources of credentials that are always valid.
 */
#ifndef HANDSFREE_SECRETS_LEASE_HPP
#define HANDSFREE_SECRETS_LEASE_HPP

#include "call.hpp"
#include "document.hpp"
#include "result.hpp"
#include "text.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_lease(hf_lease *object) { hf_lease_free(object); }
using LeaseHandle = std::unique_ptr<hf_lease, Deleter<hf_lease, free_lease>>;

inline void free_credentials(hf_credentials *object) { hf_credentials_free(object); }
using CredentialsHandle = std::unique_ptr<hf_credentials, Deleter<hf_credentials, free_credentials>>;

}  // namespace detail

/**
 * One set of credentials, such as a database user, with the time that they live. It owns one reference to a lease of the
 * library. Any number of threads may call its functions at once. The credentials are wiped with the last reference.
 */
class Lease {
public:
    /** An empty object: without fields, and over. */
    Lease() noexcept = default;

    /** The text of a field, such as "username" or "password"; nothing if there is no such field, or if it is not a text.
     *  A NUL follows the text. */
    std::optional<std::string_view> text(Text name) const & noexcept {
        return name.has_nul() ? std::nullopt : detail::field_text(hf_lease_fields(handle_.get()), name.c_str());
    }
    /** Deleted, because the text borrows from the lease. */
    std::optional<std::string_view> text(Text name) const && = delete;

    /** All fields, as a reference of their own. */
    Document fields() const noexcept { return Document::adopt(hf_document_ref(hf_lease_fields(handle_.get()))); }

    /** The id of the lease at the server; empty if there is none. A NUL follows the text. */
    std::string_view id() const & noexcept { return handle_ ? hf_lease_id(handle_.get()) : ""; }
    /** Deleted, because the text borrows from the lease. */
    std::string_view id() const && = delete;

    /** How long the credentials are valid from now on, 0 if they are over; nothing if they have no end. Renewals extend it
     *  in all leases of the same generation. A pool closes a connection before this is over. */
    std::optional<std::chrono::milliseconds> remaining() const noexcept {
        const std::int64_t left = hf_lease_remaining_ms(handle_.get());
        return left < 0 ? std::nullopt : std::optional<std::chrono::milliseconds>(left);
    }

    /** The number of the generation of @ref Credentials. Another number, other credentials. 0 for a lease of its own. */
    std::uint64_t generation() const noexcept { return hf_lease_generation(handle_.get()); }

#ifndef HF_NO_EXCEPTIONS
    /** Renews the lease for the time of its role, and returns whether the server knows it still. Blocks.
     *  @throws Error `HF_ERR_UNSUPPORTED` if it cannot be renewed; `HF_ERR_INVALID_ARGUMENT` for a lease of
     *  @ref Credentials, which renew it; or as the server reports */
    bool renew(const Call &call = Call::defaults()) const { return try_renew(call).value(); }

    /** Revokes the lease, so that its credentials are of no use any more. The default policy does not allow it. Blocks.
     *  @throws Error as renew() */
    void revoke(const Call &call = Call::defaults()) const { try_revoke(call).value(); }
#endif

    /** As renew(), without exceptions. */
    Result<bool> try_renew(const Call &call = Call::defaults()) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_lease_renew(handle_.get(), call.get(), &error);
        return detail::finish_found(status, error);
    }

    /** As revoke(), without exceptions. */
    Result<void> try_revoke(const Call &call = Call::defaults()) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_lease_revoke(handle_.get(), call.get(), &error);
        return detail::finish(status, error);
    }

    /** Returns another reference to the same lease, for another owner. Sends no request. */
    Lease share() const noexcept { return adopt(hf_lease_ref(handle_.get())); }

    /** Whether this object has a lease. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /** The C object, borrowed. */
    const hf_lease *get() const noexcept { return handle_.get(); }

    /** Transfers the reference to the caller, who frees it with `hf_lease_free`. */
    hf_lease *release() noexcept { return handle_.release(); }

    /** Takes ownership of a reference from release() or the C API; null gives an object without a lease. */
    static Lease adopt(hf_lease *lease) noexcept {
        Lease adopted;
        adopted.handle_.reset(lease);
        return adopted;
    }

private:
    detail::LeaseHandle handle_;
};

/**
 * A source of credentials that are always valid. Ask it for each connection that is opened:
 *
 * @code
 * const auto credentials = manager.open_credentials("database/creds/app").value();
 * const hf::Lease lease = credentials.get();
 * const char *names[] = {"dbname", "user", "password", nullptr};
 * const char *values[] = {where, lease.text("username")->data(), lease.text("password")->data(), nullptr};
 * PGconn *database = PQconnectdbParams(names, values, 1);
 * @endcode
 *
 * It owns one reference to a source of the library, which keeps the manager open. Any number of threads may call its
 * functions at once.
 */
class Credentials {
public:
    /** An empty object: every operation fails with `HF_ERR_INVALID_ARGUMENT` until a source is assigned. */
    Credentials() noexcept = default;

#ifndef HF_NO_EXCEPTIONS
    /** Returns credentials that are valid, renewed or replaced if that is due. Most calls send nothing. Blocks otherwise.
     *  @throws Error if there are none, with the reason; `HF_NOT_FOUND` if there is nothing at the path any more */
    [[nodiscard]] Lease get(const Call &call = Call::defaults()) const { return try_get(call).value(); }

    /** Reports that the credentials of a lease were not accepted. The next get() replaces them, but no more than once in
     *  half of their time.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for a lease that is not of get() */
    void refused(const Lease &lease) const { try_refused(lease).value(); }

    /** Revokes the leases of every generation that is alive. The next get() makes other ones. Blocks.
     *  @throws Error as the server reports */
    void revoke(const Call &call = Call::defaults()) const { try_revoke(call).value(); }
#endif

    /** As get(), without exceptions. */
    Result<Lease> try_get(const Call &call = Call::defaults()) const noexcept {
        hf_lease *lease = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_credentials_get(handle_.get(), call.get(), &lease, &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return Lease::adopt(lease);
    }

    /** As refused(), without exceptions. */
    Result<void> try_refused(const Lease &lease) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_credentials_refused(handle_.get(), lease.get(), &error);
        return detail::finish(status, error);
    }

    /** As revoke(), without exceptions. */
    Result<void> try_revoke(const Call &call = Call::defaults()) const noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_credentials_revoke(handle_.get(), call.get(), &error);
        return detail::finish(status, error);
    }

    /** Returns another reference to the same source, for another owner. Sends no request. */
    Credentials share() const noexcept { return adopt(hf_credentials_ref(handle_.get())); }

    /** Whether this object has a source. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /** The C object, borrowed. */
    const hf_credentials *c_object() const noexcept { return handle_.get(); }

    /** Transfers the reference to the caller, who frees it with `hf_credentials_free`. */
    hf_credentials *release() noexcept { return handle_.release(); }

    /** Takes ownership of a reference from release() or the C API; null gives an object without a source. */
    static Credentials adopt(hf_credentials *credentials) noexcept {
        Credentials adopted;
        adopted.handle_.reset(credentials);
        return adopted;
    }

private:
    detail::CredentialsHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_LEASE_HPP
