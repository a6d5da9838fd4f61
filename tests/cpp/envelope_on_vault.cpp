// Envelopes with a key of the transit engine at VAULT_TRANSIT_MOUNT, which this program mounts.
#include <handsfree_secrets.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "check.hpp"

namespace hf = handsfree::secrets;

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

std::string through(hf::Envelope stream, std::string_view data) {
    std::string out;
    for (std::size_t at = 0; at < data.size(); at += 5000) {
        out += stream.update(data.substr(at, 5000)).view();
    }
    out += stream.finish().view();
    CHECK(status_of([&] { (void)stream.finish(); }) == HF_ERR_INVALID_ARGUMENT);
    return out;
}

void data_come_back(const hf::Transit &key, const std::string &data) {
    hf::Fields parameters;
    parameters.set_bytes("associated_data", "file", 4);
    const hf::Bytes sealed = hf::Envelope::encrypt(key, data, &parameters);
    CHECK(hf::Envelope::decrypt(key, sealed, &parameters).view() == data);
    CHECK(status_of([&] { (void)hf::Envelope::decrypt(key, sealed); }) == HF_ERR_INVALID_ARGUMENT);
    CHECK(!hf::Envelope::try_decrypt(key, sealed.view().substr(1), &parameters));
    CHECK(through(hf::Envelope::decryptor(key), through(hf::Envelope::encryptor(key), data)) == data);
}

void files_are_encrypted(const hf::Transit &key, const std::string &data) {
    std::FILE *files[3] = {std::tmpfile(), std::tmpfile(), std::tmpfile()};
    std::fwrite(data.data(), 1, data.size(), files[0]);
    std::rewind(files[0]);
    hf::Envelope::encrypt_fd(key, fileno(files[0]), fileno(files[1]));
    std::rewind(files[1]);
    hf::Envelope::decrypt_fd(key, fileno(files[1]), fileno(files[2]));
    std::rewind(files[2]);
    std::string back(data.size() + 1, '\0');
    back.resize(std::fread(&back[0], 1, back.size(), files[2]));
    CHECK(back == data);
    for (std::FILE *file : files) {
        std::fclose(file);
    }
    CHECK(status_of([&] { hf::Envelope::encrypt_fd(key, -1, 1); }) == HF_ERR_INVALID_ARGUMENT);
}

void a_header_is_rewrapped(const hf::Manager &manager, const std::string &mount, const hf::Transit &key) {
    const hf::Bytes sealed = hf::Envelope::encrypt(key, "data");
    (void)manager.request("POST", mount + "/keys/k/rotate");
    const hf::Bytes header = hf::Envelope::rewrap(key, sealed);
    const std::size_t stream = 40 + 4 + 16;
    const std::string renewed = std::string(header.view()) + std::string(sealed.view().substr(sealed.size() - stream));
    CHECK(renewed != sealed.view() && hf::Envelope::decrypt(key, renewed).view() == "data");
}

}  // namespace

int main() {
    const std::string mount = std::getenv("VAULT_TRANSIT_MOUNT");
    const hf::Manager manager = hf::Manager::open();
    (void)manager.request("POST", "sys/mounts/" + mount, "{\"type\": \"transit\"}");
    (void)manager.request("POST", mount + "/keys/k");
    const std::optional<hf::Transit> key = manager.open_transit("k");
    CHECK(key);
    const std::string large(200000, 'x');
    for (const std::string &data : {std::string(), std::string("a\0b", 3), large}) {
        data_come_back(*key, data);
    }
    files_are_encrypted(*key, large);
    a_header_is_rewrapped(manager, mount, *key);
    CHECK(status_of([] { (void)hf::Envelope().finish(); }) == HF_ERR_INVALID_ARGUMENT);
    return 0;
}
