/* A case folder: case.json and every .npy file beside it. Nothing in it is trusted. */
#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include <jansson.h>
#include <ranvier.h>

#include "golden/report.h"

/* An array of the folder, as double whatever it was. */
typedef struct golden_array {
    char *name; /* of the file, without .npy */
    int num_dims;
    size_t shape[RV_NDARRAY_MAX_DIMS];
    size_t size;
    double *data;
    float *floats; /* made by golden_array_floats */
    bool used;     /* read as input, or compared */
} golden_array;

typedef struct golden_case {
    rv_context *context;
    json_t *root;
    json_t *params; /* part of root, as are the two below */
    json_t *populations;
    json_t *connections;
    const char *compiler;
    size_t timesteps; /* 0 where the compiler has another word for it */
    size_t batch_size;
    size_t num_examples;
    double dt; /* ms */
    golden_array *arrays;
    size_t num_arrays;
} golden_case;

/* Reads a folder; what is wrong with it goes to report. Free the case in any event. */
void golden_case_load(golden_case *c, const char *folder, golden_report *report);
void golden_case_free(golden_case *c);

/* NULL if there is none. */
golden_array *golden_find(const golden_case *c, const char *name);
/* The array that {"array": NAME} names, marked as used; NULL, after golden_fail, if there is none. */
golden_array *golden_array_of(const golden_case *c, const json_t *value, const char *where, golden_report *report);
/* Its numbers as float32, owned by the array; NULL, after golden_fail, if out of memory. */
const float *golden_array_floats(golden_array *array, golden_report *report);

/* An integer in [min, max] or a finite number under a key; false after golden_fail. */
bool golden_get_size(const json_t *object, const char *key, size_t min, size_t max, size_t *out,
                     golden_report *report);
bool golden_get_number(const json_t *object, const char *key, double *out, golden_report *report);
/* A string under a key, borrowed; NULL after golden_fail. */
const char *golden_get_string(const json_t *object, const char *key, golden_report *report);

#endif
