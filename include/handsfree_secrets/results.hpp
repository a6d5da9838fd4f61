/**
 * @file results.hpp
 * @brief The results of a call for many secrets.
 */
#ifndef HANDSFREE_SECRETS_RESULTS_HPP
#define HANDSFREE_SECRETS_RESULTS_HPP

#include "bytes_view.hpp"
#include "document.hpp"
#include "error.hpp"
#include "iterator.hpp"

#include <cstddef>
#include <cstdint>
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

class Results;

/**
 * The outcome of one of many secrets, or of one of many items of transit. It borrows from its @ref Results and is valid
 * as long as they are. It may be copied.
 */
class Outcome {
public:
    /** The outcome at `index`; `message` replaces the library's message unless it is null. */
    Outcome(const hf_results *results, std::size_t index, const char *message) noexcept
        : results_(results), index_(index), message_(message) {}

    /** As `(*results)[index]`. */
    Outcome(const Results *results, std::size_t index) noexcept;

    /** The status that the function for one secret would return. */
    hf_status status() const noexcept { return hf_results_status(results_, index_); }

    /** Whether it failed. A missing secret is not a failure, and has no value. */
    bool failed() const noexcept { return status() != HF_OK && status() != HF_NOT_FOUND; }

    /** Whether there is a value, a document or data. */
    bool has_value() const noexcept { return status() == HF_OK; }

    /** The value after a get, the reference after a store, or the ciphertext; empty if there is none, for documents,
     *  and after Transit::decrypt_many(). The memory belongs to the results; a NUL follows the text. */
    std::string_view view() const noexcept {
        const char *text = hf_results_text(results_, index_);
        return text != nullptr ? text : "";
    }

    /** The data after Transit::decrypt_many(), or the bytes of the text; empty if there are none, and for documents.
     *  The memory belongs to the results; a NUL follows the bytes. */
    BytesView bytes() const noexcept {
        std::size_t size = 0;
        const void *data = hf_results_bytes(results_, index_, &size);
        return BytesView(data, size);
    }

    /** The document after Manager::get_documents(): a reference to it that may outlive the results; an object without a
     *  document if there is none. */
    Document document() const noexcept {
        return Document::adopt(hf_document_ref(hf_results_document(results_, index_)));
    }

    /** The message: what failed, with which path or variable, and what to do next; empty if it did not fail. */
    std::string_view message() const noexcept {
        return !failed() ? "" : message_ != nullptr ? message_ : hf_error_message(hf_results_error(results_, index_));
    }

    /** The HTTP status of Vault's response; 0 if it did not fail or no response was involved. */
    std::int32_t http_status() const noexcept { return hf_error_http_status(hf_results_error(results_, index_)); }

#ifndef HF_NO_EXCEPTIONS
    /** The text as view() returns it, or nothing if the secret does not exist. @throws Error if it failed */
    std::optional<std::string_view> value() const {
        if (failed()) {
            throw Error(status(), http_status(), message());
        }
        return has_value() ? std::optional<std::string_view>(view()) : std::nullopt;
    }

    /** The bytes as bytes() returns them. @throws Error if it failed */
    std::optional<BytesView> bytes_value() const {
        return value().has_value() ? std::optional<BytesView>(bytes()) : std::nullopt;
    }

    /** The document as document() returns it, or nothing if the secret does not exist. @throws Error if it failed */
    std::optional<Document> document_value() const {
        return value().has_value() ? std::optional<Document>(document()) : std::nullopt;
    }
#endif

private:
    const hf_results *results_;
    std::size_t index_;
    const char *message_;
};

/** Deleted, so that an outcome is not printed by accident; write `outcome.view()`. */
template <class Stream>
Stream &operator<<(Stream &stream, const Outcome &outcome) = delete;

/**
 * The outcomes of a call for many secrets or items, in the order of the call. It owns their memory and wipes it in its
 * destructor.
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
    /** Iterates over the outcomes. */
    using Iterator = detail::PartIterator<Results, Outcome>;

    /** No results. */
    Results() noexcept = default;

    /** The number of secrets or items in the call. */
    std::size_t size() const noexcept { return hf_results_len(handle_.get()); }

    /** Whether there are no outcomes. */
    bool empty() const noexcept { return size() == 0; }

    /** The outcome at this index; past the end its status is `HF_ERR_INVALID_ARGUMENT`. */
    Outcome operator[](std::size_t index) const & noexcept {
        const bool refused = index < refused_.size() && refused_[index];
        return Outcome(handle_.get(), index, refused || index >= size() ? message_of(refused) : nullptr);
    }
    /** Deleted, because an outcome borrows from the results: store the results in a variable first. */
    Outcome operator[](std::size_t index) const && = delete;

    Iterator begin() const noexcept { return Iterator(this, 0); }
    Iterator end() const noexcept { return Iterator(this, size()); }

    /** Wipes and frees all of them now. */
    void wipe() noexcept {
        handle_.reset();
        refused_.clear();
    }

    /** Takes ownership of results of the C API; null gives empty results. `refused` says which texts were not passed to
     *  C because they contain a NUL. */
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

inline Outcome::Outcome(const Results *results, std::size_t index) noexcept : Outcome((*results)[index]) {}

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_RESULTS_HPP
