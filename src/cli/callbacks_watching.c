/* Callbacks that watch quantities, add some, and change the optimiser's parameters. */
#include "cli/callback_kinds.h"
#include "cli/lambda.h"
#include "cli/say.h"
#include "cli/schedules.h"

#define FIELD(name) CALLBACK_FIELD(name)

static const char *const modes[] = {"auto", "min", "max", NULL};
static const char *const decays[] = {"constant", "step", "exponential", "linear", "cosine", NULL};

const key early_stopping_keys[] = {
    {"monitor", KEY_TEXT, FIELD(monitor), .standard = "val_loss",
     .help = "quantity: loss, val_loss, accuracy, POPULATION.rate, ..."},
    {"mode", KEY_CHOICE, FIELD(mode), .standard = "auto", .choices = modes,
     .help = "auto: larger is better for an accuracy, else smaller"},
    {"min_delta", KEY_NUMBER, FIELD(min_delta), .standard = "0", .help = "better is better by more than this"},
    {"patience", KEY_COUNT, FIELD(patience), .standard = "0",
     .help = "epochs without anything better after which training stops"},
    {"baseline", KEY_NUMBER, FIELD(baseline), .help = "waiting ends only for what is better than this"},
    {"restore_best_weights", KEY_FLAG, FIELD(restore_best_weights), .standard = "false",
     .help = "end with the weights of the best epoch"},
    {"start_from_epoch", KEY_COUNT, FIELD(start_from_epoch), .standard = "0", .help = "do not look before"},
};

int make_early_stopping(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_early_stopping((rv_early_stopping_desc){
                                       .monitor = entry->monitor,
                                       .mode = (rv_mode)entry->mode,
                                       .min_delta = entry->min_delta,
                                       .patience = entry->patience,
                                       .has_baseline = node_find(scope->where, "baseline") != NULL,
                                       .baseline = entry->baseline,
                                       .restore_best_weights = entry->restore_best_weights == RV_ON,
                                       .start_from_epoch = entry->start_from_epoch,
                                   }));
    return STATUS_OK;
}

const key param_schedule_keys[] = {
    {"param_name", KEY_TEXT, FIELD(param_name), .required = true, .help = "parameter of the optimiser, as alpha"},
    {"schedule", KEY_NODE, FIELD(schedule), .required = true, .help = "table of type and parameters",
     .mlgenn = "func"},
    {"optimiser", KEY_TEXT, FIELD(optimiser),
     .help = "optimiser, delay_optimiser, bias_optimiser, or the connection whose own it is; default: all"},
    {"per_batch", KEY_FLAG, FIELD(per_batch), .standard = "false",
     .help = "before every batch; the schedule's epochs then are batches, counted from the start"},
};

int make_param_schedule(callback_scope *scope, const callback_entry *entry)
{
    rv_optimiser_param_schedule_desc desc = {.param_name = entry->param_name, .optimiser = entry->optimiser,
                                             .per_batch = entry->per_batch == RV_ON};
    const int status = schedule_read(entry->schedule, &scope->list->store, &desc.func, &desc.user);
    if (!status)
        callback_list_add(scope->list, rv_optimiser_param_schedule(desc));
    return status;
}

const key learning_rate_schedule_keys[] = {
    {"param_name", KEY_TEXT, FIELD(param_name), .standard = "alpha", .help = "parameter of the optimiser"},
    {"optimiser", KEY_TEXT, FIELD(optimiser), .standard = "optimiser",
     .help = "or delay_optimiser, bias_optimiser, or the connection whose own it is"},
    {"decay", KEY_CHOICE, FIELD(decay), .standard = "constant", .choices = decays,
     .help = "constant, step (needs factor, every), exponential (factor), linear or cosine (to, length)"},
    {"from", KEY_NUMBER, FIELD(from), .positive = true, .help = "first value; default: that of the optimiser"},
    {"to", KEY_NUMBER, FIELD(to), .standard = "0", .help = "last value of linear and cosine"},
    {"factor", KEY_NUMBER, FIELD(factor), .positive = true, .help = "of step and exponential"},
    {"every", KEY_COUNT, FIELD(every), .standard = "1", .min = 1, .help = "so many epochs (batches) of step"},
    {"length", KEY_COUNT, FIELD(length), .standard = "0",
     .help = "epochs (batches) of linear and cosine; 0 = to the end of the run"},
    {"warm_up", KEY_COUNT, FIELD(warm_up), .standard = "0", .help = "so many epochs (batches) rising first"},
    {"per_batch", KEY_FLAG, FIELD(per_batch), .standard = "false", .help = "count batches, not epochs"},
};

