/* Event camera recordings in N-MNIST's format (Orchard et al. 2015): 5 bytes an event: x, y, then polarity (1 bit) and
 * time in us (23 bits), big-endian. An event in row 240 is none: it says that the clock ran over and 2^13 us are to be
 * added to all later times. */
#include <ranvier/data.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "data/spikes.h"
#include "store/text_file.h"

#define EVENT_SIZE 5 /* bytes */
#define OVERFLOW_ROW 240
#define OVERFLOW_TIME 8192 /* us */
#define MAX_STEP 0x1p53    /* beyond it a double does not tell steps apart */

typedef struct nmnist_reader {
    rv_context *context;
    rv_nmnist desc; /* defaults filled in */
    char *bytes;    /* of one recording */
    size_t bytes_capacity;
    double *times; /* ms, its spikes */
    size_t times_capacity;
    int32_t *ids;
    size_t ids_capacity;
} nmnist_reader;

/* The neuron of an event, or -1 if its polarity is not wanted. */
static int32_t neuron_of(const rv_nmnist *desc, unsigned x, unsigned y, unsigned on)
{
    const int32_t pixel = (int32_t)(y * desc->width + x);
    switch (desc->polarity) {
    case RV_POLARITY_BOTH:
        return 2 * pixel + (int32_t)on;
    case RV_POLARITY_ON:
        return on ? pixel : -1;
    case RV_POLARITY_OFF:
        return on ? -1 : pixel;
    case RV_POLARITY_MERGE:
        break;
    }
    return pixel;
}

/* Events to times and ids; *num is how many. */
static int decode(nmnist_reader *reader, const char *path, size_t num_events, size_t *num)
{
    const rv_nmnist *desc = &reader->desc;
    uint64_t overflow = 0; /* us */
    int rc;

    if ((rc = rv_grow(reader->context, &reader->times, &reader->times_capacity, num_events, sizeof *reader->times,
                      path)) < 0 ||
        (rc = rv_grow(reader->context, &reader->ids, &reader->ids_capacity, num_events, sizeof *reader->ids, path)) <
            0)
        return rc;
    *num = 0;
    for (size_t i = 0; i < num_events; i++) {
        const unsigned char *event = (const unsigned char *)reader->bytes + i * EVENT_SIZE;
        const unsigned x = event[0], y = event[1], on = event[2] >> 7;
        const uint64_t time = (uint64_t)(event[2] & 0x7FU) << 16 | (uint64_t)event[3] << 8 | event[4];
        if (y == OVERFLOW_ROW && desc->height <= OVERFLOW_ROW) {
            overflow += OVERFLOW_TIME;
            continue;
        }
        if (x >= desc->width || y >= desc->height)
            return rv_fail(reader->context, RV_ERR_DATA,
                           "%s: event %zu is at (%u, %u), the sensor has %zu x %zu pixels", path, i, x, y, desc->width,
                           desc->height);
        const int32_t neuron = neuron_of(desc, x, y, on);
        if (neuron < 0)
            continue;
        reader->times[*num] = (double)(time + overflow) * desc->time_scale;
        reader->ids[(*num)++] = neuron;
    }
    return RV_OK;
}

typedef struct event {
    int64_t step;
    int32_t id;
} event;

static int compare_events(const void *a, const void *b)
{
    const event *left = a, *right = b;
    if (left->step != right->step)
        return left->step < right->step ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* Replaces the events of each neuron in each step by one spike at the start of the step where there are more than
 * `threshold` of them, in place. */
static int histogram(nmnist_reader *reader, const char *path, size_t threshold, size_t *num)
{
    const double dt = reader->desc.dt;
    const size_t num_events = *num;
    event *events = rv_alloc(reader->context, num_events, sizeof *events, path);
    if (!events)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num_events; i++) {
        const double step = floor(reader->times[i] / dt);
        if (!(step < MAX_STEP)) {
            rv_free(events);
            return rv_fail(reader->context, RV_ERR_VALUE, "%s: dt = %g ms is too short for an event at %g ms", path,
                           dt, reader->times[i]);
        }
        events[i] = (event){.step = (int64_t)step, .id = reader->ids[i]};
    }
    qsort(events, num_events, sizeof *events, compare_events);

    *num = 0;
    for (size_t i = 0, next; i < num_events; i = next) {
        for (next = i + 1; next < num_events && compare_events(&events[i], &events[next]) == 0; next++)
            ;
        if (next - i <= threshold)
            continue;
        reader->times[*num] = (double)events[i].step * dt;
        reader->ids[(*num)++] = events[i].id;
    }
    rv_free(events);
    return RV_OK;
}

/* The path of a sample, with the suffix that exists; where none does, the first one's absence is reported later. */
static char *find_recording(rv_context *context, const char *folder, const char *sample)
{
    char *path = rv_format(context, "%s/%s.bin", folder, sample);
    if (path && access(path, F_OK) != 0) {
        rv_free(path);
        path = rv_format(context, "%s/%s.bs2", folder, sample);
    }
    return path;
}

