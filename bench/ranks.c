/* The same examples on one rank and shared by two, one thread each, in turns: median and quartiles of the rounds' ratios.
 * Beside them what the machine allows: each rank works on all of the examples at the same time, as if there were no
 * other; twice the time of one alone by the time of both is the most that two ranks could bring.
 *
 * All take their turns within one job of mpirun, a few milliseconds apart, so that a busy moment of the machine falls on
 * all. While rank 0 works alone, as a program without mpirun does, rank 1 sleeps: a rank that waits in MPI keeps its
 * processor busy. */
#include "ranks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model.h"
#include "report.h"
#include "rv_config.h"
#include "statistics.h"

#define ROUNDS 21
#define FOUND "ranks: " /* what a line of figures begins with */

#if RV_HAVE_MPI

#include <mpi.h>

/* A workload, inference or training: seconds of all examples, and ratios. */
typedef struct comparison {
    double alone[ROUNDS], shared[ROUNDS], scaling[ROUNDS], possible[ROUNDS];
} comparison;

static void meet(void)
{
    MPI_Barrier(MPI_COMM_WORLD);
}

/* The same, but who waits takes no time from the others. */
static void meet_asleep(void)
{
    MPI_Request request;
    int done = 0;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    for (MPI_Test(&request, &done, MPI_STATUS_IGNORE); !done; MPI_Test(&request, &done, MPI_STATUS_IGNORE))
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* The first round warms up. */
static int repeat(comparison *out, bench_model *alone, bench_model *shared, const bench_workload *workload,
                  bool learns)
{
    const bool is_first = rv_context_rank(shared->context) == 0;
    for (int r = -1; r < ROUNDS; r++) {
        double one = 0, two = 0, each = 0;
        int code = is_first ? bench_model_time(&one, alone, workload, learns, NULL) : 0;
        meet_asleep();
        if (code >= 0)
            code = bench_model_time(&two, shared, workload, learns, meet);
        if (code >= 0)
            code = bench_model_time(&each, alone, workload, learns, meet);
        meet_asleep();
        if (code < 0)
            return code;
        if (r >= 0) {
            out->alone[r] = one;
            out->shared[r] = two;
            out->scaling[r] = one / two;
            out->possible[r] = 2 * one / each;
        }
    }
    return 0;
}

static int compare(const bench_workload *workload, bool learns, const rv_communicator *ranks, rv_context *context)
{
    const bench_rule rule = learns ? BENCH_EVENTPROP : BENCH_INFERENCE;
    const double us = 1e6 / (double)rv_spikes_num_examples(workload->spikes);
    bench_model alone = {0}, shared = {0};
    comparison c = {0};
    int code = bench_model_create(&alone, workload, 1, rule, NULL, context);
    if (code >= 0)
        code = bench_model_create(&shared, workload, 1, rule, ranks, context);
    if (code >= 0)
        code = repeat(&c, &alone, &shared, workload, learns);
    if (code < 0 && shared.context)
        rv_error_set(context, code, rv_last_error(shared.context));
    bench_model_free(&shared);
    bench_model_free(&alone);
    if (code >= 0 && ranks->rank == 0) {
        const double middle = bench_median(c.scaling, ROUNDS);
        printf(FOUND "%s %s %g %g %g %g %g %g\n", workload->name, learns ? "training" : "inference",
               us * bench_median(c.alone, ROUNDS), us * bench_median(c.shared, ROUNDS), middle, c.scaling[ROUNDS / 4],
               c.scaling[ROUNDS * 3 / 4], bench_median(c.possible, ROUNDS));
        fflush(stdout);
    }
    return code;
}

int bench_ranks_member(rv_context *context)
{
    static int (*const make[])(bench_workload * out, rv_context * context) = {bench_make_shd256, bench_make_mnist};
    rv_communicator ranks;
    MPI_Init(NULL, NULL);
    int code = rv_mpi_communicator(&ranks, context);
    for (size_t i = 0; i < sizeof make / sizeof *make && code >= 0; i++) {
        bench_workload workload = {0};
        code = make[i](&workload, context);
        for (int learns = 0; learns < 2 && code >= 0; learns++)
            code = compare(&workload, learns, &ranks, context);
        bench_workload_free(&workload);
    }
    if (code < 0) {
        printf("%s: %s\n", rv_strerror(code), rv_last_error(context));
        fflush(stdout);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    MPI_Finalize();
    return 0;
}

#else

int bench_ranks_member(rv_context *context)
{
    (void)context;
    printf("ranvier was built without MPI\n");
    return 1;
}

#endif

/* ---- who starts them ---- */

/* A rank to a processor. Root may: containers have no other user. */
#define COMMAND                                                                                                       \
    "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 RV_ISA=%s mpirun -n 2 --bind-to core '%s' --rank 2>&1"

static void report(json_t *results, const char *workload, const char *phase, const double figures[6])
{
    char name[80], metric[80];
    printf("  %-10s %-10s %9.2f us %9.2f us %6.2f x   %6.2f .. %4.2f %9.2f x\n", workload, phase, figures[0],
           figures[1], figures[2], figures[3], figures[4], figures[5]);
    snprintf(name, sizeof name, "ranks %s", workload);
    for (int i = 0; i < 2; i++) {
        snprintf(metric, sizeof metric, "%s time per example, %d rank%s", phase, i + 1, i ? "s" : "");
        bench_add(results, name, metric, "us", figures[i]);
    }
    snprintf(metric, sizeof metric, "%s scaling from 1 to 2 ranks", phase);
    bench_add(results, name, metric, "1", figures[2]);
    snprintf(metric, sizeof metric, "%s scaling that the machine allows", phase);
    bench_add(results, name, metric, "1", figures[5]);
}

void bench_ranks(json_t *results, rv_context *context)
{
    char program[512], command[1024], line[512], reason[512] = "";
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    printf("ranks: one rank and two in turns, one thread each; median and quartiles of %d pairs\n", ROUNDS);
    printf("  %-21s %12s %12s %8s   %-14s %11s\n", "an example", "1 rank", "2 ranks", "scaling", "quartiles",
           "possible");
    fflush(stdout);
    program[length > 0 ? length : 0] = '\0';
    snprintf(command, sizeof command, COMMAND, rv_context_isa(context), program);
    FILE *lines = length > 0 ? popen(command, "r") : NULL;
    while (lines && fgets(line, sizeof line, lines)) {
        char workload[32], phase[32];
        double f[6];
        if (sscanf(line, FOUND "%31s %31s %lf %lf %lf %lf %lf %lf", workload, phase, &f[0], &f[1], &f[2], &f[3], &f[4],
                   &f[5]) == 8)
            report(results, workload, phase, f);
        else if (!*reason && line[strspn(line, "- \n")]) /* mpirun frames what it says */
            snprintf(reason, sizeof reason, "%s", line);
        fflush(stdout);
    }
    if (!lines || pclose(lines) != 0)
        printf("  not measured: %s", *reason ? reason : "mpirun failed\n");
    printf("\n");
}
