#ifndef RV_CLI_CONVERT_FILE_H
#define RV_CLI_CONVERT_FILE_H

#include "cli/node.h"
#include "convert/snn.h"

/* What the folder's model.yaml says beside the network. */
typedef struct converted_file {
    const char *folder;    /* made if it is not there */
    const char *model;     /* the file that was converted */
    node *data;            /* section `data`; NULL = none */
    const char *timesteps; /* of an IF network; NULL = 300 */
} converted_file;

int converted_file_write(rv_context *context, const rv_snn *snn, const converted_file *file);

#endif
