/* Two static libraries written in Rust in one program, each with its own Rust runtime. */
#include <handsfree_secrets.h>

#include <stdint.h>

/* From second.rs: panics, catches the panic, and returns the number; -1 on any other outcome. */
int32_t second_panics_and_catches(int32_t number);
/* From second.rs: starts a thread that allocates, and returns the sum that it computed. */
int32_t second_counts_on_a_thread(int32_t number);

int main(void)
{
    hf_options *options;
    hf_manager *manager = NULL;
    char *reference = NULL;
    hf_status status;

    if (second_panics_and_catches(7) != 7 || second_counts_on_a_thread(4) != 6)
        return 1;
    options = hf_options_new_isolated();
    status = hf_options_set(options, "SECRET_MANAGER_TYPE", "env", NULL);
    if (status == HF_OK)
        status = hf_manager_open(options, NULL, &manager, NULL);
    if (status == HF_OK)
        status = hf_store_secret(manager, "beside", "value", NULL, NULL, &reference, NULL);
    hf_free_string(reference);
    hf_manager_free(manager);
    hf_options_free(options);
    if (status != HF_OK)
        return 2;
    return second_panics_and_catches(8) == 8 ? 0 : 3;
}
