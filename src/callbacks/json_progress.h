/* Progress for programs: JSON lines. */
#ifndef RV_CALLBACKS_JSON_PROGRESS_H
#define RV_CALLBACKS_JSON_PROGRESS_H

#include <ranvier/callbacks.h>

rv_callback rv_json_progress(rv_progress_desc desc);

/* RV_ERR_VALUE unless mode and interval are legal. */
int rv_progress_check(rv_run *run, const rv_progress_desc *desc);

#endif
