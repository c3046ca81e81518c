/* TerminateOnNaN: a loss that is not finite stays so, since metrics are means of the epoch; it stops the run. */
#include <ranvier/callbacks.h>

#include <math.h>
#include <string.h>

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)user;
    (void)batch;
    for (size_t i = 0; i < metrics->num; i++)
        if (!strcmp(metrics->items[i].name, "loss") && !isfinite(metrics->items[i].value))
            return 1;
    return RV_OK;
}

rv_callback rv_terminate_on_nan(void)
{
    return (rv_callback){.name = "TerminateOnNaN", .on_batch_end = on_batch_end};
}
