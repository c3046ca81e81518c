#include "golden/run.h"

#include <stdlib.h>
#include <string.h>

#include "golden/batch.h"
#include "golden/job.h"

void golden_engine_failed(const golden_job *job, int code)
{
    const char *const detail = rv_last_error(job->c.context);
    if (code == RV_ERR_NAME || code == RV_ERR_UNSUPPORTED)
        golden_miss(job->report, "what is asked for (%s)", detail);
    else
        golden_fail(job->report, "%s", detail[0] ? detail : rv_strerror(code));
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

bool golden_is_common(const char *key)
{
    static const char *const common[] = {"compiler", "timesteps", "dt", "batch_size", "n_examples", "network"};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strcmp(key, common[i]) == 0)
            return true;
    return false;
}

bool golden_asks_for_nothing(const json_t *value)
{
    return json_is_false(value) || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
}

static void set_loss_param(golden_job *job, rv_loss *loss, const char *name, const char *key, const json_t *value)
{
    const double number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
    if (!json_is_number(value) && !json_is_boolean(value)) {
        golden_fail(job->report, "case.json: loss %s: %s must be a number", name, key);
        return;
    }
    const int code = loss->model ? rv_loss_set(loss, job->c.context, key, number) : RV_ERR_NAME;
    if (code == RV_ERR_NAME)
        golden_miss(job->report, "parameter %s of loss %s", key, name);
    else if (code < 0)
        golden_fail(job->report, "loss %s: %s", name, rv_last_error(job->c.context));
}

void golden_read_loss(golden_job *job, rv_loss *loss, json_t *json)
{
    const bool bare = json_is_string(json);
    const char *const name = bare ? json_string_value(json) : golden_get_string(json, "type", job->report);
    const char *key;
    json_t *value;
    if (!name)
        return;
    if (rv_loss_by_name(loss, job->c.context, name) < 0)
        golden_miss(job->report, "loss %s", name);
    json_object_foreach(bare ? NULL : json, key, value)
    {
        if (strcmp(key, "type") != 0)
            set_loss_param(job, loss, name, key, value);
    }
}

/* The connections have read it, each for itself; what is left is to see that it names nothing else. */
static bool check_learn_delays(golden_job *job, const json_t *names)
{
    size_t num = 0;
    for (size_t i = 0; i < job->network.num_connections; i++)
        num += job->network.connections[i].learns_delays;
    if (!json_is_array(names) || json_array_size(names) != num)
        golden_fail(job->report, "case.json: learn_delays must be a list of connections, SOURCE_TARGET");
    return true;
}

static void read_eventprop(golden_job *job, rv_eventprop_desc *desc, rv_loss *loss)
{
    const struct {
        const char *key;
        double *number;
    } numbers[] = {{"reg_lambda_upper", &desc->reg_lambda_upper},
                   {"reg_lambda_lower", &desc->reg_lambda_lower},
                   {"reg_nu_upper", &desc->reg_nu_upper},
                   {"softmax_temperature", &desc->softmax_temperature},
                   {"ttfs_alpha", &desc->ttfs_alpha}};
    const char *key;
    json_t *value;
    json_object_foreach(job->c.params, key, value)
    {
        bool known = golden_is_common(key);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            if (strcmp(key, numbers[i].key) == 0)
                known = golden_get_number(job->c.params, key, numbers[i].number, job->report);
        }
        if (strcmp(key, "max_spikes") == 0)
            known = golden_get_size(job->c.params, key, 1, 1000000000, &desc->max_spikes, job->report);
        if (strcmp(key, "per_timestep_loss") == 0 && json_is_boolean(value))
            known = (desc->per_timestep_loss = json_is_true(value), true);
        if (strcmp(key, "loss") == 0) {
            golden_read_loss(job, loss, value);
            known = true;
        }
        if (strcmp(key, "learn_delays") == 0)
            known = check_learn_delays(job, value);
        if (!known && !golden_asks_for_nothing(value))
            golden_miss(job->report, "option %s", key);
    }
    if (json_object_get(job->c.params, "ttfs_alpha") && desc->ttfs_alpha == 0)
        desc->ttfs_alpha = -1; /* none; a zero is the default */
}

/* ---- inference -------------------------------------------------------------------------------------------------- */

typedef int (*golden_compile_fn)(rv_compiled_network **out, const golden_job *job, size_t batch_size);

