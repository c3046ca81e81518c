/* The options that connectivity models pick from, as rows of their tables. */
#ifndef RV_CONNECTIVITY_OPTIONS_H
#define RV_CONNECTIVITY_OPTIONS_H

#include <ranvier/connectivity.h>

#define RV_OPTION_FILTERS                                                                                              \
    {                                                                                                                  \
        "filters", RV_OPTION_COUNT, true, "", "number of channels of the target"                                       \
    }
#define RV_OPTION_CONV_SIZE                                                                                            \
    {                                                                                                                  \
        "conv_size", RV_OPTION_PAIR, true, "", "height and width of the kernel"                                        \
    }
#define RV_OPTION_CONV_STRIDES                                                                                         \
    {                                                                                                                  \
        "conv_strides", RV_OPTION_PAIR, false, "1", "steps of the kernel"                                              \
    }
#define RV_OPTION_CONV_PADDING                                                                                         \
    {                                                                                                                  \
        "conv_padding", RV_OPTION_PADDING, false, "valid", "valid: no padding; same: as large as the source / strides" \
    }
#define RV_OPTION_POOL_SIZE                                                                                            \
    {                                                                                                                  \
        "pool_size", RV_OPTION_PAIR, true, "", "height and width of the window"                                        \
    }
#define RV_OPTION_POOL_STRIDES                                                                                         \
    {                                                                                                                  \
        "pool_strides", RV_OPTION_PAIR, false, "pool_size", "steps of the window"                                      \
    }
#define RV_OPTION_FLATTEN                                                                                              \
    {                                                                                                                  \
        "flatten", RV_OPTION_FLAG, false, "false", "the target has one dimension"                                      \
    }
#define RV_OPTION_P                                                                                                    \
    {                                                                                                                  \
        "p", RV_OPTION_FRACTION, true, "", "probability of a synapse"                                                  \
    }
#define RV_OPTION_ALLOW_SELF_CONNECTIONS                                                                               \
    {                                                                                                                  \
        "allow_self_connections", RV_OPTION_FLAG, false, "false", "in a recurrent connection, from a neuron to itself" \
    }
#define RV_OPTION_PRE_IND                                                                                              \
    {                                                                                                                  \
        "pre_ind", RV_OPTION_INDICES, true, "", "source of each synapse"                                               \
    }
#define RV_OPTION_POST_IND                                                                                             \
    {                                                                                                                  \
        "post_ind", RV_OPTION_INDICES, true, "", "target of each synapse"                                              \
    }

#endif
