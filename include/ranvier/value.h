/* Values: what a parameter, a state variable's start or a weight may be set to; and tables of parameters. */
#ifndef RANVIER_VALUE_H
#define RANVIER_VALUE_H

#include <ranvier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_INITIALIZER_PARAMS 4

/* A distribution or formula that yields one number per element. Built-in ones and users' own look the same. */
typedef struct rv_initializer {
    const char *name;                                  /* "Normal" */
    int num_params;                                    /* 0 .. RV_MAX_INITIALIZER_PARAMS */
    const char *param_name[RV_MAX_INITIALIZER_PARAMS]; /* "mean", "sd" */
    double param_default[RV_MAX_INITIALIZER_PARAMS];
    /* REQUIRED. The value of one element from 128 random bits that belong to that element alone; a pure function,
     * so that results do not depend on threads. */
    double (*sample)(const double *param, const uint32_t random[4]);
    /* OPTIONAL. NULL if the parameters are good, else what they should be ("sd must be >= 0"). */
    const char *(*check)(const double *param);
} rv_initializer;

typedef enum rv_value_kind {
    RV_VALUE_DEFAULT = 0, /* the default of the parameter */
    RV_VALUE_CONSTANT,
    RV_VALUE_ARRAY,
    RV_VALUE_INITIALIZER,
} rv_value_kind;

/* Make one with the functions below; a zeroed struct is "the default". */
typedef struct rv_value {
    rv_value_kind kind;
    double constant;                         /* CONSTANT */
    const float *array;                      /* ARRAY: borrowed until the call it is given to returns, which copies */
    size_t size;                             /* ARRAY: number of elements; must equal the object's */
    const rv_initializer *initializer;       /* INITIALIZER */
    double param[RV_MAX_INITIALIZER_PARAMS]; /* INITIALIZER */
} rv_value;

/* The same number everywhere. */
RV_API rv_value rv_const(double x);
/* One number per element, in C order (a dense weight: [source][target]). */
RV_API rv_value rv_array(const float *data, size_t size);
/* Normal distribution; sd >= 0. mlGeNN's Normal(mean, sd). */
RV_API rv_value rv_normal(double mean, double sd);
/* Uniform distribution on [min, max); min <= max. mlGeNN's Uniform(min, max). */
RV_API rv_value rv_uniform(double min, double max);
/* Any initializer, the user's own too; param has initializer->num_params entries (NULL = its defaults). */
RV_API rv_value rv_initialize(const rv_initializer *initializer, const double *param);

/* A built-in initializer by name ("Normal" or "normal"), or NULL. */
RV_API const rv_initializer *rv_initializer_by_name(const char *name);
/* For help and documentation: the built-in ones in order; NULL past the end. */
RV_API const rv_initializer *rv_initializer_at(int index);

#define RV_MAX_PARAMS 16

/* ---- parameter tables ---------------------------------------------------------------------------------------- */

/* Defaults that differ by compiler (mlGeNN: default_params). */
typedef enum rv_defaults {
    RV_CLASS_DEFAULTS = 0, /* as each model documents */
    RV_EVENTPROP_DEFAULTS, /* absolute reset, no integration while refractory, scaled currents */
    RV_EPROP_DEFAULTS,     /* relative reset, integrates while refractory, unscaled currents */
    RV_NUM_DEFAULTS,
} rv_defaults;

typedef enum rv_param_kind {
    RV_PARAM_VALUE = 0, /* one number per neuron: constant, array or initializer */
    RV_PARAM_SCALAR,    /* one number for all */
    RV_PARAM_FLAG,      /* yes or no */
    RV_PARAM_COUNT,     /* one whole number for all */
} rv_param_kind;

/* One row of a model's table of parameters. It drives validation, the experiment file's keys, help, recording by
 * name and the documentation. */
typedef struct rv_param {
    const char *name;     /* attribute: "v_thresh" */
    const char *internal; /* mlGeNN's internal name: "Vthresh"; "" or NULL if it has none */
    const char *unit;     /* "ms"; "" or NULL if it has none */
    rv_param_kind kind;
    double value[RV_NUM_DEFAULTS]; /* default, by rv_defaults */
    double min, max;      /* range, inclusive unless min_open: min < x */
    bool min_open;
    const char *help; /* one line */
} rv_param;

#ifdef __cplusplus
}
#endif
#endif
