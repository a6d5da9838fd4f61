/**
 * @file queue.hpp
 * @brief A queue of operations that do not block.
 */
#ifndef HANDSFREE_SECRETS_QUEUE_HPP
#define HANDSFREE_SECRETS_QUEUE_HPP

#include "call.hpp"
#include "duration.hpp"
#include "result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_queue(hf_queue *object) { hf_queue_free(object); }
using QueueHandle = std::unique_ptr<hf_queue, Deleter<hf_queue, free_queue>>;

}  // namespace detail

/** An operation that was taken from a queue. */
struct Completion {
    /** The tag of its Call, or of its C function. */
    std::uintptr_t tag;
    /** What it came to. */
    hf_status status;
};

/**
 * A queue of operations that do not block, for event loops and coroutines. Any number of threads may use it at once. With
 * C++20, @ref AsyncManager has the operations as awaitables; resume() goes on with the coroutines whose operations have
 * ended. The functions of the C interface take `Call`s with a queue, too: hf_call_set_queue().
 *
 * The destructor closes the queue and waits for what is under way, which it cancels.
 */
class Queue {
public:
#ifndef HF_NO_EXCEPTIONS
    /** Creates a queue with up to `concurrency` operations under way at a time, from 1 to 64.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT`, or `HF_ERR_TOO_LARGE` if there are no descriptors */
    explicit Queue(std::int32_t concurrency) : Queue(try_create(concurrency).value()) {}

    /** Takes an operation of the C interface that has ended, or nothing if none has in time; a negative time waits for
     *  ever. A closed and empty queue gives nothing at once. @throws Error */
    [[nodiscard]] std::optional<Completion> next(std::chrono::milliseconds timeout) { return try_next(timeout).value(); }
#endif

    /** As the constructor, without exceptions. */
    static Result<Queue> try_create(std::int32_t concurrency) noexcept {
        hf_queue *queue = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_queue_new(concurrency, &queue, &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return Queue(detail::QueueHandle(queue));
    }

    /** As next(), without exceptions. */
    Result<std::optional<Completion>> try_next(std::chrono::milliseconds timeout) noexcept {
        Completion taken{0, HF_OK};
        hf_error *error = nullptr;
        const std::int64_t milliseconds = timeout.count() < 0 ? -1 : detail::to_milliseconds(timeout);
        const hf_status status = hf_queue_next(handle_.get(), milliseconds, &taken.tag, &taken.status, &error);
        if (status == HF_PENDING || status == HF_NOT_FOUND) {
            return std::optional<Completion>();
        }
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return std::optional<Completion>(taken);
    }

    /** The descriptor for an event loop, readable while operations have ended and wait to be taken; -1 in a child of
     *  fork. It must not be read, written or closed. */
    int fd() const noexcept { return hf_queue_fd(handle_.get()); }

    /** The number of operations that were submitted and not taken. */
    std::size_t pending() const noexcept { return hf_queue_pending(handle_.get()); }

    /** Refuses operations from now on, and cancels those that have not ended. They are still taken. */
    void close() noexcept { hf_queue_close(handle_.get()); }

    /** The C object, borrowed. */
    hf_queue *get() const noexcept { return handle_.get(); }

private:
    explicit Queue(detail::QueueHandle handle) noexcept : handle_(std::move(handle)) {}

    detail::QueueHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_QUEUE_HPP
