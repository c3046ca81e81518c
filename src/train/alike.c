/* Ranks must be about to do the same: a rank that was given another experiment, other data or other weights would wait
 * for messages that never come, or learn something that nobody asked for. */
#include <zlib.h>

#include "base/context.h"
#include "base/error.h"
#include "comm/communicator.h"
#include "train/run.h"

/* What is compared, in this order. */
#define NUM_TRAITS 11
static const char *const trait_names[NUM_TRAITS] = {
    "seed", "batch size",      "timesteps",       "epochs", "first epoch",        "first batch",
    "kind", "examples to use", "examples in all", "probes", "checksum of weights"};

static uint64_t weights_of(const rv_compiled_network *model)
{
    uLong sum = crc32_z(0, NULL, 0);
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        sum = crc32_z(sum, (const Bytef *)c->links.weight, c->links.rows.size * sizeof *c->links.weight);
    }
    return sum;
}

static void describe(uint64_t traits[NUM_TRAITS], const rv_run *run)
{
    const rv_compiled_network *model = run->model;
    const uint64_t values[NUM_TRAITS] = {
        rv_context_seed(run->context), model->batch_size,  model->num_steps,        run->num_epochs,
        run->start.epoch,              run->start.batch,   (uint64_t)run->kind,     run->num_members,
        run->feed->num_examples,       run->num_probes,    weights_of(model),
    };
    for (int i = 0; i < NUM_TRAITS; i++)
        traits[i] = values[i];
}

int rv_run_check_alike(const rv_run *run)
{
    rv_context *context = run->context;
    uint64_t mine[NUM_TRAITS], first[NUM_TRAITS];
    if (rv_comm_size(context) == 1)
        return RV_OK;
    describe(mine, run);
    describe(first, run);
    int error = rv_comm_broadcast(context, first, sizeof first);
    if (error)
        return error;
    for (int i = 0; !error && i < NUM_TRAITS; i++)
        if (mine[i] != first[i])
            error = rv_fail(context, RV_ERR_STATE, "ranks must be given the same: %s is %llu here and %llu on rank 0",
                            trait_names[i], (unsigned long long)mine[i], (unsigned long long)first[i]);
    return rv_comm_agree(context, error, NULL);
}
