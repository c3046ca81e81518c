/* ranvier train FILE, ranvier train --resume RUN. Everything is read, built and checked before the run folder is made
 * and the first batch is learnt. */
#include "cli/program.h"

#include <stdint.h>
#include <stdlib.h>

#include "cli/evaluate.h"
#include "cli/execute.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/progress.h"
#include "cli/ranks.h"
#include "cli/recorded.h"
#include "cli/report.h"
#include "cli/rewirings.h"
#include "cli/run_folder.h"
#include "cli/say.h"

/* A run on its way. */
typedef struct job {
    experiment e;
    char *folder;      /* of the run */
    char *checkpoints; /* folder/checkpoint */
    char *history;     /* folder/history.csv */
    bool resumes;      /* there is a checkpoint to go on from */
    rv_run *run;
    rv_result *result;
    rv_run *test_run; /* NULL without a test set */
    callback_list test_callbacks;
} job;

/* The experiment's callbacks, and those that keep what a run folder promises. */
static int read_callbacks(job *j)
{
    const int status = experiment_read_callbacks(&j->e, j->folder, "validation-");
    if (status)
        return status;
    callback_list *callbacks = &j->e.callbacks;
    j->checkpoints = path_join(j->folder, "checkpoint");
    j->history = path_join(j->folder, "history.csv");
    if (!callbacks->has_checkpoint) /* what was learnt is kept in any case */
        callback_list_add(callbacks, rv_checkpoint((rv_checkpoint_desc){
                                         .folder = j->checkpoints, .epoch_interval = SIZE_MAX, .resumable = 1}));
    if (progress_is_set() && !callbacks->has_progress)
        callback_list_add(callbacks, progress_callback(RV_PROGRESS_AUTO, 0));
    callback_list_add(callbacks, rv_csv_logger((rv_csv_logger_desc){.path = j->history}));
    return STATUS_OK;
}

/* Whether there is a checkpoint to go on from; a run that ended before its first one begins at its beginning. */
static int find_checkpoint(job *j)
{
    char *mark = path_join(j->checkpoints, "latest");
    j->resumes = path_exists(mark);
    ranks_share_flag(&j->resumes);
    free(mark);
    if (!j->resumes)
        note("%s: there is no checkpoint yet, the run begins at its beginning", j->folder);
    return STATUS_OK;
}

/* Prepares training, and the test with it: what is wrong with the test set is found now, not after training. */
static int prepare(job *j)
{
    rv_train_desc desc = experiment_train_desc(&j->e);
    desc.resume_from = j->resumes ? j->checkpoints : NULL;
    const int rc = rv_train_prepare(&j->run, j->e.model, &desc);
    if (rc < 0)
        return experiment_fault(&j->e, rc);
    callback_list_add(&j->test_callbacks, progress_callback(RV_PROGRESS_AUTO, 0));
    return evaluation_prepare(&j->test_run, &j->e, &j->test_callbacks);
}

/* A new folder, or that of the run that goes on. */
static int choose_folder(job *j, const options *given)
{
    int status = STATUS_OK;
    if (given->resume)
        j->folder = copy_text(given->operand);
    if (ranks_is_first())
        status = given->resume ? run_folder_lock(j->folder) : run_folder_choose(&j->folder, &j->e, given->out);
    status = ranks_agree(status);
    if (!status)
        ranks_share_text(&j->folder);
    return status;
}

static int check_usage(const options *given)
{
    if (!given->operand)
        return fault_usage("train", "which experiment? train needs FILE");
    if (given->resume && given->out)
        return fault_usage("train", "--resume goes on in its own folder and takes no --out");
    if (given->resume && !path_is_folder(given->operand))
        return fault("%s: is not the folder of a run", given->operand);
    return progress_set("train", given->progress);
}

static int set_up(job *j, const options *given)
{
    experiment *e = &j->e;
    int status = check_usage(given);
    if (!status)
        status = experiment_open(e, given->operand, given);
    if (!status && !e->compiler.learns)
        status = fault_at(node_find(e->compiler.where, "type"), "this compiler does not learn: train needs eventprop or eprop");
    if (!status && !e->data.sets[SET_TRAIN].where)
        status = fault_at(e->data.where, "data.train is missing: there is nothing to learn from");
    status = ranks_agree(status);
    if (!status)
        status = choose_folder(j, given);
    if (!status)
        status = read_callbacks(j);
    if (!status && given->resume)
        status = find_checkpoint(j);
    if (!status)
        status = experiment_load(e, 1U << SET_TRAIN | 1U << SET_VALIDATION | 1U << SET_TEST);
    if (!status)
        status = experiment_compile(e, true);
    return status ? status : prepare(j);
}

