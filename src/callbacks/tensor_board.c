/* TensorBoard: scalars in an event file. A record is its length, the length's checksum, an Event, and its checksum
 * (tensorflow/core/lib/io/record_writer.h); an Event is a protocol buffer (tensorflow/core/util/event.proto):
 *
 *   Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
 *   Summary { repeated Value value = 1; }    Value { string tag = 1; float simple_value = 2; }
 */
#include <ranvier/callbacks.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/crc32c.h"
#include "store/folder.h"
#include "store/log_file.h"

#define MAX_TAG 256 /* bytes */
#define MAX_EVENT (MAX_TAG + 64)
#define NAME_SIZE 64

typedef struct tensor_board {
    rv_tensor_board_desc desc;
    rv_context *context;
    rv_run *run;
    bool active;          /* in a training run, on the rank that writes */
    char name[NAME_SIZE]; /* of the file */
    uint64_t resume;      /* bytes of the file that stay in a resumed run */
    uint64_t batches;     /* so far: the step of what is written within epochs */
    rv_log_file *file;
} tensor_board;

/* ---- the format ---- */

typedef struct buffer {
    unsigned char data[MAX_EVENT];
    size_t size;
} buffer;

static void put_bytes(buffer *b, const void *data, size_t size)
{
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_little(buffer *b, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        b->data[b->size++] = (unsigned char)(value >> 8 * i);
}

static void put_varint(buffer *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        b->data[b->size++] = (unsigned char)(value | 0x80);
    b->data[b->size++] = (unsigned char)value;
}

/* Key of a field: its number and the type on the wire. */
enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static void put_key(buffer *b, unsigned field, unsigned type)
{
    put_varint(b, field << 3 | type);
}

static void put_piece(buffer *b, unsigned field, const void *data, size_t size)
{
    put_key(b, field, LENGTH);
    put_varint(b, size);
    put_bytes(b, data, size);
}

static void begin_event(buffer *b)
{
    struct timespec now;
    uint64_t bits;
    clock_gettime(CLOCK_REALTIME, &now);
    const double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    b->size = 0;
    put_key(b, 1, FIXED64);
    put_little(b, bits, 8);
}

static uint32_t masked_crc(const void *data, size_t size)
{
    const uint32_t crc = rv_crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xA282EAD8U;
}

static int write_record(tensor_board *state, const buffer *event)
{
    unsigned char bytes[MAX_EVENT + 16];
    buffer head = {.size = 0}, tail = {.size = 0};
    put_little(&head, event->size, 8);
    put_little(&head, masked_crc(head.data, 8), 4);
    put_little(&tail, masked_crc(event->data, event->size), 4);
    memcpy(bytes, head.data, 12);
    memcpy(bytes + 12, event->data, event->size);
    memcpy(bytes + 12 + event->size, tail.data, 4);
    return rv_log_file_write(state->file, bytes, event->size + 16);
}

static int write_version(tensor_board *state)
{
    static const char version[] = "brain.Event:2";
    buffer event;
    begin_event(&event);
    put_piece(&event, 3, version, sizeof version - 1);
    return write_record(state, &event);
}

static int write_scalar(tensor_board *state, const char *prefix, const char *label, uint64_t step, double x)
{
    char tag[MAX_TAG];
    buffer event, value = {.size = 0}, summary = {.size = 0};
    uint32_t bits;
    const float number = (float)x;
    snprintf(tag, sizeof tag, "%s%s", prefix, label);
    memcpy(&bits, &number, sizeof bits);
    put_piece(&value, 1, tag, strlen(tag));
    put_key(&value, 2, FIXED32);
    put_little(&value, bits, 4);
    put_piece(&summary, 1, value.data, value.size);
    begin_event(&event);
    put_key(&event, 2, VARINT);
    put_varint(&event, step);
    put_piece(&event, 5, summary.data, summary.size);
    return write_record(state, &event);
}

/* ---- hooks ---- */

static int create(void **user, const rv_callback *self, rv_context *context)
{
    tensor_board *state = *user = rv_alloc(context, 1, sizeof *state, "a TensorBoard");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    if (!state->desc.folder)
        state->desc.folder = "logs";
    return RV_OK;
}

static void destroy(void *user)
{
    tensor_board *state = user;
    rv_log_file_close(state->file);
    rv_free(state);
}

static int set_params(void *user, rv_run *run)
{
    tensor_board *state = user;
    state->run = run;
    state->active = rv_run_is_training(run) && rv_run_rank(run) == 0;
    return RV_OK;
}

static int on_train_begin(void *user)
{
    tensor_board *state = user;
    if (!state->active)
        return RV_OK;
    if (!rv_run_is_resumed(state->run))
        snprintf(state->name, sizeof state->name, "events.out.tfevents.%lld.%ld", (long long)time(NULL),
                 (long)getpid());
    int rc = rv_folder_make(state->context, state->desc.folder);
    if (rc < 0)
        return rc;
    char *path = rv_format(state->context, "%s/%s", state->desc.folder, state->name);
    rc = path ? rv_log_file_open(&state->file, state->context, path, state->resume) : RV_ERR_MEMORY;
    rv_free(path);
    return rc < 0 || state->resume > 0 ? rc : write_version(state);
}

static int write_metrics(tensor_board *state, const char *prefix, uint64_t step, const rv_metrics *metrics)
{
    int rc = RV_OK;
    for (size_t i = 0; rc == RV_OK && i < metrics->num; i++)
        rc = write_scalar(state, prefix, metrics->items[i].label, step, metrics->items[i].value);
    return rc;
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    tensor_board *state = user;
    double alpha;
    if (!state->active)
        return RV_OK;
    const int rc = write_metrics(state, "", epoch, metrics);
    if (rc < 0 || rv_optimiser_param_get(rv_run_compiled_network(state->run), "alpha", &alpha) < 0)
        return rc;
    return write_scalar(state, "", "alpha", epoch, alpha);
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    tensor_board *state = user;
    const size_t interval = state->desc.batch_interval;
    state->batches++;
    return state->active && interval && state->batches % interval == 0
               ? write_metrics(state, "batch_", state->batches, metrics)
               : RV_OK;
}

static int on_train_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    tensor_board *state = user;
    rv_log_file_close(state->file);
    state->file = NULL;
    return RV_OK;
}

