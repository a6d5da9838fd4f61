#define HF_NO_EXCEPTIONS
#include <handsfree_secrets.hpp>
#include <handsfree_secrets.hpp>  // a second time on purpose

namespace hf = handsfree::secrets;

std::size_t length_by_the_other_unit(hf_manager *manager, const std::string &reference);

std::size_t length_by_the_other_unit(hf_manager *manager, const std::string &reference) {
    const hf::Manager taken = hf::Manager::adopt(manager);
    auto secret = taken.try_get_secret(reference);
    return secret && *secret ? (*secret)->size() : 0;
}
