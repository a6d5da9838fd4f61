/**
 * @file transit.hpp
 * @brief A key of the transit engine.
 */
#ifndef HANDSFREE_SECRETS_TRANSIT_HPP
#define HANDSFREE_SECRETS_TRANSIT_HPP

#include "bytes.hpp"
#include "bytes_view.hpp"
#include "call.hpp"
#include "fields.hpp"
#include "result.hpp"
#include "results.hpp"
#include "text.hpp"
#include "transit_many.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_transit(hf_transit *object) { hf_transit_free(object); }
using TransitHandle = std::unique_ptr<hf_transit, Deleter<hf_transit, free_transit>>;

}  // namespace detail

/** What Transit::data_key() returns. */
struct DataKey {
    /** The key, for encryption by the program itself. */
    Bytes key;
    /** The key encrypted under the key of the engine, which is kept beside the data; Transit::decrypt() returns the
     *  key. */
    std::string wrapped;
};

/**
 * A key of the transit engine, with which the server encrypts, decrypts, signs and makes data keys. It owns one
 * reference to a key of the library, which keeps the manager open. Any number of threads may call its functions at
 * once.
 *
 * @code
 * if (const std::optional<hf::Transit> key = manager.open_transit("orders")) {
 *     hf::Fields parameters;
 *     parameters.set_bytes("associated_data", "row 5", 5);
 *     const std::string ciphertext = key->encrypt("4111 1111 1111 1111", &parameters);
 *     const hf::Bytes card = key->decrypt(ciphertext, &parameters);
 * }
 * @endcode
 *
 * **Parameters** have the names of the engine. "context" and "associated_data" are set by Fields::set_bytes();
 * "key_version", "hash_algorithm", "signature_algorithm", "prehashed", "marshaling_algorithm" and "bits" by
 * Fields::set() or Fields::set_json(). One that is unknown, or that the operation does not have, is
 * `HF_ERR_INVALID_ARGUMENT`. Null means none.
 *
 * **Failures** that the operations share: `HF_ERR_INVALID_ARGUMENT` for a wrong parameter, a ciphertext that was
 * changed or is of another key, or a wrong context or associated data; `HF_ERR_UNSUPPORTED` if the type of the key cannot
 * do this, or the version of the key is below min_decryption_version; `HF_ERR_CONFIG` if the key does not exist any more.
 */
class Transit {
public:
    /** An empty object: every operation fails with `HF_ERR_INVALID_ARGUMENT` until a key is assigned. */
    Transit() noexcept = default;

#ifndef HF_NO_EXCEPTIONS
    /** Encrypts data, and returns the ciphertext, such as "vault:v1:…". Parameters: "context", "associated_data",
     *  "key_version". Blocks.
     *  @throws Error */
    [[nodiscard]] std::string encrypt(BytesView data, const Fields *parameters = nullptr,
                                      const Call &call = Call::defaults()) const {
        return try_encrypt(data, parameters, call).value();
    }

    /** Decrypts a ciphertext. Parameters: "context" and "associated_data", as for the encryption. Blocks.
     *  @throws Error */
    [[nodiscard]] Bytes decrypt(Text ciphertext, const Fields *parameters = nullptr,
                                const Call &call = Call::defaults()) const {
        return try_decrypt(std::move(ciphertext), parameters, call).value();
    }

    /** Encrypts the data of a ciphertext under the latest version of the key, and returns the new ciphertext.
     *  Parameters: "context", "associated_data", "key_version". With "associated_data" the ciphertext is decrypted and
     *  encrypted again, which needs the policy for both. Blocks.
     *  @throws Error */
    [[nodiscard]] std::string rewrap(Text ciphertext, const Fields *parameters = nullptr,
                                     const Call &call = Call::defaults()) const {
        return try_rewrap(std::move(ciphertext), parameters, call).value();
    }

    /** Signs data, and returns the signature. Parameters: "context", "key_version", "hash_algorithm",
     *  "signature_algorithm", "prehashed", "marshaling_algorithm". Blocks.
     *  @throws Error */
    [[nodiscard]] std::string sign(BytesView data, const Fields *parameters = nullptr,
                                   const Call &call = Call::defaults()) const {
        return try_sign(data, parameters, call).value();
    }

    /** Returns the HMAC of data. Parameters: "key_version", "hash_algorithm". Blocks. @throws Error */
    [[nodiscard]] std::string hmac(BytesView data, const Fields *parameters = nullptr,
                                   const Call &call = Call::defaults()) const {
        return try_hmac(data, parameters, call).value();
    }

