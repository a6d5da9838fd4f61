/**
 * @file log.hpp
 * @brief Log callbacks.
 */
#ifndef HANDSFREE_SECRETS_LOG_HPP
#define HANDSFREE_SECRETS_LOG_HPP

#include "base.hpp"

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** The severity of a log message. As a limit, it includes all more severe levels; `off` means no messages. */
enum class LogLevel : std::int32_t {
    off = HF_LOG_OFF,
    error = HF_LOG_ERROR,
    warn = HF_LOG_WARN,
    info = HF_LOG_INFO,
    debug = HF_LOG_DEBUG,
    trace = HF_LOG_TRACE,
};

/**
 * Receives log messages. It may be called from any thread, and from several at once. The message is valid during the
 * call and contains no secret. An exception that it throws is caught by the wrapper and ignored.
 */
using LogCallback = std::function<void(LogLevel level, std::string_view message)>;

namespace detail {

/** The C function that calls a LogCallback: `user_data` points to the callback on the heap. */
inline void call_log_callback(std::int32_t level, const char *message, void *user_data) noexcept {
#ifndef HF_NO_EXCEPTIONS
    try {
#endif
        (*static_cast<LogCallback *>(user_data))(static_cast<LogLevel>(level), message);
#ifndef HF_NO_EXCEPTIONS
    } catch (...) {
        // Ignored: a failure would be reported to this log.
    }
#endif
}

inline void destroy_log_callback(void *user_data) noexcept { delete static_cast<LogCallback *>(user_data); }

}  // namespace detail

/**
 * Sends the log messages of the process to `callback`, down to `max_level`, except those of managers whose options have
 * their own callback. An empty callback removes the present one. The previous callback is destroyed after its last call
 * has returned. May be called from any thread; does not block.
 */
inline void set_log_callback(LogCallback callback, LogLevel max_level) noexcept {
    const auto level = static_cast<std::int32_t>(max_level);
    if (!callback) {
        hf_set_log_callback(nullptr, nullptr, nullptr, level);
        return;
    }
    hf_set_log_callback(detail::call_log_callback, new LogCallback(std::move(callback)), detail::destroy_log_callback,
                        level);
}

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_LOG_HPP
