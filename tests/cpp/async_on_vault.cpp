// Coroutines over a queue, on a real server.
#include "check.hpp"

#include <handsfree_secrets.hpp>
#include <poll.h>

#include <chrono>
#include <coroutine>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace hf = handsfree::secrets;
using namespace std::chrono_literals;

namespace {

// A coroutine that runs until its first wait, and is destroyed with its task.
class Task {
public:
    struct promise_type {
        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };

    Task(Task &&other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    ~Task() {
        if (coroutine_) {
            coroutine_.destroy();
        }
    }
    bool is_done() const { return coroutine_.done(); }

private:
    explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

void run(hf::Queue &queue, const Task &task) {
    while (!task.is_done()) {
        pollfd readable{queue.fd(), POLLIN, 0};
        CHECK(poll(&readable, 1, 60000) == 1);
        hf::resume(queue, 0ms);
    }
}

Task use(hf::AsyncManager secrets) {
    const std::string reference = co_await secrets.store_secret("cpp_async", "value");
    auto first = secrets.get_secret(reference), second = secrets.get_secret("vault://cpp_async_nothing");
    CHECK(!(co_await second).has_value());
    CHECK((co_await first)->view() == "value");
    CHECK(co_await secrets.update_secret(reference, "other"));
    CHECK((co_await secrets.get_document(reference))->text("value") == "other");
    auto refused = co_await secrets.try_get_secret(std::string("a\0b", 3));
    CHECK(!refused && refused.error().status() == HF_ERR_INVALID_ARGUMENT);
    try {
        co_await secrets.get_secret("no reference");
        CHECK(false);
    } catch (const hf::Error &error) {
        CHECK(error.status() == HF_ERR_INVALID_REFERENCE);
    }
    CHECK(co_await secrets.delete_secret(reference));
    CHECK(!co_await secrets.delete_secret(reference));
}

Task get(hf::AsyncManager secrets, int &values) {
    values += (co_await secrets.get_secret("vault://cpp_async_kept")).has_value();
}

Task wait(hf::AsyncManager secrets, const hf::Call &call, hf_status &status) {
    auto result = co_await secrets.try_get_secret("vault://cpp_async_kept", call);
    status = result ? HF_OK : result.error().status();
}

}  // namespace

int main() {
    hf::Manager manager = hf::Manager::open();
    hf::Queue queue(8);
    const hf::AsyncManager secrets(manager, queue);

    run(queue, use(secrets));
    (void)manager.store_secret("cpp_async_kept", "value");

    // Many coroutines in one thread.
    int values = 0;
    std::vector<Task> tasks;
    for (int i = 0; i < 300; ++i) {
        tasks.push_back(get(secrets, values));
    }
    for (const Task &task : tasks) {
        run(queue, task);
    }
    CHECK(values == 300 && queue.pending() == 0);

    // Coroutines that are destroyed while their operations wait, are under way, or have ended.
    for (int i = 0; i < 100; ++i) {
        Task destroyed = get(secrets, values);
        if (i % 3 == 0) {
            pollfd readable{queue.fd(), POLLIN, 0};
            (void)poll(&readable, 1, i % 2);
        }
    }
    CHECK(values == 300 && queue.pending() == 0);

    // One call that is shared cancels all; each copy of it is abandoned alone.
    hf::Call all;
    hf_status status = HF_OK;
    all.cancel();
    run(queue, wait(secrets, all, status));
    CHECK(status == HF_ERR_CANCELLED);

    // A closed queue refuses.
    queue.close();
    run(queue, wait(secrets, hf::Call::defaults(), status));
    CHECK(status == HF_ERR_CANCELLED);
    CHECK(!queue.next(0ms));
}
