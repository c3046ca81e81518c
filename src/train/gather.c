/* Ranks: what was recorded of an example is on the rank that swept it; rank 0, which writes, gets it here. Other ranks
 * keep what is theirs. */
#include "comm/communicator.h"
#include "train/run.h"

static int owner_of(const rv_run *run, size_t position)
{
    const size_t num_leaves = run->model->num_leaves;
    return rv_comm_owner(run->context, position % num_leaves, num_leaves);
}

/* Spikes: how many, then times and ids. */
static int send_spikes(const rv_probe *probe, const rv_probe_storage *storage)
{
    rv_context *context = probe->run->context;
    const size_t num = storage->num;
    int error = rv_comm_send(context, 0, &num, sizeof num);
    if (!error && num)
        error = rv_comm_send(context, 0, storage->times, num * sizeof(double));
    if (!error && num)
        error = rv_comm_send(context, 0, storage->ids, num * sizeof(int32_t));
    return error;
}

static int receive_spikes(rv_probe *probe, rv_probe_storage *storage, int from)
{
    rv_context *context = probe->run->context;
    size_t num = 0;
    int error = rv_comm_receive(context, from, &num, sizeof num);
    if (!error)
        error = rv_probe_make_room(probe, storage, num);
    if (!error && num)
        error = rv_comm_receive(context, from, storage->times, num * sizeof(double));
    if (!error && num)
        error = rv_comm_receive(context, from, storage->ids, num * sizeof(int32_t));
    if (!error)
        storage->num = num;
    return error;
}

static int gather_example(rv_probe *probe, size_t position)
{
    rv_run *run = probe->run;
    rv_context *context = run->context;
    const int owner = owner_of(run, position), rank = rv_comm_rank(context);
    rv_probe_storage *storage = &probe->storage[probe->slot[position]];
    if (owner == 0 || (rank != 0 && rank != owner))
        return RV_OK;
    if (probe->num_dims == 0)
        return rank ? send_spikes(probe, storage) : receive_spikes(probe, storage, owner);
    const size_t bytes = probe->size * sizeof(float);
    if (rank)
        return rv_comm_send(context, 0, storage->values, bytes);
    const int error = rv_probe_make_room_for_values(probe, storage);
    return error ? error : rv_comm_receive(context, owner, storage->values, bytes);
}

int rv_probes_gather(rv_run *run)
{
    int error = RV_OK;
    if (rv_comm_size(run->context) == 1)
        return RV_OK;
    for (rv_probe *probe = run->probes; probe; probe = probe->next)
        for (size_t e = 0; !error && probe->num_slots && e < run->batch_count; e++)
            if (probe->slot[e] != RV_NO_SLOT)
                error = gather_example(probe, e);
    return error;
}

bool rv_probes_have(const rv_run *run, size_t position)
{
    const int rank = rv_comm_rank(run->context);
    return rank == 0 || owner_of(run, position) == rank;
}