static int compile_inference(rv_compiled_network **out, const golden_job *job, size_t batch_size)
{
    return rv_compile_inference(
        out, job->network.handle,
        &(rv_inference_desc){.example_timesteps = job->c.timesteps, .dt = job->c.dt, .batch_size = batch_size});
}

static int compile_few_spike(rv_compiled_network **out, const golden_job *job, size_t batch_size)
{
    return rv_compile_few_spike(
        out, job->network.handle,
        &(rv_few_spike_desc){.k = job->c.timesteps, .dt = job->c.dt, .batch_size = batch_size});
}

static void predict(golden_job *job, golden_compile_fn compile, golden_batch *batch, size_t batch_size)
{
    golden_expectation *const x = &job->expectation;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    int code = compile(&model, job, batch_size);
    if (code >= 0)
        code = rv_predict(&result, model,
                          &(rv_evaluate_desc){.data = batch->data,
                                              .callbacks = x->recorders,
                                              .num_callbacks = x->num_recorders,
                                              .no_callbacks = x->num_recorders == 0});
    if (code < 0)
        golden_engine_failed(job, code);
    else
        golden_compare(x, &job->c,
                       &(golden_outcome){.result = result, .model = model, .num_examples = job->c.num_examples},
                       job->report);
    if (!golden_stopped(job->report))
        golden_conclude(x, job->report);
    rv_result_free(result);
    rv_compiled_network_free(model);
}

/* `option` is one that the compiler has. */
static void run_forward(golden_job *job, golden_compile_fn compile, const char *option)
{
    const char *key;
    json_t *value;
    json_object_foreach(job->c.params, key, value)
    {
        if (!golden_is_common(key) && strcmp(key, option) != 0)
            golden_miss(job->report, "option %s", key);
    }
    golden_batch batch;
    golden_batch_make(&batch, &job->c, &job->network, 0, job->c.num_examples, job->report);
    /* the result must not depend on how many examples are in flight at once */
    if (!golden_stopped(job->report))
        predict(job, compile, &batch, job->c.batch_size);
    if (!golden_stopped(job->report) && job->c.batch_size != job->c.num_examples)
        predict(job, compile, &batch, job->c.num_examples);
    golden_batch_clear(&batch);
}

static void run_inference(golden_job *job)
{
    run_forward(job, compile_inference, "");
}

static void run_few_spike(golden_job *job)
{
    run_forward(job, compile_few_spike, "k");
}

/* ---- eventprop -------------------------------------------------------------------------------------------------- */

static rv_variable variable_of(const golden_connection *connection, const char *name)
{
    return (rv_variable){.connection = connection->handle, .name = name};
}

static int save_variable(const rv_compiled_network *model, golden_connection *connection, const char *name,
                         float **out)
{
    int code = rv_variable_size(model, variable_of(connection, name), &connection->num_weights);
    if (code >= 0 && !(*out = malloc((connection->num_weights + 1) * sizeof(float))))
        code = RV_ERR_MEMORY;
    return code < 0 ? code : rv_variable_get(model, variable_of(connection, name), *out, connection->num_weights);
}

static int save_weights(golden_job *job, const rv_compiled_network *model)
{
    int code = 0;
    for (size_t i = 0; i < job->network.num_connections && code >= 0; i++) {
        golden_connection *const connection = &job->network.connections[i];
        code = save_variable(model, connection, "g", &connection->weights);
        if (code >= 0 && connection->learns_delays)
            code = save_variable(model, connection, "d", &connection->delays);
    }
    return code;
}

/* Learning changes the weights from batch to batch, and every recorded figure was taken from the first ones. */
static int restore_weights(const golden_job *job, rv_compiled_network *model)
{
    int code = 0;
    for (size_t i = 0; i < job->network.num_connections && code >= 0; i++) {
        const golden_connection *const connection = &job->network.connections[i];
        code = rv_variable_set(model, variable_of(connection, "g"), connection->weights, connection->num_weights);
        if (code >= 0 && connection->learns_delays)
            code = rv_variable_set(model, variable_of(connection, "d"), connection->delays, connection->num_weights);
    }
    return code;
}

