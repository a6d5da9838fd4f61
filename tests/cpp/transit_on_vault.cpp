// Keys of the transit engine at VAULT_TRANSIT_MOUNT, which this program mounts.
#include <handsfree_secrets.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#if defined(__cpp_lib_span)
#include <span>
#endif

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

bool equal(hf::BytesView left, hf::BytesView right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

hf::Fields bytes_parameter(std::string_view name, std::string_view value) {
    hf::Fields parameters;
    parameters.set_bytes(name, value.data(), value.size());
    return parameters;
}

void make_keys(const hf::Manager &manager, const std::string &mount) {
    (void)manager.request("POST", "sys/mounts/" + mount, "{\"type\": \"transit\"}");
    (void)manager.request("POST", mount + "/keys/aes");
    (void)manager.request("POST", mount + "/keys/derived", "{\"derived\": true}");
    (void)manager.request("POST", mount + "/keys/ed", "{\"type\": \"ed25519\"}");
}

void a_key_has_to_exist(const hf::Manager &manager, const std::string &mount) {
    CHECK(!manager.open_transit("not_there"));
    CHECK(!manager.request("GET", mount + "/keys/not_there"));
    CHECK(status_of([&] { (void)manager.open_transit("a/b"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { (void)manager.open_transit(std::string("a\0b", 3)); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([] { (void)hf::Transit().encrypt("x"); }) == HF_ERR_INVALID_ARGUMENT && !hf::Transit());
}

void bytes_of_every_kind_are_encrypted_and_decrypted(const hf::Transit &key) {
    const std::string text("a\0b", 3);
    CHECK(key.encrypt(text).rfind("vault:v1:", 0) == 0);
    CHECK(key.decrypt(key.encrypt(text)).view() == text);
    CHECK(key.decrypt(key.encrypt(std::string_view(text).substr(1))).view() == std::string_view("\0b", 2));
    CHECK(key.decrypt(key.encrypt("literal")).view() == "literal" && key.decrypt(key.encrypt("")).empty());
    CHECK(key.decrypt(key.encrypt(hf::BytesView())).empty());

    const std::vector<std::byte> bytes{std::byte{0}, std::byte{255}};
    const std::vector<unsigned char> same{0, 255};
    const std::array<unsigned char, 2> again{0, 255};
    for (const std::string &ciphertext : {key.encrypt(bytes), key.encrypt(same), key.encrypt(again),
                                          key.encrypt({same.data(), same.size()})}) {
        const hf::Bytes decrypted = key.decrypt(ciphertext);
        CHECK(equal(decrypted, bytes) && equal(key.decrypt(key.encrypt(decrypted)), same));
    }
#if defined(__cpp_lib_span)
    CHECK(equal(key.decrypt(key.encrypt(std::span<const std::byte>(bytes))), bytes));
    CHECK(equal(key.decrypt(key.encrypt(std::span(bytes).subspan(1))), std::span(bytes).subspan(1)));
#endif
}

void parameters_reach_the_engine(const hf::Manager &manager, const hf::Transit &key, const std::string &mount) {
    const hf::Fields data = bytes_parameter("associated_data", "row 5");
    const hf::Fields other = bytes_parameter("associated_data", "row 6");
    const std::string ciphertext = key.encrypt("value", &data);
    CHECK(key.decrypt(ciphertext, &data).view() == "value");
    CHECK(status_of([&] { (void)key.decrypt(ciphertext, &other); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { (void)key.decrypt(ciphertext); }) == HF_ERR_INVALID_ARGUMENT);

    const hf::Transit derived = *manager.open_transit("derived");
    const hf::Fields context = bytes_parameter("context", std::string_view("a\0b", 3));
    CHECK(derived.decrypt(derived.encrypt("value", &context), &context).view() == "value");
    CHECK(status_of([&] { (void)derived.encrypt("value"); }) == HF_ERR_INVALID_ARGUMENT);

    (void)manager.request("POST", mount + "/keys/aes/rotate");
    CHECK(key.rewrap(ciphertext, &data).rfind("vault:v2:", 0) == 0);
    const hf::Fields first = std::move(hf::Fields().set_json("key_version", "1"));
    CHECK(key.rewrap(key.encrypt("value", &first)).rfind("vault:v2:", 0) == 0);
    CHECK(key.encrypt("value", &first).rfind("vault:v1:", 0) == 0);

    for (const char *name : {"contxt", "bits"}) {
        const hf::Fields wrong{{name, "1"}};
        CHECK(status_of([&] { (void)key.encrypt("value", &wrong); }) == HF_ERR_INVALID_ARGUMENT);
    }
}

void wiped_parameters_are_refused(const hf::Transit &key) {
    hf::Fields wiped = bytes_parameter("associated_data", "row 5");
    wiped.wipe();
    const auto refused = [](auto &&function) { return status_of(function) == HF_ERR_INVALID_ARGUMENT; };
    CHECK(refused([&] { (void)key.encrypt("x", &wiped); }) && refused([&] { (void)key.sign("x", &wiped); }));
    CHECK(refused([&] { (void)key.decrypt("x", &wiped); }) && refused([&] { (void)key.rewrap("x", &wiped); }));
    CHECK(refused([&] { (void)key.hmac("x", &wiped); }) && refused([&] { (void)key.verify("x", "y", &wiped); }));
    CHECK(refused([&] { (void)key.data_key(&wiped); }) && refused([&] { (void)key.encrypt_many({"x"}, &wiped); }));
    CHECK(refused([&] { (void)key.encrypt_many({{"x", &wiped}}); }));
    CHECK(refused([&] { (void)key.decrypt_many({{"x", &wiped}}); }));
}

void a_signature_of_other_data_does_not_match(const hf::Manager &manager, const hf::Transit &key) {
    const hf::Transit signer = *manager.open_transit("ed");
    const std::string signature = signer.sign("document");
    CHECK(signer.verify("document", signature) && !signer.verify("another", signature));
    const std::string hmac = key.hmac("document");
    CHECK(key.verify("document", hmac) && !key.verify("another", hmac));
    const hf::Fields hash{{"hash_algorithm", "sha2-512"}};
    const std::string longer = key.hmac("document", &hash);
    CHECK(longer.size() > hmac.size() && key.verify("document", longer, &hash));
    CHECK(status_of([&] { (void)key.verify("document", "nonsense"); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { (void)key.sign("document"); }) == HF_ERR_UNSUPPORTED);
    CHECK(status_of([&] { (void)signer.encrypt("document"); }) == HF_ERR_UNSUPPORTED);
}

void a_data_key_is_unwrapped_by_decryption(const hf::Transit &key) {
    const hf::DataKey made = key.data_key();
    CHECK(made.key.size() == 32 && equal(key.decrypt(made.wrapped), made.key));
    const hf::Fields bits = std::move(hf::Fields().set_json("bits", "512"));
    CHECK(key.data_key(&bits).key.size() == 64);
    CHECK(key.decrypt(key.wrapped_data_key(&bits)).size() == 64);
}

void each_of_many_items_has_an_outcome_of_its_own(const hf::Manager &manager, const hf::Transit &key) {
    const hf::Fields data = bytes_parameter("associated_data", "row");
    const hf::Fields own = bytes_parameter("associated_data", "row 2");
    const std::string_view with_nul("a\0b", 3);
    const hf::Results encrypted = key.encrypt_many({"one", with_nul, {"three", &own}, ""}, &data);
    CHECK(encrypted.size() == 4);
    std::vector<hf::TransitItem> ciphertexts;
    for (const hf::Outcome &outcome : encrypted) {
        CHECK(outcome.has_value() && outcome.value()->rfind("vault:v", 0) == 0);
        CHECK(outcome.bytes().view() == outcome.view());
        ciphertexts.emplace_back(outcome.view());
    }
    ciphertexts.emplace_back("vault:v1:nonsense");
    ciphertexts.emplace_back(with_nul);
    const hf::Results decrypted = key.decrypt_many(ciphertexts, &data);
    CHECK(decrypted[0].bytes().view() == "one" && decrypted[1].bytes_value()->view() == with_nul);
    CHECK(decrypted[0].view().empty() && decrypted[3].has_value() && decrypted[3].bytes().empty());
    CHECK(status_of([&] { (void)decrypted[2].bytes_value(); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(decrypted[4].status() == HF_ERR_INVALID_ARGUMENT && decrypted[4].bytes().empty());
    CHECK(decrypted[5].status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(decrypted[5].message().find("NUL") != std::string_view::npos);
    ciphertexts[2].parameters = &own;
    const hf::Results again = key.decrypt_many(ciphertexts, &data);
    CHECK(again[2].bytes().view() == "three");

    const hf::Results rewrapped = key.rewrap_many({encrypted[0].view(), {encrypted[2].view(), &own}, "x"}, &data);
    CHECK(key.decrypt(rewrapped[0].view(), &data).view() == "one");
    CHECK(key.decrypt(rewrapped[1].view(), &own).view() == "three" && rewrapped[2].failed());

    CHECK(key.encrypt_many({}).empty() && key.decrypt_many({}).empty());
    const std::vector<std::string> rows(3000, "row");
    const hf::Results many = key.encrypt_many({rows.begin(), rows.end()});
    CHECK(many.size() == rows.size() && key.decrypt(many[2999].view()).view() == "row");

    const hf::Transit signer = *manager.open_transit("ed");
    CHECK(status_of([&] { (void)signer.encrypt_many({"x"}); }) == HF_ERR_UNSUPPORTED);
}

void a_key_outlives_its_manager_and_is_shared(hf::Transit key) {
    const hf::Transit second = key.share();
    std::thread([taken = hf::Transit::adopt(key.release())] { CHECK(!taken.encrypt("x").empty()); }).join();
    CHECK(!key && second && second.decrypt(second.encrypt("x")).view() == "x");
    hf::Call call;
    call.cancel();
    CHECK(status_of([&] { (void)second.encrypt("x", nullptr, call); }) == HF_ERR_CANCELLED);
}

}  // namespace

int main() {
    hf::Options options;
    options.set_log_callback([](hf::LogLevel, std::string_view) {}, hf::LogLevel::error);
    hf::Manager manager = hf::Manager::open(options);
    const std::string mount = std::getenv("VAULT_TRANSIT_MOUNT");
    make_keys(manager, mount);
    a_key_has_to_exist(manager, mount);
    hf::Transit key = *manager.open_transit("aes");
    bytes_of_every_kind_are_encrypted_and_decrypted(key);
    parameters_reach_the_engine(manager, key, mount);
    wiped_parameters_are_refused(key);
    a_signature_of_other_data_does_not_match(manager, key);
    a_data_key_is_unwrapped_by_decryption(key);
    each_of_many_items_has_an_outcome_of_its_own(manager, key);
    manager = hf::Manager();
    a_key_outlives_its_manager_and_is_shared(std::move(key));
}
