/* LambdaCallback of an experiment file: commands that the shell runs when something happens. */
#ifndef RV_CLI_LAMBDA_H
#define RV_CLI_LAMBDA_H

#include <ranvier.h>

enum {
    LAMBDA_TRAIN_BEGIN = 0,
    LAMBDA_TRAIN_END,
    LAMBDA_EPOCH_BEGIN,
    LAMBDA_EPOCH_END,
    LAMBDA_BATCH_BEGIN,
    LAMBDA_BATCH_END,
    NUM_LAMBDAS
};

typedef struct lambda {
    const char *commands[NUM_LAMBDAS]; /* NULL = nothing happens */
    const char *folder;                /* of the run */
    rv_run *run;
} lambda;

/* It borrows `commands`. */
rv_callback lambda_callback(lambda *commands);

#endif
