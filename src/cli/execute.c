#include "cli/execute.h"

#include "cli/interrupt.h"
#include "cli/ranks.h"
#include "cli/say.h"

int execute_run(rv_result **result, rv_run *run, const experiment *e)
{
    interrupt_watch(run);
    say_on_its_own(true);
    const int rc = rv_run_execute(result, run);
    say_on_its_own(false);
    interrupt_watch(NULL);
    const int status = rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
    if (status)
        ranks_escape(e->context, status);
    return status;
}

int execute_agree(int status)
{
    status = ranks_agree(status);
    const int signal_number = status ? 0 : ranks_largest(interrupt_signal());
    return signal_number ? STATUS_SIGNAL + signal_number : status;
}
