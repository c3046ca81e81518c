/* The line of a progress bar as a function of what it shows, after tqdm:
 *
 *   Epoch 3:  42%|████▏     | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]
 */
#ifndef RV_CALLBACKS_BAR_H
#define RV_CALLBACKS_BAR_H

#include <ranvier/train.h>

#define RV_BAR_SIZE 4096 /* bytes of a line with its 0; longer ones are cut */

typedef struct rv_bar {
    const char *description;   /* "Epoch 3" */
    size_t done;               /* batches */
    size_t total;              /* batches; 0 = unknown */
    double elapsed;            /* s */
    double rate;               /* batches per s; 0 = not known yet */
    const rv_metrics *metrics; /* or NULL */
    bool unicode;              /* block elements, else ASCII */
    bool finished;             /* the line is the last one: metrics matter more than progress */
} rv_bar;

/* Writes the line, without newline, and returns its bytes. It has at most `width` columns: the bar takes what is left
 * over, and where that is little it is left out. A finished line that is still too long leaves out the counts, then the
 * rate, then the time, so that the metrics stay. What is left is cut. width 0 = any width, and no bar. */
size_t rv_bar_format(char line[RV_BAR_SIZE], const rv_bar *bar, size_t width);

#endif
