// The part of the C++ wrapper that works without exceptions, on the env backend. Compiled with and without
// -fno-exceptions.
#ifndef HF_NO_EXCEPTIONS
#define HF_NO_EXCEPTIONS
#endif
#include <handsfree_secrets.hpp>

#include <type_traits>

#include "check.hpp"

namespace hf = handsfree::secrets;
using namespace std::chrono_literals;

template <class T, class = void>
struct Throws : std::false_type {};
template <class T>
struct Throws<T, std::void_t<decltype(&T::canonical_reference)>> : std::true_type {};
static_assert(!Throws<hf::Manager>::value, "nothing that throws is left");
static_assert(noexcept(std::declval<const hf::Manager &>().try_list_secrets(nullptr)));

template <class T, class = void>
struct HasValue : std::false_type {};
template <class T>
struct HasValue<T, std::void_t<decltype(&T::value)>> : std::true_type {};
static_assert(!HasValue<hf::Outcome>::value, "an outcome is looked at, and throws nothing");

template <class T, class = void>
struct HasBytes : std::false_type {};
template <class T>
struct HasBytes<T, std::void_t<decltype(&T::bytes)>> : std::true_type {};
static_assert(!HasBytes<hf::Document>::value && !HasBytes<hf::Field>::value, "only try_bytes() is left");
static_assert(noexcept(std::declval<const hf::Manager &>().try_get_document(nullptr)));
static_assert(noexcept(std::declval<const hf::Manager &>().try_list_versions(nullptr)));
static_assert(noexcept(std::declval<const hf::Manager &>().try_request(nullptr, nullptr)));

template <class T, class = void>
struct Encrypts : std::false_type {};
template <class T>
struct Encrypts<T, std::void_t<decltype(&T::encrypt)>> : std::true_type {};
static_assert(!Encrypts<hf::Transit>::value, "only try_encrypt() is left");
static_assert(noexcept(std::declval<const hf::Manager &>().try_open_transit(nullptr)));
static_assert(noexcept(std::declval<const hf::Transit &>().try_decrypt(nullptr)));
static_assert(std::is_convertible_v<std::string, hf::BytesView> && !std::is_convertible_v<int, hf::BytesView>);
static_assert(!std::is_convertible_v<std::vector<int>, hf::BytesView>);
static_assert(!std::is_convertible_v<std::nullptr_t, hf::BytesView>);

namespace {

void documents(const hf::Manager &manager) {
    hf::Fields fields;
    CHECK(fields.try_set_bytes("value", "first", 5));
    CHECK(!fields.try_set_json("value", "{") && !fields.try_set_object("1") && !fields.try_set("", "x"));
    CHECK(fields.try_set_json("other", "5") && fields.try_remove("other"));
    auto stored = manager.try_store_document("no_exceptions_document", fields, {{"owner", "billing"}});
    CHECK(stored && stored->reference == "env://HANDSFREE_SECRET_NO_EXCEPTIONS_DOCUMENT" && stored->version == 0);

    auto found = manager.try_get_document(stored->reference);
    CHECK(found && *found && (*found)->text("value") == "Zmlyc3Q=" && !(*found)->text("other"));
    CHECK((*(*found)->try_bytes("value"))->view() == "first" && !(*found)->try_bytes("other")->has_value());
    CHECK((**found)[0].try_bytes()->view() == "first");
    CHECK(fields.try_set("value", "second"));
    CHECK(*manager.try_update_document(stored->reference, fields) == std::int64_t{0});
    CHECK(*manager.try_update_document(stored->reference, fields, hf::Metadata{}) == std::int64_t{0});
    CHECK((*found)->try_bytes("value")->has_value());
    found = manager.try_get_document(stored->reference);
    CHECK((*found)->try_bytes("value").error().status() == HF_ERR_UNSUPPORTED);

    auto many = manager.try_get_documents({stored->reference, "env://HANDSFREE_SECRET_NOT_THERE"});
    CHECK(many && (*many)[0].document().size() == 1 && (*many)[1].document().empty());
    auto missing = manager.try_get_document("env://HANDSFREE_SECRET_NOT_THERE");
    CHECK(missing && !missing->has_value());
    CHECK(!manager.try_update_document("env://HANDSFREE_SECRET_NOT_THERE", fields)->has_value());
}

void what_needs_a_server(const hf::Manager &manager) {
    const char *reference = "env://HANDSFREE_SECRET_NO_EXCEPTIONS";
    CHECK(manager.try_list_versions(reference).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_delete_versions(reference, {0}).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_undelete_versions(reference, {1}).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_destroy_versions(reference, {1}).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_rollback_secret(reference, 1).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_set_custom_metadata(reference, {{"a", "b"}}).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_rotate_secret(reference).error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_request("GET", "sys/health").error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_unwrap("hvs.x").error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_check() && !hf::Manager().try_check());

    hf::Call call;
    CHECK(call.try_set_cas(1) && !call.try_set_cas(-2) && call.try_set_wrap_ttl(1min) && !call.try_set_wrap_ttl(0s));
    CHECK(manager.try_get_document(reference, call.copy()).error().status() == HF_ERR_INVALID_ARGUMENT);
}

void transit(const hf::Manager &manager) {
    CHECK(manager.try_open_transit("orders").error().status() == HF_ERR_UNSUPPORTED);
    CHECK(manager.try_open_transit(std::string("a\0b", 3)).error().status() == HF_ERR_INVALID_ARGUMENT);

    hf::Fields parameters;
    CHECK(parameters.try_set_bytes("context", "c", 1));
    const hf::Transit none;
    const hf_status invalid = HF_ERR_INVALID_ARGUMENT;
    CHECK(none.try_encrypt("x").error().status() == invalid && none.try_sign("x").error().status() == invalid);
    CHECK(none.try_hmac("x").error().status() == invalid && none.try_verify("x", "y").error().status() == invalid);
    CHECK(none.try_decrypt("x").error().status() == invalid && none.try_rewrap("x").error().status() == invalid);
    CHECK(none.try_data_key(&parameters).error().status() == invalid);
    CHECK(none.try_wrapped_data_key().error().status() == invalid);
    CHECK(none.try_encrypt_many({"x", {"y", &parameters}}).error().status() == invalid);
    CHECK(none.try_decrypt_many({"x"}, &parameters).error().status() == invalid);
    CHECK(none.try_rewrap_many({"x"}).error().status() == invalid);
    CHECK(!none && !none.share() && none.get() == nullptr);

    parameters.wipe();
    CHECK(none.try_encrypt("x", &parameters).error().message().find("wiped") != std::string_view::npos);

    auto texts = manager.try_store_secrets({{"no_exceptions_bytes", "1"}});
    CHECK(texts && (*texts)[0].bytes().view() == (*texts)[0].view() && !(*texts)[0].bytes().empty());
    CHECK((*texts)[1].bytes().empty());
}

}  // namespace

