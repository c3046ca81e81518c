/* A Keras file: the text of its architecture, and its weights by layer. */
#ifndef RV_CONVERT_KERAS_FILE_H
#define RV_CONVERT_KERAS_FILE_H

#include <ranvier/base.h>

typedef struct rv_keras_file rv_keras_file;

/* .h5, or .keras, which is a zip archive. All of it is read, and the file closed again. */
int rv_keras_file_open(rv_keras_file **out, rv_context *context, const char *path);
void rv_keras_file_close(rv_keras_file *file);

const char *rv_keras_file_config(const rv_keras_file *file); /* JSON */

/* Weight `index` of a layer, which Keras calls `variable` ("kernel"), of exactly this shape, as floats from rv_alloc.
 * `key` is its place among the layers of its class, as .keras counts: "dense_1". */
int rv_keras_file_weight(float **out, const rv_keras_file *file, const char *layer, const char *key,
                         const char *variable, int index, int num_dims, const size_t *shape);

#endif
