#include "cli/history.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "store/atomic_file.h"

void history_start(history *out, const char *folder)
{
    *out = (history){.path = path_join(folder, "history.csv"), .text = copy_text("")};
}

void history_clear(history *h)
{
    free(h->path);
    free(h->text);
    *h = (history){0};
}

static void append(history *h, char *piece)
{
    const size_t length = strlen(piece);
    h->text = remake(h->text, h->size + length + 1, 1);
    memcpy(h->text + h->size, piece, length + 1);
    h->size += length;
    free(piece);
}

/* Names of metrics are short where there is one output: "loss", else "output.loss". */
static bool one_output(const rv_metrics *metrics)
{
    for (size_t i = 1; i < metrics->num; i++)
        if (strcmp(metrics->items[i].output, metrics->items[0].output) != 0)
            return false;
    return true;
}

static void append_header(history *h, const rv_metrics *metrics)
{
    const bool brief = one_output(metrics);
    append(h, copy_text("epoch"));
    for (size_t i = 0; i < metrics->num; i++) {
        const rv_metric_value *m = &metrics->items[i];
        append(h, brief ? format_text(",%s", m->name) : format_text(",%s.%s", m->output, m->name));
    }
    append(h, copy_text("\n"));
}

/* The whole file every time: a reader, or a kill, finds whole rows only. */
static int save(history *h)
{
    return rv_atomic_file_save(h->context, h->path, h->text, h->size);
}

static int set_params(void *user, rv_run *run)
{
    ((history *)user)->context = rv_run_context(run);
    return RV_OK;
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    history *h = user;
    if (h->num_rows++ == 0)
        append_header(h, metrics);
    append(h, format_text("%zu", epoch));
    for (size_t i = 0; i < metrics->num; i++)
        append(h, format_text(",%.9g", metrics->items[i].value));
    append(h, copy_text("\n"));
    return save(h);
}

/* A run that is stopped in its first epoch leaves a history without rows. */
static int on_train_end(void *user, const rv_metrics *metrics)
{
    history *h = user;
    if (h->num_rows > 0)
        return RV_OK;
    append_header(h, metrics);
    return save(h);
}

rv_callback history_callback(history *h)
{
    return (rv_callback){
        .name = "History",
        .user = h,
        .set_params = set_params,
        .on_epoch_end = on_epoch_end,
        .on_train_end = on_train_end,
    };
}
