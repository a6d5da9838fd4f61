// Documents, versions, rotation, requests and wrapping on a server. VAULT_MOUNT is an empty mount of KV version 2.
#include <handsfree_secrets.hpp>

#include <algorithm>
#include <cstdlib>

#include "check.hpp"

namespace hf = handsfree::secrets;
using namespace std::chrono_literals;

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

void a_document_is_one_version_whole(const hf::Manager &manager) {
    const unsigned char key[] = {0, 1, 255};
    hf::Fields fields{{"username", "app"}, {"password", "first"}};
    fields.set_json("port", "5432").set_bytes("key", key, sizeof key).set_object("{\"hosts\": [\"a\"], \"tls\": true}");
    const hf::StoredDocument stored = manager.store_document("db", fields, {{"owner", "billing"}, {"area", "eu"}});
    CHECK(stored.reference == "vault://db" && stored.version == 1);
    CHECK(manager.update_document("vault://db", hf::Fields{{"password", "second"}}.remove("hosts")) == std::int64_t{2});

    const hf::Document first = *manager.get_document("vault://db?version=1");
    CHECK(first.version() == 1 && first.text("username") == "app" && first.text("password") == "first");
    CHECK(first.created().substr(0, 2) == "20" && first.age() == 0ms);

    const hf::Document latest = *manager.get_document(stored.reference);
    CHECK(latest.version() == 2 && latest.text("username") == "app" && latest.text("password") == "second");
    CHECK(first.contains("hosts") && !latest.contains("hosts"));
    CHECK(first.kind("hosts") == hf::FieldKind::array && !first.text("hosts") && first.json("hosts") == "[\"a\"]");
    CHECK(latest.kind("port") == hf::FieldKind::number && latest.text("port") == "5432");
    CHECK(latest.kind("tls") == hf::FieldKind::boolean && latest.text("tls") == "true");
    CHECK(std::equal(std::begin(key), std::end(key), latest.bytes("key")->begin()));
    CHECK(status_of([&] { (void)latest.bytes("port"); }) == HF_ERR_UNSUPPORTED);

    std::string names;
    for (const hf::Field field : latest) {
        CHECK(field.kind() == latest.kind(field.name()) && field.text() == latest.text(field.name()));
        CHECK(field.json() == latest.json(field.name()));
        names.append(field.name()).append(" ");
    }
    CHECK(names == "key metadata password port tls username ");
    CHECK(latest.size() == 6 && latest.json().front() == '{' && latest.json().back() == '}');

    std::string entries;
    for (const auto &[name, value] : latest.metadata()) {
        entries.append(name).append("=").append(value).append(" ");
    }
    CHECK(entries == "area=eu owner=billing " && latest.metadata().size() == 2);
    CHECK(latest.metadata().get("owner") == "billing" && !latest.metadata().get("other"));
    CHECK((latest.metadata().copy() == hf::Metadata{{"owner", "billing"}, {"area", "eu"}}));

    CHECK(manager.update_document("vault://db", hf::Fields(), hf::Metadata{}) == std::int64_t{3});
    CHECK(manager.get_document("vault://db")->metadata().empty());
    CHECK(!manager.update_document("vault://not_there", fields) && !manager.get_document("vault://not_there"));
    CHECK(status_of([&] { (void)manager.get_document("vault://db#port"); }) == HF_ERR_INVALID_ARGUMENT);

    const hf::Results results = manager.get_documents({"vault://db?version=1", "vault://not_there"});
    CHECK(results[0].document_value()->text("password") == "first" && !results[1].document_value());
}

