/* costs.c HITS: the processor time of a get that is served from the cache, and of the text of the metrics. Then gets HITS times more
 * while no system call is allowed. */
#define _DEFAULT_SOURCE
#include "host.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define REFERENCE "vault://cached"
#define WARM_UP 1000
#define SCRAPES 1000

static hf_manager *open_with_cache(void)
{
    hf_options *options = hf_options_new();
    hf_manager *manager = NULL;
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_options_set(options, "VAULT_CACHE_TTL", "1h", &error));
    CHECK_STATUS(HF_OK, hf_manager_open(options, NULL, &manager, &error));
    hf_options_free(options);
    if (manager == NULL)
        exit(1);
    return manager;
}

static void get_often(const hf_manager *manager, long times)
{
    while (times-- > 0 && failures == 0)
        CHECK(gets_value(manager, REFERENCE, "value"), "from the cache");
}

static void scrape_often(const hf_manager *manager, long times)
{
    hf_error *error = NULL;
    char *text = NULL;

    while (times-- > 0) {
        CHECK_STATUS(HF_OK, hf_manager_metrics(manager, &text, &error));
        hf_free_string(text);
    }
}

/* From here on the kernel kills the process for any system call but exit_group. */
static int allow_nothing(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int main(int argc, char **argv)
{
    long hits = number(argc, argv, 1);
    hf_manager *manager = open_with_cache();
    double start;

    put(manager, "cached", "value");
    get_often(manager, WARM_UP);
    start = processor_time();
    get_often(manager, hits);
    printf("%.0f ns a get from the cache\n", 1e9 * (processor_time() - start) / (double)hits);
    scrape_often(manager, WARM_UP);
    start = processor_time();
    scrape_often(manager, SCRAPES);
    printf("%.1f us a text of the metrics\n", 1e6 * (processor_time() - start) / SCRAPES);
    fflush(stdout);
    if (failures > 0 || !allow_nothing())
        return 2;
    get_often(manager, hits);
    _exit(failures == 0 ? 0 : 1);
}
