/* hfsecret: secrets for shell scripts and batch jobs, with libhandsfree_secrets.
 *
 *   cc *.c $(pkg-config --cflags --libs handsfree_secrets) -o hfsecret
 *
 * Secrets are never passed on the command line, which other users can see, and never printed in messages; only `get`,
 * `request` and `decrypt` print one. Memory that held a value is wiped. `hfsecret --help` lists the exit codes. */
#include "hfsecret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: hfsecret [OPTION...] COMMAND [ARGUMENT...]\n"
    "\n"
    "  store KEY          store standard input under KEY, print the reference\n"
    "  get REFERENCE      print the secret\n"
    "  update REFERENCE   replace the secret by standard input\n"
    "  delete REFERENCE   delete the secret with all its versions\n"
    "  list [PREFIX]      print the references of all secrets, or of those whose path starts with PREFIX\n"
    "  versions REFERENCE print the versions of the secret, tab-separated: number, state (live, deleted or\n"
    "                     destroyed), when it was created, when it was or will be deleted\n"
    "  undelete REFERENCE VERSION...\n"
    "                     make deleted versions readable again\n"
    "  rotate REFERENCE   give the secret a new random value, print the number of the new version\n"
    "  request METHOD PATH\n"
    "                     send a request to the server, to PATH behind /v1/, and print the answer; the body\n"
    "                     of POST, PUT and PATCH is standard input, unless that is empty or a terminal\n"
    "  encrypt KEY        encrypt the bytes of standard input with a key of the transit engine, print the ciphertext\n"
    "  decrypt KEY        decrypt the ciphertext in standard input, print the bytes, without a newline\n"
    "  rewrap KEY         encrypt the ciphertexts in standard input, one a line, under the key's latest version,\n"
    "                     and print them; prints none if one fails\n"
    "  sign KEY           sign the bytes of standard input, print the signature\n"
    "  verify KEY SIGNATURE\n"
    "                     check a signature or an HMAC of the bytes of standard input\n"
    "  check              check that a server answers, is unsealed, and accepts the credentials\n"
    "  migrate            copy every env:// secret of the environment into Vault; prints, tab-separated,\n"
    "                     the old reference, the new one and what was done\n"
    "\n"
    "  --all              get: print all fields, one line NAME=VALUE each\n"
    "  --json             get: print all fields as a JSON object\n"
    "  --exact            store, update: keep the newline that ends standard input; get: print none\n"
    "  --metadata N=V     store, update: metadata beside the secret; may be repeated\n"
    "  --no-metadata      update: remove the metadata; without either option they are kept\n"
    "  --policy NAME      rotate: a password policy of the server makes the value\n"
    "  --context-file FILE\n"
    "                     encrypt, decrypt, rewrap, sign, verify: the context of a key that is derived\n"
    "  --associated-data-file FILE\n"
    "                     encrypt, decrypt, rewrap: data that the ciphertext is bound to\n"
    "  --dry-run          migrate: write nothing, print what would be done\n"
    "  --overwrite        migrate: replace a value in Vault that differs\n"
    "  --timeout SECONDS  the limit of each operation, instead of VAULT_CLIENT_TIMEOUT\n"
    "  --help, --version\n"
    "\n"
    "The environment configures the backend: SECRET_MANAGER_TYPE=vault, VAULT_ADDR, and VAULT_TOKEN or\n"
    "VAULT_ROLE_ID with VAULT_SECRET_ID. migrate reads from env and writes to Vault, and ignores\n"
    "SECRET_MANAGER_TYPE.\n"
    "\n"
    "exit: 0 done, 1 not found, 2 wrong usage, 3 invalid argument or key, 4 invalid reference,\n"
    "5 configuration, 6 credentials refused, 7 permission denied, 8 no connection, 9 TLS, 10 timeout,\n"
    "11 server unavailable, 12 rate limited, 13 conflict, 14 too large, 15 not a Vault server, 16 unsupported,\n"
    "17 cancelled, 18 internal error, 120 standard input, output or a file failed, 121 not a signature of\n"
    "the input, 125 anything else.\n"
    "migrate continues after a failure of one secret, and exits with the code of the first failure.\n";

int main(int count, char **words) {
    struct arguments arguments = {0};
    int code;

    if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0)) {
        fputs(HELP, stdout);
        return flush_output(EXIT_SUCCESS);
    }
    if (count == 2 && strcmp(words[1], "--version") == 0) {
        printf("hfsecret %s\n", hf_version());
        return flush_output(EXIT_SUCCESS);
    }
    code = parse_arguments(count, words, &arguments);
    if (code == EXIT_SUCCESS) {
        code = run_command(&arguments);
    }
    free(arguments.versions);
    hf_metadata_free(arguments.metadata);
    hf_call_free(arguments.call);
    return code;
}
