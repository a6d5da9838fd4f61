// A pool of 4 connections to PostgreSQL whose user changes under it: each connection is opened with the credentials of
// that moment, and is closed before they end.
//
//   c++ -std=c++17 -I/usr/include/postgresql pool.cpp $(pkg-config --cflags --libs handsfree_secrets) -lpq -o pool
//   ./pool database/creds/app "host=127.0.0.1 dbname=postgres" 60
//
// The arguments are a role of the database engine, where the database is (without user and password), and for how many
// seconds to query it. The environment names the server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN.
#include <handsfree_secrets.hpp>
#include <libpq-fe.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace hf = handsfree::secrets;
using namespace std::chrono_literals;

// A connection whose user has less time left than this is replaced before it is used. It has to be longer than any query,
// and shorter than a quarter of the role's default_ttl, which is the least time left to credentials that are handed out.
constexpr auto least = 1500ms;

struct Finish {
    void operator()(PGconn *database) const noexcept { PQfinish(database); }
};

struct Connection {
    std::unique_ptr<PGconn, Finish> database;
    hf::Lease lease;  // what it logged in with; it goes on telling how much time is left

    bool is_good() const {
        const auto left = lease.remaining();  // nothing: it has no end
        return PQstatus(database.get()) == CONNECTION_OK && (!left || *left >= least);
    }
};

class Pool {
public:
    Pool(const hf::Credentials &credentials, std::string where) : credentials_(credentials), where_(std::move(where)) {}

    // The next connection, good for at least this time.
    PGconn *take() {
        Connection &connection = connections_[next_++ % connections_.size()];
        if (!connection.is_good()) {
            connection = open();
        }
        return connection.database.get();
    }

    std::size_t logins() const { return logins_; }
    std::size_t users() const { return generations_.size(); }

private:
    // Opens a connection. A user that the database refuses was dropped by somebody: after refused() the next get() gives
    // another one, but not for every refusal, so that a broken database does not fill with users. A database that is down
    // has not asked for the password, and refuses nobody.
    Connection open() {
        for (int attempt = 0; attempt < 2; attempt++) {
            Connection connection{nullptr, credentials_.get()};  // most of the time this sends nothing
            connection.database = log_in(connection.lease);
            if (PQstatus(connection.database.get()) == CONNECTION_OK) {
                logins_++;
                generations_.insert(connection.lease.generation());
                return connection;
            }
            std::cerr << "login: " << PQerrorMessage(connection.database.get());
            if (!PQconnectionUsedPassword(connection.database.get())) {
                break;
            }
            credentials_.refused(connection.lease);
        }
        throw std::runtime_error("no connection could be opened");
    }

    // libpq copies what it is given, so nothing here keeps the password.
    std::unique_ptr<PGconn, Finish> log_in(const hf::Lease &lease) const {
        const auto user = lease.text("username"), password = lease.text("password");
        if (!user || !password) {
            throw std::runtime_error("the credentials are not those of a database");
        }
        const char *names[] = {"dbname", "user", "password", nullptr};
        const char *values[] = {where_.c_str(), user->data(), password->data(), nullptr};  // a NUL follows each text
        return std::unique_ptr<PGconn, Finish>(PQconnectdbParams(names, values, 1));
    }

    const hf::Credentials &credentials_;
    std::string where_;
    std::array<Connection, 4> connections_;
    std::size_t next_ = 0, logins_ = 0;
    std::set<std::uint64_t> generations_;
};

// Asks something that needs the user to exist.
bool query(PGconn *database) {
    struct Clear {
        void operator()(PGresult *result) const noexcept { PQclear(result); }
    };
    const std::unique_ptr<PGresult, Clear> result(PQexec(database, "SELECT current_user"));
    const bool worked = PQresultStatus(result.get()) == PGRES_TUPLES_OK;
    if (!worked) {
        std::cerr << "query: " << PQerrorMessage(database);
    }
    return worked;
}

// Returns how many queries failed.
std::size_t query_for(Pool pool, std::chrono::seconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    std::size_t queries = 0, failed = 0;
    for (; std::chrono::steady_clock::now() < end; queries++) {
        failed += query(pool.take()) ? 0 : 1;
        std::this_thread::sleep_for(10ms);
    }
    std::cout << "  " << queries << " queries, " << failed << " failed, " << pool.logins() << " logins, " << pool.users()
              << " users\n";
    return failed;
}

int main(int count, char **words) try {
    if (count != 4) {
        std::cerr << "usage: pool PATH CONNECTION SECONDS\n";
        return 2;
    }
    const hf::Manager manager = hf::Manager::open();
    const hf::Credentials credentials = manager.open_credentials(words[1]).value();
    const std::size_t failed = query_for(Pool(credentials, words[2]), std::chrono::seconds(std::stol(words[3])));
    // A program that ends may leave the users to run out, or drop them now, if its policy allows that.
    if (const auto revoked = credentials.try_revoke(); !revoked) {
        std::cerr << "revoke: " << revoked.error().message() << '\n';
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
}