static int append_recording(nmnist_reader *reader, rv_spikes *spikes, const char *folder, const char *sample)
{
    const int threshold = reader->desc.histogram_thresh;
    size_t size, num;
    int rc;

    char *path = find_recording(reader->context, folder, sample);
    if (!path)
        return RV_ERR_MEMORY;
    if ((rc = rv_file_read(reader->context, path, &reader->bytes, &reader->bytes_capacity, &size)) < 0)
        goto out;
    if (size % EVENT_SIZE != 0) {
        rc = rv_fail(reader->context, RV_ERR_FORMAT, "%s: its %zu bytes are no whole number of events of %d bytes",
                     path, size, EVENT_SIZE);
        goto out;
    }
    if ((rc = decode(reader, path, size / EVENT_SIZE, &num)) < 0 ||
        (threshold != 0 && (rc = histogram(reader, path, threshold < 0 ? 0 : (size_t)threshold, &num)) < 0))
        goto out;
    rc = rv_spikes_append(spikes, reader->times, reader->ids, num);
out:
    rv_free(path);
    return rc;
}

/* "sample class" of one line of the index; false if it is something else. */
static bool parse_entry(char *line, char **sample, int32_t *class)
{
    static const char blanks[] = " \t\r\n,";
    char *end, *rest = NULL;

    *sample = strtok_r(line, blanks, &rest);
    char *label = *sample ? strtok_r(NULL, blanks, &rest) : NULL;
    if (!label || strtok_r(NULL, blanks, &rest) || strchr(*sample, '/'))
        return false;
    errno = 0;
    const long number = strtol(label, &end, 10);
    if (*end || errno || number < 0 || number >= INT32_MAX)
        return false;
    *class = (int32_t)number;
    return true;
}

/* Labels and spikes of all samples of the index. */
static int read_samples(nmnist_reader *reader, rv_dataset *out, rv_text *index, const char *folder)
{
    size_t capacity = 0;
    bool is_first = true;
    char *line, *sample;
    int32_t label;
    int rc;

    for (; (line = rv_text_next(index)); is_first = false) {
        if (is_first && !strpbrk(line, "0123456789")) /* names of the columns */
            continue;
        if (!parse_entry(line, &sample, &label))
            return rv_fail(reader->context, RV_ERR_FORMAT, "%s:%zu: expected a sample and its class", index->path,
                           index->line);
        if ((rc = rv_grow(reader->context, &out->labels, &capacity, out->num_examples + 1, sizeof *out->labels,
                          index->path)) < 0 ||
            (rc = append_recording(reader, out->spikes, folder, sample)) < 0 ||
            (rc = rv_dataset_set_label(out, reader->context, out->num_examples, label, index->path)) < 0)
            return rc;
        out->num_examples++;
    }
    rv_spikes_trim(out->spikes);
    return out->num_examples > 0 ? RV_OK
                                 : rv_fail(reader->context, RV_ERR_FORMAT, "%s: lists no samples", index->path);
}

/* Fills in defaults and checks. */
static int set_up(nmnist_reader *reader, const rv_nmnist *desc, const char *what)
{
    rv_nmnist *full = &reader->desc;
    if (desc)
        *full = *desc;
    if (full->width == 0)
        full->width = 34;
    if (full->height == 0)
        full->height = 34;
    if (full->time_scale == 0)
        full->time_scale = 0.001;
    if (full->dt == 0)
        full->dt = 1;
    if (full->width > 256 || full->height > 256)
        return rv_fail(reader->context, RV_ERR_VALUE, "%s: width and height must be at most 256, got %zu and %zu",
                       what, full->width, full->height);
    if (!isfinite(full->time_scale) || full->time_scale < 0)
        return rv_fail(reader->context, RV_ERR_VALUE, "%s: time_scale must be > 0 ms, got %g", what, full->time_scale);
    if (!isfinite(full->dt) || full->dt < 0)
        return rv_fail(reader->context, RV_ERR_VALUE, "%s: dt must be > 0 ms, got %g", what, full->dt);
    if (full->polarity < RV_POLARITY_BOTH || full->polarity > RV_POLARITY_OFF)
        return rv_fail(reader->context, RV_ERR_ARGUMENT, "%s: unknown polarity %d", what, (int)full->polarity);
    return RV_OK;
}

int rv_read_nmnist(rv_dataset *out, rv_context *context, const char *index, const char *folder, const rv_nmnist *desc)
{
    nmnist_reader reader = {.context = context};
    rv_text text = {0};
    int rc;

    memset(out, 0, sizeof *out);
    if ((rc = set_up(&reader, desc, index)) < 0)
        return rc;
    const size_t shape[] = {reader.desc.height, reader.desc.width, reader.desc.polarity == RV_POLARITY_BOTH ? 2 : 1};
    if ((rc = rv_dataset_start(out, context, 0, 3, shape, index)) < 0 ||
        (rc = rv_spikes_create(&out->spikes, context, out->num_inputs)) < 0 ||
        (rc = rv_text_read(&text, context, index)) < 0)
        goto out;
    rc = read_samples(&reader, out, &text, folder);
out:
    rv_text_clear(&text);
    rv_free(reader.bytes);
    rv_free(reader.times);
    rv_free(reader.ids);
    if (rc < 0)
        rv_dataset_clear(out);
    return rc;
}
