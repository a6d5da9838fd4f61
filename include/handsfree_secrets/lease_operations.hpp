/**
 * @file lease_operations.hpp
 * @brief How a manager obtains credentials and keeps them valid.
 */
#ifndef HANDSFREE_SECRETS_LEASE_OPERATIONS_HPP
#define HANDSFREE_SECRETS_LEASE_OPERATIONS_HPP

#include "call.hpp"
#include "fields.hpp"
#include "lease.hpp"
#include "result.hpp"
#include "text.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/**
 * The part of @ref Manager that obtains credentials: from a path of the API, such as "database/creds/app", or from a secret
 * by its reference. With parameters the request is a POST, even if they are none; null is a GET. The `env` backend has no
 * server: everything but maintain() fails with `HF_ERR_UNSUPPORTED`.
 */
template <class Derived>
class LeaseOperations {
public:
    /** What maintain() returns. */
    struct Maintenance {
        /** The outcome: `HF_OK`, or why the first thing that was due could not be done. */
        Result<void> outcome;
        /** In what time something is due next, the pause after a failure included; nothing: never. */
        std::optional<std::chrono::milliseconds> next;
    };

#ifndef HF_NO_EXCEPTIONS
    /** Obtains one set of credentials, or returns nothing if there is nothing at the path. Blocks.
     *  @throws Error `HF_ERR_CONFIG` if the mount or the role does not exist, or as the server reports */
    [[nodiscard]] std::optional<Lease> open_lease(Text path, const Fields *parameters = nullptr,
                                                  const Call &call = Call::defaults()) const {
        return try_open_lease(std::move(path), parameters, call).value();
    }

    /** Opens a source of credentials that are always valid, and obtains the first ones; returns nothing if there is nothing
     *  at the path. Blocks.
     *  @throws Error as open_lease() */
    [[nodiscard]] std::optional<Credentials> open_credentials(Text path, const Fields *parameters = nullptr,
                                                              const Call &call = Call::defaults()) const {
        return try_open_credentials(std::move(path), parameters, call).value();
    }
#endif

    /** As open_lease(), without exceptions. */
    Result<std::optional<Lease>> try_open_lease(Text path, const Fields *parameters = nullptr,
                                                const Call &call = Call::defaults()) const noexcept {
        if (auto checked = check(path, parameters); !checked) {
            return std::move(checked).error();
        }
        hf_lease *lease = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_lease_open(manager(), path.c_str(), detail::parameters_of(parameters), call.get(),
                                               &lease, &error);
        return detail::finish_optional(status, error, Lease::adopt(lease));
    }

    /** As open_credentials(), without exceptions. */
    Result<std::optional<Credentials>> try_open_credentials(Text path, const Fields *parameters = nullptr,
                                                            const Call &call = Call::defaults()) const noexcept {
        if (auto checked = check(path, parameters); !checked) {
            return std::move(checked).error();
        }
        hf_credentials *credentials = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_credentials_open(manager(), path.c_str(), detail::parameters_of(parameters),
                                                     call.get(), &credentials, &error);
        return detail::finish_optional(status, error, Credentials::adopt(credentials));
    }

    /** Does what is due for the token and for all Credentials of this manager that are in use, and tells when something is
     *  due next. Does not throw, since it tells that after a failure, too. Blocks. */
    Maintenance maintain(const Call &call = Call::defaults()) const noexcept {
        std::int64_t next = 0;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_maintain(manager(), call.get(), &next, &error);
        return {detail::finish(status, error),
                next > 0 ? std::optional<std::chrono::milliseconds>(next) : std::nullopt};
    }

protected:
    LeaseOperations() noexcept = default;

private:
    static Result<void> check(const Text &path, const Fields *parameters) noexcept {
        if (auto checked = detail::check_texts(path); !checked) {
            return checked;
        }
        return detail::check_parameters(parameters);
    }

    const hf_manager *manager() const noexcept { return static_cast<const Derived *>(this)->get(); }
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_LEASE_OPERATIONS_HPP
