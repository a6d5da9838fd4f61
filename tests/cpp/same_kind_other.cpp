#include <handsfree_secrets.hpp>

namespace hf = handsfree::secrets;

std::size_t length_by_the_other_unit(const hf::Manager &manager, const std::string &reference);

std::size_t length_by_the_other_unit(const hf::Manager &manager, const std::string &reference) {
    hf::set_log_callback(nullptr, hf::LogLevel::off);
    auto secret = manager.try_get_secret(reference);
    return secret && *secret ? (*secret)->size() : 0;
}
