/* `hfsecret run`: executes a command with the secrets that its environment refers to. */
#include "hfsecret.h"

#include <stdlib.h>

/* Gets the values. Without a reference no manager is needed. */
static int get_values(struct job *job, const struct arguments *arguments) {
    hf_manager *manager = NULL;
    hf_error *error = NULL;
    hf_status status;
    int code;

    if (job->references.count == 0) {
        return EXIT_SUCCESS;
    }
    status = hf_manager_open(NULL, arguments->call, &manager, &error);
    code = report_status("open", status, error);
    if (code == EXIT_SUCCESS) {
        code = resolve_job(job, manager, arguments->call);
    }
    hf_manager_free(manager);
    return code;
}

/* Executes the command in place of this program. Returns only if that fails. */
static int take_place(const struct arguments *arguments) {
    struct job job = {0};
    int code = collect_job(&job, arguments);

    if (code == EXIT_SUCCESS) {
        code = get_values(&job, arguments);
    }
    if (code == EXIT_SUCCESS) {
        code = execute_job(&job, arguments);
    }
    free_job(&job);
    return code;
}

int run(const struct arguments *arguments) {
    int code = read_env_files(arguments);

    if (code != EXIT_SUCCESS) {
        return code;
    }
    return arguments->watches ? supervise(arguments) : take_place(arguments);
}
