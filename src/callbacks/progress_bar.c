/* BatchProgressBar: one line that is redrawn where standard error is a terminal, else one line per epoch or test.
 *
 * An epoch of training leaves one line. The bar of its validation shows on the same line and takes it away again, and
 * then training draws it once more with what validation found. */
#include <ranvier/callbacks.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "callbacks/bar.h"
#include "callbacks/json_progress.h"

#define REDRAW_INTERVAL 0.1 /* s, unless another is asked for */
#define SMOOTHING 0.3       /* weight of the newest interval in the rate, as in tqdm */

typedef struct progress_bar {
    rv_progress_desc desc;
    rv_run *run;
    bool silent; /* on another rank than the one that writes */
    enum {
        TRAINING,
        VALIDATION,
        TEST
    } phase;
    bool terminal;
    bool drawn;           /* something is on the current line of the terminal */
    bool open;            /* begun and not finished */
    rv_bar bar;           /* as of the last batch */
    char description[48]; /* of the bar */
    double start;         /* s on the clock, as those below */
    double drawn_at;      /* when the line was last drawn */
    size_t drawn_done;    /* and the batches it showed */
    double mean_batches;  /* moving averages over redraws: their ratio is the rate */
    double mean_seconds;
} progress_bar;

/* Whether text goes to a terminal that knows how to overwrite a line. */
static bool is_terminal(void)
{
    const char *type = getenv("TERM");
    return isatty(STDERR_FILENO) && type && *type && strcmp(type, "dumb") != 0;
}

/* Block elements need a UTF-8 locale, and fonts that the Linux console lacks. The environment is looked at because a
 * library must not call setlocale. */
static bool has_blocks(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *type = getenv("TERM"), *locale = NULL;
    for (size_t i = 0; i < sizeof variables / sizeof *variables && (!locale || !*locale); i++)
        locale = getenv(variables[i]);
    return locale && (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8")) && type && strcmp(type, "linux") != 0;
}

/* Columns that a line may take, asked for at each redraw since terminals are resized. Two are left free, for the ^C
 * that a terminal shows: a line that wraps cannot be overwritten. */
static size_t line_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 78;
    return size.ws_col > 2 ? size.ws_col - 2U : 1;
}

static void draw(progress_bar *state)
{
    char line[RV_BAR_SIZE];
    rv_bar_format(line, &state->bar, line_width());
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    state->drawn = true;
}

/* Draws if the last time is long enough ago, and moves the rate on. */
static void redraw(progress_bar *state, double now)
{
    const bool complete = state->bar.done == state->bar.total;
    if (!state->terminal || (now - state->drawn_at < state->desc.interval && !complete))
        return;
    const double batches = (double)(state->bar.done - state->drawn_done);
    state->mean_batches += SMOOTHING * (batches - state->mean_batches);
    state->mean_seconds += SMOOTHING * (now - state->drawn_at - state->mean_seconds);
    state->bar.rate = state->mean_seconds > 0 ? state->mean_batches / state->mean_seconds : 0;
    state->drawn_at = now;
    state->drawn_done = state->bar.done;
    draw(state);
}

static void begin(progress_bar *state)
{
    state->bar = (rv_bar){
        .description = state->description,
        .total = rv_run_num_batches(state->run),
        .unicode = has_blocks(),
    };
    state->start = state->drawn_at = rv_clock_seconds();
    state->drawn_done = 0;
    state->mean_batches = state->mean_seconds = 0;
    state->open = true;
    if (state->terminal)
        draw(state);
}

/* The line as it stays: with all metrics, and the mean rate. Time stands still since the last batch. */
static void finish(progress_bar *state, const rv_metrics *metrics)
{
    char line[RV_BAR_SIZE];
    rv_bar *bar = &state->bar;
    if (!state->open)
        return;
    bar->metrics = metrics;
    bar->rate = bar->elapsed > 0 ? (double)bar->done / bar->elapsed : 0;
    bar->finished = true;
    if (state->terminal) {
        draw(state);
        fputc('\n', stderr);
    } else if (!state->silent) {
        rv_bar_format(line, bar, 0);
        fprintf(stderr, "%s\n", line);
    }
    fflush(stderr);
    bar->metrics = NULL;
    state->drawn = state->open = false;
}

