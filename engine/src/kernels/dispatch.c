/* Which kernel tables exist, and which of them this CPU can run. */
#include <string.h>

#include "kernels.h"

typedef struct {
    const wh_kernels *table;
    int (*usable)(void);
} candidate;

static int always(void)
{
    return 1;
}

#if defined(__x86_64__)
/* Single features rather than "x86-64-v4", which clang 14 does not know. */
static int has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") != 0;
}

static int has_avx512(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static int has_avx512vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

#if defined(WH_HAS_AVXVNNI)
#include <cpuid.h>

/* Compilers that know the instructions need not know their name here. */
static int has_avxvnni(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1u) != 0;
}
#endif
#elif defined(__aarch64__)
#if defined(__linux__)
#include <sys/auxv.h>

static int has_dot_products(void)
{
    return (getauxval(AT_HWCAP) >> 20 & 1u) != 0; /* HWCAP_ASIMDDP */
}
#else
static int has_dot_products(void)
{
#if defined(__ARM_FEATURE_DOTPROD)
    return 1; /* every CPU that the compiler was told of has them */
#else
    return 0;
#endif
}
#endif
#endif

static const candidate CANDIDATES[] = { /* slowest first */
    {&wh_kernels_scalar, always},
#if defined(__x86_64__)
    {&wh_kernels_sse2, always},
    {&wh_kernels_avx2, has_avx2},
#if defined(WH_HAS_AVXVNNI)
    {&wh_kernels_avxvnni, has_avxvnni},
#endif
    {&wh_kernels_avx512, has_avx512},
    {&wh_kernels_avx512vnni, has_avx512vnni},
#elif defined(__aarch64__)
    {&wh_kernels_neon, always},
    {&wh_kernels_neondot, has_dot_products},
#endif
};

static const int N_CANDIDATES = (int)(sizeof CANDIDATES / sizeof CANDIDATES[0]);

const char *wh_isa_name(int32_t index)
{
    for (int i = 0; i < N_CANDIDATES; ++i)
        if (CANDIDATES[i].usable() && index-- == 0) return CANDIDATES[i].table->name;
    return NULL;
}

const wh_kernels *wh_kernels_find(const char *name)
{
    for (int i = N_CANDIDATES - 1; i >= 0; --i) {
        const wh_kernels *table = CANDIDATES[i].table;
        if ((name == NULL || strcmp(name, table->name) == 0) && CANDIDATES[i].usable())
            return table;
    }
    return NULL;
}
