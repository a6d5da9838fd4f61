/**
 * @file transit_operations.hpp
 * @brief How a manager opens keys of the transit engine.
 */
#ifndef HANDSFREE_SECRETS_TRANSIT_OPERATIONS_HPP
#define HANDSFREE_SECRETS_TRANSIT_OPERATIONS_HPP

#include "call.hpp"
#include "result.hpp"
#include "text.hpp"
#include "transit.hpp"

#include <optional>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/**
 * The part of @ref Manager that opens keys of the transit engine, which is at `VAULT_TRANSIT_MOUNT`. The `env` backend
 * has no server: everything fails with `HF_ERR_UNSUPPORTED`.
 */
template <class Derived>
class TransitOperations {
public:
#ifndef HF_NO_EXCEPTIONS
    /** Opens a key, or returns nothing if it does not exist; it is not created. Blocks.
     *  @throws Error `HF_ERR_CONFIG` if the mount does not exist; `HF_ERR_PERMISSION_DENIED` if the token may not read
     *  the key but may create it; or as the server reports */
    [[nodiscard]] std::optional<Transit> open_transit(Text key, const Call &call = Call::defaults()) const {
        return try_open_transit(std::move(key), call).value();
    }
#endif

    /** As open_transit(), without exceptions. */
    Result<std::optional<Transit>> try_open_transit(Text key, const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(key); !checked) {
            return std::move(checked).error();
        }
        hf_transit *transit = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_transit_open(manager(), key.c_str(), call.get(), &transit, &error);
        return detail::finish_optional(status, error, Transit::adopt(transit));
    }

protected:
    TransitOperations() noexcept = default;

private:
    const hf_manager *manager() const noexcept { return static_cast<const Derived *>(this)->get(); }
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_TRANSIT_OPERATIONS_HPP
