/* A folder of checkpoints. That of key "5" is
 *
 *   5-Conn_a_b-g.npy ...   arrays that are trained, under mlGeNN's names
 *   5-state.npz            everything else that a run needs to go on, where it can be resumed
 *   5-manifest.json        sizes and checksums of these files, renamed last: from then on it is a checkpoint
 *
 * and a mark, such as `latest` or `best`, is a file that holds a key, renamed after that key's manifest. So whatever is
 * marked is whole, whenever the program is killed. */
#ifndef RV_STORE_CHECKPOINT_H
#define RV_STORE_CHECKPOINT_H

#include <ranvier/store.h>

#define RV_CHECKPOINT_STATE "state.npz" /* what the file's name ends with */

/* Makes the folder. What was saved under the key before is no checkpoint from now on. */
int rv_checkpoint_begin(rv_context *context, const char *folder, const char *key);
/* The files, names in the folder, are complete: writes the manifest. */
int rv_checkpoint_commit(rv_context *context, const char *folder, const char *key, const char *const *files,
                         size_t num_files);
/* RV_ERR_CHECKPOINT unless there is a manifest and every file is as it says. */
int rv_checkpoint_verify(rv_context *context, const char *folder, const char *key);
int rv_checkpoint_remove(rv_context *context, const char *folder, const char *key);

int rv_checkpoint_set_mark(rv_context *context, const char *folder, const char *mark, const char *key);
/* 1 and the marked key, which is freed with rv_free; 0 where there is no such mark. */
int rv_checkpoint_get_mark(char **key, rv_context *context, const char *folder, const char *mark);

/* Removes all but the newest `keep` checkpoints (0 = all are kept), and the states of all but the newest
 * `resumable` that have one; marked ones stay. What a killed process left unfinished goes too. */
int rv_checkpoint_prune(rv_context *context, const char *folder, size_t keep, size_t resumable);
/* Removes all checkpoints and marks; a folder that is not there is legal. */
int rv_checkpoint_clear(rv_context *context, const char *folder);

#endif
