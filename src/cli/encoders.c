#include "cli/encoders.h"

#include "cli/say.h"

#define FIELD(path) offsetof(encoder_options, path)

static const key linear_latency_keys[] = {
    {"max_time", KEY_NUMBER, FIELD(linear_latency.max_time), .positive = true, .required = true,
     .help = "ms; time of the value 0"},
    {"min_time", KEY_NUMBER, FIELD(linear_latency.min_time), .standard = "0", .help = "ms; time of max_value"},
    {"threshold", KEY_NUMBER, FIELD(linear_latency.threshold), .standard = "1",
     .help = "values up to it do not spike"},
    {"max_value", KEY_NUMBER, FIELD(linear_latency.max_value), .positive = true, .standard = "255",
     .help = "the value that spikes first"},
};

static int encode_linear_latency(rv_dataset *dataset, rv_context *context, const encoder_options *o)
{
    rv_linear_latency desc = o->linear_latency;
    desc.threshold_given = true;
    return rv_encode_linear_latency(dataset, context, &desc);
}

static const key log_latency_keys[] = {
    {"tau_eff", KEY_NUMBER, FIELD(log_latency.tau_eff), .positive = true, .required = true,
     .help = "ms; scale of the times"},
    {"threshold", KEY_NUMBER, FIELD(log_latency.threshold), .required = true, .help = "values up to it do not spike"},
    {"max_time", KEY_NUMBER, FIELD(log_latency.max_time), .standard = "0",
     .help = "ms; later spikes are left out; 0: none"},
};

static int encode_log_latency(rv_dataset *dataset, rv_context *context, const encoder_options *o)
{
    return rv_encode_log_latency(dataset, context, &o->log_latency);
}

static const key poisson_keys[] = {
    {"max_rate", KEY_NUMBER, FIELD(poisson.max_rate), .positive = true, .required = true,
     .help = "Hz; rate of max_value"},
    {"duration", KEY_NUMBER, FIELD(poisson.duration), .positive = true, .required = true,
     .help = "ms; length of a spike train"},
    {"dt", KEY_NUMBER, FIELD(poisson.dt), .positive = true, .standard = "1",
     .help = "ms; step in which an input spikes once at most"},
    {"max_value", KEY_NUMBER, FIELD(poisson.max_value), .positive = true, .standard = "255",
     .help = "the value that spikes at max_rate"},
};

static int encode_poisson(rv_dataset *dataset, rv_context *context, const encoder_options *o)
{
    return rv_encode_poisson(dataset, context, &o->poisson);
}

static const key time_keys[] = {
    {"max_time", KEY_NUMBER, FIELD(time.desc.max_time), .positive = true, .required = true,
     .help = "ms; time of the value 1"},
    {"min_time", KEY_NUMBER, FIELD(time.desc.min_time), .standard = "0", .help = "ms; time of the value 0"},
    {"add_bias", KEY_FLAG, FIELD(time.add_bias), .standard = "false", .help = "one more input, which always spikes"},
    {"bias_time", KEY_NUMBER, FIELD(time.desc.bias_time), .standard = "0", .help = "ms; when it spikes"},
};

static int encode_time(rv_dataset *dataset, rv_context *context, const encoder_options *o)
{
    rv_time_code desc = o->time.desc;
    desc.add_bias = o->time.add_bias == RV_ON;
    return rv_encode_time(dataset, context, &desc);
}

static const key values_keys[] = {
    {"scale", KEY_NUMBER, FIELD(values.scale), .standard = "1", .help = "what they are multiplied with"},
    {"channels_first", KEY_FLAG, FIELD(values.channels_first), .standard = "false",
     .help = "images are (channels, height, width) and become (height, width, channels)"},
};

/* Not encoded at all: inputs other than SpikeInput take values. */
static int encode_values(rv_dataset *dataset, rv_context *context, const encoder_options *o)
{
    size_t *shape = dataset->shape;
    for (size_t i = 0; i < dataset->num_examples * dataset->num_inputs; i++)
        dataset->values[i] = (float)((double)dataset->values[i] * o->values.scale);
    if (o->values.channels_first != RV_ON)
        return RV_OK;
    if (!shape[2] || shape[3])
        return rv_error_set(context, RV_ERR_SHAPE, "channels_first: the data are no images (channels, height, width)");
    const int error = rv_channels_last(context, dataset->values, dataset->num_examples, shape[0], shape[1], shape[2]);
    const size_t channels = shape[0];
    shape[0] = shape[1];
    shape[1] = shape[2];
    shape[2] = channels;
    return error;
}

static const encoder encoders[] = {
    {{"linear_latency", linear_latency_keys, COUNT_OF(linear_latency_keys),
      "one spike per value, the larger the earlier"},
     encode_linear_latency},
    {{"log_latency", log_latency_keys, COUNT_OF(log_latency_keys),
      "one spike per value at tau_eff ln(x / (x - threshold))"},
     encode_log_latency},
    {{"poisson", poisson_keys, COUNT_OF(poisson_keys), "random spikes, the larger the value the more"},
     encode_poisson},
    {{"time", time_keys, COUNT_OF(time_keys), "one spike per value in [0, 1], the larger the later"}, encode_time},
    {{"values", values_keys, COUNT_OF(values_keys), "no spikes: for a population that takes values"}, encode_values},
};

const encoder *encoder_at(size_t index)
{
    return index < COUNT_OF(encoders) ? &encoders[index] : NULL;
}

int encoder_read(node *where, const encoder **row, encoder_options *options)
{
    const int index = schema_choose(where, &encoders[0].base, sizeof encoders[0], COUNT_OF(encoders));
    if (index < 0)
        return STATUS_FAILED;
    *row = &encoders[index];
    return schema_read_variant(where, &(*row)->base, options, NULL);
}
