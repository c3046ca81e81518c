/* Training, evaluation and prediction as users call them: the runs of train/, with one progress bar where no callbacks
 * are given. */
#include <ranvier/callbacks.h>

#include "train/run.h"

/* The default list, where the caller gave none. */
static size_t with_default(const rv_callback **callbacks, size_t num, bool none, const rv_callback *bar)
{
    if (num || none)
        return num;
    *callbacks = bar;
    return 1;
}

int rv_train_prepare(rv_run **out, rv_compiled_network *model, const rv_train_desc *desc)
{
    const rv_callback bar = rv_batch_progress_bar();
    rv_train_desc d = *desc;
    d.num_callbacks = with_default(&d.callbacks, d.num_callbacks, d.no_callbacks, &bar);
    d.num_validation_callbacks =
        with_default(&d.validation_callbacks, d.num_validation_callbacks, d.no_validation_callbacks, &bar);
    return rv_run_create_training(out, model, &d);
}

static int prepare_test(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc, rv_run_kind kind)
{
    const rv_callback bar = rv_batch_progress_bar();
    rv_evaluate_desc d = *desc;
    d.num_callbacks = with_default(&d.callbacks, d.num_callbacks, d.no_callbacks, &bar);
    return rv_run_create_test(out, model, &d, kind);
}

int rv_evaluate_prepare(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc)
{
    return prepare_test(out, model, desc, RV_RUN_EVALUATE);
}

int rv_predict_prepare(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc)
{
    return prepare_test(out, model, desc, RV_RUN_PREDICT);
}

static int execute(rv_result **out, rv_run *run, int error)
{
    *out = NULL;
    if (!error)
        error = rv_run_execute(out, run);
    rv_run_free(run);
    return error;
}

int rv_train(rv_result **out, rv_compiled_network *model, const rv_train_desc *desc)
{
    rv_run *run;
    const int error = rv_train_prepare(&run, model, desc);
    return execute(out, run, error);
}

int rv_evaluate(rv_result **out, rv_compiled_network *model, const rv_evaluate_desc *desc)
{
    rv_run *run;
    const int error = rv_evaluate_prepare(&run, model, desc);
    return execute(out, run, error);
}

int rv_predict(rv_result **out, rv_compiled_network *model, const rv_evaluate_desc *desc)
{
    rv_run *run;
    const int error = rv_predict_prepare(&run, model, desc);
    return execute(out, run, error);
}
