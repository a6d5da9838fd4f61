// Documents, fields and what needs a server, on the env backend, with exceptions.
#include <handsfree_secrets.hpp>

#include <sstream>
#include <type_traits>

#include "check.hpp"

#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace hf = handsfree::secrets;
using namespace std::chrono_literals;

template <class T>
constexpr bool is_owner = !std::is_copy_constructible_v<T> && std::is_nothrow_move_constructible_v<T> &&
                          std::is_nothrow_move_assignable_v<T> && std::is_nothrow_default_constructible_v<T>;
static_assert(is_owner<hf::Document> && is_owner<hf::Versions> && is_owner<hf::Bytes>);
static_assert(!std::is_copy_constructible_v<hf::Fields> && std::is_nothrow_move_constructible_v<hf::Fields>);
static_assert(std::is_nothrow_move_constructible_v<hf::Response> && !std::is_copy_constructible_v<hf::Response>);
static_assert(std::is_trivially_copyable_v<hf::Field> && std::is_trivially_copyable_v<hf::Version>);
static_assert(std::is_trivially_copyable_v<hf::MetadataView>);
static_assert(sizeof(hf::Manager) == sizeof(void *), "the parts of a manager need no memory");

template <class T, class = void>
struct Prints : std::false_type {};
template <class T>
struct Prints<T, std::void_t<decltype(std::declval<std::ostream &>() << std::declval<const T &>())>> : std::true_type {};
static_assert(!Prints<hf::Document>::value && !Prints<hf::Field>::value && !Prints<hf::Bytes>::value);

template <class T, class = void>
struct HasText : std::false_type {};
template <class T>
struct HasText<T, std::void_t<decltype(std::declval<T>().text("name"))>> : std::true_type {};
static_assert(HasText<const hf::Document &>::value);
static_assert(!HasText<hf::Document>::value, "a text does not borrow from a temporary document");

#if __cplusplus >= 202002L
static_assert(std::ranges::forward_range<const hf::Document> && std::ranges::sized_range<const hf::Document>);
static_assert(std::ranges::forward_range<const hf::Versions> && std::ranges::sized_range<const hf::Versions>);
static_assert(std::ranges::forward_range<const hf::MetadataView> && std::ranges::forward_range<const hf::Results>);
static_assert(std::ranges::contiguous_range<const hf::Bytes>);
#endif

