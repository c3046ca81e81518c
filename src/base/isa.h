/* Instruction sets: the levels of the x86-64 psABI that kernels are compiled for, and which of them this machine has.
 * Other architectures have RV_ISA_BASE only. */
#ifndef RV_BASE_ISA_H
#define RV_BASE_ISA_H

/* In ascending order: each level includes the ones before it. */
typedef enum rv_isa {
    RV_ISA_BASE = 0, /* what the compiler targets without options */
    RV_ISA_V2,       /* x86-64-v2: SSE4.2 */
    RV_ISA_V3,       /* x86-64-v3: AVX2, FMA */
    RV_ISA_V4,       /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL */
} rv_isa;

/* The best level that both the processor and the operating system support. */
rv_isa rv_isa_best(void);

/* "base", "x86-64-v2", ... */
const char *rv_isa_name(rv_isa isa);

/* The level of a name ("x86-64-v3", "v3", "base"), whether this machine has it or not; -1 if there is none. */
int rv_isa_parse(const char *name);

#endif
