// One of the two units of a program: the other is two_units_other.cpp, compiled without exceptions.
#include <handsfree_secrets.hpp>

#include "check.hpp"

namespace hf = handsfree::secrets;

// Takes over a reference, and says how many bytes the secret has.
std::size_t length_by_the_other_unit(hf_manager *manager, const std::string &reference);

int main() {
    hf::Options options = hf::Options::isolated();
    options.set("SECRET_MANAGER_TYPE", "env");
    const hf::Manager manager = hf::Manager::open(options);
    const std::string reference = manager.store_secret("two_units", "12345");
    CHECK(length_by_the_other_unit(manager.share().release(), reference) == 5);

    // The other unit ends the process where this one throws: the linker must not have merged the two.
    bool thrown = false;
    try {
        (void)manager.get_secret("invalid://format");
    } catch (const hf::Error &) {
        thrown = true;
    }
    CHECK(thrown);
}
