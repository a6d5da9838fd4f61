/**
 * @file envelope.hpp
 * @brief Encryption of data of any size, with a data key of a Transit.
 */
#ifndef HANDSFREE_SECRETS_ENVELOPE_HPP
#define HANDSFREE_SECRETS_ENVELOPE_HPP

#include "bytes.hpp"
#include "bytes_view.hpp"
#include "call.hpp"
#include "fields.hpp"
#include "result.hpp"
#include "transit.hpp"

#include <memory>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_envelope(hf_envelope *object) { hf_envelope_free(object); }
using EnvelopeHandle = std::unique_ptr<hf_envelope, Deleter<hf_envelope, free_envelope>>;

inline Result<Bytes> finish_bytes(hf_status status, hf_error *error, hf_bytes *bytes) noexcept {
    if (status != HF_OK) {
        return Failure(status, error);
    }
    return Bytes::adopt(bytes);
}

}  // namespace detail

/**
 * Envelopes: whole ones by the static functions, and a stream by an object, which is encrypted or decrypted piece by
 * piece. A stream is used by one thread at a time, and refuses everything after a failure.
 *
 * @code
 * hf::Envelope stream = hf::Envelope::encryptor(key);
 * while (read(part)) {
 *     write(stream.update(part));
 * }
 * write(stream.finish());
 * @endcode
 *
 * **Parameters**: "context", of 4096 bytes at most, and "associated_data", of 65,535 bytes at most, by
 * Fields::set_bytes(). Null means none.
 *
 * **Failures**: `HF_ERR_INVALID_ARGUMENT` for a wrong parameter, and an envelope that was altered, cut off or lengthened,
 * or is of another key; `HF_ERR_IO` for a descriptor that cannot be read or written; `HF_ERR_TOO_LARGE` for longer
 * associated data.
 */
class Envelope {
public:
    /** An empty object: every operation fails with `HF_ERR_INVALID_ARGUMENT`. */
    Envelope() noexcept = default;

#ifndef HF_NO_EXCEPTIONS
    /** Encrypts data as a whole, and returns the envelope. Blocks. @throws Error */
    [[nodiscard]] static Bytes encrypt(const Transit &key, BytesView data, const Fields *parameters = nullptr,
                                       const Call &call = Call::defaults()) {
        return try_encrypt(key, data, parameters, call).value();
    }

    /** Decrypts an envelope as a whole. Blocks. @throws Error */
    [[nodiscard]] static Bytes decrypt(const Transit &key, BytesView envelope, const Fields *parameters = nullptr,
                                       const Call &call = Call::defaults()) {
        return try_decrypt(key, envelope, parameters, call).value();
    }

    /** Encrypts from one descriptor to another, in constant memory. Neither is closed. Blocks. @throws Error */
    static void encrypt_fd(const Transit &key, int from, int to, const Fields *parameters = nullptr,
                           const Call &call = Call::defaults()) {
        try_encrypt_fd(key, from, to, parameters, call).value();
    }

    /** Decrypts, as encrypt_fd() encrypts. After a failure a beginning of the data may be in `to`. Blocks.
     *  @throws Error */
    static void decrypt_fd(const Transit &key, int from, int to, const Fields *parameters = nullptr,
                           const Call &call = Call::defaults()) {
        try_decrypt_fd(key, from, to, parameters, call).value();
    }

    /** Wraps the data key of an envelope under the latest version of the key. Takes the envelope or its first 8200 bytes,
     *  and returns the header that takes the place of the old one. Blocks.
     *  @throws Error */
    [[nodiscard]] static Bytes rewrap(const Transit &key, BytesView header, const Call &call = Call::defaults()) {
        return try_rewrap(key, header, call).value();
    }

    /** Begins an encryption. Blocks. @throws Error */
    [[nodiscard]] static Envelope encryptor(const Transit &key, const Fields *parameters = nullptr,
                                            const Call &call = Call::defaults()) {
        return try_encryptor(key, parameters, call).value();
    }

    /** Begins a decryption. @throws Error */
    [[nodiscard]] static Envelope decryptor(const Transit &key, const Fields *parameters = nullptr,
                                            const Call &call = Call::defaults()) {
        return try_decryptor(key, parameters, call).value();
    }

    /** Takes the next data, and returns what they complete, perhaps nothing. Blocks. @throws Error */
    [[nodiscard]] Bytes update(BytesView data, const Call &call = Call::defaults()) {
        return try_update(data, call).value();
    }

