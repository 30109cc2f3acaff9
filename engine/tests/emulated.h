/* Intrinsics from SIMDe, so that kernels of instruction sets that a machine lacks run on any x86-64.
 * Behind its headers, what SIMDe 0.7 lacks or names otherwise. */
#ifndef WH_TESTS_EMULATED_H
#define WH_TESTS_EMULATED_H

#include <string.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512/abs.h>
#include <simde/x86/avx512/add.h>
#include <simde/x86/avx512/cast.h>
#include <simde/x86/avx512/cmpge.h>
#include <simde/x86/avx512/compress.h>
#include <simde/x86/avx512/dpbusd.h>
#include <simde/x86/avx512/extract.h>
#include <simde/x86/avx512/loadu.h>
#include <simde/x86/avx512/madd.h>
#include <simde/x86/avx512/maddubs.h>
#include <simde/x86/avx512/mov.h>
#include <simde/x86/avx512/mov_mask.h>
#include <simde/x86/avx512/mul.h>
#include <simde/x86/avx512/permutexvar.h>
#include <simde/x86/avx512/set1.h>
#include <simde/x86/avx512/setr.h>
#include <simde/x86/avx512/setzero.h> /* before insert.h, which lacks it */
#include <simde/x86/avx512/insert.h>
#include <simde/x86/avx512/shuffle.h>
#include <simde/x86/avx512/storeu.h>
#include <simde/x86/avx512/sub.h>
#include <simde/x86/avx512/unpackhi.h>
#include <simde/x86/avx512/unpacklo.h>
#include <simde/x86/avx512/xor.h>

#define __mmask16 simde__mmask16
#define __mmask64 simde__mmask64
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)
#define _mm512_shuffle_i64x2(a, b, order) simde_mm512_shuffle_i64x2(a, b, order)
#define _mm512_shuffle_f32x4(a, b, order) simde_mm512_shuffle_f32x4(a, b, order)
#define _mm256_dpbusd_avx_epi32(sum, a, b) simde_mm256_dpbusd_epi32(sum, a, b)

#define _MM_CMPINT_NLT 5 /* not less than */

/* Compares nothing but that. */
static inline __mmask16 _mm512_mask_cmp_epi32_mask(__mmask16 valid, __m512i a, __m512i b, int order)
{
    return order == _MM_CMPINT_NLT ? simde_mm512_mask_cmpge_epi32_mask(valid, a, b) : 0;
}

/* The four bytes of every lane as a float, rounded to the nearest. */
static inline __m512 _mm512_cvtepi32_ps(__m512i v)
{
    int32_t lane[16];
    float value[16];
    memcpy(lane, &v, sizeof lane);
    for (int k = 0; k < 16; ++k) value[k] = (float)lane[k];
    return simde_mm512_loadu_ps(value);
}

static inline __m512i _mm512_zextsi256_si512(__m256i v)
{
    int32_t lane[16] = {0};
    memcpy(lane, &v, sizeof v);
    return simde_mm512_loadu_si512(lane);
}

/* Reads the places of the mask alone, as the instruction does. */
static inline __m512i _mm512_maskz_loadu_epi32(__mmask16 valid, const void *p)
{
    int32_t lane[16] = {0};
    for (int k = 0; k < 16; ++k)
        if (valid >> k & 1) lane[k] = ((const int32_t *)p)[k];
    return simde_mm512_loadu_si512(lane);
}

#endif