static void print_summary(const job *j)
{
    const experiment *e = &j->e;
    char *sizes = report_sizes(e->network.network);
    char *ranks = ranks_num() > 1 ? format_text("%d ranks of ", ranks_num()) : copy_text("");
    note("network %s, %zu steps of %g ms, batches of %zu, seed %llu, %s%d thread%s, %s", sizes,
         e->compiler.desc.example_timesteps, e->compiler.desc.dt, e->compiler.desc.batch_size,
         (unsigned long long)rv_context_seed(e->context), ranks, rv_context_num_threads(e->context),
         rv_context_num_threads(e->context) == 1 ? "" : "s", rv_context_isa(e->context));
    ranks_check_threads(e->context);
    free(ranks);
    free(sizes);
    if (!is_quiet())
        report_data(stderr, e);
}

/* What recorders have recorded, into files. */
static int save_recorded(const job *j)
{
    const rv_context *context = j->e.context;
    int rc = recorded_save(j->e.context, j->folder, j->result, &j->e.callbacks, false);
    if (rc >= 0)
        rc = recorded_save(j->e.context, j->folder, j->result, &j->e.validation_callbacks, true);
    return rc < 0 ? fault_library(NULL, context, rc) : STATUS_OK;
}

/* Trains, to the end or until a signal. */
static int execute(job *j)
{
    int status = execute_run(&j->result, j->run, &j->e);
    if (j->result && ranks_is_first()) {
        const int unsaved = save_recorded(j);
        status = status ? status : unsaved;
        if (!status)
            status = rewirings_save(&j->e, j->folder);
    }
    status = execute_agree(status);
    if (status > STATUS_SIGNAL)
        note("stopped by a signal; to go on: ranvier train --resume %s", j->folder);
    return status;
}

static int make_folder(const job *j, const options *given)
{
    if (!ranks_is_first())
        return STATUS_OK;
    if (given->resume)
        return run_folder_resume(&j->e, j->folder, given->num_settings > 0);
    const int status = run_folder_make(&j->e, j->folder);
    return status ? status : run_folder_lock(j->folder);
}

static int train(const options *given)
{
    job j = {0};
    int status = ranks_agree(set_up(&j, given));
    if (!status)
        print_summary(&j);
    if (!status)
        status = ranks_agree(make_folder(&j, given));
    if (!status)
        status = execute(&j);
    if (!status && ranks_is_first()) {
        printf("run folder: %s\n", j.folder);
        report_metrics("train", rv_result_metrics(j.result));
    }
    if (!status && j.test_run)
        status = evaluation_execute(&j.e, j.test_run, &j.test_callbacks, NULL);
    rv_run_free(j.test_run);
    rv_run_free(j.run);
    rv_result_free(j.result);
    experiment_clear(&j.e);
    free(j.history);
    free(j.checkpoints);
    free(j.folder);
    return status;
}

static const option train_options[] = {
    OPTION_ROW_SET,
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, out),
     .help = "run folder, which must not hold anything yet; default:\n"
             "the experiment's run.folder, or the next free of\n"
             "NAME-2, NAME-3, ... where that is taken"},
    {.name = "epochs",
     .letter = 'e',
     .argument = "N",
     .kind = OPTION_SET,
     .path = "training.num_epochs",
     .help = "number of epochs (--set training.num_epochs=N)"},
    {.name = "resume",
     .letter = 'r',
     .offset = offsetof(options, resume),
     .help = "go on with the run in the folder FILE, to the same bits\nas if it had never stopped"},
    OPTION_ROW_SEED,
    OPTION_ROW_THREADS,
    OPTION_ROW_PROGRESS,
    OPTION_ROW_QUIET,
    OPTION_ROW_VERBOSE,
    OPTION_ROW_HELP,
};

const command train_command = {
    .name = "train",
    .operand = "FILE",
    .summary = "train the network of an experiment file",
    .description = "Trains the network that the experiment FILE describes, then evaluates it on the test\n"
                   "set if there is one. Mistakes in the file, missing data and shapes that do not fit are\n"
                   "told before anything is written.\n"
                   "\n"
                   "The run folder gets experiment.yaml (the resolved experiment: training it again gives\n"
                   "the same bits), plan.txt, history.csv (a row per epoch), checkpoint/ and recorded/.\n"
                   "Progress goes to standard error, results go to standard output. Ctrl-C ends the run\n"
                   "after the batch at hand, with checkpoint and history written; a second one at once.\n"
                   "\n"
                   "A run that was stopped, killed or failed goes on with 'ranvier train --resume RUN', from its\n"
                   "newest checkpoint; logs are cut back to it. It may be given more --epochs.\n"
                   "\n"
                   "'mpirun -n N ranvier train FILE' splits every batch among N processes, to the same bits. One\n"
                   "of them writes and prints; if one fails or is killed, all end, and --resume goes on with any N.",
    .options = train_options,
    .num_options = sizeof train_options / sizeof train_options[0],
    .has_ranks = true,
    .run = train,
};
