/**
 * @file version.hpp
 * @brief The version of the library that is linked.
 */
#ifndef HANDSFREE_SECRETS_VERSION_HPP
#define HANDSFREE_SECRETS_VERSION_HPP

#include "base.hpp"

#include <cstdint>
#include <string_view>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** Returns the version of the linked library, such as "0.1.0". `HF_VERSION_STRING` is the version of this header. */
inline std::string_view version() noexcept { return hf_version(); }

/** Returns the version of the linked library as a number: major * 1000000 + minor * 1000 + patch. `HF_VERSION_NUMBER`
 *  is the version of this header. */
inline std::int32_t version_number() noexcept { return hf_version_number(); }

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_VERSION_HPP
