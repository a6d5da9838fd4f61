/**
 * @file duration.hpp
 * @brief Conversion of durations for the C interface.
 */
#ifndef HANDSFREE_SECRETS_DURATION_HPP
#define HANDSFREE_SECRETS_DURATION_HPP

#include "base.hpp"

#include <chrono>
#include <cstdint>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

/** Converts to whole milliseconds, rounded up, so that a timeout is never shorter than requested. */
template <class Rep, class Period>
std::int64_t to_milliseconds(std::chrono::duration<Rep, Period> time) noexcept {
    // A limit far below the values at which the conversion overflows.
    constexpr double longest = 1e15;
    const double milliseconds = std::chrono::duration<double, std::milli>(time).count();
    if (milliseconds >= longest) {
        return static_cast<std::int64_t>(longest);
    }
    if (milliseconds <= -longest) {
        return -static_cast<std::int64_t>(longest);
    }
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::milli>>(time).count();
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_DURATION_HPP