void a_condition_that_does_not_hold_is_a_conflict(const hf::Manager &manager) {
    hf::Call call;
    call.set_cas(0);
    CHECK(manager.store_document("once", {{"value", "first"}}, call).version == 1);
    CHECK(status_of([&] { manager.store_document("once", {{"value", "again"}}, call); }) == HF_ERR_CONFLICT);
    hf::Call next = call.copy();
    next.set_cas(1);
    CHECK(manager.update_document("vault://once", {{"value", "second"}}, next) == std::int64_t{2});
    CHECK(status_of([&] { (void)manager.update_document("vault://once", {{"value", "x"}}, next); }) == HF_ERR_CONFLICT);
    CHECK(status_of([&] { (void)manager.update_secret("vault://once", "x", next); }) == HF_ERR_CONFLICT);
    CHECK(status_of([&] { (void)manager.delete_secret("vault://once", next); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(manager.get_document("vault://once", next)->text("value") == "second");
}

void versions_are_listed_and_changed(const hf::Manager &manager) {
    for (const char *value : {"one", "two", "three"}) {
        manager.store_document("versions", {{"value", value}});
    }
    CHECK(manager.set_custom_metadata("vault://versions", {{"team", "payments"}}));
    CHECK(manager.delete_versions("vault://versions", {0}) && manager.destroy_versions("vault://versions", {2}));
    CHECK(!manager.delete_versions("vault://versions", {9}) && !manager.undelete_versions("vault://not_there", {1}));
    CHECK(status_of([&] { (void)manager.delete_versions("vault://versions", {}); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(!manager.get_document("vault://versions") && !manager.set_custom_metadata("vault://not_there", {}));

    const hf::Versions versions = *manager.list_versions("vault://versions");
    const hf::VersionState states[] = {hf::VersionState::live, hf::VersionState::destroyed, hf::VersionState::deleted};
    std::int64_t number = 0;
    for (const hf::Version version : versions) {
        CHECK(version.state() == states[number] && version.number() == ++number);
        CHECK(version.created().substr(0, 2) == "20");
        CHECK(version.deletion().empty() == (version.state() != hf::VersionState::deleted));
    }
    CHECK(number == 3 && versions.size() == 3 && versions[3].state() == hf::VersionState::absent);
    CHECK(versions.custom_metadata().get("team") == "payments" && versions.custom_metadata().size() == 1);
    CHECK(!manager.list_versions("vault://not_there"));

    CHECK(manager.undelete_versions("vault://versions", {3}));
    CHECK(manager.get_document("vault://versions")->text("value") == "three");
    CHECK(manager.rollback_secret("vault://versions", 1) == std::int64_t{4});
    CHECK(manager.get_document("vault://versions")->text("value") == "one");
    CHECK(!manager.rollback_secret("vault://versions", 2) && !manager.rollback_secret("vault://not_there", 1));
}

void a_rotation_writes_a_new_value(const hf::Manager &manager) {
    manager.store_document("rotated", {{"value", "old"}, {"user", "app"}});
    const hf::RotatedSecret rotated = *manager.rotate_secret("vault://rotated");
    CHECK(rotated.version == 2 && rotated.value.size() == 32);
    const hf::Document document = *manager.get_document("vault://rotated");
    CHECK(document.text("value") == rotated.value.view() && document.text("user") == "app");
    CHECK(manager.rotate_secret("vault://rotated#user")->version == 3);
    CHECK(!manager.rotate_secret("vault://rotated#other") && !manager.rotate_secret("vault://not_there"));
    CHECK(status_of([&] { (void)manager.rotate_secret("vault://rotated", "no_such_policy"); }) == HF_ERR_CONFIG);
}

void any_endpoint_can_be_asked(const hf::Manager &manager, const std::string &mount) {
    const std::optional<hf::Response> health = manager.request("GET", "sys/health");
    CHECK(health->http_status == 200 && health->body.view().find("\"sealed\":false") != std::string_view::npos);
    const auto written = manager.request("POST", mount + "/data/raw", "{\"data\": {\"value\": \"x\"}}");
    CHECK(written->http_status == 200 && manager.get_secret("vault://raw")->view() == "x");
    const auto deleted = manager.request("DELETE", mount + "/metadata/raw");
    CHECK(deleted->http_status == 204 && deleted->body.empty());
    CHECK(!manager.request("GET", mount + "/data/raw"));
    CHECK(status_of([&] { (void)manager.request("BREW", "sys/health"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { (void)manager.request("POST", "sys/health", "{"); }) == HF_ERR_INVALID_ARGUMENT);
}

void a_wrapped_answer_is_unwrapped_once(const hf::Manager &manager, const std::string &mount) {
    manager.store_document("wrapped", {{"value", "inside"}});
    hf::Call call;
    call.set_wrap_ttl(1min);
    const hf::Response wrapped = *manager.request("GET", mount + "/data/wrapped", nullptr, call);
    const std::string_view body = wrapped.body.view();
    CHECK(body.find("inside") == std::string_view::npos);
    const std::string_view before = "\"token\":\"";
    const std::string_view rest = body.substr(body.find(before) + before.size());
    const std::string_view token = rest.substr(0, rest.find('"'));
    CHECK(manager.unwrap(token).view().find("inside") != std::string_view::npos);
    CHECK(status_of([&] { (void)manager.unwrap(token); }) == HF_ERR_AUTH);
    CHECK(status_of([&] { manager.store_document("wrapped", {}, call); }) == HF_ERR_INVALID_ARGUMENT);
}

void watches_tell_changes(const hf::Manager &manager) {
    const std::string reference = manager.store_secret("watched", "first");
    hf::Watch watch(manager);
    watch.add(reference);
    watch.add("vault://watched/", hf::Watch::unseen);
    const std::optional<hf::Change> change = watch.next();
    CHECK(change && change->reference() == reference && change->kind() == hf::ChangeKind::written);
    CHECK(change->version() == 1 && change->message().empty());
    hf::Call call;
    call.set_timeout(std::chrono::milliseconds(20));
    CHECK(!watch.next(call));
    CHECK(watch.remove(reference) && !watch.remove(reference));
    CHECK(watch.try_add("nonsense").error().status() == HF_ERR_INVALID_REFERENCE);
    CHECK(!watch.try_add("vault://watched", -2));
    CHECK(!hf::Watch::try_open(hf::Manager()));
}

}  // namespace

int main() {
    hf::Options options;
    options.set_log_callback([](hf::LogLevel, std::string_view) {}, hf::LogLevel::error);
    const hf::Manager manager = hf::Manager::open(options);
    manager.check();
    watches_tell_changes(manager);
    const std::string mount = std::getenv("VAULT_MOUNT");
    a_document_is_one_version_whole(manager);
    a_condition_that_does_not_hold_is_a_conflict(manager);
    versions_are_listed_and_changed(manager);
    a_rotation_writes_a_new_value(manager);
    any_endpoint_can_be_asked(manager, mount);
    a_wrapped_answer_is_unwrapped_once(manager, mount);
}
