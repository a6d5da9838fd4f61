/**
 * @file batch.hpp
 * @brief Many secrets in one call.
 */
#ifndef HANDSFREE_SECRETS_BATCH_HPP
#define HANDSFREE_SECRETS_BATCH_HPP

#include "call.hpp"
#include "result.hpp"
#include "results.hpp"
#include "text.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** A key and a value for Manager::store_secrets(). It borrows both texts. */
struct Item {
    /** A key as for Manager::store_secret(). */
    std::string_view key;
    /** The value. */
    std::string_view value;
};

namespace detail {

/** Texts as an array of C strings. A text that contains a NUL becomes a null pointer, so the library refuses it in its
 *  place. */
class Texts {
public:
    explicit Texts(std::size_t count) {
        texts_.reserve(count);
        pointers_.reserve(count);
    }

    /** Adds a text, and records in `refused` whether it contains a NUL. */
    void add(Text text, std::vector<bool>::reference refused) {
        refused = refused || text.has_nul();
        pointers_.push_back(text.has_nul() ? nullptr : text.c_str());
        texts_.push_back(std::move(text));
    }

    const char *const *data() const noexcept { return pointers_.data(); }
    std::size_t size() const noexcept { return pointers_.size(); }

private:
    std::vector<Text> texts_;
    std::vector<const char *> pointers_;
};

/** Converts the outcome of a C call for many secrets. */
inline Result<Results> finish_many(hf_status status, hf_error *error, hf_results *results,
                                   std::vector<bool> refused) noexcept {
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return Results::adopt(results, std::move(refused));
}

/** Calls one of the C functions that get many secrets. */
template <class Function>
Result<Results> get_many(Function function, const hf_manager *manager, const std::vector<std::string> &references,
                         const Call &call) noexcept {
    std::vector<bool> refused(references.size());
    Texts texts(references.size());
    for (const std::string &reference : references) {
        texts.add(reference, refused[texts.size()]);
    }
    hf_results *results = nullptr;
    hf_error *error = nullptr;
    const hf_status status = function(manager, texts.data(), texts.size(), call.get(), &results, &error);
    return finish_many(status, error, results, std::move(refused));
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_BATCH_HPP
