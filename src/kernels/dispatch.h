/* Tables that exist once per instruction set: their declarations, and the choice between them.
 *
 *   RV_ISA_TABLES(const rv_neuron_ops, rv_lif_ops);          declares rv_lif_ops_v2, ..._v3, ..._v4 (or ..._base)
 *   const rv_neuron_ops *ops = RV_ISA_PICK(rv_lif_ops, isa);  the one for isa
 */
#ifndef RV_KERNELS_DISPATCH_H
#define RV_KERNELS_DISPATCH_H

#include "base/isa.h"

#if defined(__x86_64__)
#define RV_ISA_TABLES(type, name) extern type name##_v2, name##_v3, name##_v4
#define RV_ISA_PICK(name, isa) ((isa) >= RV_ISA_V4 ? &name##_v4 : (isa) == RV_ISA_V3 ? &name##_v3 : &name##_v2)
#else
#define RV_ISA_TABLES(type, name) extern type name##_base
#define RV_ISA_PICK(name, isa) ((void)(isa), &name##_base)
#endif

#endif
