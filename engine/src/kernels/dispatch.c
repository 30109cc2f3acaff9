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
#endif

static const candidate CANDIDATES[] = { /* slowest first */
    {&wh_kernels_scalar, always},
#if defined(__x86_64__)
    {&wh_kernels_sse2, always},
    {&wh_kernels_avx2, has_avx2},
    {&wh_kernels_avx512, has_avx512},
#elif defined(__aarch64__)
    {&wh_kernels_neon, always},
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
