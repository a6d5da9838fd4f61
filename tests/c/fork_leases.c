/* fork_leases PATH      a child goes on with the credentials that it inherited, renews and revokes nothing of its parent's,
 * and makes its own when they are over. PATH gives leases of a few seconds that can be renewed. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static hf_manager *manager;
static hf_credentials *credentials;
static hf_lease *own;
static hf_error *error = NULL;

static hf_lease *get(void)
{
    hf_lease *lease = NULL;

    CHECK_STATUS(HF_OK, hf_credentials_get(credentials, NULL, &lease, &error));
    return lease;
}

/* Whether the server knows a lease. */
static int is_alive(const char *id)
{
    hf_bytes *body = NULL;
    char json[400];
    hf_status status;

    snprintf(json, sizeof json, "{\"lease_id\": \"%s\"}", id);
    status = hf_request(manager, "POST", "sys/leases/lookup", json, NULL, NULL, &body, NULL);
    hf_bytes_free(body);
    return status == HF_OK;
}

static int child(void)
{
    hf_lease *inherited = get(), *next = NULL;
    int64_t next_ms = 0;

    alarm(60); /* a deadlock ends the child by SIGALRM */
    CHECK(hf_lease_generation(inherited) == 1, "the inherited generation");
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_lease_renew(own, NULL, &error));
    CHECK_STATUS(HF_ERR_UNSUPPORTED, hf_lease_revoke(own, NULL, &error));
    while (hf_lease_remaining_ms(inherited) > 100) {
        next = get();
        CHECK(next == inherited, "it is used until it is over");
        hf_lease_free(next);
        CHECK_STATUS(HF_OK, hf_manager_maintain(manager, NULL, &next_ms, &error));
        CHECK(next_ms > 0, "%ld", (long)next_ms);
        usleep(20000);
    }
    usleep(200000);
    CHECK(hf_lease_remaining_ms(inherited) == 0, "nobody renewed it here");
    next = get();
    CHECK(hf_lease_generation(next) == 2 && strcmp(hf_lease_id(next), hf_lease_id(inherited)) != 0, "one of its own");
    CHECK(is_alive(hf_lease_id(next)), "the own one is alive");
    CHECK_STATUS(HF_OK, hf_credentials_revoke(credentials, NULL, &error));
    CHECK(!is_alive(hf_lease_id(next)) && is_alive(hf_lease_id(inherited)), "only the own one is revoked");
    hf_lease_free(next);
    hf_lease_free(inherited);
    hf_credentials_free(credentials);
    hf_lease_free(own);
    hf_manager_free(manager);
    return result();
}

int main(int argc, char **argv)
{
    hf_lease *lease = NULL;
    int64_t next = 0;
    int status = 0;
    pid_t pid;

    if (argc != 2)
        return 2;
    CHECK_STATUS(HF_OK, hf_manager_open(NULL, NULL, &manager, &error));
    CHECK_STATUS(HF_OK, hf_credentials_open(manager, argv[1], NULL, NULL, &credentials, &error));
    CHECK_STATUS(HF_OK, hf_lease_open(manager, argv[1], NULL, NULL, &own, &error));
    hf_lease_free(get());
    pid = fork();
    if (pid == 0)
        _exit(child());
    /* The parent keeps its lease alive meanwhile. */
    while (waitpid(pid, &status, WNOHANG) == 0) {
        CHECK_STATUS(HF_OK, hf_manager_maintain(manager, NULL, &next, &error));
        usleep(50000);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x", (unsigned)status);
    lease = get();
    CHECK(hf_lease_generation(lease) == 1 && hf_lease_remaining_ms(lease) > 0, "the parent's lease");
    CHECK(is_alive(hf_lease_id(lease)), "the parent's lease is alive");
    hf_lease_free(lease);
    hf_lease_free(own);
    hf_credentials_free(credentials);
    hf_manager_free(manager);
    return result();
}
