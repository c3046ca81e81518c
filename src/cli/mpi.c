#include "cli/mpi.h"

#include <stdlib.h>

#include "rv_config.h"

#if RV_HAVE_MPI

#include <mpi.h>

void mpi_begin(void)
{
    int provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
}

void mpi_end(void)
{
    MPI_Finalize();
}

_Noreturn void mpi_abort(int status)
{
    MPI_Abort(MPI_COMM_WORLD, status);
    exit(status);
}

int mpi_ranks_here(void)
{
    MPI_Comm here;
    int num = 1;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &num);
    MPI_Comm_free(&here);
    return num;
}

#else

void mpi_begin(void)
{
}

void mpi_end(void)
{
}

_Noreturn void mpi_abort(int status)
{
    exit(status);
}

int mpi_ranks_here(void)
{
    return 1;
}

#endif
