/**
 * @file base.hpp
 * @brief What every part of the wrapper starts with: the C interface, and whether there are exceptions.
 */
#ifndef HANDSFREE_SECRETS_BASE_HPP
#define HANDSFREE_SECRETS_BASE_HPP

#include "../handsfree_secrets.h"

#include <memory>

#if !defined(HF_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
/** Defined, by you or by this header under `-fno-exceptions`: everything that throws is left out. */
#define HF_NO_EXCEPTIONS 1
#endif

// Units with and without exceptions see different classes. Different names keep the linker from merging them.
#ifndef HF_NO_EXCEPTIONS
#define HF_EXCEPTIONS_NAMESPACE with_exceptions
#else
#define HF_EXCEPTIONS_NAMESPACE without_exceptions
#endif

namespace handsfree {
/** The library. The name is that of the Python package whose data it shares; `namespace hf = handsfree::secrets;`
 *  makes it short. */
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {
namespace detail {

/** Frees a C object with the function that belongs to its type. */
template <class T, void (*Free)(T *)>
struct Deleter {
    void operator()(T *object) const noexcept { Free(object); }
};

// The functions of C are noexcept, which is part of their type in C++17. Functions like this one, here and beside the
// other handles, give all of them the type that Deleter takes.
inline void free_string(char *object) { hf_free_string(object); }

using StringHandle = std::unique_ptr<char, Deleter<char, free_string>>;

}  // namespace detail
}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_BASE_HPP
