/**
 * @file log.hpp
 * @brief Where the messages of the library go.
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

/** How urgent a log message is. As a limit: this level and all above it; `off` is none. */
enum class LogLevel : std::int32_t {
    off = HF_LOG_OFF,
    error = HF_LOG_ERROR,
    warn = HF_LOG_WARN,
    info = HF_LOG_INFO,
    debug = HF_LOG_DEBUG,
    trace = HF_LOG_TRACE,
};

/**
 * Receives log messages. It may be called from any thread, and from several at once. The message is valid during
 * the call and holds no secret. An exception that it throws ends inside the library's wrapper: the message is lost,
 * nothing else happens.
 */
using LogCallback = std::function<void(LogLevel level, std::string_view message)>;

namespace detail {

/** The C side of a LogCallback: `user_data` is the callback, on the heap. */
inline void call_log_callback(std::int32_t level, const char *message, void *user_data) noexcept {
#ifndef HF_NO_EXCEPTIONS
    try {
#endif
        (*static_cast<LogCallback *>(user_data))(static_cast<LogLevel>(level), message);
#ifndef HF_NO_EXCEPTIONS
    } catch (...) {
        // There is nobody to tell: the log is where it would have been told.
    }
#endif
}

inline void destroy_log_callback(void *user_data) noexcept { delete static_cast<LogCallback *>(user_data); }

}  // namespace detail

/**
 * Sends the messages of the whole library to `callback`, down to `max_level`; those of managers whose options have a
 * callback of their own go there. An empty callback: none. The one that was set before is destroyed when the last
 * call into it has returned.
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