int main() {
    hf::Options options = hf::Options::isolated();
    CHECK(options.try_set("SECRET_MANAGER_TYPE", "env"));
    CHECK(options.try_set("VAULT_CLIENT_TIMEOUT", 5s));
    const auto unknown = options.try_set("VAULT_ADR", "x");
    CHECK(!unknown && unknown.error().status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(unknown.error().message().find("VAULT_ADR") != std::string_view::npos && unknown.error().http_status() == 0);

    int lines = 0;
    CHECK(options.try_set_log_callback([&](hf::LogLevel, std::string_view) { ++lines; }, hf::LogLevel::warn));

    auto opened = hf::Manager::try_open(options);
    CHECK(opened.ok() && opened.error().status() == HF_OK);
    const hf::Manager manager = *std::move(opened);

    auto stored = manager.try_store_secret("no_exceptions", "first", {{"scopes", "repo"}});
    CHECK(stored);
    const std::string reference = *stored;
    CHECK(manager.try_store_secret("no_exceptions", "second").value() == reference);

    hf::Call call;
    CHECK(call.try_set_timeout(10s) && !call.try_set_timeout(0s));
    auto found = manager.try_get_secret(reference, call);
    CHECK(found && *found && (*found)->view() == "second");

    char buffer[7];
    CHECK(*manager.try_get_secret_into(reference, buffer, sizeof buffer) == std::size_t{6});
    CHECK(manager.try_get_secret_into(reference, buffer, 1).error().status() == HF_ERR_TOO_LARGE);

    CHECK(*manager.try_update_secret(reference, "third"));
    CHECK(*manager.try_update_secret(reference, "fourth", hf::Metadata{}));
    CHECK(manager.try_list_secrets("no_exceptions")->size() == 1);
    CHECK(*manager.try_canonical_reference(reference) == reference);
    CHECK(*manager.try_delete_secret(reference) && !*manager.try_delete_secret(reference));

    auto many = manager.try_store_secrets({{"many_a", "1"}, {"b\u00e4d", "2"}});
    CHECK(many && many->size() == 2 && (*many)[0].has_value() && (*many)[1].status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(!(*many)[1].message().empty() && (*many)[1].http_status() == 0);
    many = manager.try_get_secrets({"env://HANDSFREE_SECRET_NOT_THERE", std::string((*many)[0].view())}, hf::Call());
    CHECK(many && (*many)[0].status() == HF_NOT_FOUND && !(*many)[0].failed() && (*many)[1].view() == "1");
    CHECK(hf::Manager().try_get_secrets({}).error().status() == HF_ERR_INVALID_ARGUMENT);

    auto missing = manager.try_get_secret(reference);
    CHECK(missing.ok() && !missing->has_value());
    CHECK(*manager.try_update_secret(reference, "v") == false);

    auto refused = manager.try_get_secret("invalid://format");
    CHECK(!refused && refused.error().status() == HF_ERR_INVALID_REFERENCE && lines >= 1);
    CHECK(manager.try_store_secret("k", std::string("a\0b", 3)).error().status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(hf::Manager().try_list_secrets().error().status() == HF_ERR_INVALID_ARGUMENT);

    documents(manager);
    what_needs_a_server(manager);
    transit(manager);

    call.cancel();
    CHECK(manager.try_get_secret(reference, call).error().status() == HF_ERR_CANCELLED);
    CHECK(hf::Manager::try_get_default());
    hf::Manager::reset_default();
}