int make_learning_rate_schedule(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_learning_rate_schedule((rv_learning_rate_schedule_desc){
                                       .param_name = entry->param_name,
                                       .optimiser = entry->optimiser,
                                       .decay = (rv_decay)entry->decay,
                                       .from = entry->from,
                                       .to = entry->to,
                                       .factor = entry->factor,
                                       .every = entry->every,
                                       .length = entry->length,
                                       .warm_up = entry->warm_up,
                                       .per_batch = entry->per_batch == RV_ON,
                                   }));
    return STATUS_OK;
}

const key reduce_lr_on_plateau_keys[] = {
    {"monitor", KEY_TEXT, FIELD(monitor), .standard = "val_loss", .help = "quantity"},
    {"mode", KEY_CHOICE, FIELD(mode), .standard = "auto", .choices = modes,
     .help = "auto: larger is better for an accuracy, else smaller"},
    {"factor", KEY_NUMBER, FIELD(factor), .standard = "0.1", .positive = true,
     .help = "what the parameter is multiplied with"},
    {"patience", KEY_COUNT, FIELD(patience), .standard = "10", .min = 1,
     .help = "epochs without anything better after which it falls"},
    {"min_delta", KEY_NUMBER, FIELD(min_delta), .standard = "1e-4", .positive = true,
     .help = "better is better by more than this"},
    {"cooldown", KEY_COUNT, FIELD(cooldown), .standard = "0", .help = "epochs in which nothing is counted after it fell"},
    {"min_lr", KEY_NUMBER, FIELD(min_lr), .standard = "0", .help = "it never falls below"},
    {"param_name", KEY_TEXT, FIELD(param_name), .standard = "alpha", .help = "parameter of the optimiser"},
    {"optimiser", KEY_TEXT, FIELD(optimiser), .standard = "optimiser",
     .help = "or delay_optimiser, bias_optimiser, or the connection whose own it is"},
};

int make_reduce_lr_on_plateau(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_reduce_lr_on_plateau((rv_reduce_lr_on_plateau_desc){
                                       .monitor = entry->monitor,
                                       .mode = (rv_mode)entry->mode,
                                       .factor = entry->factor,
                                       .patience = entry->patience,
                                       .min_delta = entry->min_delta,
                                       .cooldown = entry->cooldown,
                                       .min_lr = entry->min_lr,
                                       .param_name = entry->param_name,
                                       .optimiser = entry->optimiser,
                                   }));
    return STATUS_OK;
}

int make_terminate_on_nan(callback_scope *scope, const callback_entry *entry)
{
    (void)entry;
    callback_list_add(scope->list, rv_terminate_on_nan());
    return STATUS_OK;
}

const key activity_keys[] = {
    {"population", KEY_TEXT, FIELD(population), .required = true, .help = "whose spikes are counted"},
};

int make_firing_rate(callback_scope *scope, const callback_entry *entry)
{
    const rv_population *population = callback_population(scope, entry);
    if (population)
        callback_list_add(scope->list, rv_firing_rate((rv_firing_rate_desc){.population = population}));
    return population ? STATUS_OK : STATUS_FAILED;
}

int make_silent_neurons(callback_scope *scope, const callback_entry *entry)
{
    const rv_population *population = callback_population(scope, entry);
    if (population)
        callback_list_add(scope->list, rv_silent_neurons((rv_silent_neurons_desc){.population = population}));
    return population ? STATUS_OK : STATUS_FAILED;
}

const key lambda_callback_keys[] = {
    {"on_train_begin", KEY_TEXT, FIELD(commands[LAMBDA_TRAIN_BEGIN]), .help = "command for /bin/sh; its environment has"
     " RANVIER_RUN, and where they are known RANVIER_EPOCH, RANVIER_BATCH and RANVIER_METRICS (\"loss=0.1 ...\")"},
    {"on_train_end", KEY_TEXT, FIELD(commands[LAMBDA_TRAIN_END]), .help = "likewise"},
    {"on_epoch_begin", KEY_TEXT, FIELD(commands[LAMBDA_EPOCH_BEGIN]), .help = "likewise"},
    {"on_epoch_end", KEY_TEXT, FIELD(commands[LAMBDA_EPOCH_END]), .help = "likewise"},
    {"on_batch_begin", KEY_TEXT, FIELD(commands[LAMBDA_BATCH_BEGIN]), .help = "likewise"},
    {"on_batch_end", KEY_TEXT, FIELD(commands[LAMBDA_BATCH_END]), .help = "likewise"},
};

int make_lambda_callback(callback_scope *scope, const callback_entry *entry)
{
    lambda *commands = keep_make(&scope->list->store, 1, sizeof *commands);
    commands->folder = scope->folder;
    for (size_t i = 0; i < NUM_LAMBDAS; i++)
        commands->commands[i] = entry->commands[i];
    callback_list_add(scope->list, lambda_callback(commands));
    return STATUS_OK;
}
