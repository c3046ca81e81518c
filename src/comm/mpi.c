/* The communicator of MPI_COMM_WORLD. */
#include <limits.h>

#include "base/error.h"
#include "comm/communicator.h"
#include "rv_config.h"

#if RV_HAVE_MPI

#include <mpi.h>

#define TAG 7

/* MPI counts are ints: what is longer goes in pieces. */
static int pieces(void *data, size_t bytes, int (*piece)(void *data, int bytes, int rank), int rank)
{
    char *at = data;
    while (bytes) {
        const int now = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;
        if (piece(at, now, rank) != MPI_SUCCESS)
            return RV_ERR_STATE;
        at += now;
        bytes -= (size_t)now;
    }
    return RV_OK;
}

static int send_piece(void *data, int bytes, int rank)
{
    return MPI_Send(data, bytes, MPI_BYTE, rank, TAG, MPI_COMM_WORLD);
}

static int receive_piece(void *data, int bytes, int rank)
{
    return MPI_Recv(data, bytes, MPI_BYTE, rank, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static int broadcast_piece(void *data, int bytes, int rank)
{
    return MPI_Bcast(data, bytes, MPI_BYTE, rank, MPI_COMM_WORLD);
}

static int send_bytes(void *user, int to, const void *data, size_t bytes)
{
    (void)user;
    union {
        const void *constant;
        void *data;
    } u = {data}; /* MPI_Send only reads */
    return pieces(u.data, bytes, send_piece, to);
}

static int receive_bytes(void *user, int from, void *data, size_t bytes)
{
    (void)user;
    return pieces(data, bytes, receive_piece, from);
}

static int broadcast_bytes(void *user, void *data, size_t bytes)
{
    (void)user;
    return pieces(data, bytes, broadcast_piece, 0);
}

int rv_mpi_communicator(rv_communicator *out, rv_context *context)
{
    int initialised = 0, finalised = 0;
    *out = (rv_communicator){.name = "MPI", .send = send_bytes, .receive = receive_bytes, .broadcast = broadcast_bytes};
    MPI_Initialized(&initialised);
    MPI_Finalized(&finalised);
    if (!initialised || finalised)
        return rv_fail(context, RV_ERR_STATE, "MPI is not initialised: call MPI_Init first");
    MPI_Comm_rank(MPI_COMM_WORLD, &out->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &out->size);
    return RV_OK;
}

bool rv_have_mpi(void)
{
    return true;
}

#else

int rv_mpi_communicator(rv_communicator *out, rv_context *context)
{
    *out = (rv_communicator){.size = 1};
    return rv_fail(context, RV_ERR_UNSUPPORTED, "this library was built without MPI");
}

bool rv_have_mpi(void)
{
    return false;
}

#endif
