/**
 * @file base.hpp
 * @brief The basis of the other headers: the C interface and the choice of exceptions.
 */
#ifndef HANDSFREE_SECRETS_BASE_HPP
#define HANDSFREE_SECRETS_BASE_HPP

#include "../handsfree_secrets.h"

#include <memory>

#if !defined(HF_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
/** If this is defined, by the program or by this header under `-fno-exceptions`, all functions that throw are left
 *  out. */
#define HF_NO_EXCEPTIONS 1
#endif

// Translation units with and without exceptions have different classes; different names keep them apart when linking.
#ifndef HF_NO_EXCEPTIONS
#define HF_EXCEPTIONS_NAMESPACE with_exceptions
#else
#define HF_EXCEPTIONS_NAMESPACE without_exceptions
#endif

namespace handsfree {
/** The namespace of the wrapper. `namespace hf = handsfree::secrets;` makes it short. */
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {
namespace detail {

/** Frees a C object with the function for its type. */
template <class T, void (*Free)(T *)>
struct Deleter {
    void operator()(T *object) const noexcept { Free(object); }
};

// C functions are noexcept, which is part of their type in C++17. Functions such as this one, here and beside the
// other handles, have the type that Deleter takes.
inline void free_string(char *object) { hf_free_string(object); }

using StringHandle = std::unique_ptr<char, Deleter<char, free_string>>;

}  // namespace detail
}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_BASE_HPP
