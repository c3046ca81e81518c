/* Writing .npz archives: zip files of .npy members, stored as they are, which NumPy and rv_npy_read open.
 *
 * libzip, which reads them, would write to a file of its own and not sync it; these go through rv_atomic_file like
 * every file of ours. Members carry no time: equal arrays make equal bytes. */
#ifndef RV_STORE_NPZ_H
#define RV_STORE_NPZ_H

#include <ranvier/store.h>

typedef struct rv_npz rv_npz;

/* Starts an archive that is to replace `path`. */
int rv_npz_create(rv_npz **out, rv_context *context, const char *path);

/* Appends an array as member "<name>.npy". Names must differ. */
int rv_npz_add(rv_npz *npz, const char *name, const rv_ndarray *array);

/* Writes the directory, syncs, renames, and frees `npz` in any case; on failure nothing is left of the new file. */
int rv_npz_commit(rv_npz *npz);

/* Removes what was written and frees. NULL is legal. */
void rv_npz_abort(rv_npz *npz);

#endif
