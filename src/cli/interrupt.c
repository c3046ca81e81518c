#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static rv_run *_Atomic watched;
static volatile sig_atomic_t received;

static void stop_run(int signal_number)
{
    rv_run *run = atomic_load(&watched);
    received = signal_number;
    if (run)
        rv_run_stop(run);
}

void interrupt_watch(rv_run *run)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    if (run) {
        action.sa_handler = stop_run;
        action.sa_flags = (int)SA_RESETHAND | SA_RESTART; /* the second one is deadly */
    }
    atomic_store(&watched, run);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction old;
        /* A program that is started to ignore a signal, as under nohup, goes on ignoring it. */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

int interrupt_signal(void)
{
    return received;
}
