/* Selection of the A largest values: one C source that every kernel table compiles for itself. */
#ifndef WH_TOP_A_H
#define WH_TOP_A_H

#include <stdint.h>
#include <string.h>

/* An integer that orders as the floats do, with -0 equal to 0 (x + 0 is never -0). */
static inline int32_t ordered_key(float x)
{
    const float canonical = x + 0.0f;
    int32_t bits;
    memcpy(&bits, &canonical, sizeof bits);
    return bits ^ (bits < 0 ? INT32_MAX : 0);
}

/* Limits that are tried at once: measured, for 24 to 384 values. */
enum { PROBES = 2 };

#if defined(__AVX512F__) || (defined(WH_EMULATED) && WH_VECTOR_BYTES == 64)
#include "intrinsics.h"

static inline void count_reaching(int32_t counts[PROBES], const int32_t *keys, int32_t n,
                                  const int32_t limits[PROBES])
{
    uint32_t found[PROBES] = {0};
    for (int32_t i = 0; i < n; i += 16) {
        const __mmask16 valid = (__mmask16)(n - i >= 16 ? 0xffffu : (1u << (n - i)) - 1u);
        const __m512i v = _mm512_maskz_loadu_epi32(valid, keys + i);
        for (int p = 0; p < PROBES; ++p) {
            const __m512i limit = _mm512_set1_epi32(limits[p]);
            const __mmask16 reach = _mm512_mask_cmp_epi32_mask(valid, v, limit, _MM_CMPINT_NLT);
            found[p] += (uint32_t)__builtin_popcount(reach);
        }
    }
    for (int p = 0; p < PROBES; ++p) counts[p] = (int32_t)found[p];
}

/* The indices of the keys that reach the limit, ascending; writes up to 16 places further. */
static inline void list_reaching(int32_t *units, const int32_t *keys, int32_t n, int32_t limit)
{
    __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int32_t i = 0; i < n; i += 16) {
        const __mmask16 valid = (__mmask16)(n - i >= 16 ? 0xffffu : (1u << (n - i)) - 1u);
        const __m512i v = _mm512_maskz_loadu_epi32(valid, keys + i);
        const __mmask16 reach =
            _mm512_mask_cmp_epi32_mask(valid, v, _mm512_set1_epi32(limit), _MM_CMPINT_NLT);
        _mm512_storeu_si512(units, _mm512_maskz_compress_epi32(reach, index));
        units += __builtin_popcount(reach);
        index = _mm512_add_epi32(index, _mm512_set1_epi32(16));
    }
}
#else
static inline void count_reaching(int32_t counts[PROBES], const int32_t *keys, int32_t n,
                                  const int32_t limits[PROBES])
{
    int32_t found[PROBES] = {0};
    for (int32_t i = 0; i < n; ++i)
        for (int p = 0; p < PROBES; ++p) found[p] += keys[i] >= limits[p];
    memcpy(counts, found, sizeof found);
}

#if defined(__AVX2__)
#include <immintrin.h>

/* Places of the bits that are set in four. */
static const uint8_t SET_BITS[16][4] = {{0},          {0},       {1},       {0, 1}, {2},    {0, 2},
                                        {1, 2},       {0, 1, 2}, {3},       {0, 3}, {1, 3}, {0, 1, 3},
                                        {2, 3},       {0, 2, 3}, {1, 2, 3}, {0, 1, 2, 3}};

/* The keys from i on that reach the limit, four at a time. */
static inline int32_t list_fours(int32_t *units, const int32_t *keys, int32_t n, int32_t limit)
{
    const __m128i below = _mm_set1_epi32(limit - 1); /* limit is above INT32_MIN */
    __m128i index = _mm_setzero_si128();
    int32_t count = 0;
    for (int32_t i = 0; i + 4 <= n; i += 4) { /* writes up to four places further than it keeps */
        const __m128i v = _mm_loadu_si128((const __m128i *)(keys + i));
        const int reach = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpgt_epi32(v, below)));
        int32_t four;
        memcpy(&four, SET_BITS[reach], sizeof four);
        const __m128i places = _mm_add_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)), index);
        _mm_storeu_si128((__m128i *)(units + count), places);
        count += __builtin_popcount((unsigned)reach);
        index = _mm_add_epi32(index, _mm_set1_epi32(4));
    }
    return count;
}
#endif

