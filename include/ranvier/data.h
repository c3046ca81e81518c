/* SPIKES IN: spike trains, data sets, encoders, generators and readers of data files.
 *
 * Spike trains are kept as times (ms, float32) and neuron ids, 6 bytes a spike for up to 65,536 neurons, and are
 * binned to timesteps when a run is prepared. All readers treat their files as hostile: sizes are checked before
 * anything is allocated, and what is wrong is said with file and place.
 */
#ifndef RANVIER_DATA_H
#define RANVIER_DATA_H

#include <ranvier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_DIMS 4

/* ---- spike trains ------------------------------------------------------------------------------------------- */

/* The spike trains of many examples, fed into one input population. mlGeNN's list of PreprocessedSpikes. */
typedef struct rv_spikes rv_spikes;

/* An empty set for a population of num_neurons (1 .. 2^31 - 1). The context must outlive it. */
RV_API int rv_spikes_create(rv_spikes **out, rv_context *context, size_t num_neurons);
RV_API void rv_spikes_free(rv_spikes *spikes);

/* Appends one example: num spikes, times in ms (>= 0, finite), ids in [0, num_neurons), in any order; they are kept
 * sorted by (time, id). num = 0 is an example without spikes.
 * Errors: RV_ERR_SPIKE names example, spike and value; nothing is appended then. */
RV_API int rv_spikes_append(rv_spikes *spikes, const double *times, const int32_t *ids, size_t num);

RV_API size_t rv_spikes_num_examples(const rv_spikes *spikes);
RV_API size_t rv_spikes_num_neurons(const rv_spikes *spikes);
/* Number of spikes of one example; 0 if there is no such example. */
RV_API size_t rv_spikes_count(const rv_spikes *spikes, size_t example);
/* Copies one example out, sorted by (time, id); times and ids have room for rv_spikes_count (either may be NULL).
 * Errors: RV_ERR_ARGUMENT if there is no such example. */
RV_API int rv_spikes_get(const rv_spikes *spikes, size_t example, double *times, int32_t *ids);
/* The most spikes of any example (mlGeNN: calc_max_spikes) and the latest spike time in ms
 * (calc_latest_spike_time); 0 where there is none. */
RV_API size_t rv_spikes_max_count(const rv_spikes *spikes);
RV_API double rv_spikes_latest_time(const rv_spikes *spikes);
/* Bytes held. */
RV_API size_t rv_spikes_memory(const rv_spikes *spikes);

/* ---- data sets ---------------------------------------------------------------------------------------------- */

/* What a reader or generator yields. Owned by the caller: rv_dataset_clear frees what is in it. */
typedef struct rv_dataset {
    size_t num_examples;
    size_t shape[RV_MAX_DIMS]; /* of one example, unused dimensions 0: {28, 28} */
    size_t num_inputs;         /* product of shape */
    float *values;             /* (num_examples, num_inputs), or NULL where the data are spikes; from malloc */
    rv_spikes *spikes;         /* or NULL where the data are values that are not encoded */
    int32_t *labels;           /* (num_examples), or NULL; from malloc */
    int32_t num_classes;       /* largest label + 1; truncating keeps it */
    float *targets;            /* (num_examples, num_target_steps, num_targets) of a regression, or NULL; from malloc */
    size_t num_target_steps;   /* timesteps that have targets; 1: they are for the whole example */
    size_t num_targets;        /* output neurons that have targets */
} rv_dataset;

/* Frees the contents and zeroes the struct. A zeroed struct is legal. */
RV_API void rv_dataset_clear(rv_dataset *dataset);

/* Keeps the first num examples (all if there are fewer). */
RV_API int rv_dataset_truncate(rv_dataset *dataset, size_t num);

/* ---- encoders: values to spikes (into an empty dataset->spikes; the values stay) ------------------------------ */

/* Errors of all: RV_ERR_VALUE for the encoder's own parameters, RV_ERR_DATA for a value it cannot encode, RV_ERR_STATE
 * if there are no values or already spikes. The data set is unchanged then. */

/* One spike per input x > threshold at (max_value - x) / max_value * (max_time - min_time) + min_time.
 * mlGeNN's linear_latency_encode_data. */
typedef struct rv_linear_latency {
    double max_time;  /* ms, > min_time; required */
    double min_time;  /* ms, >= 0; default 0 */
    double threshold; /* inputs <= threshold do not spike; >= 0; used if threshold_given, else 1 */
    bool threshold_given;
    double max_value; /* the input that spikes first; larger ones are an error; default 255 */
} rv_linear_latency;
RV_API int rv_encode_linear_latency(rv_dataset *dataset, rv_context *context, const rv_linear_latency *desc);

/* One spike per input x > threshold at tau_eff * ln(x / (x - threshold)), if it is not later than max_time.
 * mlGeNN's log_latency_encode_data. */
