#include "bf16_matrix.h"
#include "dgru_steps.h"

const wh_dgru_steps *wh_dgru_steps_select(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return &wh_dgru_steps_avx512;
    if (__builtin_cpu_supports("avx2")) return &wh_dgru_steps_avx2;
#endif
    return &wh_dgru_steps_baseline;
}

int wh_bf16_usable(void)
{
#if defined(WH_BF16)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}
