/**
 * @file document.hpp
 * @brief All fields of one version of a secret.
 */
#ifndef HANDSFREE_SECRETS_DOCUMENT_HPP
#define HANDSFREE_SECRETS_DOCUMENT_HPP

#include "bytes.hpp"
#include "iterator.hpp"
#include "metadata.hpp"
#include "result.hpp"
#include "text.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_document(hf_document *object) { hf_document_free(object); }
using DocumentHandle = std::unique_ptr<hf_document, Deleter<hf_document, free_document>>;

inline std::optional<std::string_view> field_text(const hf_document *document, const char *name) noexcept {
    std::size_t length = 0;
    const char *text = hf_document_text(document, name, &length);
    return text != nullptr ? std::optional<std::string_view>(std::in_place, text, length) : std::nullopt;
}

/** The JSON of a field, or of the whole document if `name` is null. */
inline std::optional<std::string_view> field_json(const hf_document *document, const char *name) noexcept {
    std::size_t length = 0;
    const char *json = hf_document_json(document, name, &length);
    return json != nullptr ? std::optional<std::string_view>(std::in_place, json, length) : std::nullopt;
}

inline Result<std::optional<Bytes>> field_bytes(const hf_document *document, const char *name) noexcept {
    hf_bytes *bytes = nullptr;
    hf_error *error = nullptr;
    const hf_status status = hf_document_bytes(document, name, &bytes, &error);
    return finish_optional(status, error, Bytes::adopt(bytes));
}

}  // namespace detail

/** The kind of a field's value, by its JSON. */
enum class FieldKind : std::int32_t {
    absent = 0,
    string = 1,
    number = 2,
    boolean = 3,
    null = 4,
    object = 5,
    array = 6,
};

/**
 * One field of a document. It borrows from its @ref Document and is valid as long as any reference to that document. It
 * may be copied.
 */
class Field {
public:
    /** The field at `index`; past the end it is absent. */
    Field(const hf_document *document, std::size_t index) noexcept
        : document_(document), name_(hf_document_name(document, index)) {}

    /** The name; a NUL follows the text. */
    std::string_view name() const noexcept { return name_ != nullptr ? name_ : ""; }

    /** The kind of the value. */
    FieldKind kind() const noexcept { return static_cast<FieldKind>(hf_document_kind(document_, name_)); }

    /** The text: a string as it is, a number or boolean as its JSON. Nothing for null, an object or an array. The
     *  memory belongs to the document; a NUL follows the text. */
    std::optional<std::string_view> text() const noexcept { return detail::field_text(document_, name_); }

    /** The JSON as the server sent it. The memory belongs to the document; a NUL follows the text. */
    std::string_view json() const noexcept {
        return name_ != nullptr ? detail::field_json(document_, name_).value_or("") : "";
    }

#ifndef HF_NO_EXCEPTIONS
    /** The bytes that the text encodes in base64, as Fields::set_bytes() stores them.
     *  @throws Error `HF_ERR_UNSUPPORTED` if the field is not a string in base64 */
    [[nodiscard]] Bytes bytes() const { return try_bytes().value(); }
#endif

    /** As bytes(), without exceptions. */
    Result<Bytes> try_bytes() const noexcept {
        auto bytes = detail::field_bytes(document_, name_);
        if (!bytes) {
            return std::move(bytes).error();
        }
        return std::move(*bytes).value_or(Bytes());
    }

private:
    const hf_document *document_;
    const char *name_;
};

/** Deleted, so that a value is not printed by accident; write `field.name()` or `field.text()`. */
template <class Stream>
Stream &operator<<(Stream &stream, const Field &field) = delete;

/**
 * All fields of one version of a secret. It owns one reference to a document of the library, whose memory is wiped with
 * the last reference. Any number of threads may read it at once.
 *
 * @code
 * if (const std::optional<hf::Document> db = manager.get_document("vault://db")) {
 *     connect(db->text("username").value(), db->text("password").value());
 *     for (const hf::Field field : *db) {
 *         std::cout << field.name() << '\n';
 *     }
 * }
 * @endcode
 *
 * Texts, fields and metadata borrow from the document: keep it in a variable while they are used. Functions that return
 * them are deleted for temporary objects.
 */
class Document {
public:
    /** Iterates over the fields, sorted by name. */
    using Iterator = detail::PartIterator<hf_document, Field>;

    /** An object without a document; it has no fields. */
    Document() noexcept = default;

    /** The number of fields. "metadata" is one of them like any other. */
    std::size_t size() const noexcept { return hf_document_len(handle_.get()); }

    /** Whether there are no fields. */
    bool empty() const noexcept { return size() == 0; }

