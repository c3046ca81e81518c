/* Cases of the EPropCompiler, which must hold in both forms, where there are both: swept back from spikes, and with
 * traces of synapses. */
#include "golden/job.h"

#include <string.h>

static void read_options(golden_job *job, rv_eprop_desc *desc, rv_loss *loss)
{
    const struct {
        const char *key;
        double *number;
    } numbers[] = {{"tau_reg", &desc->tau_reg}, {"c_reg", &desc->c_reg}, {"f_target", &desc->f_target}};
    const char *key;
    json_t *value;
    json_object_foreach(job->c.params, key, value)
    {
        bool known = golden_is_common(key);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (strcmp(key, numbers[i].key) == 0)
                known = golden_get_number(job->c.params, key, numbers[i].number, job->report);
        if (strcmp(key, "train_output_bias") == 0 && json_is_boolean(value)) {
            desc->train_output_bias = json_is_true(value) ? RV_ON : RV_OFF;
            known = true;
        }
        if (strcmp(key, "feedback") == 0 && json_is_string(value)) {
            known = strcmp(json_string_value(value), "symmetric") == 0 || strcmp(json_string_value(value), "random") == 0;
            desc->feedback =
                strcmp(json_string_value(value), "random") == 0 ? RV_FEEDBACK_RANDOM : RV_FEEDBACK_SYMMETRIC;
        }
        if (strcmp(key, "reset_time_between_batches") == 0 && json_is_true(value))
            known = true;
        if (strcmp(key, "loss") == 0) {
            golden_read_loss(job, loss, value);
            known = true;
        }
        if (!known && !golden_asks_for_nothing(value))
            golden_miss(job->report, "option %s", key);
    }
    desc->c_reg_given = json_object_get(job->c.params, "c_reg") != NULL;
    desc->f_target_given = json_object_get(job->c.params, "f_target") != NULL;
}

/* Every batch meets the weights and biases of the case: a network of its own. */
static void run_form(golden_job *job, const rv_eprop_desc *desc, rv_loss loss)
{
    int code = 0;
    for (size_t b = 0; code >= 0 && b * desc->batch_size < job->c.num_examples && !golden_stopped(job->report); b++) {
        rv_compiled_network *model = NULL;
        code = rv_compile_eprop(&model, job->network.handle, desc);
        if (code >= 0)
            code = golden_train_batch(job, model, loss, b);
        rv_compiled_network_free(model);
    }
    if (code == RV_ERR_UNSUPPORTED && desc->online)
        return; /* shared weights and delays per synapse have no traces: nobody has figures for them */
    if (code < 0)
        golden_engine_failed(job, code);
    if (!golden_stopped(job->report))
        golden_conclude(&job->expectation, job->report);
}

void golden_run_eprop(golden_job *job)
{
    rv_eprop_desc desc = {.example_timesteps = job->c.timesteps,
                          .dt = job->c.dt,
                          .batch_size = job->c.batch_size,
                          .keep_gradients = true};
    rv_loss loss = {0};
    read_options(job, &desc, &loss);
    if (!golden_stopped(job->report))
        run_form(job, &desc, loss);
    desc.online = true;
    if (!golden_stopped(job->report))
        run_form(job, &desc, loss);
}
