/* --help. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char INTRODUCTION[] =
    "usage: hfsecret [OPTION...] COMMAND [ARGUMENT...]\n"
    "\n"
    "Secrets of HashiCorp Vault and OpenBao, for shell scripts and for programs that cannot be changed.\n"
    "hfsecret COMMAND --help tells more about a command.\n"
    "\n";

static const char CONFIGURATION[] =
    "\n"
    "The environment configures the backend: SECRET_MANAGER_TYPE=vault, VAULT_ADDR, and VAULT_TOKEN or\n"
    "VAULT_ROLE_ID with VAULT_SECRET_ID. migrate reads from env and writes to Vault, and ignores\n"
    "SECRET_MANAGER_TYPE.\n"
    "\n";

static const char CODES[] =
    "exit: 0 done, 1 not found, 2 wrong usage, 3 invalid argument or key, 4 invalid reference,\n"
    "5 configuration, 6 credentials refused, 7 permission denied, 8 no connection, 9 TLS, 10 timeout,\n"
    "11 server unavailable, 12 rate limited, 13 conflict, 14 too large, 15 not a Vault server, 16 unsupported,\n"
    "17 cancelled, 18 internal error, 120 standard input, output or a file failed, 121 not a signature of\n"
    "the input, 125 anything else; run: 126 COMMAND cannot be executed, 127 there is no such COMMAND.\n";

/* Prints lines, each behind this margin. */
static void print_lines(const char *margin, const char *lines) {
    while (*lines) {
        size_t length = strcspn(lines, "\n") + 1;

        printf("%s%.*s", margin, (int)length, lines);
        lines += length;
    }
}

static void print_options(int commands) {
    size_t index;

    for (index = 0; index < OPTION_COUNT; index++) {
        const struct option_row *option = &OPTIONS[index];

        if (option->commands & commands) {
            printf("  --%s%s%s\n      %s\n", option->name, option->value ? " " : "", option->value ? option->value : "",
                   option->help);
        }
    }
}

static void print_command(const struct command_row *command) {
    printf("usage: hfsecret %s [OPTION...]%s%s\n\n", command->name, *command->operands ? " " : "", command->operands);
    print_lines("", command->help);
    printf("\n");
    print_options(command->command);
    printf("\n");
    print_lines("", CODES);
}

static void print_all(void) {
    size_t index;

    print_lines("", INTRODUCTION);
    for (index = 0; index < COMMAND_COUNT; index++) {
        printf("  %s%s%s\n", COMMANDS[index].name, *COMMANDS[index].operands ? " " : "", COMMANDS[index].operands);
        print_lines("      ", COMMANDS[index].help);
    }
    printf("\n");
    print_options(ANY);
    print_lines("", CONFIGURATION);
    print_lines("", CODES);
}

int print_help(const struct command_row *command) {
    if (command) {
        print_command(command);
    } else {
        print_all();
    }
    return flush_output(EXIT_SUCCESS);
}
