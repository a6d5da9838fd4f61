// Stores a secret, reads it back, updates and deletes it. The environment selects the backend:
// SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN, or nothing for the env backend, which keeps secrets in the
// memory of this process.
//
//   c++ -std=c++17 quickstart.cpp $(pkg-config --cflags --libs handsfree_secrets) -o quickstart && ./quickstart
#include <handsfree_secrets.hpp>

#include <chrono>
#include <iostream>

namespace hf = handsfree::secrets;

int main() {
    try {
        const hf::Manager manager = hf::Manager::open();
        std::cout << "manager: " << manager.type() << '\n';

        const std::string reference =
            manager.store_secret("github_token_user_123", "not-a-real-token", {{"scopes", "repo,user"}});
        std::cout << "stored: " << reference << '\n';

        // A call may have its own timeout.
        const hf::Call quickly(std::chrono::seconds(5));
        if (const auto secret = manager.get_secret(reference, quickly)) {
            std::cout << "found a value of " << secret->size() << " bytes\n";
        }

        if (manager.update_secret(reference, "another-token")) {
            std::cout << "updated\n";
        }

        for (const std::string &found : manager.list_secrets("github_token")) {
            std::cout << "listed: " << found << '\n';
        }

        manager.delete_secret(reference);
        std::cout << (manager.get_secret(reference) ? "still there\n" : "deleted\n");
    } catch (const hf::Error &error) {
        std::cerr << hf::status_name(error.status()) << ": " << error.message() << '\n';
        return 1;
    }
}
