/**
 * @file transit_many.hpp
 * @brief The items of a call for many items of transit.
 */
#ifndef HANDSFREE_SECRETS_TRANSIT_MANY_HPP
#define HANDSFREE_SECRETS_TRANSIT_MANY_HPP

#include "batch.hpp"
#include "bytes_view.hpp"
#include "fields.hpp"
#include "result.hpp"
#include "results.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/**
 * The data or the ciphertext of one item, and the parameters that differ for it, for Transit::encrypt_many(),
 * Transit::decrypt_many() and Transit::rewrap_many(). It borrows both. Everything that converts to @ref BytesView
 * converts to it:
 *
 * @code
 * const std::vector<std::string> rows = read_rows();
 * const hf::Results encrypted = key->encrypt_many({rows.begin(), rows.end()});
 * @endcode
 */
struct TransitItem {
    template <class T, class = std::enable_if_t<std::is_convertible_v<const T &, BytesView>>>
    TransitItem(const T &item, const Fields *item_parameters = nullptr) noexcept         // NOLINT: implicit
        : bytes(item), parameters(item_parameters) {}

    /** The data, or the ciphertext. */
    BytesView bytes;
    /** Parameters that take the place of those with the same names, for this item; null for none. */
    const Fields *parameters;
};

namespace detail {

/** The parameters of each item as C takes them. */
inline Result<std::vector<const hf_fields *>> item_parameters(const std::vector<TransitItem> &items) noexcept {
    std::vector<const hf_fields *> all;
    all.reserve(items.size());
    for (const TransitItem &item : items) {
        if (auto checked = check_parameters(item.parameters); !checked) {
            return std::move(checked).error();
        }
        all.push_back(parameters_of(item.parameters));
    }
    return all;
}

/** Calls `hf_transit_encrypt_many`. */
inline Result<Results> encrypt_many(const hf_transit *transit, const std::vector<TransitItem> &items,
                                    const Fields *parameters, const hf_call *call) noexcept {
    if (auto checked = check_parameters(parameters); !checked) {
        return std::move(checked).error();
    }
    auto own = item_parameters(items);
    if (!own) {
        return std::move(own).error();
    }
    std::vector<const void *> data;
    std::vector<std::size_t> lengths;
    data.reserve(items.size());
    lengths.reserve(items.size());
    for (const TransitItem &item : items) {
        data.push_back(item.bytes.data());
        lengths.push_back(item.bytes.size());
    }
    hf_results *results = nullptr;
    hf_error *error = nullptr;
    const hf_status status = hf_transit_encrypt_many(transit, data.data(), lengths.data(), items.size(),
                                                     parameters_of(parameters), own->data(), call, &results, &error);
    return finish_many(status, error, results, {});
}

/** Calls one of the C functions that take many ciphertexts. */
template <class Function>
Result<Results> with_ciphertexts(Function function, const hf_transit *transit, const std::vector<TransitItem> &items,
                                 const Fields *parameters, const hf_call *call) noexcept {
    if (auto checked = check_parameters(parameters); !checked) {
        return std::move(checked).error();
    }
    auto own = item_parameters(items);
    if (!own) {
        return std::move(own).error();
    }
    std::vector<bool> refused(items.size());
    Texts texts(items.size());
    for (const TransitItem &item : items) {
        texts.add(item.bytes.view(), refused[texts.size()]);
    }
    hf_results *results = nullptr;
    hf_error *error = nullptr;
    const hf_status status = function(transit, texts.data(), texts.size(), parameters_of(parameters), own->data(),
                                      call, &results, &error);
    return finish_many(status, error, results, std::move(refused));
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_TRANSIT_MANY_HPP