    /** Returns whether a signature or an HMAC is that of the data. Parameters: as for the signature, without
     *  "key_version". Blocks.
     *  @throws Error if that cannot be told, never for a signature of other data */
    [[nodiscard]] bool verify(BytesView data, Text signature, const Fields *parameters = nullptr,
                              const Call &call = Call::defaults()) const {
        return try_verify(data, std::move(signature), parameters, call).value();
    }

    /** Makes a random key for encryption by the program itself. Parameters: "bits" (128, 256 or 512; 256 is the
     *  default), "context", "associated_data". Blocks.
     *  @throws Error */
    [[nodiscard]] DataKey data_key(const Fields *parameters = nullptr, const Call &call = Call::defaults()) const {
        return try_data_key(parameters, call).value();
    }

    /** As data_key(), but returns the wrapped key only: the server does not send the key itself. Blocks.
     *  @throws Error */
    [[nodiscard]] std::string wrapped_data_key(const Fields *parameters = nullptr,
                                               const Call &call = Call::defaults()) const {
        return try_wrapped_data_key(parameters, call).value();
    }

    /** Encrypts many pieces of data: thousands are split into requests that the server takes. The outcomes are in the
     *  order of the items, and their texts are ciphertexts. The timeout is that of the whole call. `parameters` apply
     *  to all items. Blocks.
     *  @throws Error if the call as a whole failed, never for one of the items */
    [[nodiscard]] Results encrypt_many(const std::vector<TransitItem> &data, const Fields *parameters = nullptr,
                                       const Call &call = Call::defaults()) const {
        return try_encrypt_many(data, parameters, call).value();
    }

    /** Decrypts many ciphertexts, as encrypt_many() encrypts; Outcome::bytes() returns the data. Blocks.
     *  @throws Error if the call as a whole failed, never for one of the items */
    [[nodiscard]] Results decrypt_many(const std::vector<TransitItem> &ciphertexts, const Fields *parameters = nullptr,
                                       const Call &call = Call::defaults()) const {
        return try_decrypt_many(ciphertexts, parameters, call).value();
    }

    /** Encrypts the data of many ciphertexts under the latest version of the key, as encrypt_many() encrypts. Blocks.
     *  @throws Error if the call as a whole failed, never for one of the items */
    [[nodiscard]] Results rewrap_many(const std::vector<TransitItem> &ciphertexts, const Fields *parameters = nullptr,
                                      const Call &call = Call::defaults()) const {
        return try_rewrap_many(ciphertexts, parameters, call).value();
    }
#endif

    /** As encrypt(), without exceptions. */
    Result<std::string> try_encrypt(BytesView data, const Fields *parameters = nullptr,
                                    const Call &call = Call::defaults()) const noexcept {
        return text_of_data(hf_transit_encrypt, data, parameters, call);
    }

    /** As decrypt(), without exceptions. */
    Result<Bytes> try_decrypt(Text ciphertext, const Fields *parameters = nullptr,
                              const Call &call = Call::defaults()) const noexcept {
        if (auto checked = check(ciphertext, parameters); !checked) {
            return std::move(checked).error();
        }
        hf_bytes *bytes = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_transit_decrypt(handle_.get(), ciphertext.c_str(),
                                                    detail::parameters_of(parameters), call.get(), &bytes, &error);
        if (status != HF_OK) {
            return Failure(status, error);
        }
        return Bytes::adopt(bytes);
    }

    /** As rewrap(), without exceptions. */
    Result<std::string> try_rewrap(Text ciphertext, const Fields *parameters = nullptr,
                                   const Call &call = Call::defaults()) const noexcept {
        if (auto checked = check(ciphertext, parameters); !checked) {
            return std::move(checked).error();
        }
        char *text = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_transit_rewrap(handle_.get(), ciphertext.c_str(),
                                                   detail::parameters_of(parameters), call.get(), &text, &error);
        return detail::finish_string(status, error, text);
    }

    /** As sign(), without exceptions. */
    Result<std::string> try_sign(BytesView data, const Fields *parameters = nullptr,
                                 const Call &call = Call::defaults()) const noexcept {
        return text_of_data(hf_transit_sign, data, parameters, call);
    }

    /** As hmac(), without exceptions. */
    Result<std::string> try_hmac(BytesView data, const Fields *parameters = nullptr,
                                 const Call &call = Call::defaults()) const noexcept {
        return text_of_data(hf_transit_hmac, data, parameters, call);
    }