/* Takes the line away, for another bar to use it. */
static void erase(progress_bar *state)
{
    if (state->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    state->drawn = state->open = false;
}

static int create(void **user, const rv_callback *self, rv_context *context)
{
    progress_bar *state = *user = rv_alloc(context, 1, sizeof *state, "a BatchProgressBar");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    if (state->desc.interval == 0)
        state->desc.interval = REDRAW_INTERVAL;
    return RV_OK;
}

static void destroy(void *user)
{
    progress_bar *state = user;
    if (state->drawn)
        fputc('\n', stderr); /* the run failed: what is said about it begins on a line of its own */
    rv_free(state);
}

static int set_params(void *user, rv_run *run)
{
    progress_bar *state = user;
    state->run = run;
    state->phase = rv_run_is_training(run) ? TRAINING : rv_run_is_validation(run) ? VALIDATION : TEST;
    state->silent = rv_run_rank(run) != 0;
    state->terminal = !state->silent && state->desc.mode != RV_PROGRESS_LINES && is_terminal();
    return rv_progress_check(run, &state->desc);
}

static int on_test_begin(void *user)
{
    progress_bar *state = user;
    if (state->phase == TEST) {
        snprintf(state->description, sizeof state->description, "Test");
        begin(state);
    }
    return RV_OK;
}

static int on_test_end(void *user, const rv_metrics *metrics)
{
    progress_bar *state = user;
    if (state->phase == TEST)
        finish(state, metrics);
    else
        erase(state);
    return RV_OK;
}

static int on_train_end(void *user, const rv_metrics *metrics)
{
    finish(user, metrics); /* of a run that was stopped in an epoch */
    return RV_OK;
}

/* A run that was resumed within an epoch begins in the middle of its line. */
static int on_train_begin(void *user)
{
    progress_bar *state = user;
    const size_t done = rv_run_start_batch(state->run);
    if (rv_run_resumes_epoch(state->run)) {
        snprintf(state->description, sizeof state->description, "Epoch %zu", rv_run_epoch(state->run));
        begin(state);
        state->bar.done = state->drawn_done = done;
    }
    return RV_OK;
}

static int on_epoch_begin(void *user, size_t epoch)
{
    progress_bar *state = user;
    if (state->phase != TEST) {
        snprintf(state->description, sizeof state->description, "Epoch %zu%s", epoch,
                 state->phase == VALIDATION ? " validation" : "");
        begin(state);
    }
    return RV_OK;
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)epoch;
    progress_bar *state = user;
    if (state->phase == TRAINING)
        finish(state, metrics);
    else if (state->phase == VALIDATION)
        erase(state);
    return RV_OK;
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    progress_bar *state = user;
    const double now = rv_clock_seconds();
    state->bar.done++;
    state->bar.elapsed = now - state->start;
    state->bar.metrics = metrics;
    redraw(state, now);
    state->bar.metrics = NULL; /* they are the run's, and only for now */
    return RV_OK;
}

rv_callback rv_progress(rv_progress_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    if (desc.mode == RV_PROGRESS_JSON)
        return rv_json_progress(desc);
    if (desc.mode == RV_PROGRESS_QUIET)
        return (rv_callback){.name = "BatchProgressBar"};
    rv_callback callback = {
        .name = "BatchProgressBar",
        .create = create,
        .destroy = destroy,
        .set_params = set_params,
        .on_test_begin = on_test_begin,
        .on_test_end = on_test_end,
        .on_train_begin = on_train_begin,
        .on_train_end = on_train_end,
        .on_epoch_begin = on_epoch_begin,
        .on_epoch_end = on_epoch_end,
        .on_batch_end = on_batch_end,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}

rv_callback rv_batch_progress_bar(void)
{
    return rv_progress((rv_progress_desc){.mode = RV_PROGRESS_AUTO});
}