    /** Ends the stream, and returns the rest. @throws Error if the envelope was cut off */
    [[nodiscard]] Bytes finish(const Call &call = Call::defaults()) { return try_finish(call).value(); }
#endif

    /** As encrypt(), without exceptions. */
    static Result<Bytes> try_encrypt(const Transit &key, BytesView data, const Fields *parameters = nullptr,
                                     const Call &call = Call::defaults()) noexcept {
        return whole(hf_envelope_encrypt, key, data, parameters, call);
    }

    /** As decrypt(), without exceptions. */
    static Result<Bytes> try_decrypt(const Transit &key, BytesView envelope, const Fields *parameters = nullptr,
                                     const Call &call = Call::defaults()) noexcept {
        return whole(hf_envelope_decrypt, key, envelope, parameters, call);
    }

    /** As encrypt_fd(), without exceptions. */
    static Result<void> try_encrypt_fd(const Transit &key, int from, int to, const Fields *parameters = nullptr,
                                       const Call &call = Call::defaults()) noexcept {
        return transfer(hf_envelope_encrypt_fd, key, from, to, parameters, call);
    }

    /** As decrypt_fd(), without exceptions. */
    static Result<void> try_decrypt_fd(const Transit &key, int from, int to, const Fields *parameters = nullptr,
                                       const Call &call = Call::defaults()) noexcept {
        return transfer(hf_envelope_decrypt_fd, key, from, to, parameters, call);
    }

    /** As rewrap(), without exceptions. */
    static Result<Bytes> try_rewrap(const Transit &key, BytesView header,
                                    const Call &call = Call::defaults()) noexcept {
        hf_bytes *bytes = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_envelope_rewrap(key.get(), header.data(), header.size(), call.get(), &bytes, &error);
        return detail::finish_bytes(status, error, bytes);
    }

    /** As encryptor(), without exceptions. */
    static Result<Envelope> try_encryptor(const Transit &key, const Fields *parameters = nullptr,
                                          const Call &call = Call::defaults()) noexcept {
        return begin(hf_envelope_encryptor, key, parameters, call);
    }

    /** As decryptor(), without exceptions. */
    static Result<Envelope> try_decryptor(const Transit &key, const Fields *parameters = nullptr,
                                          const Call &call = Call::defaults()) noexcept {
        return begin(hf_envelope_decryptor, key, parameters, call);
    }

    /** As update(), without exceptions. */
    Result<Bytes> try_update(BytesView data, const Call &call = Call::defaults()) noexcept {
        hf_bytes *bytes = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            hf_envelope_update(handle_.get(), data.data(), data.size(), call.get(), &bytes, &error);
        return detail::finish_bytes(status, error, bytes);
    }

    /** As finish(), without exceptions. */
    Result<Bytes> try_finish(const Call &call = Call::defaults()) noexcept {
        hf_bytes *bytes = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_envelope_finish(handle_.get(), call.get(), &bytes, &error);
        return detail::finish_bytes(status, error, bytes);
    }

    /** Whether this object has a stream. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

private:
    template <class Function>
    static Result<Bytes> whole(Function function, const Transit &key, BytesView data, const Fields *parameters,
                               const Call &call) noexcept {
        if (auto checked = detail::check_parameters(parameters); !checked) {
            return std::move(checked).error();
        }
        hf_bytes *bytes = nullptr;
        hf_error *error = nullptr;
        const hf_status status = function(key.get(), data.data(), data.size(), detail::parameters_of(parameters),
                                          call.get(), &bytes, &error);
        return detail::finish_bytes(status, error, bytes);
    }

    template <class Function>
    static Result<void> transfer(Function function, const Transit &key, int from, int to, const Fields *parameters,
                                 const Call &call) noexcept {
        if (auto checked = detail::check_parameters(parameters); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status =
            function(key.get(), from, to, detail::parameters_of(parameters), call.get(), &error);
        return detail::finish(status, error);
    }

    template <class Function>
    static Result<Envelope> begin(Function function, const Transit &key, const Fields *parameters,
                                  const Call &call) noexcept {
        if (auto checked = detail::check_parameters(parameters); !checked) {
            return std::move(checked).error();
        }
        hf_envelope *envelope = nullptr;
        hf_error *error = nullptr;
        const hf_status status =
            function(key.get(), detail::parameters_of(parameters), call.get(), &envelope, &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        Envelope begun;
        begun.handle_.reset(envelope);
        return begun;
    }

    detail::EnvelopeHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_ENVELOPE_HPP