typedef struct rv_log_latency {
    double tau_eff;   /* ms, > 0; required */
    double threshold; /* > 0; required */
    double max_time;  /* ms; later spikes are left out; default 0 = none */
} rv_log_latency;
RV_API int rv_encode_log_latency(rv_dataset *dataset, rv_context *context, const rv_log_latency *desc);

/* Poisson spike trains: in every step an input x fires with probability 1 - exp(-x / max_value * max_rate * dt / 1000),
 * at the start of the step; inputs <= 0 do not.
 * Random bits belong to (seed of the context, example, input, step): no order of evaluation changes them. */
typedef struct rv_poisson {
    double max_rate;  /* Hz of an input of max_value, > 0; required */
    double duration;  /* ms, > 0; required */
    double dt;        /* ms, > 0; default 1 */
    double max_value; /* > 0; default 255 */
} rv_poisson;
RV_API int rv_encode_poisson(rv_dataset *dataset, rv_context *context, const rv_poisson *desc);

/* Values in [0, 1] as one spike per input at x * (max_time - min_time) + min_time, as Yin-Yang is presented. */
typedef struct rv_time_code {
    double max_time;  /* ms, > min_time; required */
    double min_time;  /* ms, >= 0; default 0 */
    bool add_bias;    /* appends one neuron, number num_inputs, that always spikes at bias_time; default false */
    double bias_time; /* ms, >= 0; default 0 */
} rv_time_code;
RV_API int rv_encode_time(rv_dataset *dataset, rv_context *context, const rv_time_code *desc);

/* ---- generators --------------------------------------------------------------------------------------------- */

/* The Yin-Yang set (Kriener, Goeltz, Petrovici 2022): points (x, y, 1 - x, 1 - y) in [0, 1]^4. Classes as published:
 * 0 and 1 the halves of the disc, 2 the dots; each point's class is drawn first, so all are equally likely. */
typedef struct rv_yin_yang {
    size_t num_examples; /* >= 1; required */
    uint64_t seed;  /* makes a split: use another one for the test set; default 0; mixed with the context's seed */
    double r_small; /* radius of the dots, > 0, < r_big / 2; default 0.1 */
    double r_big;   /* radius of the disc, > 0, <= 0.5; default 0.5 */
} rv_yin_yang;
RV_API int rv_generate_yin_yang(rv_dataset *out, rv_context *context, const rv_yin_yang *desc);

/* Pattern generation (Bellec et al. 2020): the inputs are a clock, num_groups groups of them that spike one after the
 * other, every `interval`, each for its part of the duration; outputs are to follow sinusoids: target k = 0, 1, ... is
 * sin(2 pi (k + 1) t / T) in timestep t of T = duration / dt. All examples are the same. */
typedef struct rv_pattern_generation {
    size_t num_examples; /* >= 1; default 1 */
    size_t num_inputs;   /* >= num_groups; default 20 */
    size_t num_groups;   /* >= 1; default 5 */
    size_t num_outputs;  /* >= 1; default 3 */
    double duration;     /* ms of an example, > 0; default 1000 */
    double interval;     /* ms between spikes of a neuron of the group at work, > 0; default 10 */
    double dt;           /* ms, > 0: the timestep that targets are for; default 1 */
} rv_pattern_generation;
RV_API int rv_generate_pattern_generation(rv_dataset *out, rv_context *context, const rv_pattern_generation *desc);

/* Delayed recall (the store-recall task of Bellec et al. 2018, with one value): the label, 0 or 1, is shown for `cue` ms,
 * then nothing for `delay` ms, then for `cue` ms the command to recall it. A quarter each of the inputs spikes, as
 * Poisson trains, while 0 is shown, while 1 is shown, as either is (the command to store it), and at recall. */
typedef struct rv_store_recall {
    size_t num_examples; /* >= 1; required */
    uint64_t seed;       /* makes a split, as rv_yin_yang's; default 0 */
    size_t num_inputs;   /* a multiple of 4; default 40 */
    double cue;          /* ms, > 0; default 100 */
    double delay;        /* ms, > 0; default 1000 */
    double rate;         /* Hz of an input that is at work, > 0; default 100 */
    double dt;           /* ms, > 0: spikes are at multiples of it; default 1 */
} rv_store_recall;
RV_API int rv_generate_store_recall(rv_dataset *out, rv_context *context, const rv_store_recall *desc);

/* ---- readers ------------------------------------------------------------------------------------------------ */

/* What a reader leaves in *out after an error is a zeroed data set. Labels must be whole numbers >= 0 (RV_ERR_LABEL),
 * values finite (RV_ERR_NAN). Other errors: RV_ERR_FILE, RV_ERR_FORMAT, RV_ERR_SHAPE where values and labels do not
 * agree. */

/* MNIST's IDX format, any of its element types, plain or gzip. labels may be NULL. */
RV_API int rv_read_idx(rv_dataset *out, rv_context *context, const char *images, const char *labels);

/* Numbers separated by commas (or semicolons, tabs, blanks), one example a line; label_column counts from 0, negative
 * from the end (-1 = last). Shape {columns - 1}. Blank lines, lines that start with # and one line of column names are
 * skipped. */
