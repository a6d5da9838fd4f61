/**
 * @file async.hpp
 * @brief Operations as awaitables, for C++20 coroutines. With C++17 it is empty.
 */
#ifndef HANDSFREE_SECRETS_ASYNC_HPP
#define HANDSFREE_SECRETS_ASYNC_HPP

#include "call.hpp"
#include "document.hpp"
#include "manager.hpp"
#include "queue.hpp"
#include "result.hpp"
#include "secret.hpp"
#include "text.hpp"

#if defined(__cpp_impl_coroutine) && __cpp_impl_coroutine >= 201902L

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

/** What waits for an operation. Its address is the tag. */
class Waiter {
public:
    Waiter() noexcept = default;
    Waiter(const Waiter &) = delete;
    Waiter &operator=(const Waiter &) = delete;

    /** The operation was taken. Goes on with the coroutine that waits for it, if there is one yet. */
    void finish(hf_status status) {
        status_ = status;
        if (void *const waiting = state_.exchange(this, std::memory_order_acq_rel)) {
            std::coroutine_handle<>::from_address(waiting).resume();
        }
    }

protected:
    bool has_ended() const noexcept { return state_.load(std::memory_order_acquire) == this; }

    /** `false` if the operation has ended already. */
    bool suspend(std::coroutine_handle<> coroutine) noexcept {
        void *none = nullptr;
        return state_.compare_exchange_strong(none, coroutine.address(), std::memory_order_acq_rel);
    }

    hf_status status_ = HF_OK;

private:
    /** Null; the coroutine; or this object, once the operation has ended. */
    std::atomic<void *> state_{nullptr};
};

/** An out-parameter for an object of the C interface. */
template <class T, void (*Free)(T *)>
struct Made {
    T *object = nullptr;

    Made() noexcept = default;
    Made(const Made &) = delete;
    Made &operator=(const Made &) = delete;
    ~Made() { Free(object); }

    T *release() noexcept { return std::exchange(object, nullptr); }
};

struct Nothing {};

inline void free_document_object(hf_document *object) { hf_document_free(object); }

}  // namespace detail

/**
 * An operation that was submitted. `co_await` gives its result, once; resume() has to take it. It may be
 * destroyed while it is pending, also with its coroutine: then the operation is abandoned, and a change may have happened.
 * That must not happen while another thread is about to resume the coroutine, so do it in the thread that calls resume().
 */
template <class Out, class Convert, bool Throws>
class [[nodiscard]] Operation : private detail::Waiter {
public:
    /** For this header. */
    template <class Submit>
    Operation(hf_queue *queue, const Call &settings, Submit submit, Convert convert) noexcept
        : call_(settings.copy()), convert_(std::move(convert)) {
        auto *const call = const_cast<hf_call *>(call_.get());
        const auto tag = reinterpret_cast<std::uintptr_t>(static_cast<Waiter *>(this));
        hf_status status = hf_call_set_queue(call, queue, tag, &error_);
        if (status == HF_OK) {
            status = submit(call, &out_, &error_);
        }
        if (status != HF_PENDING) {
            finish(status);
        }
    }

    ~Operation() {
        hf_call_abandon(call_.get());
        hf_error_free(error_);
    }

    /** Whether the result is there already. */
    bool await_ready() const noexcept { return has_ended(); }

    /** Waits for the result. */
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept { return suspend(coroutine); }

    /** The result. */
    auto await_resume() {
        auto result = convert_(status_, std::exchange(error_, nullptr), &out_);
        if constexpr (Throws) {
            return std::move(result).value();
        } else {
            return result;
        }
    }

private:
    Call call_;
    Convert convert_;
    Out out_;
    hf_error *error_ = nullptr;
};

