/* fork_credentials PATH SECRET      a child replaces the credentials that it inherited if they were refused, and reads a
 * secret again as its parent does. PATH gives leases that live for a minute or more; SECRET is the path of a secret of a KV
 * mount of version 1 that advises to read it again after a second. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static hf_manager *manager;
static hf_error *error = NULL;

static hf_lease *get(const hf_credentials *credentials)
{
    hf_lease *lease = NULL;

    CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &lease, &error));
    return lease;
}

static void replaces_what_was_refused(const hf_credentials *credentials)
{
    hf_lease *inherited = get(credentials), *next = NULL;
    int i;

    CHECK(hf_lease_generation(inherited) == 1, "the inherited generation");
    for (i = 0; i < 10; i++) {
        hf_lease_free(next);
        next = get(credentials);
        CHECK_STATUS(HF_OK, hf_credentials_refused(credentials, next, &error));
    }
    CHECK(hf_lease_generation(next) == 2, "generation %llu", (unsigned long long)hf_lease_generation(next));
    CHECK(strcmp(hf_lease_id(next), hf_lease_id(inherited)) != 0, "one of its own");
    hf_lease_free(next);
    hf_lease_free(inherited);
}

static void reads_again(const hf_credentials *credentials, const char *path)
{
    hf_lease *lease = get(credentials);
    const char *json = "{\"user\": \"b\", \"ttl\": \"1s\"}";
    hf_bytes *body = NULL;
    int64_t next_ms = 0;
    int i;

    CHECK_STATUS(HF_OK, hf_request(manager, "POST", path, json, NULL, NULL, &body, &error));
    hf_bytes_free(body);
    for (i = 0; i < 500 && strcmp(hf_document_text(hf_lease_fields(lease), "user", NULL), "b") != 0; i++) {
        usleep(20000);
        hf_lease_free(lease);
        lease = get(credentials);
    }
    CHECK(hf_lease_generation(lease) == 2, "the change was not seen");
    CHECK_STATUS(HF_OK, hf_manager_maintain(manager, NULL, &next_ms, &error));
    CHECK(next_ms > 0 && next_ms < 5000, "%ld", (long)next_ms);
    hf_lease_free(lease);
}

int main(int argc, char **argv)
{
    hf_credentials *leases = NULL, *secret = NULL;
    hf_lease *lease;
    int status = 0;
    pid_t pid;

    if (argc != 3)
        return 2;
    CHECK_STATUS(HF_OK, hf_manager_open(NULL, NULL, &manager, &error));
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, argv[1], NULL, NULL, &leases, &error));
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, argv[2], NULL, NULL, &secret, &error));
    pid = fork();
    if (pid == 0) {
        alarm(60); /* a deadlock ends the child by SIGALRM */
        replaces_what_was_refused(leases);
        reads_again(secret, argv[2]);
        _exit(result());
    }
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x", (unsigned)status);
    lease = get(leases);
    CHECK(hf_lease_generation(lease) == 1, "the parent's lease");
    hf_lease_free(lease);
    hf_credentials_free(secret);
    hf_credentials_free(leases);
    hf_manager_free(manager);
    return result();
}