static int save(void *user, rv_state *out)
{
    const tensor_board *state = user;
    const uint64_t size = state->file ? rv_log_file_size(state->file) : 0;
    int rc = state->file ? rv_log_file_sync(state->file) : RV_OK;
    if (rc == RV_OK)
        rc = rv_state_put(out, "bytes", RV_UINT64, &size, 1);
    if (rc == RV_OK)
        rc = rv_state_put(out, "batches", RV_UINT64, &state->batches, 1);
    return rc < 0 ? rc : rv_state_put(out, "file", RV_UINT8, state->name, sizeof state->name);
}

static int load(void *user, rv_state *from)
{
    tensor_board *state = user;
    int rc = rv_state_get(from, "bytes", RV_UINT64, &state->resume, 1);
    if (rc == RV_OK)
        rc = rv_state_get(from, "batches", RV_UINT64, &state->batches, 1);
    if (rc == RV_OK)
        rc = rv_state_get(from, "file", RV_UINT8, state->name, sizeof state->name);
    if (rc == RV_OK && (!memchr(state->name, '\0', sizeof state->name) || strchr(state->name, '/')))
        rc = rv_fail(state->context, RV_ERR_CHECKPOINT, "TensorBoard: the checkpoint does not name its file");
    return rc;
}

rv_callback rv_tensor_board(rv_tensor_board_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "TensorBoard",
        .create = create,
        .destroy = destroy,
        .set_params = set_params,
        .on_train_begin = on_train_begin,
        .on_epoch_end = on_epoch_end,
        .on_batch_end = on_batch_end,
        .on_train_end = on_train_end,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