/**
 * The operations of a Manager as awaitables. They are submitted at once, so several may be begun before the first is
 * awaited. An operation without exceptions gives a @ref Result.
 *
 * @code
 * Task serve(hf::AsyncManager secrets) {
 *     auto user = secrets.get_secret("vault://db/user"), password = secrets.get_secret("vault://db/password");
 *     connect(co_await user, co_await password);
 * }
 * @endcode
 */
class AsyncManager {
public:
    /** Uses the manager, which it keeps open, and the queue, which has to outlive the operations. */
    AsyncManager(const Manager &manager, Queue &queue) noexcept : manager_(manager.share()), queue_(queue.get()) {}

    AsyncManager(const AsyncManager &other) noexcept : manager_(other.manager_.share()), queue_(other.queue_) {}
    AsyncManager &operator=(const AsyncManager &other) noexcept {
        manager_ = other.manager_.share();
        queue_ = other.queue_;
        return *this;
    }
    AsyncManager(AsyncManager &&) noexcept = default;
    AsyncManager &operator=(AsyncManager &&) noexcept = default;
    ~AsyncManager() = default;

    /** Any function of the C interface that takes an hf_call. `submit` calls it with a call, a pointer to an `Out` for its
     *  results, and a place for the error, and returns its status; `convert` makes a Result of the status, the error, which
     *  it owns, and the `Out`, which frees what it has not released. */
    template <class Out, bool Throws, class Submit, class Convert>
    Operation<Out, Convert, Throws> operation(const Call &call, Submit submit, Convert convert) const {
        return Operation<Out, Convert, Throws>(queue_, call, std::move(submit), std::move(convert));
    }

private:
    using Value = detail::Made<char, detail::free_string>;
    using DocumentOut = detail::Made<hf_document, detail::free_document_object>;

    /** `HF_ERR_INVALID_ARGUMENT` for a text that C would truncate. */
    template <class... Texts>
    static hf_status checked(const Texts &...texts) noexcept {
        return (texts.has_nul() || ...) ? HF_ERR_INVALID_ARGUMENT : HF_OK;
    }

    template <bool Throws>
    auto store(Text key, Text value, const Call &call) const {
        const auto submit = [&](const hf_call *c_call, Value *out, hf_error **error) {
            const hf_status refused = checked(key, value);
            return refused != HF_OK ? refused
                                    : hf_store_secret(manager_.get(), key.c_str(), value.c_str(), nullptr, c_call,
                                                      &out->object, error);
        };
        const auto convert = [](hf_status status, hf_error *error, Value *out) {
            return detail::finish_string(status, error, out->release());
        };
        return operation<Value, Throws>(call, submit, convert);
    }

    template <bool Throws>
    auto get(Text reference, const Call &call) const {
        const auto submit = [&](const hf_call *c_call, Value *out, hf_error **error) {
            const hf_status refused = checked(reference);
            return refused != HF_OK
                       ? refused
                       : hf_get_secret(manager_.get(), reference.c_str(), c_call, &out->object, error);
        };
        const auto convert = [](hf_status status, hf_error *error, Value *out) {
            return detail::finish_optional(status, error, Secret::adopt(out->release()));
        };
        return operation<Value, Throws>(call, submit, convert);
    }

    template <bool Throws>
    auto update(Text reference, Text value, const Call &call) const {
        const auto submit = [&](const hf_call *c_call, detail::Nothing *, hf_error **error) {
            const hf_status refused = checked(reference, value);
            return refused != HF_OK ? refused
                                    : hf_update_secret(manager_.get(), reference.c_str(), value.c_str(), nullptr,
                                                       c_call, error);
        };
        const auto convert = [](hf_status status, hf_error *error, detail::Nothing *) {
            return detail::finish_found(status, error);
        };
        return operation<detail::Nothing, Throws>(call, submit, convert);
    }

