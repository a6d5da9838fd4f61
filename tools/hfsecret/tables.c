/* The commands and options: options.c parses them, help.c prints them, and a test compares them with the manual page and
 * the completion. */
#include "hfsecret.h"

#include <limits.h>

const struct command_row COMMANDS[] = {
    {"run", RUN, 1, INT_MAX, "COMMAND [ARGUMENT...]",
     "Executes COMMAND in place of hfsecret. Each environment variable whose whole value is a reference, such as\n"
     "vault://db#password, has the value of that secret instead. If one of them cannot be resolved, nothing is\n"
     "executed. Options for hfsecret stand before COMMAND. With --watch hfsecret stays, and restarts COMMAND when a\n"
     "secret that it uses has changed.\n"},
    {"render", RENDER, 1, 1, "TEMPLATE",
     "Prints the file TEMPLATE, in which each {{ REFERENCE }} is replaced by the value of that secret. With\n"
     "--output it replaces a file at once, or leaves it as it is.\n"},
    {"watch", WATCH, 1, INT_MAX, "REFERENCE... [-- COMMAND [ARGUMENT...]]",
     "Executes COMMAND, as run does, whenever one of the secrets has changed, or sends a signal to a process. A\n"
     "reference that ends in / stands for all secrets beneath it. Runs until it is ended.\n"},
    {"get", GET, 1, 1, "REFERENCE",
     "Prints a secret: one field, all fields with --all or --json, of the latest version or another one.\n"},
    {"store", STORE, 1, 1, "KEY",
     "Stores standard input under KEY, and prints the reference. What is there is replaced.\n"},
    {"update", UPDATE, 1, 1, "REFERENCE",
     "Replaces one field of a secret by standard input or, with --json, several fields.\n"},
    {"delete", DELETE, 1, INT_MAX, "REFERENCE [VERSION...]",
     "Deletes a secret with all its versions, for good, or only these versions, which undelete makes readable\n"
     "again. Version 0 is the latest one.\n"},
    {"list", LIST, 0, 1, "[PREFIX]",
     "Prints the references of all secrets, or of those whose path starts with PREFIX.\n"},
    {"versions", VERSIONS, 1, 1, "REFERENCE",
     "Prints the versions of a secret, tab-separated: number, state (live, deleted or destroyed), when it was\n"
     "created, when it was or will be deleted.\n"},
    {"undelete", UNDELETE, 2, INT_MAX, "REFERENCE VERSION...", "Makes deleted versions readable again.\n"},
    {"destroy", DESTROY, 2, INT_MAX, "REFERENCE VERSION...", "Removes the content of versions, for good.\n"},
    {"rollback", ROLLBACK, 2, 2, "REFERENCE VERSION",
     "Writes the fields of an older version as a new version, and prints its number.\n"},
    {"rotate", ROTATE, 1, 1, "REFERENCE",
     "Gives a field a new random value, and prints the number of the new version.\n"},
    {"lease", LEASE, 0, 1, "PATH",
     "Has the server make credentials, such as a database user, and prints their fields, one line NAME=VALUE each.\n"
     "--revoke ends those whose lease id is the argument or, without one, in standard input.\n"},
    {"encrypt", ENCRYPT, 1, 1, "KEY",
     "Encrypts the bytes of standard input with a key of the transit engine, and prints the ciphertext; of more\n"
     "than 512 KiB it prints an envelope, which is binary.\n"},
    {"decrypt", DECRYPT, 1, 1, "KEY",
     "Decrypts the ciphertext or the envelope in standard input, and prints the bytes, without a newline.\n"},
    {"rewrap", REWRAP, 1, 1, "KEY",
     "Encrypts the ciphertexts in standard input, one a line, under the latest version of the key, and prints\n"
     "them. Prints none if one fails. Gives an envelope a new header.\n"},
    {"sign", SIGN, 1, 1, "KEY", "Signs the bytes of standard input, and prints the signature.\n"},
    {"verify", VERIFY, 2, 2, "KEY SIGNATURE", "Checks a signature or an HMAC of the bytes of standard input.\n"},
    {"hmac", HMAC, 1, 1, "KEY", "Makes an HMAC of the bytes of standard input, and prints it.\n"},
    {"data-key", DATA_KEY, 1, 1, "KEY",
     "Makes a data key, and prints it encrypted; decrypt gives the key back. --output writes the key itself to a\n"
     "file; without that option the server does not send it.\n"},
    {"request", REQUEST, 2, 2, "METHOD PATH",
     "Sends a request to PATH behind /v1/, and prints the answer. The body of POST, PUT and PATCH is standard\n"
     "input, unless that is empty or a terminal.\n"},
    {"unwrap", UNWRAP, 0, 0, "", "Exchanges the wrapping token in standard input for the answer kept for it.\n"},
    {"check", CHECK, 0, 0, "", "Checks that a server answers, is unsealed, and accepts the credentials.\n"},
    {"migrate", MIGRATE, 0, 0, "",
     "Copies every env:// secret of the environment into Vault. Prints, tab-separated, the old reference, the\n"
     "new one and what was done. Goes on after a failure of one secret, and exits with the code of the first.\n"},
};

