/* The levels are those of the x86-64 psABI, section "Micro-Architecture Levels". All features of a level are checked,
 * since a virtual machine may mask any one of them and the compiler may use any one. */
#include "base/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [RV_ISA_BASE] = "base",
    [RV_ISA_V2] = "x86-64-v2",
    [RV_ISA_V3] = "x86-64-v3",
    [RV_ISA_V4] = "x86-64-v4",
};

#if defined(__x86_64__)

#include <cpuid.h>

/* Features that __builtin_cpu_supports of gcc 12 or clang 14 does not know; none needs the operating system. */
static bool has_cpuid_bits(unsigned leaf, unsigned ecx_bits)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(leaf, &eax, &ebx, &ecx, &edx) && (ecx & ecx_bits) == ecx_bits;
}

static bool has_v2(void)
{
    return __builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
           __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") && has_cpuid_bits(1, bit_CMPXCHG16B) &&
           has_cpuid_bits(0x80000001U, bit_LAHF_LM);
}

static bool has_v3(void)
{
    return __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           has_cpuid_bits(1, bit_F16C | bit_MOVBE) && has_cpuid_bits(0x80000001U, bit_ABM);
}

static bool has_v4(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

rv_isa rv_isa_best(void)
{
    __builtin_cpu_init();
    if (!has_v2())
        return RV_ISA_BASE;
    if (!has_v3())
        return RV_ISA_V2;
    return has_v4() ? RV_ISA_V4 : RV_ISA_V3;
}

#else

rv_isa rv_isa_best(void)
{
    return RV_ISA_BASE;
}

#endif

const char *rv_isa_name(rv_isa isa)
{
    return names[isa];
}

int rv_isa_parse(const char *name)
{
    static const char prefix[] = "x86-64-";

    for (int isa = 0; isa < (int)(sizeof names / sizeof names[0]); isa++) {
        const char *full = names[isa];
        if (strcmp(name, full) == 0)
            return isa;
        if (strncmp(full, prefix, sizeof prefix - 1) == 0 && strcmp(name, full + sizeof prefix - 1) == 0)
            return isa;
    }
    return -1;
}