    template <bool Throws>
    auto remove(Text reference, const Call &call) const {
        const auto submit = [&](const hf_call *c_call, detail::Nothing *, hf_error **error) {
            const hf_status refused = checked(reference);
            return refused != HF_OK ? refused
                                    : hf_delete_secret(manager_.get(), reference.c_str(), c_call, error);
        };
        const auto convert = [](hf_status status, hf_error *error, detail::Nothing *) {
            return detail::finish_found(status, error);
        };
        return operation<detail::Nothing, Throws>(call, submit, convert);
    }

    template <bool Throws>
    auto document(Text reference, const Call &call) const {
        const auto submit = [&](const hf_call *c_call, DocumentOut *out, hf_error **error) {
            const hf_status refused = checked(reference);
            return refused != HF_OK
                       ? refused
                       : hf_get_document(manager_.get(), reference.c_str(), c_call, &out->object, error);
        };
        const auto convert = [](hf_status status, hf_error *error, DocumentOut *out) {
            return detail::finish_optional(status, error, Document::adopt(out->release()));
        };
        return operation<DocumentOut, Throws>(call, submit, convert);
    }

public:
#ifndef HF_NO_EXCEPTIONS
    /** As Manager::store_secret(). */
    auto store_secret(Text key, Text value, const Call &call = Call::defaults()) const {
        return store<true>(std::move(key), std::move(value), call);
    }
    /** As Manager::get_secret(). */
    auto get_secret(Text reference, const Call &call = Call::defaults()) const {
        return get<true>(std::move(reference), call);
    }
    /** As Manager::update_secret(). */
    auto update_secret(Text reference, Text value, const Call &call = Call::defaults()) const {
        return update<true>(std::move(reference), std::move(value), call);
    }
    /** As Manager::delete_secret(). */
    auto delete_secret(Text reference, const Call &call = Call::defaults()) const {
        return remove<true>(std::move(reference), call);
    }
    /** As Manager::get_document(). */
    auto get_document(Text reference, const Call &call = Call::defaults()) const {
        return document<true>(std::move(reference), call);
    }
#endif
    /** As Manager::try_store_secret(). */
    auto try_store_secret(Text key, Text value, const Call &call = Call::defaults()) const {
        return store<false>(std::move(key), std::move(value), call);
    }
    /** As Manager::try_get_secret(). */
    auto try_get_secret(Text reference, const Call &call = Call::defaults()) const {
        return get<false>(std::move(reference), call);
    }
    /** As Manager::try_update_secret(). */
    auto try_update_secret(Text reference, Text value, const Call &call = Call::defaults()) const {
        return update<false>(std::move(reference), std::move(value), call);
    }
    /** As Manager::try_delete_secret(). */
    auto try_delete_secret(Text reference, const Call &call = Call::defaults()) const {
        return remove<false>(std::move(reference), call);
    }
    /** As Manager::try_get_document(). */
    auto try_get_document(Text reference, const Call &call = Call::defaults()) const {
        return document<false>(std::move(reference), call);
    }

private:
    Manager manager_;
    hf_queue *queue_;
};

/** Takes the operations of @ref AsyncManager that have ended, and goes on with the coroutines that wait for them, in this
 *  thread. The queue must have no other operations, as of the C interface: their tags are no addresses. Waits up to
 *  `timeout` for the first; a negative time waits for ever. Returns how many it has taken. */
inline Result<std::size_t> try_resume(Queue &queue, std::chrono::milliseconds timeout) {
    std::size_t count = 0;
    for (;;) {
        auto taken = queue.try_next(count == 0 ? timeout : std::chrono::milliseconds(0));
        if (!taken) {
            return std::move(taken).error();
        }
        if (!*taken) {
            return count;
        }
        ++count;
        reinterpret_cast<detail::Waiter *>((*taken)->tag)->finish((*taken)->status);
    }
}

#ifndef HF_NO_EXCEPTIONS
/** As try_resume(). @throws Error */
inline std::size_t resume(Queue &queue, std::chrono::milliseconds timeout) { return try_resume(queue, timeout).value(); }
#endif

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // coroutines
#endif  // HANDSFREE_SECRETS_ASYNC_HPP
