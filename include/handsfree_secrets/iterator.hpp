/**
 * @file iterator.hpp
 * @brief Iteration over the parts of an object.
 */
#ifndef HANDSFREE_SECRETS_ITERATOR_HPP
#define HANDSFREE_SECRETS_ITERATOR_HPP

#include "base.hpp"

#include <cstddef>
#include <iterator>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

/** Iterates over the parts of an object by their index. A `Part` is made from the object and the index when the
 *  iterator is dereferenced; it is no reference, so this is an input iterator in C++17, and a forward iterator since
 *  C++20. */
template <class Object, class Part>
class PartIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;
    using value_type = Part;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Part;

    PartIterator() noexcept = default;
    PartIterator(const Object *object, std::size_t index) noexcept : object_(object), index_(index) {}
    Part operator*() const noexcept { return Part(object_, index_); }
    PartIterator &operator++() noexcept {
        ++index_;
        return *this;
    }
    PartIterator operator++(int) noexcept { return PartIterator(object_, index_++); }
    bool operator==(const PartIterator &other) const noexcept { return index_ == other.index_; }
    bool operator!=(const PartIterator &other) const noexcept { return index_ != other.index_; }

private:
    const Object *object_ = nullptr;
    std::size_t index_ = 0;
};

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_ITERATOR_HPP
