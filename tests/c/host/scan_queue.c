/* scan_queue.c KEY MASKED      what a queue keeps of the values of calls that were not taken
 *
 * The text is masked as scan.h has it. */
#include "scan.h"
#include "../queue.h"

/* Stores and gets that are ended by `end`, some of them before they have begun. */
static void leave(const hf_manager *manager, const char *key, const char *reference, const struct needle *needle,
                  void (*end)(hf_queue *queue, hf_call *call), const char *what)
{
    hf_queue *queue = new_queue(2);
    struct submitted gets[8] = {{0}}, stores[8] = {{0}};
    hf_call *call = hf_call_new();
    hf_error *error = NULL;
    char *value = unmask(needle, "", 1);
    int i;

    for (i = 0; i < 8; i++) {
        CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, (uintptr_t)&gets[i], &error));
        CHECK_STATUS(HF_PENDING, hf_get_secret(manager, reference, call, &gets[i].value, &error));
        CHECK_STATUS(HF_OK, hf_call_set_queue(call, queue, (uintptr_t)&stores[i], &error));
        CHECK_STATUS(HF_PENDING, hf_store_secret(manager, key, value, NULL, call, NULL, &error));
    }
    wipe(value);
    expect("while the calls are in the queue", needle, 1);
    CHECK(is_readable(queue, 60000), "some have ended");
    end(queue, call);
    hf_call_free(call);
    expect(what, needle, 0);
}

static void end_by_free(hf_queue *queue, hf_call *call)
{
    (void)call;
    hf_queue_free(queue);
}

static void end_by_abandoning(hf_queue *queue, hf_call *call)
{
    hf_call_abandon(call);
    CHECK(hf_queue_pending(queue) == 0, "nothing is left");
    hf_queue_free(queue);
}

int main(int argc, char **argv)
{
    hf_manager *manager = open_from_environment();
    struct needle needle = unhex(argc > 2 ? argv[2] : "");
    hf_error *error = NULL;
    char reference[256], *value;

    make_window();
    snprintf(reference, sizeof reference, "vault://%s", argv[1]);
    value = unmask(&needle, "", 1);
    CHECK_STATUS(HF_OK, hf_store_secret(manager, argv[1], value, NULL, NULL, NULL, &error));
    wipe(value);
    expect("before", &needle, 0);
    leave(manager, argv[1], reference, &needle, end_by_free, "after hf_queue_free");
    leave(manager, argv[1], reference, &needle, end_by_abandoning, "after hf_call_abandon and hf_queue_free");
    hf_manager_free(manager);
    return result();
}