    /** The field at this index; past the end it is absent. */
    Field operator[](std::size_t index) const & noexcept { return Field(handle_.get(), index); }
    /** Deleted, because a field borrows from the document. */
    Field operator[](std::size_t index) const && = delete;

    Iterator begin() const noexcept { return Iterator(handle_.get(), 0); }
    Iterator end() const noexcept { return Iterator(handle_.get(), size()); }

    /** The kind of a field; `FieldKind::absent` if there is no field with this name. */
    FieldKind kind(Text name) const noexcept {
        return name.has_nul() ? FieldKind::absent
                              : static_cast<FieldKind>(hf_document_kind(handle_.get(), name.c_str()));
    }

    /** Whether there is a field with this name. */
    bool contains(Text name) const noexcept { return kind(std::move(name)) != FieldKind::absent; }

    /** The text of a field: a string as it is, a number or boolean as its JSON. Nothing if there is no such field, and
     *  for null, an object, an array, or a string that is not valid Unicode; kind() distinguishes them. A NUL follows
     *  the text. */
    std::optional<std::string_view> text(Text name) const & noexcept {
        return name.has_nul() ? std::nullopt : detail::field_text(handle_.get(), name.c_str());
    }
    /** Deleted, because the text borrows from the document. */
    std::optional<std::string_view> text(Text name) const && = delete;

    /** The JSON of a field as the server sent it; nothing if there is no such field. A NUL follows the text. */
    std::optional<std::string_view> json(Text name) const & noexcept {
        return name.has_nul() || name.c_str() == nullptr ? std::nullopt
                                                         : detail::field_json(handle_.get(), name.c_str());
    }
    /** Deleted, because the text borrows from the document. */
    std::optional<std::string_view> json(Text name) const && = delete;

    /** The JSON of the whole document as the server sent it; empty if this object has no document. */
    std::string_view json() const & noexcept { return detail::field_json(handle_.get(), nullptr).value_or(""); }
    /** Deleted, because the text borrows from the document. */
    std::string_view json() const && = delete;

#ifndef HF_NO_EXCEPTIONS
    /** The bytes that the text of a field encodes in base64, as Fields::set_bytes() stores them; nothing if there is no
     *  such field.
     *  @throws Error `HF_ERR_UNSUPPORTED` if the field is not a string in base64 */
    [[nodiscard]] std::optional<Bytes> bytes(Text name) const { return try_bytes(std::move(name)).value(); }
#endif

    /** As bytes(), without exceptions. */
    Result<std::optional<Bytes>> try_bytes(Text name) const noexcept {
        if (auto checked = detail::check_texts(name); !checked) {
            return std::move(checked).error();
        }
        return detail::field_bytes(handle_.get(), name.c_str());
    }

    /** The metadata beside the value, which is the content of the field "metadata"; empty if there is none. */
    MetadataView metadata() const & noexcept { return MetadataView(hf_document_metadata(handle_.get())); }
    /** Deleted, because the metadata borrows from the document. */
    MetadataView metadata() const && = delete;

    /** The number of the version; 0 if there are no versions (KV version 1, `env`). */
    std::int64_t version() const noexcept { return hf_document_version(handle_.get()); }

    /** When the version was created, in RFC 3339; empty if the server does not tell. A NUL follows the text. */
    std::string_view created() const & noexcept { return hf_document_created(handle_.get()); }
    /** Deleted, because the text borrows from the document. */
    std::string_view created() const && = delete;

    /** How old the answer is that the document was made from; 0 if the server answered this call. */
    std::chrono::milliseconds age() const noexcept {
        return std::chrono::milliseconds(hf_document_age_ms(handle_.get()));
    }

    /** Returns another reference to the same document, for another owner. */
    Document share() const noexcept { return adopt(hf_document_ref(handle_.get())); }

    /** Frees this reference now. The last one wipes the document. */
    void wipe() noexcept { handle_.reset(); }

    /** The C object, borrowed. */
    const hf_document *get() const noexcept { return handle_.get(); }

    /** Transfers the reference to the caller, who frees it with `hf_document_free`. */
    hf_document *release() noexcept { return handle_.release(); }

    /** Takes ownership of a reference from release() or the C API; null gives an object without a document. */
    static Document adopt(hf_document *document) noexcept {
        Document adopted;
        adopted.handle_.reset(document);
        return adopted;
    }

private:
    detail::DocumentHandle handle_;
};

/** Deleted, so that values are not printed by accident; write `document.json()`. */
template <class Stream>
Stream &operator<<(Stream &stream, const Document &document) = delete;

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_DOCUMENT_HPP