RV_API int rv_read_csv(rv_dataset *out, rv_context *context, const char *path, int label_column);

/* NumPy arrays: values (examples, ...) of any real type, labels (examples) of any integer type (NULL = none).
 * "file.npz:name" names a member of an archive. */
RV_API int rv_read_npy(rv_dataset *out, rv_context *context, const char *values, const char *labels);

/* A NumPy array of targets of any real type for the examples of a data set: (examples, n), or (examples, steps, n) for
 * every timestep. Errors: RV_ERR_SHAPE, RV_ERR_NAN; RV_ERR_STATE if it has targets already. */
RV_API int rv_read_npy_targets(rv_dataset *dataset, rv_context *context, const char *targets);

/* Spikes in NumPy files, which may be larger than memory: they are mapped, not read. An example comes from disk when it is
 * its turn, that of the next batch while a batch trains, and goes from memory after its batch. Files of .npz archives and
 * of another byte order cannot be mapped. They must stay as they are while the data set is in use. */
typedef struct rv_spike_files {
    const char *times;   /* float32, ms; in each example ascending by (time, id); required */
    const char *ids;     /* uint16, uint32 where num_neurons > 65536; required */
    const char *offsets; /* integers, one more than examples: example i has spikes offsets[i] .. offsets[i + 1] - 1;
                            required */
    const char *labels;  /* integers, one for each example; NULL = none */
    size_t num_neurons;  /* of the input, 1 .. 2^31 - 1; required */
} rv_spike_files;
/* Sizes and offsets are checked at once, the spikes of an example when it is used: RV_ERR_SPIKE ends the run then. Nothing
 * can be appended to these spikes. */
RV_API int rv_read_spike_files(rv_dataset *out, rv_context *context, const rv_spike_files *files);
/* Writes the spikes and labels (if both the data set and `files` have them) of a data set. */
RV_API int rv_write_spike_files(const rv_dataset *dataset, rv_context *context, const rv_spike_files *files);

/* HDF5 as the Spiking Heidelberg Digits: spikes/times and spikes/units (variable length) and, if present, labels.
 * RV_ERR_SPIKE for a negative time or a unit beyond num_units; RV_ERR_UNSUPPORTED in a build without HDF5. */
typedef struct rv_shd {
    size_t num_units;  /* neurons of the input; default 700 */
    double time_scale; /* ms per unit of spikes/times; default 1000 (seconds) */
} rv_shd;
/* desc NULL = defaults. */
RV_API int rv_read_shd(rv_dataset *out, rv_context *context, const char *path, const rv_shd *desc);

/* Event camera recordings in N-MNIST's 5-byte format: x, y, 1 bit polarity + 23 bits time (us), big-endian. Events in
 * row 240 are the camera's time overflow marks. */
typedef enum rv_polarity {
    RV_POLARITY_BOTH = 0, /* (height, width, 2): neuron = (y * width + x) * 2 + p, as mlGeNN orders them */
    RV_POLARITY_MERGE,    /* (height, width, 1): on and off events feed the same neuron */
    RV_POLARITY_ON,       /* (height, width, 1): only on events (p = 1) */
    RV_POLARITY_OFF,      /* (height, width, 1): only off events (p = 0) */
} rv_polarity;

typedef struct rv_nmnist {
    size_t width, height; /* of the sensor, <= 256 in files; default 34, 34; events outside are an error (RV_ERR_DATA) */
    double time_scale;    /* ms per unit of time; default 0.001 (us) */
    rv_polarity polarity; /* default both */
    double dt;            /* ms; the step that histogram_thresh counts in; default 1 */
    int histogram_thresh; /* 0 = every event is a spike (default). n >= 1: a neuron spikes once, at the start of a step
                             of dt, if it has more than n events in it, as with mlGeNN's histogram_thresh = n;
                             -1: if it has any, mlGeNN's histogram_thresh = 0 */
} rv_nmnist;
/* index: a text file with two columns, sample and class; sample N is `folder/N.bs2` or `folder/N.bin`. Lines that
 * start with # and one line of column names are skipped. desc NULL = defaults. */
RV_API int rv_read_nmnist(rv_dataset *out, rv_context *context, const char *index, const char *folder,
                          const rv_nmnist *desc);

/* An event of a camera, in memory. */
typedef struct rv_camera_event {
    double time; /* >= 0, in units of time_scale */
    uint32_t x, y;
    bool on; /* polarity */
} rv_camera_event;
/* Appends one example: num events, in any order, as rv_read_nmnist makes spikes of those in files (mlGeNN:
 * preprocess_tonic_spikes). width and height <= 32768. Errors: RV_ERR_DATA, RV_ERR_SPIKE, RV_ERR_VALUE; nothing is
 * appended then. desc NULL = defaults. */
RV_API int rv_spikes_append_events(rv_spikes *spikes, const rv_camera_event *events, size_t num, const rv_nmnist *desc);

#ifdef __cplusplus
}
#endif
#endif
