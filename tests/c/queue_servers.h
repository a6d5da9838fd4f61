/* The servers of programs that use queues: a real one, and one that never answers. */
#ifndef QUEUE_SERVERS_H
#define QUEUE_SERVERS_H

#include "black_hole.h"
#include "queue.h"
#include "server.h"

enum { LONG = 60000 };

static hf_manager *manager;       /* of the real server */
static hf_options *never_answers; /* of the other one */
static struct black_hole hole;

static const char REFERENCE[] = "vault://queued";
static const char VALUE[] = "canary-queued";

static inline void set_up(void)
{
    hf_error *error = NULL;

    manager = open_server();
    CHECK_STATUS(HF_OK, hf_store_secret(manager, "queued", VALUE, NULL, NULL, NULL, &error));
    hole = dig();
    never_answers = hf_options_new_isolated();
    CHECK_STATUS(HF_OK, hf_options_set(never_answers, "SECRET_MANAGER_TYPE", "vault", &error));
    CHECK_STATUS(HF_OK, hf_options_set(never_answers, "VAULT_ADDR", hole.address, &error));
    CHECK_STATUS(HF_OK, hf_options_set(never_answers, "VAULT_TOKEN", "any", &error));
}

static inline void tear_down(void)
{
    hf_options_free(never_answers);
    hf_manager_free(manager);
    close(hole.listener);
}

/* Submits an opening that never ends by itself. */
static inline hf_call *submit_endless(hf_queue *queue, int64_t timeout_ms, struct submitted *submitted)
{
    hf_call *call = call_for(queue, submitted);
    hf_error *error = NULL;

    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, timeout_ms, &error));
    submit_open(call, never_answers, submitted);
    return call;
}

#endif
