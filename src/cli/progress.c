#include "cli/progress.h"

#include <string.h>

#include "cli/say.h"

const char *const progress_modes[] = {"auto", "lines", "json", "quiet", NULL};

static bool is_set;
static rv_progress_mode given;

int progress_set(const char *command, const char *mode)
{
    if (!mode)
        return STATUS_OK;
    for (int i = 0; progress_modes[i]; i++)
        if (strcmp(progress_modes[i], mode) == 0) {
            is_set = true;
            given = (rv_progress_mode)i;
            return STATUS_OK;
        }
    return fault_usage(command, "--progress must be auto, lines, json or quiet, got '%s'", mode);
}

bool progress_is_set(void)
{
    return is_set;
}

rv_callback progress_callback(rv_progress_mode mode, double interval)
{
    const rv_progress_mode shown = is_quiet() ? RV_PROGRESS_QUIET : is_set ? given : mode;
    return rv_progress((rv_progress_desc){.mode = shown, .interval = interval});
}
