/**
 * @file results.hpp
 * @brief What came of each of many secrets.
 */
#ifndef HANDSFREE_SECRETS_RESULTS_HPP
#define HANDSFREE_SECRETS_RESULTS_HPP

#include "error.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_results(hf_results *object) { hf_results_free(object); }
using ResultsHandle = std::unique_ptr<hf_results, Deleter<hf_results, free_results>>;

}  // namespace detail

/**
 * What came of one of many secrets. It borrows from its @ref Results, copies freely, and is valid as long as they are.
 */
class Outcome {
public:
    /** The `index`th of the results; `message` in place of the library's own, unless null. */
    Outcome(const hf_results *results, std::size_t index, const char *message) noexcept
        : results_(results), index_(index), message_(message) {}

    /** `HF_OK`, `HF_NOT_FOUND` or a failure, as for the function for one secret. */
    hf_status status() const noexcept { return hf_results_status(results_, index_); }

    /** Whether it failed. "Nothing there" is no failure, and has no value either. */
    bool failed() const noexcept { return status() != HF_OK && status() != HF_NOT_FOUND; }

    /** Whether there is a value. */
    bool has_value() const noexcept { return status() == HF_OK; }

    /** The value that was got, or the reference of what was stored; empty where there is none. The memory is the
     *  library's, and a NUL follows the text. */
    std::string_view view() const noexcept {
        const char *text = hf_results_text(results_, index_);
        return text != nullptr ? text : "";
    }

    /** Why it failed: what, with which path or variable, and what to do about it; empty where it did not. */
    std::string_view message() const noexcept {
        return !failed() ? "" : message_ != nullptr ? message_ : hf_error_message(hf_results_error(results_, index_));
    }

    /** The status of Vault's HTTP answer, 0 where it did not fail, or no answer was involved. */
    std::int32_t http_status() const noexcept { return hf_error_http_status(hf_results_error(results_, index_)); }

#ifndef HF_NO_EXCEPTIONS
    /** The text as view() gives it, or nothing where there is no such secret. @throws Error where it failed */
    std::optional<std::string_view> value() const {
        if (failed()) {
            throw Error(status(), http_status(), message());
        }
        return has_value() ? std::optional<std::string_view>(view()) : std::nullopt;
    }
#endif

private:
    const hf_results *results_;
    std::size_t index_;
    const char *message_;
};

/** An outcome does not go into a stream by accident; write `outcome.view()` where you mean it. */
template <class Stream>
Stream &operator<<(Stream &stream, const Outcome &outcome) = delete;

/**
 * What came of each of many secrets, in the order of the call. It owns their memory, and wipes it in its destructor.
 *
 * @code
 * const hf::Results results = manager.get_secrets({"vault://db/user", "vault://db/password"});
 * for (const hf::Outcome &outcome : results) {
 *     if (outcome.has_value()) {
 *         use(outcome.view());
 *     }
 * }
 * @endcode
 */
class Results {
public:
    /** Goes from outcome to outcome. */
    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Outcome;
        using difference_type = std::ptrdiff_t;
        using pointer = const Outcome *;
        using reference = Outcome;

        Iterator(const Results &results, std::size_t index) noexcept : results_(&results), index_(index) {}
        Outcome operator*() const noexcept { return (*results_)[index_]; }
        Iterator &operator++() noexcept {
            ++index_;
            return *this;
        }
        Iterator operator++(int) noexcept { return Iterator(*results_, index_++); }
        bool operator==(const Iterator &other) const noexcept { return index_ == other.index_; }
        bool operator!=(const Iterator &other) const noexcept { return index_ != other.index_; }

    private:
        const Results *results_;
        std::size_t index_;
    };

    /** No results. */
    Results() noexcept = default;

    /** As many as the call had secrets. */
    std::size_t size() const noexcept { return hf_results_len(handle_.get()); }

    /** Whether there are none. */
    bool empty() const noexcept { return size() == 0; }

    /** What came of the secret with this index; past the end its status is `HF_ERR_INVALID_ARGUMENT`. */
    Outcome operator[](std::size_t index) const & noexcept {
        const bool refused = index < refused_.size() && refused_[index];
        return Outcome(handle_.get(), index, refused || index >= size() ? message_of(refused) : nullptr);
    }
    /** An outcome borrows: keep the results before you look at one. */
    Outcome operator[](std::size_t index) const && = delete;

    Iterator begin() const noexcept { return Iterator(*this, 0); }
    Iterator end() const noexcept { return Iterator(*this, size()); }

    /** Wipes and frees all of them now. */
    void wipe() noexcept {
        handle_.reset();
        refused_.clear();
    }

    /** Takes over what the C API returned; null gives none. `refused` says which texts C was not given, because they
     *  hold a NUL. */
    static Results adopt(hf_results *results, std::vector<bool> refused = {}) noexcept {
        Results adopted;
        adopted.handle_.reset(results);
        adopted.refused_ = std::move(refused);
        return adopted;
    }

private:
    static const char *message_of(bool refused) noexcept {
        return refused ? "a text with a NUL byte in it was given; no text may hold one"
                       : "there is no result with this index; size() says how many there are";
    }

    detail::ResultsHandle handle_;
    std::vector<bool> refused_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_RESULTS_HPP
