/**
 * @file list.hpp
 * @brief Conversion of lists of references.
 */
#ifndef HANDSFREE_SECRETS_LIST_HPP
#define HANDSFREE_SECRETS_LIST_HPP

#include "base.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_string_list(hf_string_list *object) { hf_string_list_free(object); }
using StringListHandle = std::unique_ptr<hf_string_list, Deleter<hf_string_list, free_string_list>>;

/** Copies the texts of a list. */
inline std::vector<std::string> texts_of(const StringListHandle &list) {
    std::vector<std::string> texts;
    texts.reserve(hf_string_list_len(list.get()));
    for (std::size_t index = 0; const char *text = hf_string_list_get(list.get(), index); ++index) {
        texts.emplace_back(text);
    }
    return texts;
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_LIST_HPP