    /** As verify(), without exceptions. `*result` is whether it matches. */
    Result<bool> try_verify(BytesView data, Text signature, const Fields *parameters = nullptr,
                            const Call &call = Call::defaults()) const noexcept {
        if (auto checked = check(signature, parameters); !checked) {
            return std::move(checked).error();
        }
        hf_error *error = nullptr;
        const hf_status status = hf_transit_verify(handle_.get(), data.data(), data.size(), signature.c_str(),
                                                   detail::parameters_of(parameters), call.get(), &error);
        if (status != HF_OK && status != HF_MISMATCH) {
            return Failure(status, error);
        }
        return status == HF_OK;
    }

    /** As data_key(), without exceptions. */
    Result<DataKey> try_data_key(const Fields *parameters = nullptr,
                                 const Call &call = Call::defaults()) const noexcept {
        hf_bytes *key = nullptr;
        auto wrapped = make_data_key(&key, parameters, call);
        Bytes owned = Bytes::adopt(key);
        if (!wrapped) {
            return std::move(wrapped).error();
        }
        return DataKey{std::move(owned), *std::move(wrapped)};
    }

    /** As wrapped_data_key(), without exceptions. */
    Result<std::string> try_wrapped_data_key(const Fields *parameters = nullptr,
                                             const Call &call = Call::defaults()) const noexcept {
        return make_data_key(nullptr, parameters, call);
    }

    /** As encrypt_many(), without exceptions. */
    Result<Results> try_encrypt_many(const std::vector<TransitItem> &data, const Fields *parameters = nullptr,
                                     const Call &call = Call::defaults()) const noexcept {
        return detail::encrypt_many(handle_.get(), data, parameters, call.get());
    }

    /** As decrypt_many(), without exceptions. */
    Result<Results> try_decrypt_many(const std::vector<TransitItem> &ciphertexts, const Fields *parameters = nullptr,
                                     const Call &call = Call::defaults()) const noexcept {
        return detail::with_ciphertexts(hf_transit_decrypt_many, handle_.get(), ciphertexts, parameters, call.get());
    }

    /** As rewrap_many(), without exceptions. */
    Result<Results> try_rewrap_many(const std::vector<TransitItem> &ciphertexts, const Fields *parameters = nullptr,
                                    const Call &call = Call::defaults()) const noexcept {
        return detail::with_ciphertexts(hf_transit_rewrap_many, handle_.get(), ciphertexts, parameters, call.get());
    }

    /** Returns another reference to the same key, for another owner. Sends no request. */
    Transit share() const noexcept { return adopt(hf_transit_ref(handle_.get())); }

    /** Whether this object has a key. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /** The C object, borrowed. */
    const hf_transit *get() const noexcept { return handle_.get(); }

    /** Transfers the reference to the caller, who frees it with `hf_transit_free`. */
    hf_transit *release() noexcept { return handle_.release(); }

    /** Takes ownership of a reference from release() or the C API; null gives an object without a key. */
    static Transit adopt(hf_transit *transit) noexcept {
        Transit adopted;
        adopted.handle_.reset(transit);
        return adopted;
    }

private:
    static Result<void> check(const Text &text, const Fields *parameters) noexcept {
        if (auto checked = detail::check_texts(text); !checked) {
            return checked;
        }
        return detail::check_parameters(parameters);
    }

    /** Calls one of the C functions that make a text from data. */
    template <class Function>
    Result<std::string> text_of_data(Function function, BytesView data, const Fields *parameters,
                                     const Call &call) const noexcept {
        if (auto checked = detail::check_parameters(parameters); !checked) {
            return std::move(checked).error();
        }
        char *text = nullptr;
        hf_error *error = nullptr;
        const hf_status status = function(handle_.get(), data.data(), data.size(), detail::parameters_of(parameters),
                                          call.get(), &text, &error);
        return detail::finish_string(status, error, text);
    }

    Result<std::string> make_data_key(hf_bytes **key, const Fields *parameters, const Call &call) const noexcept {
        if (auto checked = detail::check_parameters(parameters); !checked) {
            return std::move(checked).error();
        }
        char *wrapped = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_transit_data_key(handle_.get(), detail::parameters_of(parameters), call.get(), key,
                                                     &wrapped, &error);
        return detail::finish_string(status, error, wrapped);
    }

    detail::TransitHandle handle_;
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_TRANSIT_HPP
