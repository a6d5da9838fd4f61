// A user's program in C++: uses the library, and prints the versions that it was compiled with and runs with.
#include <handsfree_secrets.hpp>

#include <iostream>

namespace hf = handsfree::secrets;

int main() {
    try {
        hf::Options options = hf::Options::isolated();
        options.set("SECRET_MANAGER_TYPE", "env");
        const hf::Manager manager = hf::Manager::open(options);
        const std::string reference = manager.store_secret("consumer", "value");
        std::cout << hf::version() << ' ' << HF_VERSION_STRING << ' ' << HF_VERSION_MAJOR << '.' << HF_VERSION_MINOR
                  << '.' << HF_VERSION_PATCH << ' ' << (hf::version_number() == HF_VERSION_NUMBER) << '\n';
        return manager.get_secret(reference)->view() == "value" ? 0 : 1;
    } catch (const hf::Error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
