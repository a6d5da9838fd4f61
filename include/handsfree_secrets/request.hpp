/**
 * @file request.hpp
 * @brief Requests to any endpoint of the server.
 */
#ifndef HANDSFREE_SECRETS_REQUEST_HPP
#define HANDSFREE_SECRETS_REQUEST_HPP

#include "bytes.hpp"
#include "call.hpp"
#include "result.hpp"
#include "secret.hpp"
#include "text.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** What the server answered to Manager::request(). */
struct Response {
    /** The HTTP status, such as 200 or 204. */
    std::int32_t http_status;
    /** The whole body; empty for 204. */
    Bytes body;
};

/**
 * The part of @ref Manager that sends requests to any endpoint of the server, with the connections, the token and the
 * retries of the manager. The `env` backend has no server: everything fails with `HF_ERR_UNSUPPORTED`.
 */
template <class Derived>
class RequestOperations {
public:
#ifndef HF_NO_EXCEPTIONS
    /** Sends a request. `method` is "GET", "LIST", "POST", "PUT", "PATCH" or "DELETE", `path` the path behind /v1/,
     *  such as "sys/health", `json` the body or `nullptr`. Returns nothing if there is nothing at the path. GET and
     *  LIST are repeated after a failure, the others only if the server cannot have executed them. With
     *  Call::set_wrap_ttl() the response has a wrapping token for unwrap(). Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for an invalid argument, or if the server refuses what was sent; or as
     *  the server reports */
    [[nodiscard]] std::optional<Response> request(Text method, Text path, Text json = nullptr,
                                                  const Call &call = Call::defaults()) const {
        return try_request(std::move(method), std::move(path), std::move(json), call).value();
    }

    /** Exchanges a wrapping token for the answer that the server keeps for it, and returns the whole answer as JSON.
     *  The token is spent by that. Blocks.
     *  @throws Error `HF_ERR_AUTH` if the token is wrong, has expired, or was unwrapped before: then somebody else may
     *  have read the answer */
    [[nodiscard]] Secret unwrap(Text wrapping_token, const Call &call = Call::defaults()) const {
        return try_unwrap(std::move(wrapping_token), call).value();
    }
#endif

    /** As request(), without exceptions. */
    Result<std::optional<Response>> try_request(Text method, Text path, Text json = nullptr,
                                                const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(method, path, json); !checked) {
            return std::move(checked).error();
        }
        std::int32_t http_status = 0;
        hf_bytes *body = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_request(manager(), method.c_str(), path.c_str(), json.c_str(), call.get(),
                                            &http_status, &body, &error);
        return detail::finish_optional(status, error, Response{http_status, Bytes::adopt(body)});
    }

    /** As unwrap(), without exceptions. */
    Result<Secret> try_unwrap(Text wrapping_token, const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(wrapping_token); !checked) {
            return std::move(checked).error();
        }
        char *json = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_unwrap(manager(), wrapping_token.c_str(), call.get(), &json, &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return Secret::adopt(json);
    }

protected:
    RequestOperations() noexcept = default;

private:
    const hf_manager *manager() const noexcept { return static_cast<const Derived *>(this)->get(); }
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_REQUEST_HPP
