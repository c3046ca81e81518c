#include "cli/ranks.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/memory.h"
#include "cli/mpi.h"
#include "cli/say.h"
#include "comm/communicator.h"

/* What this process is. */
static struct {
    rv_communicator communicator; /* size 0 = alone */
    rv_context *context;          /* to talk with before there is an experiment's */
    int here;                     /* ranks on this machine */
} self;

/* What a launcher says in the environment, Open MPI's, MPICH's or Slurm's; 0 if none does. */
static int launcher_number(const char *const names[3])
{
    for (int i = 0; i < 3; i++) {
        const char *text = getenv(names[i]);
        if (text && *text)
            return atoi(text);
    }
    return 0;
}

/* MPI is begun only where there are several ranks: it takes longer to start than a small network to train. */
int ranks_begin(void)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"};
    const int size = launcher_number(sizes);
    if (size < 2)
        return STATUS_OK;
    say_as_rank(launcher_number(ranks));
    if (!rv_have_mpi())
        return fault("started as one of %d ranks, but built without MPI: install libopenmpi-dev and openmpi-bin, then "
                     "build again in a new folder", size);
    mpi_begin();
    rv_mpi_communicator(&self.communicator, NULL);
    if (self.communicator.size != size)
        return fault("started as one of %d ranks, but MPI knows of %d: is mpirun that of the MPI it was built with?",
                     size, self.communicator.size);
    say_as_rank(self.communicator.rank);
    self.here = mpi_ranks_here();
    const int rc = rv_context_create(&self.context, &(rv_context_desc){.seed_given = true, .num_threads = 1, .isa = "base"});
    return rc < 0 ? fault_library(NULL, self.context, rc) : ranks_join(self.context);
}

int ranks_end(int status)
{
    rv_context_free(self.context);
    if (self.communicator.size > 0)
        mpi_end();
    self.context = NULL;
    self.communicator.size = 0;
    return status;
}

bool ranks_is_first(void)
{
    return self.communicator.rank == 0;
}

int ranks_num(void)
{
    return self.communicator.size > 1 ? self.communicator.size : 1;
}

int ranks_join(rv_context *context)
{
    const int rc = self.communicator.size > 1 ? rv_context_set_communicator(context, &self.communicator) : RV_OK;
    return rc < 0 ? fault_library(NULL, context, rc) : STATUS_OK;
}

/* ---- threads ---- */

/* Processors that this rank may run on; 0 = not known. */
static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

int ranks_default_threads(void)
{
    const char *wanted = getenv("RV_NUM_THREADS");
    if (ranks_num() == 1 || (wanted && *wanted))
        return 0;
    const int share = (int)sysconf(_SC_NPROCESSORS_ONLN) / self.here, mine = processors();
    const int least = mine > 0 && mine < share ? mine : share;
    return least > 1 ? least : 1;
}

void ranks_check_threads(const rv_context *context)
{
    const int mine = processors(), threads = rv_context_num_threads(context);
    if (ranks_num() > 1 && mine > 0 && mine < threads)
        note("%d threads, but mpirun has bound the rank to %d processor%s: mpirun --bind-to none lets it have all",
             threads, mine, mine == 1 ? "" : "s");
}

/* ---- together ---- */

int ranks_agree(int status)
{
    if (ranks_num() == 1)
        return status;
    rv_fail(self.context, -status, "%s", say_kept());
    const int rc = rv_comm_agree(self.context, -status, NULL);
    if (rc < 0 && !rv_comm_error_is_shared(self.context))
        mpi_abort(status ? status : STATUS_FAILED);
    if (rc < 0 && !status && ranks_is_first())
        fault("%s", rv_last_error(self.context));
    return -rc;
}

void ranks_escape(const rv_context *context, int status)
{
    if (rv_comm_error_is_shared(context))
        return;
    say_kept_aloud();
    mpi_abort(status);
}

/* A rank that cannot be heard cannot go on. */
static void need(int rc)
{
    if (rc < 0) {
        fault_library(NULL, self.context, rc);
        say_kept_aloud();
        mpi_abort(STATUS_FAILED);
    }
}

void ranks_share_text(char **text)
{
    size_t size = *text ? strlen(*text) + 1 : 0;
    if (ranks_num() == 1)
        return;
    need(rv_comm_broadcast(self.context, &size, sizeof size));
    if (!ranks_is_first()) {
        free(*text);
        *text = size ? make(size, 1) : NULL;
    }
    if (size)
        need(rv_comm_broadcast(self.context, *text, size));
}

void ranks_share_flag(bool *flag)
{
    if (ranks_num() > 1)
        need(rv_comm_broadcast(self.context, flag, sizeof *flag));
}

int ranks_largest(int number)
{
    int largest = number;
    if (ranks_num() > 1)
        need(rv_comm_max(self.context, number, &largest));
    return largest;
}
