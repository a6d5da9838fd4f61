/**
 * @file fields.hpp
 * @brief The fields that a document is written with.
 */
#ifndef HANDSFREE_SECRETS_FIELDS_HPP
#define HANDSFREE_SECRETS_FIELDS_HPP

#include "text.hpp"

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

namespace handsfree {
namespace secrets {
inline namespace HF_EXCEPTIONS_NAMESPACE {

namespace detail {

inline void free_fields(hf_fields *object) { hf_fields_free(object); }
using FieldsHandle = std::unique_ptr<hf_fields, Deleter<hf_fields, free_fields>>;

}  // namespace detail

/**
 * Names and values for Manager::store_document() and Manager::update_document(), or the parameters of a @ref Transit.
 * It owns copies of the values and wipes them in its destructor. Setting a name again replaces its value.
 *
 * @code
 * hf::Fields fields{{"username", "app"}, {"password", password.view()}};
 * fields.set_json("port", "5432").set_bytes("key", key.data(), key.size());
 * manager.store_document("db", fields);
 * @endcode
 *
 * Only one thread at a time may change fields; any number of operations may use them while nobody changes them.
 */
class Fields {
public:
    /** Creates fields, none at first. */
    Fields() noexcept : handle_(hf_fields_new()) {}

#ifndef HF_NO_EXCEPTIONS
    /** Creates fields from pairs of a name and a text. @throws Error as set() */
    Fields(std::initializer_list<std::pair<std::string_view, std::string_view>> texts) : Fields() {
        for (const auto &[name, text] : texts) {
            set(name, text);
        }
    }

    /** Sets a field to a text. @throws Error `HF_ERR_INVALID_ARGUMENT` for an empty name or invalid UTF-8 */
    Fields &set(Text name, Text text) {
        try_set(std::move(name), std::move(text)).value();
        return *this;
    }

    /** Sets a field to a JSON value of any kind, such as `5`, `true` or `{"a": [1, 2]}`, which is sent as it is.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if the text is not one JSON value; the message does not repeat it */
    Fields &set_json(Text name, Text json) {
        try_set_json(std::move(name), std::move(json)).value();
        return *this;
    }

    /** Sets a field to bytes. They are stored as text in base64; Document::bytes() decodes them. `data` may be null if
     *  `size` is 0.
     *  @throws Error as set() */
    Fields &set_bytes(Text name, const void *data, std::size_t size) {
        try_set_bytes(std::move(name), data, size).value();
        return *this;
    }

    /** Sets a field for each member of a JSON object.
     *  @throws Error `HF_ERR_INVALID_ARGUMENT` if the text is not one JSON object; no field is changed */
    Fields &set_object(Text json_object) {
        try_set_object(std::move(json_object)).value();
        return *this;
    }

    /** Marks a field as removed: an update deletes it from the secret, a store does not send it. @throws Error as
     *  set() */
    Fields &remove(Text name) {
        try_remove(std::move(name)).value();
        return *this;
    }
#endif

    /** As set(), without exceptions. */
    Result<void> try_set(Text name, Text text) noexcept {
        if (auto checked = detail::check_texts(name, text); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_fields_set(handle_.get(), name.c_str(), text.c_str(), &error);
        return detail::finish(status, error);
    }

    /** As set_json(), without exceptions. */
    Result<void> try_set_json(Text name, Text json) noexcept {
        if (auto checked = detail::check_texts(name, json); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_fields_set_json(handle_.get(), name.c_str(), json.c_str(), &error);
        return detail::finish(status, error);
    }

    /** As set_bytes(), without exceptions. */
    Result<void> try_set_bytes(Text name, const void *data, std::size_t size) noexcept {
        if (auto checked = detail::check_texts(name); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_fields_set_bytes(handle_.get(), name.c_str(), data, size, &error);
        return detail::finish(status, error);
    }

    /** As set_object(), without exceptions. */
    Result<void> try_set_object(Text json_object) noexcept {
        if (auto checked = detail::check_texts(json_object); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_fields_set_object(handle_.get(), json_object.c_str(), &error);
        return detail::finish(status, error);
    }

    /** As remove(), without exceptions. */
    Result<void> try_remove(Text name) noexcept {
        if (auto checked = detail::check_texts(name); !checked) {
            return checked;
        }
        hf_error *error = nullptr;
        const hf_status status = hf_fields_remove(handle_.get(), name.c_str(), &error);
        return detail::finish(status, error);
    }

    /** Wipes and frees all fields now. An operation with this object then fails with `HF_ERR_INVALID_ARGUMENT`. */
    void wipe() noexcept { handle_.reset(); }

    /** The C object, borrowed. */
    const hf_fields *get() const noexcept { return handle_.get(); }

private:
    detail::FieldsHandle handle_;
};

namespace detail {

/** The failure for parameters without a C object: to C that would mean "no parameters", and a context or associated
 *  data that somebody has set must not be dropped silently. */
inline Result<void> check_parameters(const Fields *parameters) noexcept {
    if (parameters != nullptr && parameters->get() == nullptr) {
        return Failure(HF_ERR_INVALID_ARGUMENT, "the parameters were wiped or moved from; do so after the call");
    }
    return {};
}

inline const hf_fields *parameters_of(const Fields *parameters) noexcept {
    return parameters != nullptr ? parameters->get() : nullptr;
}

}  // namespace detail

}  // inline namespace
}  // namespace secrets
}  // namespace handsfree

#endif  // HANDSFREE_SECRETS_FIELDS_HPP