const size_t COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS;

const struct option_row OPTIONS[OPTION_COUNT] = {
    {"all", GET, NULL, "print all fields, one line NAME=VALUE each"},
    {"associated-data-file", ENCRYPT | DECRYPT | REWRAP, "FILE", "data that the ciphertext is bound to"},
    {"bits", DATA_KEY, "BITS", "the size of the key: 128, 256 or 512; 256 without it"},
    {"cas", STORE | UPDATE, "VERSION", "write only if this is the latest version; 0: if there is none"},
    {"context-file", ON_KEY & ~HMAC, "FILE", "the context of a key that is derived"},
    {"dry-run", MIGRATE, NULL, "write nothing, print what would be done"},
    {"envelope", ENCRYPT, NULL, "make an envelope of any input"},
    {"env-file", RUN, "FILE", "lines NAME=VALUE, which are added to the environment; may be repeated"},
    {"exact", STORE | GET | UPDATE, NULL, "neither remove the newline at the end of input, nor print one"},
    {"field", LEASE, "NAME", "print this field only"},
    {"file", RUN, "NAME=REFERENCE", "a file in memory with this secret, its path in the variable NAME; may be repeated"},
    {"json", GET | STORE | UPDATE | LEASE, NULL, "print or read the fields as a JSON object; lease: with id and time"},
    {"keep-credentials", RUN | WATCH, NULL, "let COMMAND inherit VAULT_TOKEN, VAULT_SECRET_ID and their like"},
    {"kill-after", RUN, "SECONDS", "with --watch: how long after SIGTERM the command gets SIGKILL; 30 without it"},
    {"metadata", STORE | UPDATE, "NAME=VALUE", "metadata beside the secret; may be repeated"},
    {"mode", WITH_FILE, "MODE", "the mode of the file of --output, in octal; 600 without it"},
    {"no-metadata", UPDATE, NULL, "remove the metadata; without either option they are kept"},
    {"output", WITH_FILE, "FILE", "write FILE instead of standard output, whole or not at all"},
    {"overwrite", MIGRATE, NULL, "replace a value in Vault that differs"},
    {"owner", WITH_FILE, "USER[:GROUP]", "the owner of the file of --output"},
    {"parameters-file", LEASE, "FILE", "a JSON object that is sent with a POST; without it a GET is sent"},
    {"pid", WATCH, "PID", "the process that gets the signal"},
    {"policy", ROTATE, "NAME", "a password policy of the server makes the value"},
    {"revoke", LEASE, NULL, "revoke a lease, and wait until its credentials are gone"},
    {"signal", RUN | WATCH, "NAME",
     "the signal, such as HUP, that tells a change: to the process of --pid; run: to COMMAND, in place of a restart"},
    {"timeout", ANY, "SECONDS", "the limit of each operation, instead of VAULT_CLIENT_TIMEOUT"},
    {"watch", RUN, NULL, "stay, and restart COMMAND, or send it the signal, when a secret that it uses has changed"},
    {"wrap-ttl", REQUEST, "SECONDS", "have the server keep the answer for this time, and print a wrapping token"},
    {"help", ANY, NULL, "print this"},
    {"version", ANY, NULL, "print the version of the library"},
};
