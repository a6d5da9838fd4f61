// This library, used from C++, with the harness of the C peers.
#include "../c/harness.h"

#include <handsfree_secrets.hpp>

#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace hf = handsfree::secrets;

namespace {

// The harness passes values and documents as pointers. Each thread has only one of each at a time.
thread_local std::optional<hf::Secret> current;
thread_local std::optional<hf::Document> current_document;

hf::Manager &manager_of(void *client) {
    return *static_cast<hf::Manager *>(client);
}

std::string reference_to(const char *path) {
    return std::string("vault://") + path;
}

template <class Operation>
auto or_fail(Operation operation) {
    try {
        return operation();
    } catch (const std::exception &error) {
        fail("handsfree: %s", error.what());
    }
}

} // namespace

void *peer_open() {
    return or_fail([] { return new hf::Manager(hf::Manager::open()); });
}

void *peer_thread(void *client) {
    return client;
}

void peer_thread_end(void *, void *) {}

char *peer_get(void *client, const char *path) {
    current = or_fail([&] { return manager_of(client).get_secret(reference_to(path)); });
    if (!current) {
        fail("handsfree: %s: not found", path);
    }
    return const_cast<char *>(current->view().data());
}

void peer_release(char *) {
    current.reset();
}

void *peer_document(void *client, const char *path) {
    current_document = or_fail([&] { return manager_of(client).get_document(reference_to(path)); });
    if (!current_document) {
        fail("handsfree: %s: not found", path);
    }
    return &*current_document;
}

size_t peer_texts(void *document) {
    size_t total = 0;
    for (const hf::Field field : *static_cast<const hf::Document *>(document)) {
        total += field.text().value().size();
    }
    return total;
}

void peer_document_free(void *) {
    current_document.reset();
}

size_t peer_versions(void *, const char *) {
    return 0;
}

void peer_store(void *client, const char *path, const char *value) {
    or_fail([&] { return manager_of(client).store_secret(path, value); });
}

size_t peer_list(void *client, const char *folder) {
    return or_fail([&] { return manager_of(client).list_secrets(folder).size(); });
}

size_t peer_batch(void *client, const char *const *paths, size_t count) {
    std::vector<std::string> texts;
    std::vector<const char *> references;
    for (size_t i = 0; i < count; i++) {
        texts.push_back(reference_to(paths[i]));
    }
    for (const std::string &text : texts) {
        references.push_back(text.c_str());
    }
    hf_results *results = nullptr;
    hf_error *error = nullptr;
    if (hf_get_secrets(manager_of(client).get(), references.data(), count, nullptr, &results, &error) != HF_OK) {
        fail("handsfree: batch: %s", hf_error_message(error));
    }
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += hf_results_text(results, i) != nullptr;
    }
    hf_results_free(results);
    return found;
}
