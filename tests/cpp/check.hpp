// Checks for the C++ tests: a failed check prints its place and ends the program.
#ifndef HANDSFREE_SECRETS_TESTS_CHECK_HPP
#define HANDSFREE_SECRETS_TESTS_CHECK_HPP

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
            std::exit(1);                                                                   \
        }                                                                                   \
    } while (false)

#endif
