// Reads secrets that its token may not read, singly and in a batch, and prints the exceptions.
#include <handsfree_secrets.hpp>

#include <cstdio>

#include "check.hpp"

namespace hf = handsfree::secrets;

template <class Function>
void is_denied(Function &&function) {
    try {
        function();
    } catch (const hf::Error &error) {
        CHECK(error.message().find("not/yours") != std::string_view::npos);
        std::printf("%s %d\n", hf_status_name(error.status()), static_cast<int>(error.http_status()));
        return;
    }
    CHECK(!"it was to be denied");
}

int main() {
    const hf::Manager manager = hf::Manager::open();
    is_denied([&] { (void)manager.get_secret("vault://not/yours"); });

    const hf::Results results = manager.get_secrets({"vault://not/yours", "env://of_another"});
    CHECK(results[0].http_status() == 403 && results[1].http_status() == 0);
    is_denied([&] { (void)results[0].value(); });
}
