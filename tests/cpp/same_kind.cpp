// One of two units of a program that are compiled with the same flags; the other is same_kind_other.cpp. Both contain
// the definitions of the header, which must not cause duplicate symbols.
#include <handsfree_secrets.hpp>

#include "check.hpp"

namespace hf = handsfree::secrets;

// Returns the length of the secret in bytes.
std::size_t length_by_the_other_unit(const hf::Manager &manager, const std::string &reference);

int main() {
    hf::set_log_callback(nullptr, hf::LogLevel::off);
    hf::Options options = hf::Options::isolated();
    CHECK(options.try_set("SECRET_MANAGER_TYPE", "env"));
    auto manager = hf::Manager::try_open(options);
    CHECK(manager);
    auto reference = manager->try_store_secret("same_kind", "12345");
    CHECK(reference);
    CHECK(length_by_the_other_unit(*manager, *reference) == 5);
}
