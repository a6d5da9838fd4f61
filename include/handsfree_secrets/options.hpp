/**
 * @file options.hpp
 * @brief The settings that a manager is opened with.
 */
#ifndef HANDSFREE_SECRETS_OPTIONS_HPP
#define HANDSFREE_SECRETS_OPTIONS_HPP

#include "duration.hpp"
#include "log.hpp"
#include "text.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_options(hf_options *object) { hf_options_free(object); }
using OptionsHandle = std::unique_ptr<hf_options, Deleter<hf_options, free_options>>;

}  // namespace detail

/**
 * The settings that a manager is opened with. Each option has the name of an environment variable and overrides it. A
 * program that sets `VAULT_ADDR` sets `SECRET_MANAGER_TYPE` too.
 *
 * @code
 * hf::Options options;
 * options.set("SECRET_MANAGER_TYPE", "vault")
 *        .set("VAULT_ADDR", "https://vault.example.com:8200")
 *        .set("VAULT_CLIENT_TIMEOUT", std::chrono::seconds(5));
 * @endcode
 *
 * Names are checked when they are set, values when the manager is opened.
 */
class Options {
public:
    /** Creates empty options: all settings come from the environment. */
    Options() noexcept : handle_(hf_options_new()) {}

    /** Creates empty options for a manager that never reads the environment. */
    static Options isolated() noexcept { return Options(detail::OptionsHandle(hf_options_new_isolated())); }

#ifndef HF_NO_EXCEPTIONS
    /** Sets an option; `""` means its default, whatever the environment says.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for an unknown name; the message suggests a known one */
    Options &set(Text name, Text value) {
        try_set(std::move(name), std::move(value)).value();
        return *this;
    }

    /** Sets an option that is a duration. @throws Error as above */
    template <class Rep, class Period>
    Options &set(Text name, std::chrono::duration<Rep, Period> value) {
        try_set(std::move(name), value).value();
        return *this;
    }

    /** Sends the log messages of the managers opened with these options to `callback`, down to `max_level`, instead of
     *  to standard error. An empty callback removes the one that was set.
     *  @throws Error */
    Options &set_log_callback(LogCallback callback, LogLevel max_level) {
        try_set_log_callback(std::move(callback), max_level).value();
        return *this;
    }
#endif

    /** As set(), without exceptions. */
    Result<void> try_set(Text name, Text value) noexcept {
        if (auto checked = detail::check_texts(name, value); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_options_set(handle_.get(), name.c_str(), value.c_str(), &error);
        return detail::finish(status, error);
    }

    /** As set(), without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set(Text name, std::chrono::duration<Rep, Period> value) noexcept {
        return try_set(std::move(name), std::to_string(detail::to_milliseconds(value)) + "ms");
    }

    /** As set_log_callback(), without exceptions. */
    Result<void> try_set_log_callback(LogCallback callback, LogLevel max_level) noexcept {
        hf_error *error = nullptr;
        const auto level = static_cast<std::int32_t>(max_level);
        if (!callback) {
            const hf_status status = hf_options_set_log_callback(handle_.get(), nullptr, nullptr, nullptr, level, &error);
            return detail::finish(status, error);
        }
        auto owned = std::make_unique<LogCallback>(std::move(callback));
        const hf_status status = hf_options_set_log_callback(handle_.get(), detail::call_log_callback, owned.get(),
                                                             detail::destroy_log_callback, level, &error);
        if (status == HF_OK) {
            static_cast<void>(owned.release());  // the library has it now, and destroys it
        }
        return detail::finish(status, error);
    }

    /** The C object, borrowed. */
    const hf_options *get() const noexcept { return handle_.get(); }

private:
    explicit Options(detail::OptionsHandle handle) noexcept : handle_(std::move(handle)) {}

    detail::OptionsHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_OPTIONS_HPP
