/* A panic inside the library: it is HF_ERR_INTERNAL, and its message is not shown. */
#include "host.h"

extern hf_status hf_test_panic(const char *message, hf_error **error);

int main(int argc, char **argv)
{
    hf_manager *manager = open_env();
    hf_error *error = NULL;
    int i;

    if (argc < 2)
        return 2;
    for (i = 0; i < 100; i++) {
        hf_status status = hf_test_panic(argv[1], &error);

        CHECK(status == HF_ERR_INTERNAL, "%s", hf_status_name(status));
        CHECK(hf_error_status(error) == HF_ERR_INTERNAL, "%s", hf_error_message(error));
        CHECK(strstr(hf_error_message(error), argv[1]) == NULL, "the text of the panic is in the error");
        if (i == 0)
            printf("%s\n", hf_error_message(error));
        hf_error_free(error);
        error = NULL;
    }
    CHECK(hf_test_panic(argv[1], NULL) == HF_ERR_INTERNAL, "the error may be omitted");
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "after", "v", NULL, NULL, NULL, &error));
    hf_manager_free(manager);
    return result();
}