namespace {

template <class Function>
hf_status status_of(Function &&function) {
    try {
        function();
    } catch (const hf::Error &error) {
        return error.status();
    }
    return HF_OK;
}

void a_document_has_the_field_value(const hf::Manager &manager) {
    const hf::StoredDocument stored = manager.store_document("document", {{"value", "first"}}, {{"owner", "billing"}});
    CHECK(stored.reference == "env://HANDSFREE_SECRET_DOCUMENT" && stored.version == 0);
    CHECK(manager.get_secret(stored.reference)->view() == "first");
    CHECK(manager.update_document(stored.reference, {{"value", "second"}}) == std::int64_t{0});
    CHECK(manager.update_document(stored.reference, {{"value", "third"}}, hf::Metadata{}).has_value());

    const std::optional<hf::Document> document = manager.get_document(stored.reference);
    CHECK(document && document->size() == 1 && !document->empty());
    CHECK(document->text("value") == "third" && document->json("value") == "\"third\"");
    CHECK(document->json() == "{\"value\":\"third\"}");
    CHECK(document->contains("value") && document->kind("value") == hf::FieldKind::string);
    CHECK(document->version() == 0 && document->created().empty() && document->age() == 0ms);
    CHECK(document->metadata().empty() && document->metadata().begin() == document->metadata().end());

    int fields = 0;
    for (const hf::Field field : *document) {
        CHECK(field.name() == "value" && field.text() == "third" && field.kind() == hf::FieldKind::string);
        ++fields;
    }
    CHECK(fields == 1 && (*document)[0].json() == "\"third\"");

    CHECK(!manager.get_document("env://HANDSFREE_SECRET_NOT_THERE"));
    CHECK(!manager.update_document("env://HANDSFREE_SECRET_NOT_THERE", {{"value", "x"}}));
    CHECK(status_of([&] { (void)manager.get_document("invalid://format"); }) == HF_ERR_INVALID_REFERENCE);
    CHECK(status_of([&] { manager.store_document("document", {{"other", "x"}}); }) == HF_ERR_UNSUPPORTED);
}

void what_is_absent_is_empty(const hf::Manager &manager) {
    const hf::StoredDocument stored = manager.store_document("absent", {{"value", ""}});
    const hf::Document document = std::move(*manager.get_document(stored.reference));
    CHECK(document.text("value") == "" && !document.text("other") && !document.json("other"));
    CHECK(!document.contains("other") && document.kind("other") == hf::FieldKind::absent);
    CHECK(!document.bytes("other") && document.bytes("value")->empty());
    CHECK(!document.text(nullptr) && !document.json(nullptr) && !document.contains(nullptr));
    CHECK(!document.metadata().get("owner") && !document.metadata().get(nullptr));
    CHECK(document[1].name().empty() && !document[1].text() && document[1].json().empty());
    CHECK(document[1].kind() == hf::FieldKind::absent);

    const std::string nul("value\0x", 7);
    CHECK(!document.text(nul) && !document.json(nul) && !document.contains(nul) && !document.metadata().get(nul));
    CHECK(status_of([&] { (void)document.bytes(nul); }) == HF_ERR_INVALID_ARGUMENT);

    const hf::Document none;
    CHECK(none.empty() && none.begin() == none.end() && none.json().empty() && !none.text("value"));
    CHECK(none.version() == 0 && none.created().empty() && none.metadata().empty() && none[0].name().empty());
    CHECK(status_of([&] { (void)none.bytes("value"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(none.share().get() == nullptr);

    const hf::Versions versions;
    CHECK(versions.empty() && versions.begin() == versions.end() && versions.custom_metadata().empty());
    CHECK(versions[0].number() == 0 && versions[0].state() == hf::VersionState::absent);
    CHECK(versions[0].created().empty() && versions[0].deletion().empty());
    CHECK(hf::MetadataView().empty() && hf::MetadataView().copy().empty());
    CHECK(hf::MetadataEntry(nullptr, 0).key.empty() && hf::MetadataEntry(nullptr, 0).value.empty());
}

void a_document_is_shared_and_handed_over(const hf::Manager &manager) {
    hf::Document first = *manager.get_document(manager.store_document("shared_document", {{"value", "v"}}).reference);
    const hf::Document second = first.share();
    const std::string_view text = *second.text("value");
    hf::Document third = hf::Document::adopt(std::move(first).release());
    CHECK(first.empty() && third.text("value") == "v");  // NOLINT: on purpose
    third.wipe();
    CHECK(third.empty() && text == "v" && second.text("value") == "v");
}

void bytes_go_in_and_come_out(const hf::Manager &manager) {
    const char data[] = {'a', '\0', 'b'};
    hf::Fields fields;
    const std::string reference = manager.store_document("bytes", fields.set_bytes("value", data, 3)).reference;
    CHECK(manager.get_secret(reference)->view() == "YQBi");
    const hf::Document document = *manager.get_document(reference);
    hf::Bytes bytes = *document.bytes("value");
    CHECK(bytes.size() == 3 && bytes.view() == std::string_view(data, 3) && bytes.data()[3] == '\0');
    CHECK(std::string(bytes.begin(), bytes.end()) == std::string(data, 3));
    CHECK(document[0].bytes().view() == bytes.view());

    const hf::Bytes moved = std::move(bytes);
    CHECK(bytes.empty() && *bytes.data() == '\0' && moved.size() == 3);  // NOLINT: on purpose
    bytes = *document.bytes("value");
    bytes.wipe();
    CHECK(bytes.empty() && bytes.view().empty() && bytes.begin() == bytes.end());

    CHECK(manager.update_document(reference, {{"value", "not base64"}}).has_value());
    const hf::Document text = *manager.get_document(reference);
    CHECK(status_of([&] { (void)text.bytes("value"); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)text[0].bytes(); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)text[1].bytes(); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(manager.store_document("bytes", fields.set_bytes("value", nullptr, 0)).reference == reference);
    CHECK(manager.get_secret(reference)->empty());
}

void fields_refuse_what_cannot_be_sent(const hf::Manager &manager) {
    const std::string nul("a\0b", 3);
    hf::Fields fields{{"value", "kept"}};
    CHECK(status_of([&] { fields.set("", "x"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set("value", nul); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set(nul, "x"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set_json("value", "{"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set_json("value", nul); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set_bytes(nul, "x", 1); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set_object("[]"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.set_object(nul); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { fields.remove(nul); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { hf::Fields{{"", "x"}}; }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { manager.store_document(nul, fields); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { manager.store_document("k", fields, {{"a", nul}}); }) == HF_ERR_INVALID_ARGUMENT);
    const std::string reference = manager.store_document("fields", fields).reference;
    CHECK(manager.get_secret(reference)->view() == "kept");

    const hf::Fields moved = std::move(fields);
    CHECK(status_of([&] { manager.store_document("fields", fields); }) == HF_ERR_INVALID_ARGUMENT);  // NOLINT
    CHECK(status_of([&] { fields.set("value", "x"); }) == HF_ERR_INVALID_ARGUMENT);
    fields = hf::Fields();
    fields.set_object("{\"value\": 1}").set("value", "replaced");
    CHECK(manager.store_document("fields", fields).reference == reference);
    CHECK(manager.get_document(reference)->text("value") == "replaced");
    fields.wipe();
    CHECK(fields.get() == nullptr && moved.get() != nullptr);
}

void many_documents_have_outcomes_of_their_own(const hf::Manager &manager) {
    const std::string reference = manager.store_document("many_documents", {{"value", "v"}}).reference;
    const std::string nul("env://HANDSFREE_SECRET_MANY_DOCUMENTS\0", 38);
    hf::Results results = manager.get_documents({reference, "env://HANDSFREE_SECRET_NOT_THERE", "vault://x", nul});
    CHECK(results.size() == 4 && results[0].has_value() && results[0].view().empty());
    const hf::Document document = results[0].document();
    CHECK(results[0].document_value()->text("value") == "v");
    CHECK(results[1].status() == HF_NOT_FOUND && !results[1].document_value().has_value());
    CHECK(results[1].document().empty() && results[2].document().get() == nullptr);
    CHECK(status_of([&] { (void)results[2].document_value(); }) == HF_ERR_INVALID_REFERENCE);
    CHECK(status_of([&] { (void)results[3].document_value(); }) == HF_ERR_INVALID_ARGUMENT);
    int found = 0;
    for (const hf::Outcome &outcome : results) {
        found += outcome.has_value() ? 1 : 0;
    }
    CHECK(found == 1);
    results.wipe();
    CHECK(document.text("value") == "v");
    const hf::Results values = manager.get_secrets({reference});
    CHECK(values[0].has_value() && values[0].document().get() == nullptr);
}

void env_has_no_versions_and_no_server(const hf::Manager &manager) {
    const std::string reference = manager.store_secret("versionless", "v");
    CHECK(status_of([&] { (void)manager.list_versions(reference); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.delete_versions(reference, {0}); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.undelete_versions(reference, {1}); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.destroy_versions(reference, {1}); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.rollback_secret(reference, 1); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.set_custom_metadata(reference, {}); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.rotate_secret(reference); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.request("GET", "sys/health"); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)manager.unwrap("hvs.x"); }) == HF_ERR_UNSUPPORTED);
    manager.check();
    CHECK(status_of([] { hf::Manager().check(); }) == HF_ERR_INVALID_ARGUMENT);
    manager.warm(3);
    CHECK(status_of([&] { manager.warm(0); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(manager.metrics().empty());
    CHECK(status_of([] { (void)hf::Manager().metrics(); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(hf::Manager::process_metrics().find("# TYPE handsfree_connections gauge\n") != std::string::npos);
    manager.clear_cache();
    manager.clear_cache("env://HANDSFREE_SECRET_ANY");
    CHECK(status_of([&] { manager.clear_cache("nonsense"); }) == HF_ERR_INVALID_REFERENCE);
    CHECK(status_of([] { hf::Manager().clear_cache(); }) == HF_ERR_INVALID_ARGUMENT);
    hf::Call aged;
    aged.set_max_age(std::chrono::seconds(5));
    aged.set_max_age(std::chrono::milliseconds(-1));
    CHECK(status_of([&] { aged.set_max_age(std::chrono::seconds(-1)); }) == HF_ERR_INVALID_ARGUMENT);
    hf::Call traced;
    traced.set_trace_parent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    manager.check(traced);
    CHECK(status_of([&] { traced.set_trace_parent("00-1-2-3"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { traced.set_trace_parent(std::string("\0", 1)); }) == HF_ERR_INVALID_ARGUMENT);
    traced.set_trace_parent("");
    CHECK(status_of([] { (void)hf::Manager().get_document("env://X"); }) == HF_ERR_INVALID_ARGUMENT);

    const std::string nul("a\0b", 3);
    CHECK(status_of([&] { (void)manager.request("GET", "x", nul); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { (void)manager.rotate_secret(reference, nul); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { (void)manager.delete_versions(nul, {1}); }) == HF_ERR_INVALID_ARGUMENT);
}

void a_call_has_a_condition_and_a_wrapping_time(const hf::Manager &manager) {
    hf::Call call(10s);
    call.set_cas(0);
    CHECK(status_of([&] { manager.store_document("cas", {{"value", "v"}}, call); }) == HF_ERR_UNSUPPORTED);
    hf::Call copy = call.copy();
    CHECK(status_of([&] { manager.store_secret("cas", "v", copy); }) == HF_ERR_UNSUPPORTED);
    copy.set_cas(-1);
    CHECK(manager.store_document("cas", {{"value", "v"}}, copy).version == 0);
    CHECK(status_of([&] { call.set_cas(-2); }) == HF_ERR_INVALID_ARGUMENT);

    hf::Call wrapping;
    wrapping.set_wrap_ttl(1min);
    CHECK(status_of([&] { (void)manager.get_secret("env://X", wrapping); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { wrapping.set_wrap_ttl(0s); }) == HF_ERR_INVALID_ARGUMENT);

    call.cancel();
    CHECK(status_of([&] { (void)manager.get_document("env://X", copy); }) == HF_ERR_CANCELLED);
    hf::Call fresh = hf::Call::defaults().copy();
    fresh.set_timeout(10s);
    CHECK(!manager.get_document("env://HANDSFREE_SECRET_NOT_THERE", fresh));
}

}  // namespace

int main() {
    hf::Options options = hf::Options::isolated();
    options.set("SECRET_MANAGER_TYPE", "env").set_log_callback([](hf::LogLevel, std::string_view) {}, hf::LogLevel::error);
    const hf::Manager manager = hf::Manager::open(options);
    a_document_has_the_field_value(manager);
    what_is_absent_is_empty(manager);
    a_document_is_shared_and_handed_over(manager);
    bytes_go_in_and_come_out(manager);
    fields_refuse_what_cannot_be_sent(manager);
    many_documents_have_outcomes_of_their_own(manager);
    env_has_no_versions_and_no_server(manager);
    a_call_has_a_condition_and_a_wrapping_time(manager);
}