static inline void list_reaching(int32_t *units, const int32_t *keys, int32_t n, int32_t limit)
{
    int32_t count = 0, i = 0;
#if defined(__AVX2__)
    count = limit == INT32_MIN ? 0 : list_fours(units, keys, n, limit);
    i = limit == INT32_MIN ? 0 : n / 4 * 4;
#endif
    for (; i < n; ++i) { /* writes one place further than it keeps */
        units[count] = i;
        count += keys[i] >= limit;
    }
}
#endif

static inline float value_of(int32_t key)
{
    const int32_t bits = key ^ (key < 0 ? INT32_MAX : 0);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Limits that divide [low, high) evenly: by the values that the keys stand for or, where those do not
 * all lie between low and high (neighbours, NaN) or `exact` is asked for, by the keys themselves. */
static inline void probe(int32_t limits[PROBES], int32_t low, int32_t high, int exact)
{
    const float a = value_of(low), step = (value_of(high) - a) * (1.0f / (PROBES + 1));
    int32_t between = 0;
    for (int p = 0; p < PROBES; ++p) limits[p] = ordered_key(a + step * (float)(p + 1));
    for (int p = 0; p < PROBES; ++p) between += (limits[p] > low) & (limits[p] < high);
    if (between == PROBES && !exact) return;
    const int64_t width = (int64_t)high - low;
    for (int p = 0; p < PROBES; ++p) limits[p] = (int32_t)(low + width * (p + 1) / (PROBES + 1));
}

enum { QUICK_STEPS = 6 }; /* by values; then by keys, of which thirds leave one in 21 at most */

/* Finds a limit that exactly `a` keys reach or, where ties allow none, the largest that more than
 * `a` reach; `reach` is how many do. Every step divides [low, high): `low` is reached by at least
 * `a` keys, `high` by fewer. */
static inline int32_t find_limit(const int32_t *keys, int32_t n, int32_t a, int32_t low,
                                 int32_t high, int32_t *reach)
{
    *reach = n;
    for (int step = 0; *reach != a && (int64_t)high - low > 1; ++step) {
        int32_t limits[PROBES], counts[PROBES];
        probe(limits, low, high, step >= QUICK_STEPS);
        count_reaching(counts, keys, n, limits);
        for (int p = 0; p < PROBES; ++p) { /* limits rise, counts fall */
            low = counts[p] >= a ? limits[p] : low;
            *reach = counts[p] >= a ? counts[p] : *reach;
        }
        for (int p = PROBES - 1; p >= 0; --p) high = counts[p] < a ? limits[p] : high;
    }
    return low;
}

static inline void f32_top_a(int32_t *units, int32_t *keys, const float *v, int32_t n, int32_t a)
{
    int32_t reach, low = INT32_MAX, high = INT32_MIN;
    for (int32_t i = 0; i < n; ++i) {
        const int32_t key = ordered_key(v[i]);
        keys[i] = key;
        low = key < low ? key : low;
        high = key > high ? key : high;
    }
    high += high < INT32_MAX; /* INT32_MAX is a NaN, whose place is of no interest */
    const int32_t limit = find_limit(keys, n, a, low, high, &reach);
    int32_t surplus = reach - a; /* ties at the limit; the last ones go */
    for (int32_t i = n - 1; i >= 0 && surplus > 0; --i)
        if (keys[i] == limit) {
            keys[i] = INT32_MIN;
            surplus -= 1;
        }
    list_reaching(units, keys, n, limit);
}

#endif
