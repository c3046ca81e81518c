/* LambdaCallback: a callback of functions and nothing else. */
#include <ranvier/callbacks.h>

rv_callback rv_lambda_callback(rv_lambda_callback_desc desc)
{
    return (rv_callback){
        .name = "LambdaCallback",
        .user = desc.user,
        .on_train_begin = desc.on_train_begin,
        .on_train_end = desc.on_train_end,
        .on_epoch_begin = desc.on_epoch_begin,
        .on_epoch_end = desc.on_epoch_end,
        .on_batch_begin = desc.on_batch_begin,
        .on_batch_end = desc.on_batch_end,
    };
}
