/**
 * @file handsfree_secrets.hpp
 * @brief The C++ face of libhandsfree_secrets: C++17, header only, nothing to link but the C library.
 *
 * @code
 * #include <handsfree_secrets.hpp>
 * namespace hf = handsfree::secrets;
 *
 * hf::Manager manager = hf::Manager::open();                      // configured by the environment
 * std::string reference = manager.store_secret("github_token_user_123", token, {{"scopes", "repo,user"}});
 * if (std::optional<hf::Secret> found = manager.get_secret(reference)) {
 *     login(found->view());
 * }                                                               // the secret's memory is wiped here
 * @endcode
 *
 * **Two ways to learn of a failure.** Every operation that can fail exists twice. `get_secret` throws `Error`.
 * `try_get_secret` is `noexcept` and gives a `Result`. Where exceptions are off (`-fno-exceptions`), or where
 * `HF_NO_EXCEPTIONS` is defined before this header is included, only the second kind exists. Units of both kinds
 * may be linked into one program; an object of one kind cannot be handed to the other by mistake, because the
 * linker tells them apart. Hand over `release()` and `adopt()` there.
 *
 * **"Nothing there" is no failure.** Reading gives an empty `std::optional`, update and delete give `false`.
 *
 * **Ownership.** Every class here owns one C object, frees it in its destructor, moves and does not copy. A
 * moved-from object may be destroyed or assigned to, and nothing else. What is passed in is borrowed for the call.
 *
 * **Threads.** A `Manager` may be used by any number of threads at once. A `Call` is set by one thread, then used by any
 * number of operations at once. `Options` are changed by one thread at a time. A `Secret` is a value like any other.
 *
 * **Blocking.** Opening a manager and the five operations on secrets block until the answer is there or the
 * deadline has passed. Nothing else does.
 *
 * **Memory.** A `Secret` is wiped when it ends. A `std::string` made from its view is not: hand the view on
 * where you can. When memory runs out, the process may end.
 */
#ifndef HANDSFREE_SECRETS_HPP
#define HANDSFREE_SECRETS_HPP

#include "handsfree_secrets.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if !defined(HF_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
/** Defined, by you or by this header under `-fno-exceptions`: everything that throws is left out. */
#define HF_NO_EXCEPTIONS 1
#endif

#ifndef HF_NO_EXCEPTIONS
#include <stdexcept>
#endif

