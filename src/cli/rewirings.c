#include "cli/rewirings.h"

#include <stdlib.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "cli/say.h"
#include "store/folder.h"

static int write(rv_context *context, const char *path, const rv_rewirings *records, size_t num)
{
    uint64_t *numbers = make(2 * num, sizeof *numbers);
    for (size_t i = 0; i < num; i++) {
        numbers[2 * i] = records[i].done;
        numbers[2 * i + 1] = records[i].failed;
    }
    const int rc = rv_npy_write(context, path,
                                &(rv_ndarray){.dtype = RV_UINT64, .num_dims = 2, .shape = {num, 2}, .size = 2 * num,
                                              .data = numbers});
    free(numbers);
    return rc;
}

int rewirings_save(const experiment *e, const char *folder)
{
    const rv_network *network = e->network.network;
    const bool recorded = e->compiler.learning.deep_r_record_rewirings == RV_ON;
    char *subfolder = path_join(folder, "recorded");
    int rc = RV_OK;
    for (size_t i = 0; recorded && i < rv_network_num_connections(network) && rc >= 0; i++) {
        const rv_connection *connection = rv_network_connection(network, i);
        const rv_rewirings *records;
        size_t num;
        if (rv_rewirings_get(e->model, connection, &records, &num) < 0) /* it is not rewired */
            continue;
        char *path = format_text("%s/%s-rewirings.npy", subfolder, rv_connection_name(connection));
        rc = rv_folder_make(e->context, subfolder);
        if (rc >= 0)
            rc = write(e->context, path, records, num);
        free(path);
    }
    free(subfolder);
    return rc < 0 ? fault_library(NULL, e->context, rc) : STATUS_OK;
}
