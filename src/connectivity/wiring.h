/* Wirings: made, shared, and turned into what kernels see. */
#ifndef RV_CONNECTIVITY_WIRING_H
#define RV_CONNECTIVITY_WIRING_H

#include "connectivity/model.h"

/* The wiring of a connection whose options and shapes have been checked. *order as in rv_connectivity_model's wire; freed
 * with rv_free. */
int rv_wiring_create(rv_wiring **out, const rv_connectivity *connectivity, const rv_ends *ends, uint32_t **order);
rv_wiring *rv_wiring_retain(rv_wiring *wiring);
void rv_wiring_free(rv_wiring *wiring);

/* Links of a wiring, without weights and delays. */
rv_links rv_wiring_links(const rv_wiring *wiring, const rv_kernels *kernels, size_t num_source, size_t num_target,
                         size_t n_pad);

/* One number per weight in users' order, from or to rows whose padding is left alone. */
void rv_links_pack(const rv_links *links, const rv_connectivity_model *model, float *rows, const float *flat);
void rv_links_unpack(const rv_links *links, const rv_connectivity_model *model, float *flat, const float *rows);

#endif
