/* Folders of files that are written. */
#ifndef RV_STORE_FOLDER_H
#define RV_STORE_FOLDER_H

#include <ranvier/base.h>

/* Makes a folder and the ones above it where they are missing. */
int rv_folder_make(rv_context *context, const char *path);

#endif