namespace handsfree {
/** The library. The name is that of the Python package whose data it shares; `namespace hf = handsfree::secrets;`
 *  makes it short. */
namespace secrets {

// Units with and without exceptions see different classes. Different names keep the linker from merging them.
#ifndef HF_NO_EXCEPTIONS
inline namespace with_exceptions {
#else
inline namespace without_exceptions {
#endif

/** What may stand beside a value: a map from text to text. It is not kept secret; do not put one into it. */
using Metadata = std::map<std::string, std::string>;

/** How urgent a log message is. As a limit: this level and all above it; `off` is none. */
enum class LogLevel : std::int32_t {
    off = HF_LOG_OFF,
    error = HF_LOG_ERROR,
    warn = HF_LOG_WARN,
    info = HF_LOG_INFO,
    debug = HF_LOG_DEBUG,
    trace = HF_LOG_TRACE,
};

/**
 * Receives log messages. It may be called from any thread, and from several at once. The message is valid during
 * the call and holds no secret. An exception that it throws ends inside the library's wrapper: the message is lost,
 * nothing else happens.
 */
using LogCallback = std::function<void(LogLevel level, std::string_view message)>;

/** The version of the library that is linked, "0.1.0". `HF_VERSION_STRING` is that of this header. */
inline std::string_view version() noexcept { return hf_version(); }

/** The same as a number: major * 1000000 + minor * 1000 + patch, to compare with `HF_VERSION_NUMBER`. */
inline std::int32_t version_number() noexcept { return hf_version_number(); }

/** The name of a status, "HF_ERR_AUTH"; "HF_UNKNOWN" for a number that the linked library does not know. */
inline std::string_view status_name(hf_status status) noexcept { return hf_status_name(status); }

namespace detail {

/** Frees a C object with the function that belongs to its type. */
template <class T, void (*Free)(T *)>
struct Deleter {
    void operator()(T *object) const noexcept { Free(object); }
};

// The C functions are noexcept, which is part of their type in C++17; these give them one type for the deleters.
inline void free_error(hf_error *object) { hf_error_free(object); }
inline void free_string(char *object) { hf_free_string(object); }
inline void free_manager(hf_manager *object) { hf_manager_free(object); }
inline void free_options(hf_options *object) { hf_options_free(object); }
inline void free_call(hf_call *object) { hf_call_free(object); }
inline void free_metadata(hf_metadata *object) { hf_metadata_free(object); }
inline void free_string_list(hf_string_list *object) { hf_string_list_free(object); }
inline void free_results(hf_results *object) { hf_results_free(object); }

using ErrorHandle = std::unique_ptr<hf_error, Deleter<hf_error, free_error>>;
using StringHandle = std::unique_ptr<char, Deleter<char, free_string>>;
using ManagerHandle = std::unique_ptr<hf_manager, Deleter<hf_manager, free_manager>>;
using OptionsHandle = std::unique_ptr<hf_options, Deleter<hf_options, free_options>>;
using CallHandle = std::unique_ptr<hf_call, Deleter<hf_call, free_call>>;
using MetadataHandle = std::unique_ptr<hf_metadata, Deleter<hf_metadata, free_metadata>>;
using StringListHandle = std::unique_ptr<hf_string_list, Deleter<hf_string_list, free_string_list>>;
using ResultsHandle = std::unique_ptr<hf_results, Deleter<hf_results, free_results>>;

/** Wipes memory before it is freed. */
struct WipingDeleter {
    std::size_t size = 0;

    void operator()(char *memory) const noexcept {
        // A plain memset before a delete is a dead store, and compilers remove those.
        volatile char *byte = memory;
        for (std::size_t left = size; left > 0; --left) {
            *byte++ = 0;
        }
        delete[] memory;
    }
};

/** The C side of a LogCallback: `user_data` is the callback, on the heap. */
inline void call_log_callback(std::int32_t level, const char *message, void *user_data) noexcept {
#ifndef HF_NO_EXCEPTIONS
    try {
#endif
        (*static_cast<LogCallback *>(user_data))(static_cast<LogLevel>(level), message);
#ifndef HF_NO_EXCEPTIONS
    } catch (...) {
        // There is nobody to tell: the log is where it would have been told.
    }
#endif
}

inline void destroy_log_callback(void *user_data) noexcept { delete static_cast<LogCallback *>(user_data); }

}  // namespace detail

/**
 * A secret's value. It owns the memory that the library handed out, and wipes it in its destructor.
 *
 * It does not turn into a `std::string` and does not print by itself: view() says where a secret is looked at.
 */
class Secret {
public:
    /** An empty one. */
    Secret() noexcept = default;
    Secret(Secret &&other) noexcept : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}
    Secret &operator=(Secret &&other) noexcept {
        text_ = std::move(other.text_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    Secret(const Secret &) = delete;
    Secret &operator=(const Secret &) = delete;
    ~Secret() = default;

    /** The value: UTF-8, valid as long as this object holds it. */
    std::string_view view() const noexcept { return std::string_view(c_str(), size_); }

    /** The value with a NUL at its end, never null. */
    const char *c_str() const noexcept { return text_ ? text_.get() : ""; }

    /** Its length in bytes. */
    std::size_t size() const noexcept { return size_; }

    /** Whether it is empty. An empty value is a value: "nothing there" is an empty `std::optional`. */
    bool empty() const noexcept { return size_ == 0; }

    /** Wipes and frees the value now. */
    void wipe() noexcept {
        text_.reset();
        size_ = 0;
    }

    /** Takes over a string that the C API returned (`char **out_value`); null gives an empty secret. */
    static Secret adopt(char *text) noexcept {
        Secret secret;
        secret.size_ = text != nullptr ? std::strlen(text) : 0;
        secret.text_.reset(text);
        return secret;
    }

private:
    detail::StringHandle text_;
    std::size_t size_ = 0;
};

/** A secret does not go into a stream by accident; write `secret.view()` where you mean it. */
template <class Stream>
Stream &operator<<(Stream &stream, const Secret &secret) = delete;

/**
 * A text that a function borrows for the call. It is made in place from whatever you have, without a copy: a
 * literal, a `std::string`, a @ref Secret. Only a `std::string_view` has to be copied, since it need not end with
 * NUL; that copy is wiped. A text that holds a NUL byte is refused with `HF_ERR_INVALID_ARGUMENT`, never cut short.
 */
class Text {
public:
    Text(std::nullptr_t) noexcept {}                                                     // NOLINT: implicit
    Text(const char *text) noexcept : text_(text) {}                                     // NOLINT: implicit
    Text(const std::string &text) noexcept : Text(text.c_str(), text.size()) {}          // NOLINT: implicit
    Text(const Secret &text) noexcept : text_(text.c_str()) {}                           // NOLINT: implicit
    Text(std::string_view text)                                                          // NOLINT: implicit
        : Text(copy(text), text.size()) {}

    /** The text with a NUL at its end; null if that is what was given. */
    const char *c_str() const noexcept { return text_; }

    /** Whether C would see less than was given. */
    bool has_nul() const noexcept { return has_nul_; }

private:
    using Copy = std::unique_ptr<char[], detail::WipingDeleter>;

    Text(const char *text, std::size_t size) noexcept : text_(text), has_nul_(std::strlen(text) != size) {}
    Text(Copy text, std::size_t size) noexcept : Text(text.get(), size) { copy_ = std::move(text); }

    static Copy copy(std::string_view text) {
        Copy copy(new char[text.size() + 1](), detail::WipingDeleter{text.size()});
        if (!text.empty()) {
            std::memcpy(copy.get(), text.data(), text.size());
        }
        return copy;
    }

    const char *text_ = nullptr;
    bool has_nul_ = false;
    Copy copy_;
};

/** Why something did not work: what a failed @ref Result holds. */
class Failure {
public:
    /** Takes over the error of a C call that returned `status`. */
    Failure(hf_status status, hf_error *error) noexcept : status_(status), error_(error) {}

    /** A failure that needs no C call to be known; `message` must outlive it, as a literal does. */
    Failure(hf_status status, const char *message) noexcept : status_(status), message_(message) {}

    /** Which one: `HF_ERR_PERMISSION_DENIED`, … Treat a number that you do not know as a failure. */
    hf_status status() const noexcept { return status_; }

    /** The status of Vault's HTTP answer, 0 where no answer was involved. */
    std::int32_t http_status() const noexcept { return error_ ? hf_error_http_status(error_.get()) : 0; }

    /** What failed, with which path or variable, and what to do about it. Valid as long as this object. It ends
     *  with a NUL and never holds a secret. */
    std::string_view message() const noexcept {
        return error_ ? hf_error_message(error_.get()) : message_ != nullptr ? message_ : hf_status_name(status_);
    }

private:
    hf_status status_;
    const char *message_ = nullptr;
    detail::ErrorHandle error_;
};

#ifndef HF_NO_EXCEPTIONS
/**
 * What the throwing functions throw. It copies without throwing; `what()` is the message.
 *
 * After `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` or `HF_ERR_CANCELLED` from a store, an update
 * or a delete the change may have happened all the same.
 */
class Error : public std::runtime_error {
public:
    explicit Error(const Failure &failure)
        : std::runtime_error(std::string(failure.message())),
          status_(failure.status()),
          http_status_(failure.http_status()) {}

    Error(hf_status status, std::int32_t http_status, std::string_view message)
        : std::runtime_error(std::string(message)), status_(status), http_status_(http_status) {}

    /** Which failure: `HF_ERR_PERMISSION_DENIED`, … Treat a number that you do not know as a failure. */
    hf_status status() const noexcept { return status_; }

    /** The status of Vault's HTTP answer, 0 where no answer was involved. */
    std::int32_t http_status() const noexcept { return http_status_; }

    /** What failed, with which path or variable, and what to do about it. The same text as what(). */
    std::string_view message() const noexcept { return what(); }

private:
    hf_status status_;
    std::int32_t http_status_;
};
#endif

namespace detail {

/** Ends a use of a result that is not there: throws, or ends the process where nothing can be thrown. */
[[noreturn]] inline void fail(const Failure &failure) {
#ifndef HF_NO_EXCEPTIONS
    throw Error(failure);
#else
    static_cast<void>(failure);
    std::abort();
#endif
}

}  // namespace detail

/**
 * What a `try_` function gives: a `T`, or the @ref Failure that kept it from coming.
 *
 * @code
 * auto found = manager.try_get_secret("vault://db/password");
 * if (!found) {
 *     log(found.error().message());         // it failed
 * } else if (!*found) {
 *     log("no such secret");                // it worked, and there is none
 * } else {
 *     connect((*found)->view());
 * }
 * @endcode
 */
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) noexcept : value_(std::move(value)) {}                 // NOLINT: implicit, as a return value
    Result(Failure failure) noexcept : failure_(std::move(failure)) {}     // NOLINT: implicit, as a return value

    /** Whether it worked. For a `Result<bool>` this is not the answer: that is `*result`. */
    bool ok() const noexcept { return value_.has_value(); }
    /** The same as ok(). */
    explicit operator bool() const noexcept { return ok(); }

    /** What came. After a failure: throws @ref Error, or ends the process where exceptions are off. */
    T &value() & { return checked(); }
    T &&value() && { return std::move(checked()); }
    T &operator*() & { return checked(); }
    T &&operator*() && { return std::move(checked()); }
    T *operator->() { return &checked(); }

    /** Why it failed. To be asked only after a failure; after a success its status is `HF_OK`. */
    const Failure &error() const & noexcept { return failure_; }
    Failure error() && noexcept { return std::move(failure_); }

private:
    T &checked() {
        if (!value_) {
            detail::fail(failure_);
        }
        return *value_;
    }

    std::optional<T> value_;
    Failure failure_{HF_OK, static_cast<hf_error *>(nullptr)};
};

/** The same for what gives nothing but success. */
template <>
class [[nodiscard]] Result<void> {
public:
    Result() noexcept = default;
    Result(Failure failure) noexcept : failure_(std::move(failure)) {}     // NOLINT: implicit, as a return value

    /** Whether it worked. */
    bool ok() const noexcept { return failure_.status() == HF_OK; }
    /** The same as ok(). */
    explicit operator bool() const noexcept { return ok(); }

    /** After a failure: throws @ref Error, or ends the process where exceptions are off. */
    void value() const {
        if (!ok()) {
            detail::fail(failure_);
        }
    }

    /** Why it failed. To be asked only after a failure; after a success its status is `HF_OK`. */
    const Failure &error() const & noexcept { return failure_; }
    Failure error() && noexcept { return std::move(failure_); }

private:
    Failure failure_{HF_OK, static_cast<hf_error *>(nullptr)};
};

namespace detail {

/** Whole milliseconds, rounded up, so that a timeout is never shorter than was asked for. */
template <class Rep, class Period>
std::int64_t to_milliseconds(std::chrono::duration<Rep, Period> time) noexcept {
    // Longer than any clock runs, and far from where the conversion would overflow.
    constexpr double longest = 1e15;
    const double milliseconds = std::chrono::duration<double, std::milli>(time).count();
    if (milliseconds >= longest) {
        return static_cast<std::int64_t>(longest);
    }
    if (milliseconds <= -longest) {
        return -static_cast<std::int64_t>(longest);
    }
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::milli>>(time).count();
}

/** The failure of a text that C would see only the beginning of, if it is one. */
inline Result<void> check_texts(const Text &first, const Text &second = nullptr) noexcept {
    if (first.has_nul() || second.has_nul()) {
        return Failure(HF_ERR_INVALID_ARGUMENT, "a text with a NUL byte in it was given; no text may hold one");
    }
    return {};
}

/** The result of a C call that gives nothing but its status. */
inline Result<void> finish(hf_status status, hf_error *error) noexcept {
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return {};
}

/** The result of a C call to which "not found" is an answer. */
inline Result<bool> finish_found(hf_status status, hf_error *error) noexcept {
    if (status != HF_OK && status != HF_NOT_FOUND) {
        return Failure(status, error);
    }
    return status == HF_OK;
}

/** The result of a C call that gives a string that is no secret. */
inline Result<std::string> finish_string(hf_status status, hf_error *error, char *text) noexcept {
    StringHandle owned(text);
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return std::string(text);
}

inline Result<MetadataHandle> make_metadata(const Metadata &metadata) noexcept {
    MetadataHandle handle(hf_metadata_new());
    for (const auto &[key, value] : metadata) {
        if (auto checked = check_texts(key, value); !checked) {
            return Failure(checked.error().status(), "the metadata has a NUL byte in a key or a value; none may hold one");
        }
        hf_error *error = nullptr;
        const hf_status status = hf_metadata_set(handle.get(), key.c_str(), value.c_str(), &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
    }
    return handle;
}

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

/** A secret for Manager::store_secrets(). It borrows both texts. */
struct Item {
    /** A key as for Manager::store_secret(). */
    std::string_view key;
    /** Its value. */
    std::string_view value;
};

namespace detail {

/** Many texts as C wants them. A text that holds a NUL is left out, and so refused in its place. */
class Texts {
public:
    explicit Texts(std::size_t count) {
        texts_.reserve(count);
        pointers_.reserve(count);
    }

    /** Adds a text, and tells in `refused` if C must not see it. */
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

/** The result of a C call for many secrets. */
inline Result<Results> finish_many(hf_status status, hf_error *error, hf_results *results,
                                   std::vector<bool> refused) noexcept {
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return Results::adopt(results, std::move(refused));
}

}  // namespace detail

/**
 * How long one operation may take, and the means to end it early. Without one, `VAULT_CLIENT_TIMEOUT` holds (60 s).
 *
 * @code
 * hf::Call call(std::chrono::milliseconds(500));
 * auto secret = manager.get_secret("vault://db/password", call);
 * @endcode
 *
 * The deadline starts anew with each operation, and covers all of it: connecting, TLS, logging in, retries. Use a
 * call in one operation at a time.
 */
class Call {
public:
    /** The manager's timeout; made to be cancelled, or to be given a timeout later. */
    Call() noexcept : handle_(hf_call_new()) {}

#ifndef HF_NO_EXCEPTIONS
    /** With a timeout. @throws Error `HF_ERR_INVALID_ARGUMENT` if the library refuses it, as it does a negative one. */
    template <class Rep, class Period>
    explicit Call(std::chrono::duration<Rep, Period> timeout) : Call() {
        set_timeout(timeout);
    }

    /** Limits every later operation with this call. Fractions of a millisecond are rounded up. @throws Error */
    template <class Rep, class Period>
    void set_timeout(std::chrono::duration<Rep, Period> timeout) {
        try_set_timeout(timeout).value();
    }
#endif

    /** The same without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set_timeout(std::chrono::duration<Rep, Period> timeout) noexcept {
        hf_error *error = nullptr;
        const hf_status status = hf_call_set_timeout_ms(handle_.get(), detail::to_milliseconds(timeout), &error);
        return detail::finish(status, error);
    }

    /** Ends the operations that use this call, and every later one, with `HF_ERR_CANCELLED`. From any thread, and
     *  from a signal handler. */
    void cancel() const noexcept { hf_call_cancel(handle_.get()); }

    /** What the operations use where none is given: the manager's timeout, nobody who cancels. Cancelling this one
     *  does nothing. */
    static const Call &defaults() noexcept {
        static const Call none{detail::CallHandle()};
        return none;
    }

    /** The C object, borrowed; null for defaults(). */
    const hf_call *get() const noexcept { return handle_.get(); }

private:
    explicit Call(detail::CallHandle handle) noexcept : handle_(std::move(handle)) {}

    detail::CallHandle handle_;
};

/**
 * What a manager is opened with. Each option has the name of the environment variable that it stands for, and comes
 * before it.
 *
 * @code
 * hf::Options options;
 * options.set("SECRET_MANAGER_TYPE", "vault")
 *        .set("VAULT_ADDR", "https://vault.example.com:8200")
 *        .set("VAULT_CLIENT_TIMEOUT", std::chrono::seconds(5));
 * @endcode
 *
 * Names are checked when they are set, values when the manager is opened.
 */
class Options {
public:
    /** No options: all comes from the environment. */
    Options() noexcept : handle_(hf_options_new()) {}

    /** No options, and the environment is never looked at. */
    static Options isolated() noexcept { return Options(detail::OptionsHandle(hf_options_new_isolated())); }

#ifndef HF_NO_EXCEPTIONS
    /** Sets an option; `""` means explicitly none. @throws Error `HF_ERR_INVALID_ARGUMENT` for an unknown name, with
     *  the nearest known one in the message. */
    Options &set(Text name, Text value) {
        try_set(std::move(name), std::move(value)).value();
        return *this;
    }

    /** Sets an option that is a length of time. @throws Error as the other */
    template <class Rep, class Period>
    Options &set(Text name, std::chrono::duration<Rep, Period> value) {
        try_set(std::move(name), value).value();
        return *this;
    }

    /** Sends the messages of the managers opened with these options to `callback`, down to `max_level`, in place of
     *  standard error. An empty callback removes the one that was set. @throws Error */
    Options &set_log_callback(LogCallback callback, LogLevel max_level) {
        try_set_log_callback(std::move(callback), max_level).value();
        return *this;
    }
#endif

    /** The same as set() without exceptions. */
    Result<void> try_set(Text name, Text value) noexcept {
        if (auto checked = detail::check_texts(name, value); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_options_set(handle_.get(), name.c_str(), value.c_str(), &error);
        return detail::finish(status, error);
    }

    /** The same as set() without exceptions. */
    template <class Rep, class Period>
    Result<void> try_set(Text name, std::chrono::duration<Rep, Period> value) noexcept {
        return try_set(std::move(name), std::to_string(detail::to_milliseconds(value)) + "ms");
    }

    /** The same as set_log_callback() without exceptions. */
    Result<void> try_set_log_callback(LogCallback callback, LogLevel max_level) noexcept {
        hf_error *error = nullptr;
        const auto level = static_cast<std::int32_t>(max_level);
        if (!callback) {
            const hf_status status = hf_options_set_log_callback(handle_.get(), nullptr, nullptr, nullptr, level, &error);
            return detail::finish(status, error);
        }
        auto owned = std::make_unique<LogCallback>(std::move(callback));
        const hf_status status = hf_options_set_log_callback(handle_.get(), detail::call_log_callback, owned.get(),
                                                             detail::destroy_log_callback, level, &error);
        if (status == HF_OK) {
            static_cast<void>(owned.release());  // the library has it now, and destroys it
        }
        return detail::finish(status, error);
    }

    /** The C object, borrowed. */
    const hf_options *get() const noexcept { return handle_.get(); }

private:
    explicit Options(detail::OptionsHandle handle) noexcept : handle_(std::move(handle)) {}

    detail::OptionsHandle handle_;
};

/**
 * A store of secrets: Vault, or the process environment. It holds one reference to the library's manager; all its
 * functions may be called from any number of threads at once.
 *
 * After a `fork` the child may go on using and destroy the managers that it inherited.
 */
class Manager {
public:
    /** No manager: every operation fails with `HF_ERR_INVALID_ARGUMENT` until one is assigned. */
    Manager() noexcept = default;

#ifndef HF_NO_EXCEPTIONS
    /** Opens a manager with the configuration of the environment. It fails fast: the configuration is checked, and
     *  the credentials are tried. Blocks. @throws Error `HF_ERR_CONFIG`, `HF_ERR_AUTH`, `HF_ERR_CONNECTION`, … */
    static Manager open(const Call &call = Call::defaults()) { return try_open(call).value(); }

    /** Opens a manager with options, which come before the environment. Blocks. @throws Error as the other */
    static Manager open(const Options &options, const Call &call = Call::defaults()) {
        return try_open(options, call).value();
    }

    /** The manager that the whole process shares, opened from the environment when it is first asked for. A failure
     *  is not remembered. Blocks when it opens. @throws Error as open() */
    static Manager get_default(const Call &call = Call::defaults()) { return try_get_default(call).value(); }

    /** Stores a value under a key, in place of what was there, and gives the reference to get it back with.
     *  Blocks. @throws Error `HF_ERR_INVALID_ARGUMENT` for a bad key, or what the server says */
    std::string store_secret(Text key, Text value, const Call &call = Call::defaults()) const {
        return try_store_secret(std::move(key), std::move(value), call).value();
    }

    /** The same, with metadata beside the value. Blocks. @throws Error */
    std::string store_secret(Text key, Text value, const Metadata &metadata,
                             const Call &call = Call::defaults()) const {
        return try_store_secret(std::move(key), std::move(value), metadata, call).value();
    }

    /** The value behind a reference, or nothing where there is none. Blocks.
     *  @throws Error `HF_ERR_INVALID_REFERENCE` for what is no reference of this manager, or what the server says */
    [[nodiscard]] std::optional<Secret> get_secret(Text reference, const Call &call = Call::defaults()) const {
        return try_get_secret(std::move(reference), call).value();
    }

    /** The same into memory of your own, a locked page for one: gives the length, without the NUL that follows
     *  it, or nothing where there is no secret. `capacity` counts the NUL. Blocks.
     *  @throws Error `HF_ERR_TOO_LARGE` if it does not fit */
    [[nodiscard]] std::optional<std::size_t> get_secret_into(Text reference, char *buffer, std::size_t capacity,
                                                             const Call &call = Call::defaults()) const {
        return try_get_secret_into(std::move(reference), buffer, capacity, call).value();
    }

    /** Replaces the value behind a reference and keeps its metadata. `false`: there is no such secret, and none was
     *  made. Blocks. @throws Error */
    [[nodiscard]] bool update_secret(Text reference, Text value, const Call &call = Call::defaults()) const {
        return try_update_secret(std::move(reference), std::move(value), call).value();
    }

    /** The same, and replaces the metadata; an empty map removes it. Blocks. @throws Error */
    [[nodiscard]] bool update_secret(Text reference, Text value, const Metadata &metadata,
                                     const Call &call = Call::defaults()) const {
        return try_update_secret(std::move(reference), std::move(value), metadata, call).value();
    }

    /** Deletes a secret with all its versions. `false`: there was none. Blocks. @throws Error */
    bool delete_secret(Text reference, const Call &call = Call::defaults()) const {
        return try_delete_secret(std::move(reference), call).value();
    }

    /** The canonical references of the secrets whose path starts with `prefix`, sorted; `nullptr`: of all.
     *  Blocks. @throws Error */
    [[nodiscard]] std::vector<std::string> list_secrets(Text prefix = nullptr,
                                                        const Call &call = Call::defaults()) const {
        return try_list_secrets(std::move(prefix), call).value();
    }

    /** Gets the values behind many references at once, up to `VAULT_LIST_CONCURRENCY` (8) requests being on their way
     *  at a time. Each has an outcome of its own; the time limit is that of all of them together. Blocks.
     *  @throws Error where the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results get_secrets(const std::vector<std::string> &references,
                                      const Call &call = Call::defaults()) const {
        return try_get_secrets(references, call).value();
    }

    /** Stores many values at once, without metadata; the outcomes' texts are references. Where two keys name the same
     *  secret, either value may be the last. Blocks.
     *  @throws Error where the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results store_secrets(const std::vector<Item> &items, const Call &call = Call::defaults()) const {
        return try_store_secrets(items, call).value();
    }

    /** The one spelling that all references to the same secret share. Asks no server. @throws Error */
    [[nodiscard]] std::string canonical_reference(Text reference) const {
        return try_canonical_reference(std::move(reference)).value();
    }
#endif

    /** The same as open() without exceptions. */
    static Result<Manager> try_open(const Call &call = Call::defaults()) noexcept {
        return open_with(nullptr, call);
    }

    /** The same as open() without exceptions. */
    static Result<Manager> try_open(const Options &options, const Call &call = Call::defaults()) noexcept {
        if (options.get() == nullptr) {
            // To C this would mean "no options", and options that somebody set must not be dropped silently.
            return Failure(HF_ERR_INVALID_ARGUMENT, "the options were moved from; open a manager before moving them");
        }
        return open_with(options.get(), call);
    }

    /** The same as get_default() without exceptions. */
    static Result<Manager> try_get_default(const Call &call = Call::defaults()) noexcept {
        hf_manager *manager = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_default(call.get(), &manager, &error);
        return finish_open(status, error, manager);
    }

    /** Lets the next get_default() open a new one. Managers that were handed out stay as they are. */
    static void reset_default() noexcept { hf_manager_reset_default(); }

    /** The same as store_secret() without exceptions. */
    Result<std::string> try_store_secret(Text key, Text value, const Call &call = Call::defaults()) const noexcept {
        return store(key, value, nullptr, call);
    }

    /** The same as store_secret() without exceptions. */
    Result<std::string> try_store_secret(Text key, Text value, const Metadata &metadata,
                                         const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return store(key, value, handle->get(), call);
    }

    /** The same as get_secret() without exceptions. */
    Result<std::optional<Secret>> try_get_secret(Text reference,
                                                 const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        char *value = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_get_secret(handle_.get(), reference.c_str(), call.get(), &value, &error);
        if (status == HF_NOT_FOUND) {
            return std::optional<Secret>();
        }
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return std::optional<Secret>(Secret::adopt(value));
    }

    /** The same as get_secret_into() without exceptions. */
    Result<std::optional<std::size_t>> try_get_secret_into(Text reference, char *buffer, std::size_t capacity,
                                                           const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        std::size_t length = 0;
        hf_error *error = nullptr;
        const hf_status status =
            hf_get_secret_into(handle_.get(), reference.c_str(), call.get(), buffer, capacity, &length, &error);
        if (status == HF_NOT_FOUND) {
            return std::optional<std::size_t>();
        }
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return std::optional<std::size_t>(length);
    }

    /** The same as update_secret() without exceptions. */
    Result<bool> try_update_secret(Text reference, Text value, const Call &call = Call::defaults()) const noexcept {
        return update(reference, value, nullptr, call);
    }

    /** The same as update_secret() without exceptions. */
    Result<bool> try_update_secret(Text reference, Text value, const Metadata &metadata,
                                   const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return update(reference, value, handle->get(), call);
    }

    /** The same as delete_secret() without exceptions. */
    Result<bool> try_delete_secret(Text reference, const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status = hf_delete_secret(handle_.get(), reference.c_str(), call.get(), &error);
        return detail::finish_found(status, error);
    }

    /** The same as list_secrets() without exceptions. */
    Result<std::vector<std::string>> try_list_secrets(Text prefix = nullptr,
                                                      const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(prefix); !checked) {
            return std::move(checked).error();
        }
        hf_string_list *list = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_list_secrets(handle_.get(), prefix.c_str(), call.get(), &list, &error);
        detail::StringListHandle owned(list);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        std::vector<std::string> references;
        references.reserve(hf_string_list_len(list));
        for (std::size_t index = 0; const char *reference = hf_string_list_get(list, index); ++index) {
            references.emplace_back(reference);
        }
        return references;
    }

    /** The same as get_secrets() without exceptions. */
    Result<Results> try_get_secrets(const std::vector<std::string> &references,
                                    const Call &call = Call::defaults()) const noexcept {
        std::vector<bool> refused(references.size());
        detail::Texts texts(references.size());
        for (const std::string &reference : references) {
            texts.add(reference, refused[texts.size()]);
        }
        hf_results *results = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_get_secrets(handle_.get(), texts.data(), texts.size(), call.get(), &results, &error);
        return detail::finish_many(status, error, results, std::move(refused));
    }

    /** The same as store_secrets() without exceptions. */
    Result<Results> try_store_secrets(const std::vector<Item> &items,
                                      const Call &call = Call::defaults()) const noexcept {
        std::vector<bool> refused(items.size());
        detail::Texts keys(items.size());
        detail::Texts values(items.size());
        for (const Item &item : items) {
            keys.add(item.key, refused[keys.size()]);
            values.add(item.value, refused[values.size()]);
        }
        hf_results *results = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_store_secrets(handle_.get(), keys.data(), values.data(), keys.size(), call.get(), &results, &error);
        return detail::finish_many(status, error, results, std::move(refused));
    }

    /** The same as canonical_reference() without exceptions. */
    Result<std::string> try_canonical_reference(Text reference) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        char *text = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_canonical_reference(handle_.get(), reference.c_str(), &text, &error);
        return detail::finish_string(status, error, text);
    }

    /** Which backend: "env" or "vault"; empty where there is no manager. */
    std::string_view type() const noexcept { return handle_ ? hf_manager_type(handle_.get()) : ""; }

    /** Another handle on the same manager, for an owner of its own. No traffic. */
    Manager share() const noexcept { return adopt(handle_ ? hf_manager_ref(handle_.get()) : nullptr); }

    /** Whether there is a manager to work with. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /** The C object, borrowed. */
    const hf_manager *get() const noexcept { return handle_.get(); }

    /** Gives the reference away: the caller frees it with `hf_manager_free`. */
    hf_manager *release() noexcept { return handle_.release(); }

    /** Takes a reference over, from release() or from the C API. */
    static Manager adopt(hf_manager *manager) noexcept {
        Manager adopted;
        adopted.handle_.reset(manager);
        return adopted;
    }

private:
    static Result<Manager> open_with(const hf_options *options, const Call &call) noexcept {
        hf_manager *manager = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_manager_open(options, call.get(), &manager, &error);
        return finish_open(status, error, manager);
    }

    static Result<Manager> finish_open(hf_status status, hf_error *error, hf_manager *manager) noexcept {
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return adopt(manager);
    }

    Result<std::string> store(const Text &key, const Text &value, const hf_metadata *metadata,
                              const Call &call) const noexcept {
        if (auto checked = detail::check_texts(key, value); !checked) {
            return std::move(checked).error();
        }
        char *reference = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_store_secret(handle_.get(), key.c_str(), value.c_str(), metadata, call.get(), &reference, &error);
        return detail::finish_string(status, error, reference);
    }

    Result<bool> update(const Text &reference, const Text &value, const hf_metadata *metadata,
                        const Call &call) const noexcept {
        if (auto checked = detail::check_texts(reference, value); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status =
            hf_update_secret(handle_.get(), reference.c_str(), value.c_str(), metadata, call.get(), &error);
        return detail::finish_found(status, error);
    }

    detail::ManagerHandle handle_;
};

/**
 * Sends the messages of the whole library to `callback`, down to `max_level`; those of managers whose options have a
 * callback of their own go there. An empty callback: none. The one that was set before is destroyed when the last
 * call into it has returned.
 */
inline void set_log_callback(LogCallback callback, LogLevel max_level) noexcept {
    const auto level = static_cast<std::int32_t>(max_level);
    if (!callback) {
        hf_set_log_callback(nullptr, nullptr, nullptr, level);
        return;
    }
    hf_set_log_callback(detail::call_log_callback, new LogCallback(std::move(callback)), detail::destroy_log_callback,
                        level);
}

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_HPP