int golden_train_batch(golden_job *job, rv_compiled_network *model, rv_loss loss, size_t number)
{
    const size_t first = number * job->c.batch_size;
    const size_t rest = job->c.num_examples - first;
    const size_t num = rest < job->c.batch_size ? rest : job->c.batch_size;
    golden_expectation *const x = &job->expectation;
    golden_batch batch;
    rv_result *result = NULL;
    int code = 0;
    golden_batch_make(&batch, &job->c, &job->network, first, num, job->report);
    for (size_t i = 0; i < job->network.num_outputs; i++) {
        batch.data.outputs[i].loss = loss;
        if (!batch.data.outputs[i].labels && !batch.data.outputs[i].targets)
            golden_fail(job->report, "array labels is missing");
    }
    if (!golden_stopped(job->report)) {
        code = rv_train(&result, model,
                        &(rv_train_desc){.data = batch.data,
                                         .num_epochs = 1,
                                         .shuffle = RV_OFF,
                                         .callbacks = x->recorders,
                                         .num_callbacks = x->num_recorders,
                                         .no_callbacks = x->num_recorders == 0});
        if (code >= 0)
            golden_compare(
                x, &job->c,
                &(golden_outcome){
                    .result = result, .model = model, .batch = number, .first_example = first, .num_examples = num},
                job->report);
    }
    rv_result_free(result);
    golden_batch_clear(&batch);
    return code;
}

static void run_eventprop(golden_job *job)
{
    rv_eventprop_desc desc = {.example_timesteps = job->c.timesteps,
                              .dt = job->c.dt,
                              .batch_size = job->c.batch_size,
                              .optimiser = rv_adam(1e-3),
                              .keep_gradients = true};
    rv_loss loss = {0};
    rv_compiled_network *model = NULL;
    const rv_connection **learn_delays = calloc(job->network.num_connections + 1, sizeof *learn_delays);
    read_eventprop(job, &desc, &loss);
    if (!learn_delays)
        golden_fail(job->report, "out of memory");
    if (golden_stopped(job->report)) {
        free(learn_delays);
        return;
    }
    desc.delay_learn_conns = learn_delays;
    for (size_t i = 0; i < job->network.num_connections; i++)
        if (job->network.connections[i].learns_delays)
            learn_delays[desc.num_delay_learn_conns++] = job->network.connections[i].handle;
    int code = rv_compile_eventprop(&model, job->network.handle, &desc);
    free(learn_delays);
    if (code >= 0)
        code = save_weights(job, model);
    for (size_t b = 0; code >= 0 && b * desc.batch_size < job->c.num_examples && !golden_stopped(job->report); b++) {
        code = restore_weights(job, model);
        if (code >= 0)
            code = golden_train_batch(job, model, loss, b);
    }
    if (code < 0)
        golden_engine_failed(job, code);
    if (!golden_stopped(job->report))
        golden_conclude(&job->expectation, job->report);
    rv_compiled_network_free(model);
}

/* ---- a case ----------------------------------------------------------------------------------------------------- */

static void check_case(golden_job *job)
{
    static const struct {
        const char *compiler;
        void (*run)(golden_job *job);
    } table[] = {{"InferenceCompiler", run_inference}, {"FewSpikeCompiler", run_few_spike}, {"EventPropCompiler", run_eventprop}, {"EPropCompiler", golden_run_eprop}};
    void (*run)(golden_job *) = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].compiler, job->c.compiler) == 0)
            run = table[i].run;
    if (!run)
        golden_miss(job->report, "compiler %s", job->c.compiler);
    golden_network_build(&job->network, &job->c, job->report);
    if (!golden_stopped(job->report) && (job->c.timesteps == 0 || job->c.dt == 0))
        golden_fail(job->report, "case.json: timesteps and dt are required");
    if (job->network.num_inputs > RV_MAX_PORTS || job->network.num_outputs > RV_MAX_PORTS)
        golden_fail(job->report, "case.json: more than %d inputs or outputs", RV_MAX_PORTS);
    if (!golden_stopped(job->report))
        golden_claim_inputs(&job->c, &job->network, job->report);
    if (!golden_stopped(job->report))
        golden_expect(&job->expectation, &job->c, &job->network, job->report);
    if (!golden_stopped(job->report))
        run(job);
}

void golden_run(const char *folder, golden_report *report)
{
    golden_job job = {.report = report};
    golden_case_load(&job.c, folder, report);
    if (!report->failure[0])
        check_case(&job);
    golden_expectation_free(&job.expectation);
    golden_network_free(&job.network);
    golden_case_free(&job.c);
}
