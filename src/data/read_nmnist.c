/* Event camera recordings in N-MNIST's format (Orchard et al. 2015): 5 bytes an event: x, y, then polarity (1 bit) and
 * time in us (23 bits), big-endian. An event in row 240 is none: it says that the clock ran over and 2^13 us are to be
 * added to all later times. */
#include <ranvier/data.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "data/events.h"
#include "data/spikes.h"
#include "store/text_file.h"

#define EVENT_SIZE 5 /* bytes */
#define OVERFLOW_ROW 240
#define OVERFLOW_TIME 8192 /* us */
#define MAX_SIDE 256       /* pixels: a coordinate is a byte */

typedef struct nmnist_reader {
    rv_context *context;
    char *bytes; /* of one recording */
    size_t bytes_capacity;
    rv_event_buffer events; /* its own */
} nmnist_reader;

/* The events of a recording. */
static int decode(nmnist_reader *reader, const char *path, size_t num_events)
{
    uint64_t overflow = 0; /* us */
    int rc = rv_event_buffer_begin(&reader->events, num_events, path);
    for (size_t i = 0; i < num_events && rc == RV_OK; i++) {
        const unsigned char *event = (const unsigned char *)reader->bytes + i * EVENT_SIZE;
        const uint64_t time = (uint64_t)(event[2] & 0x7FU) << 16 | (uint64_t)event[3] << 8 | event[4];
        if (event[1] == OVERFLOW_ROW && reader->events.desc.height <= OVERFLOW_ROW)
            overflow += OVERFLOW_TIME;
        else
            rc = rv_event_buffer_add(&reader->events,
                                     &(rv_camera_event){.time = (double)(time + overflow),
                                                 .x = event[0],
                                                 .y = event[1],
                                                 .on = event[2] >> 7},
                                     i, path);
    }
    return rc;
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
    size_t size;
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
    rc = decode(reader, path, size / EVENT_SIZE);
    if (rc == RV_OK)
        rc = rv_event_buffer_append(&reader->events, spikes, path);
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

int rv_read_nmnist(rv_dataset *out, rv_context *context, const char *index, const char *folder, const rv_nmnist *desc)
{
    nmnist_reader reader = {.context = context};
    rv_text text = {0};
    int rc;

    memset(out, 0, sizeof *out);
    if ((rc = rv_event_buffer_init(&reader.events, context, desc, index)) < 0)
        return rc;
    const rv_nmnist *full = &reader.events.desc;
    if (full->width > MAX_SIDE || full->height > MAX_SIDE)
        return rv_fail(context, RV_ERR_VALUE, "%s: width and height must be at most %d, got %zu and %zu", index,
                       MAX_SIDE, full->width, full->height);
    const size_t shape[] = {full->height, full->width, full->polarity == RV_POLARITY_BOTH ? 2 : 1};
    if ((rc = rv_dataset_start(out, context, 0, 3, shape, index)) < 0 ||
        (rc = rv_spikes_create(&out->spikes, context, out->num_inputs)) < 0 ||
        (rc = rv_text_read(&text, context, index)) < 0)
        goto out;
    rc = read_samples(&reader, out, &text, folder);
out:
    rv_text_clear(&text);
    rv_free(reader.bytes);
    rv_event_buffer_clear(&reader.events);
    if (rc < 0)
        rv_dataset_clear(out);
    return rc;
}
