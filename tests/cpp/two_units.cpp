// One of two units of a program; the other is two_units_other.cpp, which is compiled without exceptions.
#include <handsfree_secrets.hpp>

#include "check.hpp"

namespace hf = handsfree::secrets;

// Takes ownership of a reference, and returns the length of the secret in bytes.
std::size_t length_by_the_other_unit(hf_manager *manager, const std::string &reference);

int main() {
    hf::Options options = hf::Options::isolated();
    options.set("SECRET_MANAGER_TYPE", "env");
    const hf::Manager manager = hf::Manager::open(options);
    const std::string reference = manager.store_secret("two_units", "12345");
    CHECK(length_by_the_other_unit(manager.share().release(), reference) == 5);

    // Where this unit throws, the other one ends the process: the linker must not merge the two.
    bool thrown = false;
    try {
        (void)manager.get_secret("invalid://format");
    } catch (const hf::Error &) {
        thrown = true;
    }
    CHECK(thrown);
}
