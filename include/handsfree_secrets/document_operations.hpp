/**
 * @file document_operations.hpp
 * @brief The operations of a manager on documents.
 */
#ifndef HANDSFREE_SECRETS_DOCUMENT_OPERATIONS_HPP
#define HANDSFREE_SECRETS_DOCUMENT_OPERATIONS_HPP

#include "batch.hpp"
#include "call.hpp"
#include "document.hpp"
#include "fields.hpp"
#include "metadata.hpp"
#include "result.hpp"
#include "results.hpp"
#include "text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

/** What Manager::store_document() has written. */
struct StoredDocument {
    /** The reference that names the secret from now on. */
    std::string reference;
    /** The number of the new version; 0 if there are no versions (KV version 1, `env`). */
    std::int64_t version;
};

/**
 * The part of @ref Manager that reads and writes documents: all fields of a secret as one. References name no field.
 * The `env` backend has the one field "value".
 *
 * `Call::set_cas()` makes a store or an update conditional; it fails with `HF_ERR_CONFLICT` if the condition does not
 * hold.
 */
template <class Derived>
class DocumentOperations {
public:
#ifndef HF_NO_EXCEPTIONS
    /** Returns all fields of one version of a secret, or nothing if it does not exist. Blocks.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` for a reference with a field, or as Manager::get_secret() */
    [[nodiscard]] std::optional<Document> get_document(Text reference, const Call &call = Call::defaults()) const {
        return try_get_document(std::move(reference), call).value();
    }

    /** Gets the documents of many secrets, as Manager::get_secrets() gets values; Outcome::document() returns them.
     *  Blocks.
     *  @throws Error if the call as a whole failed, never for one of the secrets */
    [[nodiscard]] Results get_documents(const std::vector<std::string> &references,
                                        const Call &call = Call::defaults()) const {
        return try_get_documents(references, call).value();
    }

    /** Stores fields under a key. A secret that is already there is replaced, with all of its fields and its metadata.
     *  Blocks.
     *  @throws Error `HF_ERR_CONFLICT` if the call has a condition that does not hold, or as Manager::store_secret() */
    StoredDocument store_document(Text key, const Fields &fields, const Call &call = Call::defaults()) const {
        return try_store_document(std::move(key), fields, call).value();
    }

    /** As above, with metadata beside the fields. Blocks. @throws Error */
    StoredDocument store_document(Text key, const Fields &fields, const Metadata &metadata,
                                  const Call &call = Call::defaults()) const {
        return try_store_document(std::move(key), fields, metadata, call).value();
    }

    /** Changes fields of a secret: those in `fields` are added, replaced or removed, the others and the metadata stay.
     *  Returns the number of the new version (0 if there are no versions), or nothing if the secret does not exist; it
     *  is not created. Blocks.
     *  @throws Error `HF_ERR_CONFLICT` if the call has a condition that does not hold, or as
     *  Manager::update_secret() */
    [[nodiscard]] std::optional<std::int64_t> update_document(Text reference, const Fields &fields,
                                                              const Call &call = Call::defaults()) const {
        return try_update_document(std::move(reference), fields, call).value();
    }

    /** As above, and replaces the metadata; an empty map removes it. Blocks. @throws Error */
    [[nodiscard]] std::optional<std::int64_t> update_document(Text reference, const Fields &fields,
                                                              const Metadata &metadata,
                                                              const Call &call = Call::defaults()) const {
        return try_update_document(std::move(reference), fields, metadata, call).value();
    }
#endif

    /** As get_document(), without exceptions. */
    Result<std::optional<Document>> try_get_document(Text reference,
                                                     const Call &call = Call::defaults()) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        hf_document *document = nullptr;
        hf_error *error = nullptr;
        const hf_status status = hf_get_document(manager(), reference.c_str(), call.get(), &document, &error);
        return detail::finish_optional(status, error, Document::adopt(document));
    }

    /** As get_documents(), without exceptions. */
    Result<Results> try_get_documents(const std::vector<std::string> &references,
                                      const Call &call = Call::defaults()) const noexcept {
        return detail::get_many(hf_get_documents, manager(), references, call);
    }

    /** As store_document(), without exceptions. */
    Result<StoredDocument> try_store_document(Text key, const Fields &fields,
                                              const Call &call = Call::defaults()) const noexcept {
        return store(key, fields, nullptr, call);
    }

    /** As store_document(), without exceptions. */
    Result<StoredDocument> try_store_document(Text key, const Fields &fields, const Metadata &metadata,
                                              const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return store(key, fields, handle->get(), call);
    }

    /** As update_document(), without exceptions. */
    Result<std::optional<std::int64_t>> try_update_document(Text reference, const Fields &fields,
                                                            const Call &call = Call::defaults()) const noexcept {
        return update(reference, fields, nullptr, call);
    }

    /** As update_document(), without exceptions. */
    Result<std::optional<std::int64_t>> try_update_document(Text reference, const Fields &fields,
                                                            const Metadata &metadata,
                                                            const Call &call = Call::defaults()) const noexcept {
        auto handle = detail::make_metadata(metadata);
        if (!handle) {
            return std::move(handle).error();
        }
        return update(reference, fields, handle->get(), call);
    }

protected:
    DocumentOperations() noexcept = default;

private:
    const hf_manager *manager() const noexcept { return static_cast<const Derived *>(this)->get(); }

    Result<StoredDocument> store(const Text &key, const Fields &fields, const hf_metadata *metadata,
                                 const Call &call) const noexcept {
        if (auto checked = detail::check_texts(key); !checked) {
            return std::move(checked).error();
        }
        char *text = nullptr;
        std::int64_t version = 0;
        hf_error *error = nullptr;
        const hf_status status =
            hf_store_document(manager(), key.c_str(), fields.get(), metadata, call.get(), &text, &version, &error);
        auto reference = detail::finish_string(status, error, text);
        if (!reference) {
            return std::move(reference).error();
        }
        return StoredDocument{*std::move(reference), version};
    }

    Result<std::optional<std::int64_t>> update(const Text &reference, const Fields &fields,
                                               const hf_metadata *metadata, const Call &call) const noexcept {
        if (auto checked = detail::check_texts(reference); !checked) {
            return std::move(checked).error();
        }
        std::int64_t version = 0;
        hf_error *error = nullptr;
        const hf_status status = hf_update_document(manager(), reference.c_str(), fields.get(), metadata, call.get(),
                                                    &version, &error);
        return detail::finish_optional(status, error, version);
    }
};

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_DOCUMENT_OPERATIONS_HPP
