/* Named arrays that are saved in one file and read back: see rv_state. Names are paths; a scope is put in front of all
 * of them while one owner (a callback) saves or loads. */
#ifndef RV_STORE_STATE_H
#define RV_STORE_STATE_H

#include <ranvier/store.h>

int rv_state_create(rv_state **out, rv_context *context);
void rv_state_free(rv_state *state);

/* What names begin with from now on: "callback/EarlyStopping/0/". */
__attribute__((format(printf, 2, 3))) int rv_state_set_scope(rv_state *state, const char *format, ...);
/* Whether there is any array in the scope. */
bool rv_state_has_scope(const rv_state *state);

/* As rv_state_put, without a copy: data must stay as it is until the state is written. */
int rv_state_lend(rv_state *state, const char *name, rv_dtype dtype, const void *data, size_t size);
/* The array itself, NULL without a message if it is not there; borrowed. It counts as used. */
const rv_ndarray *rv_state_find(rv_state *state, const char *name);

/* Copies all arrays of `from`, whatever their scope, under names that begin with prefix; and the other way round. */
int rv_state_put_all(rv_state *state, const char *prefix, const rv_state *from);
int rv_state_get_all(rv_state *state, const char *prefix, rv_state *to);

/* The whole name of the first array that nobody has asked for, NULL if there is none. */
const char *rv_state_unused(const rv_state *state);

/* As an .npz file, whole or not at all. */
int rv_state_write(const rv_state *state, const char *path);
/* Errors: RV_ERR_FILE, RV_ERR_FORMAT. */
int rv_state_read(rv_state **out, rv_context *context, const char *path);

#endif
