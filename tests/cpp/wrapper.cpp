// The part of the C++ wrapper that uses exceptions, on the env backend.
#include <handsfree_secrets.hpp>

#include <atomic>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include "check.hpp"

namespace hf = handsfree::secrets;
using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<hf::Manager> && std::is_nothrow_move_constructible_v<hf::Manager>);
static_assert(!std::is_copy_constructible_v<hf::Options> && std::is_nothrow_move_constructible_v<hf::Options>);
static_assert(!std::is_copy_constructible_v<hf::Call> && std::is_nothrow_move_constructible_v<hf::Call>);
static_assert(!std::is_copy_constructible_v<hf::Secret> && std::is_nothrow_move_constructible_v<hf::Secret>);
static_assert(!std::is_convertible_v<hf::Secret, std::string> && !std::is_convertible_v<hf::Secret, std::string_view>);
static_assert(std::is_nothrow_copy_constructible_v<hf::Error> && std::is_base_of_v<std::exception, hf::Error>);

template <class T, class = void>
struct Prints : std::false_type {};
template <class T>
struct Prints<T, std::void_t<decltype(std::declval<std::ostream &>() << std::declval<const T &>())>> : std::true_type {};
static_assert(Prints<std::string_view>::value && !Prints<hf::Secret>::value, "a secret does not print itself");
static_assert(!Prints<hf::Outcome>::value, "nor does what was got with others");
static_assert(!std::is_copy_constructible_v<hf::Results> && std::is_nothrow_move_constructible_v<hf::Results>);

