// Leases and credentials of a pki engine, which this program mounts beside VAULT_MOUNT.
#include <handsfree_secrets.hpp>

#include <chrono>
#include <cstdlib>
#include <thread>

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

/** Mounts an engine whose certificates have leases, and returns the path that issues them. */
std::string make_engine(const hf::Manager &manager) {
    const std::string mount = std::string(std::getenv("VAULT_MOUNT")) + "-pki";
    (void)manager.request("POST", "sys/mounts/" + mount, "{\"type\": \"pki\"}");
    (void)manager.request("POST", mount + "/root/generate/internal", "{\"common_name\": \"ca\", \"key_type\": \"ec\"}");
    (void)manager.request("POST", mount + "/roles/web",
                          "{\"allow_any_name\": true, \"key_type\": \"ec\", \"generate_lease\": true, \"ttl\": \"1h\"}");
    return mount + "/issue/web";
}

hf::Fields name() {
    hf::Fields fields;
    fields.set("common_name", "a.test");
    return fields;
}

void a_lease_tells_its_time_and_is_revoked(const hf::Manager &manager, const std::string &path) {
    const hf::Fields fields = name();
    const hf::Lease lease = *manager.open_lease(path, &fields);
    CHECK(lease && lease.text("private_key") && !lease.text("nothing") && lease.generation() == 0);
    CHECK(lease.id().rfind(path, 0) == 0 && lease.fields().contains("certificate"));
    CHECK(lease.remaining() && *lease.remaining() > 59min && *lease.remaining() <= 1h);
    CHECK(status_of([&] { lease.renew(); }) == HF_ERR_UNSUPPORTED);
    lease.revoke();
    CHECK(lease.share().remaining() == 0ms);
}

void credentials_give_the_same_until_they_are_refused_or_revoked(const hf::Manager &manager, const std::string &path) {
    const hf::Fields fields = name();
    hf::Credentials credentials = *manager.open_credentials(path, &fields);
    const hf::Lease first = credentials.get();
    CHECK(first.generation() == 1 && credentials.get().get() == first.get());
    CHECK(status_of([&] { first.revoke(); }) == HF_ERR_INVALID_ARGUMENT);
    credentials.refused(first);
    CHECK(credentials.get().generation() == 2 && *first.remaining() > 0ms);
    const auto [outcome, next] = manager.maintain();
    CHECK(outcome && next && *next > 30min && *next < 1h);
    credentials.revoke();
    CHECK(*first.remaining() == 0ms && credentials.share().get().generation() == 3);
    CHECK(status_of([&] { credentials.refused(hf::Lease()); }) == HF_ERR_INVALID_ARGUMENT);
}

void what_is_not_there_is_told(hf::Manager &manager, const std::string &path) {
    CHECK(status_of([&] { (void)manager.open_lease("nowhere/creds/app"); }) == HF_ERR_CONFIG);
    CHECK(status_of([&] { (void)manager.open_credentials(path); }) == HF_ERR_UNSUPPORTED);
    CHECK(!manager.open_lease("vault://nothing") && !manager.open_credentials("vault://nothing"));
    CHECK(status_of([&] { (void)manager.open_lease(std::string("a\0b", 3)); }) == HF_ERR_INVALID_ARGUMENT);
    const hf::Lease none;
    CHECK(!none && none.remaining() == 0ms && none.id().empty() && !none.text("a"));
    CHECK(status_of([] { (void)hf::Credentials().get(); }) == HF_ERR_INVALID_ARGUMENT && !hf::Credentials());
    CHECK(!hf::Manager().maintain().outcome && !hf::Manager().maintain().next);

    (void)manager.store_secret("app", "secret");
    const hf::Credentials secret = *manager.open_credentials("vault://app");
    const hf::Lease lease = secret.get();
    CHECK(lease.text("value") == "secret" && !lease.remaining());
}

void credentials_outlive_their_manager(hf::Manager manager, const std::string &path) {
    const hf::Fields fields = name();
    hf::Credentials credentials = *manager.open_credentials(path, &fields);
    manager = hf::Manager();
    std::thread([taken = hf::Credentials::adopt(credentials.release())] { CHECK(taken.get().generation() == 1); }).join();
    CHECK(!credentials && credentials.c_object() == nullptr);
}

}  // namespace

int main() {
    hf::Options options;
    options.set_log_callback([](hf::LogLevel, std::string_view) {}, hf::LogLevel::error);
    hf::Manager manager = hf::Manager::open(options);
    const std::string path = make_engine(manager);
    a_lease_tells_its_time_and_is_revoked(manager, path);
    credentials_give_the_same_until_they_are_refused_or_revoked(manager, path);
    what_is_not_there_is_told(manager, path);
    credentials_outlive_their_manager(std::move(manager), path);
}
