/* Which table of kernels belongs to which instruction set. */
#include "kernels/dispatch.h"
#include "kernels/kernels.h"

RV_ISA_TABLES(const rv_kernels, rv_kernels);

const rv_kernels *rv_kernels_for(rv_isa isa)
{
    return RV_ISA_PICK(rv_kernels, isa);
}