namespace {

template <class Function>
hf::Error thrown_by(Function &&function) {
    try {
        function();
    } catch (const hf::Error &error) {
        return error;
    }
    CHECK(!"an Error was expected");
    std::abort();
}

hf::Options env_options() {
    hf::Options options = hf::Options::isolated();
    options.set("SECRET_MANAGER_TYPE", "env");
    return options;
}

void the_five_operations(const hf::Manager &manager) {
    const std::string reference = manager.store_secret("five_operations", "first");
    CHECK(reference == "env://HANDSFREE_SECRET_FIVE_OPERATIONS");
    CHECK(manager.get_secret(reference)->view() == "first");

    CHECK(manager.update_secret(reference, "second"));
    CHECK(manager.update_secret(reference, "third", hf::Metadata{{"scopes", "repo,user"}}));
    CHECK(manager.get_secret(reference)->view() == "third");
    CHECK(manager.list_secrets("five") == std::vector<std::string>{reference});
    CHECK(!manager.list_secrets().empty());
    CHECK(manager.canonical_reference(reference) == reference);

    CHECK(manager.delete_secret(reference));
    CHECK(!manager.delete_secret(reference));
    CHECK(!manager.get_secret(reference).has_value());
    CHECK(!manager.update_secret(reference, "fourth"));
    CHECK(!manager.get_secret(reference).has_value());
}

void every_kind_of_text_is_taken(const hf::Manager &manager) {
    const std::string whole = "text kinds and more";
    const std::string_view part = std::string_view(whole).substr(0, 4);
    const std::string key = "text_kinds";

    const std::string reference = manager.store_secret(key, part);  // not NUL-terminated where it ends
    CHECK(manager.get_secret(reference)->view() == "text");
    CHECK(manager.get_secret(std::string_view(reference))->view() == "text");

    const hf::Secret secret = std::move(*manager.get_secret(reference));
    manager.store_secret("text_kinds_copy", secret);
    CHECK(manager.get_secret("env://HANDSFREE_SECRET_TEXT_KINDS_COPY")->view() == "text");

    manager.store_secret("text_kinds_empty", "", {{"a", "b"}, {"c", "d"}});
    const auto empty = manager.get_secret("env://HANDSFREE_SECRET_TEXT_KINDS_EMPTY");
    CHECK(empty.has_value() && empty->empty() && empty->view().empty());
}

void a_text_with_a_nul_is_refused(const hf::Manager &manager) {
    const std::string cut("cut\0short", 9);
    const std::string reference = manager.store_secret("nul", "whole");
    CHECK(thrown_by([&] { manager.store_secret("nul", cut); }).status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([&] { manager.store_secret(cut, "v"); }).status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([&] { manager.store_secret("nul", std::string_view(cut)); }).status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([&] { manager.store_secret("nul", "v", {{"key", cut}}); }).status() == HF_ERR_INVALID_ARGUMENT);
    const hf::Error error = thrown_by([&] { (void)manager.update_secret(reference, cut); });
    CHECK(error.status() == HF_ERR_INVALID_ARGUMENT && error.message().find("short") == std::string_view::npos);
    CHECK(manager.get_secret(reference)->view() == "whole");
}

void an_error_says_what_happened(const hf::Manager &manager) {
    const hf::Error error = thrown_by([&] { (void)manager.get_secret("invalid://format"); });
    CHECK(error.status() == HF_ERR_INVALID_REFERENCE);
    CHECK(error.http_status() == 0);
    CHECK(!error.message().empty() && error.message() == error.what());
    CHECK(hf::status_name(error.status()) == "HF_ERR_INVALID_REFERENCE");

    hf::Options options;
    const hf::Error unknown = thrown_by([&] { options.set("VAULT_ADR", "x"); });
    CHECK(unknown.status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([&] { options.set(nullptr, "x"); }).status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([] { (void)hf::Manager().get_secret("env://X"); }).status() == HF_ERR_INVALID_ARGUMENT);
}

void moved_options_do_not_open_a_manager() {
    hf::Options options = env_options();
    const hf::Options taken = std::move(options);
    CHECK(thrown_by([&] { hf::Manager::open(options); }).status() == HF_ERR_INVALID_ARGUMENT);  // NOLINT: on purpose
    CHECK(hf::Manager::open(taken));
}

void a_call_can_be_limited_and_cancelled(const hf::Manager &manager) {
    const std::string reference = manager.store_secret("calls", "value", hf::Call(10s));
    hf::Call call(1500us);
    call.set_timeout(std::chrono::hours::max());
    call.set_timeout(std::chrono::duration<double>(0.25));
    call.set_timeout(2min);
    CHECK(manager.get_secret(reference, call)->view() == "value");
    std::thread([&] { call.cancel(); }).join();
    CHECK(thrown_by([&] { (void)manager.get_secret(reference, call); }).status() == HF_ERR_CANCELLED);

    CHECK(thrown_by([] { hf::Call negative(-1ms); }).status() == HF_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([] { hf::Call none(0s); }).status() == HF_ERR_INVALID_ARGUMENT);
    hf::Call::defaults().cancel();
    CHECK(manager.get_secret(reference).has_value());
}

void fractions_of_a_millisecond_are_rounded_up() {
    CHECK(hf::detail::to_milliseconds(1ns) == 1);
    CHECK(hf::detail::to_milliseconds(1500us) == 2);
    CHECK(hf::detail::to_milliseconds(0s) == 0);
    CHECK(hf::detail::to_milliseconds(-5ms) == -5);
    CHECK(hf::detail::to_milliseconds(std::chrono::hours::max()) > 0);
    CHECK(hf::detail::to_milliseconds(std::chrono::hours::min()) < 0);
}

void options_take_lengths_of_time() {
    hf::Options options = env_options();
    options.set("VAULT_CLIENT_TIMEOUT", 1500ms).set("VAULT_CLIENT_TIMEOUT", 1min);
    CHECK(hf::Manager::open(options).type() == "env");
}

void a_secret_is_owned_once_and_wiped(const hf::Manager &manager) {
    const std::string reference = manager.store_secret("owned", "value");
    hf::Secret secret = *manager.get_secret(reference);
    CHECK(secret.size() == 5 && std::string(secret.c_str()) == "value");
    hf::Secret moved = std::move(secret);
    CHECK(secret.empty() && secret.view().empty() && moved.view() == "value");  // NOLINT: on purpose
    secret = std::move(moved);
    CHECK(secret.view() == "value");
    secret.wipe();
    CHECK(secret.empty() && *secret.c_str() == '\0');
}

void a_value_fits_into_memory_of_the_callers(const hf::Manager &manager) {
    const std::string reference = manager.store_secret("into", "12345");
    char buffer[6] = "?????";
    CHECK(manager.get_secret_into(reference, buffer, sizeof buffer) == std::size_t{5});
    CHECK(std::string_view(buffer) == "12345");
    CHECK(thrown_by([&] { (void)manager.get_secret_into(reference, buffer, 5); }).status() == HF_ERR_TOO_LARGE);
    CHECK(!manager.get_secret_into("env://HANDSFREE_SECRET_NOT_THERE", buffer, sizeof buffer).has_value());
}

void many_secrets_have_outcomes_of_their_own(const hf::Manager &manager) {
    const std::string value = "one, and more";
    const hf::Results stored = manager.store_secrets({
        {"many_one", std::string_view(value).substr(0, 3)},
        {"b\u00e4d", "x"},
        {"many_empty", ""},
        {"many_nul", std::string_view("cut\0short", 9)},
    });
    CHECK(stored.size() == 4 && !stored.empty());
    CHECK(stored[0].value() == "env://HANDSFREE_SECRET_MANY_ONE");
    CHECK(stored[1].failed() && stored[1].status() == HF_ERR_INVALID_ARGUMENT && stored[1].view().empty());
    CHECK(stored[2].value() == "env://HANDSFREE_SECRET_MANY_EMPTY");
    const hf::Error refused = thrown_by([&] { (void)stored[3].value(); });
    CHECK(refused.status() == HF_ERR_INVALID_ARGUMENT && refused.http_status() == 0);
    CHECK(refused.message().find("NUL") != std::string_view::npos && refused.message() == stored[3].message());

    const std::string nul("env://HANDSFREE_SECRET_MANY_ONE\0", 32);
    hf::Results got = manager.get_secrets({"env://HANDSFREE_SECRET_MANY_EMPTY", "env://HANDSFREE_SECRET_MANY_NUL", nul,
                                           "vault://of_another", "env://HANDSFREE_SECRET_MANY_ONE"});
    std::vector<hf_status> statuses;
    for (const hf::Outcome &outcome : got) {
        CHECK(outcome.has_value() == (outcome.status() == HF_OK) && outcome.failed() == !outcome.message().empty());
        statuses.push_back(outcome.status());
    }
    const std::vector<hf_status> expected{HF_OK, HF_NOT_FOUND, HF_ERR_INVALID_ARGUMENT, HF_ERR_INVALID_REFERENCE, HF_OK};
    CHECK(statuses == expected);
    CHECK(got[0].value() == "" && !got[1].value().has_value() && got[4].value() == "one");
    CHECK(thrown_by([&] { (void)got[3].value(); }).status() == HF_ERR_INVALID_REFERENCE);
    CHECK(got[5].failed() && got[5].status() == HF_ERR_INVALID_ARGUMENT && !got[5].message().empty());

    const hf::Results moved = std::move(got);
    CHECK(got.empty() && moved[4].view() == "one");  // NOLINT: on purpose
    got = manager.get_secrets(manager.list_secrets("many"));
    CHECK(got.size() == 2);
    got.wipe();
    CHECK(got.empty() && got.begin() == got.end() && manager.get_secrets({}).empty());
    CHECK(thrown_by([] { (void)hf::Manager().get_secrets({}); }).status() == HF_ERR_INVALID_ARGUMENT);
}

void a_manager_is_shared_and_handed_over() {
    hf::Manager first = hf::Manager::open(env_options());
    const std::string reference = first.store_secret("shared", "value");
    const hf::Manager second = first.share();
    first = hf::Manager();
    CHECK(!first && first.type().empty() && !first.share());
    CHECK(second.get_secret(reference)->view() == "value");
    const hf::Manager third = hf::Manager::adopt(second.share().release());
    CHECK(third.get_secret(reference)->view() == "value");

    const hf::Manager kept = hf::Manager::get_default();
    hf::Manager::reset_default();
    CHECK(kept.get_secret(reference)->view() == "value");
    CHECK(hf::Manager::get_default().get_secret(reference)->view() == "value");
    hf::Manager::reset_default();
}

struct Counted {
    static std::atomic<int> alive;
    Counted() { ++alive; }
    Counted(const Counted &) { ++alive; }
    ~Counted() { --alive; }
};
std::atomic<int> Counted::alive{0};

void log_lines_reach_the_callback_of_the_options() {
    std::atomic<int> lines{0};
    {
        hf::Options options = env_options();
        options.set_log_callback(
            [&lines, counted = Counted()](hf::LogLevel level, std::string_view message) {
                CHECK(level == hf::LogLevel::warn && !message.empty());
                ++lines;
                throw std::runtime_error("must not leave the callback");
            },
            hf::LogLevel::warn);
        const hf::Manager manager = hf::Manager::open(options);
        thrown_by([&] { (void)manager.get_secret("invalid://format"); });
        CHECK(lines >= 1 && Counted::alive == 1);
    }
    CHECK(Counted::alive == 0);

    hf::Options options = env_options();
    options.set_log_callback([counted = Counted()](hf::LogLevel, std::string_view) {}, hf::LogLevel::trace);
    CHECK(Counted::alive == 1);
    const auto refused = [counted = Counted()](hf::LogLevel, std::string_view) {};
    CHECK(thrown_by([&] { options.set_log_callback(refused, static_cast<hf::LogLevel>(99)); }).status() ==
          HF_ERR_INVALID_ARGUMENT);
    CHECK(Counted::alive == 2);  // the one that was set, and this function's own
    options.set_log_callback(nullptr, hf::LogLevel::off);
    CHECK(Counted::alive == 1);
}

void log_lines_reach_the_callback_of_the_process(const hf::Manager &manager) {
    std::atomic<int> lines{0};
    hf::set_log_callback([&](hf::LogLevel, std::string_view) { ++lines; }, hf::LogLevel::trace);
    thrown_by([&] { (void)manager.get_secret("invalid://format"); });
    CHECK(lines >= 1);
    const int before = lines;
    hf::set_log_callback(nullptr, hf::LogLevel::off);
    thrown_by([&] { (void)manager.get_secret("invalid://format"); });
    CHECK(lines == before);
}

void many_threads_use_one_manager(const hf::Manager &manager) {
    std::vector<std::thread> threads;
    for (int number = 0; number < 8; ++number) {
        threads.emplace_back([&manager, number] {
            const std::string value = std::to_string(number);
            for (int round = 0; round < 100; ++round) {
                const std::string reference = manager.store_secret("thread_" + value, value);
                CHECK(manager.get_secret(reference)->view() == value);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

}  // namespace

int main() {
    CHECK(hf::version() == HF_VERSION_STRING && hf::version_number() == HF_VERSION_NUMBER);
    const hf::Manager manager = hf::Manager::open(env_options());
    CHECK(manager.type() == "env");
    the_five_operations(manager);
    every_kind_of_text_is_taken(manager);
    a_text_with_a_nul_is_refused(manager);
    an_error_says_what_happened(manager);
    moved_options_do_not_open_a_manager();
    a_call_can_be_limited_and_cancelled(manager);
    fractions_of_a_millisecond_are_rounded_up();
    options_take_lengths_of_time();
    a_secret_is_owned_once_and_wiped(manager);
    a_value_fits_into_memory_of_the_callers(manager);
    many_secrets_have_outcomes_of_their_own(manager);
    a_manager_is_shared_and_handed_over();
    log_lines_reach_the_callback_of_the_options();
    log_lines_reach_the_callback_of_the_process(manager);
    many_threads_use_one_manager(manager);
}
