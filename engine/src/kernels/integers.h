/* Products of integers of 8 bits: one C source that every vector table compiles for itself.
 *
 * Whatever the instruction set, a lane of four bytes adds the products of four columns to an
 * integer of 32 bits, so that all sums are exact and equal. What differs is how: `see` prepares
 * columns, `dot` adds their products. Weights and inputs lie within +-127, and two neighbouring
 * weights of a row add up to at most 128 in size.
 */
#ifndef WH_INTEGERS_H
#define WH_INTEGERS_H

#include <stdint.h>
#include <string.h>

#include "kernels.h"

#if defined(__x86_64__)
#include "intrinsics.h"
#endif

#define WH_INLINE static inline __attribute__((always_inline))

#if WH_VECTOR_BYTES >= 32
/* Bytes without a sign times bytes with one: inputs are seen 128 higher, which `offset` makes good
 * for. Without VNNI two products are added in 16 bits: 255 times a pair of weights, 128 at most. */
enum { SEES_OFFSET = 1 };
#endif

#if WH_VECTOR_BYTES == 64
typedef __m512i wh_int_vec;
typedef __m512i wh_seen;
enum { INT_GROUP = 8 };

WH_INLINE wh_seen see_four(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm512_set1_epi32(four ^ (int32_t)0x80808080);
}

/* Of 32 columns every half twice: for a reset and a candidate row side by side. */
WH_INLINE wh_seen see_chunks(const int8_t *q)
{
    const __m512i both = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)q));
    const __m512i spread = _mm512_shuffle_i64x2(both, both, 0x50);
    return _mm512_xor_si512(spread, _mm512_set1_epi8((char)0x80));
}

WH_INLINE wh_int_vec dot(wh_int_vec sum, wh_int_vec w, wh_seen x)
{
#if defined(WH_VNNI)
    return _mm512_dpbusd_epi32(sum, x, w);
#else
    const __m512i pairs = _mm512_maddubs_epi16(x, w);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
}

#elif WH_VECTOR_BYTES == 32
typedef __m256i wh_int_vec;
typedef __m256i wh_seen;
#if defined(WH_VNNI)
enum { INT_GROUP = 8 };
#else
enum { INT_GROUP = 4 };
#endif

WH_INLINE wh_seen see_four(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm256_set1_epi32(four ^ (int32_t)0x80808080);
}

/* Of 16 columns all twice: for a reset and a candidate row side by side. */
WH_INLINE wh_seen see_chunks(const int8_t *q)
{
    const __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)q));
    return _mm256_xor_si256(both, _mm256_set1_epi8((char)0x80));
}

WH_INLINE wh_int_vec dot(wh_int_vec sum, wh_int_vec w, wh_seen x)
{
#if defined(WH_VNNI)
    return _mm256_dpbusd_avx_epi32(sum, x, w);
#else
    const __m256i pairs = _mm256_maddubs_epi16(x, w);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

#elif defined(__SSE2__)
typedef __m128i wh_int_vec;
typedef struct {
    __m128i low, high; /* as integers of 16 bits */
} wh_seen;
enum { SEES_OFFSET = 0, INT_GROUP = 4 };

WH_INLINE wh_seen see(__m128i x)
{
    const wh_seen seen = {_mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8),
                          _mm_srai_epi16(_mm_unpackhi_epi8(x, x), 8)};
    return seen;
}

WH_INLINE wh_seen see_four(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return see(_mm_set1_epi32(four));
}

WH_INLINE wh_seen see_chunks(const int8_t *q)
{
    return see(_mm_loadu_si128((const __m128i *)q));
}

WH_INLINE wh_int_vec dot(wh_int_vec sum, wh_int_vec w, wh_seen x)
{
    const wh_seen wide = see(w);
    const __m128 low = _mm_castsi128_ps(_mm_madd_epi16(wide.low, x.low));
    const __m128 high = _mm_castsi128_ps(_mm_madd_epi16(wide.high, x.high));
    const __m128i even = _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
    const __m128i odd = _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
    return _mm_add_epi32(sum, _mm_add_epi32(even, odd));
}

#else
#include <arm_neon.h>
typedef int32x4_t wh_int_vec;
typedef int8x16_t wh_seen;
enum { SEES_OFFSET = 0, INT_GROUP = 4 };

WH_INLINE wh_seen see_four(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

WH_INLINE wh_seen see_chunks(const int8_t *q)
{
    return vld1q_s8(q);
}

WH_INLINE wh_int_vec dot(wh_int_vec sum, wh_int_vec w, wh_seen x)
{
    const int8x16_t bytes = vreinterpretq_s8_s32(w);
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, bytes, x);
#else /* two products fit into 16 bits, 127 times a pair of weights */
    const int16x8_t low = vmull_s8(vget_low_s8(bytes), vget_low_s8(x));
    const int16x8_t high = vmull_high_s8(bytes, x);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
}
#endif

enum {
    INT_VECTORS = 64 / WH_VECTOR_BYTES,          /* of a panel's rows at four columns */
    INT_PANELS = 4,                              /* that one pass takes */
    INT_PLACES = WH_VECTOR_BYTES == 64 ? 4 : 1,  /* positions that one pass takes, if it can */
    INT_UNROLL = WH_VECTOR_BYTES == 64 ? 2 : 1,  /* sums that hide the latency of `dot` */
    INT_ROWS = WH_VECTOR_BYTES == 16 ? 2 : 1,    /* vectors that hold a chunk of a unit's rows */
    INT_CHUNKS = WH_VECTOR_BYTES == 64 ? 2 : 1   /* chunks that a vector holds */
};

WH_INLINE int32_t wh_int_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

WH_INLINE wh_int_vec load_integers(const void *p)
{
    wh_int_vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

WH_INLINE wh_int_vec add_integers(wh_int_vec a, wh_int_vec b)
{
    typedef int32_t lanes __attribute__((vector_size(WH_VECTOR_BYTES)));
    return (wh_int_vec)((lanes)a + (lanes)b);
}

WH_INLINE wh_int_vec no_integers(void)
{
    wh_int_vec v;
    memset(&v, 0, sizeof v);
    return v;
}

/* y = scale sum + add, where the sums of kernels that see values 128 higher are made good for. */
WH_INLINE void finish_panel(float *y, const int32_t sums[WH_PANEL_ROWS], const wh_int_rows *w,
                            int32_t first, float factor, const float *add, int32_t rows)
{
    float got[WH_PANEL_ROWS];
    const float *restrict scale = w->scale + first;
    const int32_t *restrict offset = w->offset + first;
    for (int r = 0; r < WH_PANEL_ROWS; ++r) {
        const int32_t sum = SEES_OFFSET ? sums[r] - offset[r] : sums[r];
        got[r] = (float)sum * (scale[r] * factor);
    }
    const int32_t left = rows - first;
    if (left >= WH_PANEL_ROWS)
        for (int r = 0; r < WH_PANEL_ROWS; ++r) y[first + r] = got[r] + add[first + r];
    else
        for (int r = 0; r < left; ++r) y[first + r] = got[r] + add[first + r];
}

WH_INLINE void store_integers(void *p, wh_int_vec v)
{
    memcpy(p, &v, sizeof v);
}

typedef int32_t int_sums[INT_PANELS][WH_PANEL_ROWS];

/* `panels` panels at `places` positions, both constants where used; the weights are loaded once. */
WH_INLINE void int_pass(int_sums sums[], const int8_t *w, size_t size, const int8_t *q,
                        ptrdiff_t q_step, int32_t groups, int panels, int places)
{
    const int unroll = places > 1 ? 1 : INT_UNROLL;
    wh_int_vec s[INT_UNROLL * INT_PLACES][INT_PANELS][INT_VECTORS];
    for (int u = 0; u < unroll * places; ++u)
        for (int k = 0; k < panels; ++k)
            for (int v = 0; v < INT_VECTORS; ++v) s[u][k][v] = no_integers();
    for (int32_t g = 0; g < groups; g += unroll)
        for (int u = 0; u < unroll; ++u) {
            if (unroll > 1 && g + u >= groups) break;
            const int8_t *at = w + 64 * (size_t)(g + u);
            wh_seen x[INT_PLACES];
            for (int p = 0; p < places; ++p) x[p] = see_four(q + p * q_step + 4 * (g + u));
            for (int k = 0; k < panels; ++k)
                for (int v = 0; v < INT_VECTORS; ++v) {
                    const wh_int_vec some =
                        load_integers(at + (size_t)k * size + v * WH_VECTOR_BYTES);
                    for (int p = 0; p < places; ++p)
                        s[u * places + p][k][v] = dot(s[u * places + p][k][v], some, x[p]);
                }
        }
    for (int p = 0; p < places; ++p)
        for (int k = 0; k < panels; ++k)
            for (int v = 0; v < INT_VECTORS; ++v) {
                wh_int_vec sum = s[p][k][v];
                for (int u = 1; u < unroll; ++u) sum = add_integers(sum, s[u * places + p][k][v]);
                store_integers(&sums[p][k][v * WH_VECTOR_BYTES / 4], sum);
            }
}

WH_INLINE void int_places(int_sums sums[], const int8_t *w, size_t size, const int8_t *q,
                          ptrdiff_t q_step, int32_t groups, int32_t panels, int places)
{
    if (panels == 4) int_pass(sums, w, size, q, q_step, groups, 4, places);
    else if (panels == 3) int_pass(sums, w, size, q, q_step, groups, 3, places);
    else if (panels == 2) int_pass(sums, w, size, q, q_step, groups, 2, places);
    else int_pass(sums, w, size, q, q_step, groups, 1, places);
}

static void s8_panels_vector(float *y, ptrdiff_t y_step, const wh_int_rows *w, float factor,
                             const float *add, ptrdiff_t add_step, const int8_t *q, ptrdiff_t q_step,
                             int32_t rows, int32_t count)
{
    const int32_t groups = (w->cols + 3) / 4;
    const size_t size = 64 * (size_t)groups;
    for (int32_t row = 0; row < rows; row += INT_PANELS * WH_PANEL_ROWS) {
        const int8_t *first = w->weights + (size_t)(row / WH_PANEL_ROWS) * size;
        const int32_t panels =
            wh_int_min(INT_PANELS, (rows - row + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS);
        for (int32_t p = 0, places; p < count; p += places) {
            int_sums sums[INT_PLACES];
            places = count - p < INT_PLACES ? 1 : INT_PLACES;
            if (places == 1) int_places(sums, first, size, q + p * q_step, q_step, groups, panels, 1);
            else int_places(sums, first, size, q + p * q_step, q_step, groups, panels, INT_PLACES);
            for (int32_t i = 0; i < places * panels; ++i) {
                const int32_t t = i / panels, k = i % panels;
                finish_panel(y + (p + t) * y_step, sums[t][k], w, row + k * WH_PANEL_ROWS, factor,
                             add + (p + t) * add_step, rows);
            }
        }
    }
}

/* The sums of a unit's two rows over one part of [x | h]: lanes of the reset row, then of the
 * candidate row, once for each chunk in the vectors. */
typedef struct {
    wh_int_vec of[INT_ROWS];
} wh_unit_lanes;

/* Adds the products of the chunks from column i on, of INT_GROUP units. */
WH_INLINE void int_unit_chunks(wh_unit_lanes s[INT_GROUP], const int8_t *const block[INT_GROUP],
                               const int8_t *q, int32_t i)
{
    const wh_seen x = see_chunks(q + i);
    for (int u = 0; u < INT_GROUP; ++u)
        for (int v = 0; v < INT_ROWS; ++v)
            s[u].of[v] = dot(s[u].of[v], load_integers(block[u] + 2 * i + v * WH_VECTOR_BYTES), x);
}

/* Adds one part of INT_GROUP units, `at` bytes into their blocks; with `next` it asks for the same part
 * of those that come next. */
WH_INLINE void int_unit_part(wh_unit_lanes got[INT_GROUP], const int8_t *const blocks[INT_GROUP],
                             const int8_t *const next[INT_GROUP], size_t at, const int8_t *q,
                             int32_t cols)
{
    const int8_t *block[INT_GROUP];
    for (int u = 0; u < INT_GROUP; ++u) block[u] = blocks[u] + at;
    wh_unit_lanes s[INT_GROUP];
    for (int u = 0; u < INT_GROUP; ++u)
        for (int v = 0; v < INT_ROWS; ++v) s[u].of[v] = no_integers();
    int32_t i = 0;
    for (; i + 2 * WH_LANES <= cols; i += 2 * WH_LANES) { /* a cache line of each unit */
        for (int u = 0; next && u < INT_GROUP; ++u) __builtin_prefetch(next[u] + at + 2 * i);
        for (int k = 0; k < 2 * WH_LANES; k += INT_CHUNKS * WH_LANES)
            int_unit_chunks(s, block, q, i + k);
    }
    if (i < cols && INT_CHUNKS == 1) int_unit_chunks(s, block, q, i);
#if WH_VECTOR_BYTES == 64
    if (i < cols) { /* one chunk more: half a vector, and nothing is added behind it */
        const __m128i some = _mm_loadu_si128((const __m128i *)(q + i));
        const __m256i both = _mm256_xor_si256(_mm256_broadcastsi128_si256(some), _mm256_set1_epi8((char)0x80));
        for (int u = 0; u < INT_GROUP; ++u) {
            const __m256i half = _mm256_loadu_si256((const __m256i *)(block[u] + 2 * i));
            s[u].of[0] = dot(s[u].of[0], _mm512_zextsi256_si512(half), _mm512_zextsi256_si512(both));
        }
    }
#endif
    for (int u = 0; u < INT_GROUP; ++u)
        for (int v = 0; v < INT_ROWS; ++v) got[u].of[v] = s[u].of[v];
}

typedef struct {
    wh_unit_lanes x[4], h[4];
} four_units;

/* Each table below makes the pre-activations of four units from their sums; k is the first one's
 * place. */

#if WH_VECTOR_BYTES >= 32
WH_INLINE __m128i load_four(const int32_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}
#endif

#if WH_VECTOR_BYTES == 64
/* Of every unit, in this order: r of x, r of h, c of x, c of h. */
WH_INLINE __m512i add_lanes(const four_units *s)
{
    __m512i one[4], two[2]; /* quarters hold a row's two sums of x and two of h: r, c, r, c */
    for (int u = 0; u < 4; ++u)
        one[u] = _mm512_add_epi32(_mm512_unpacklo_epi64(s->x[u].of[0], s->h[u].of[0]),
                                  _mm512_unpackhi_epi64(s->x[u].of[0], s->h[u].of[0]));
    for (int k = 0; k < 2; ++k)
        two[k] = _mm512_add_epi32(_mm512_shuffle_i64x2(one[k], one[k + 2], 0x44),
                                  _mm512_shuffle_i64x2(one[k], one[k + 2], 0xee));
    const __m512 p = _mm512_castsi512_ps(two[0]), q = _mm512_castsi512_ps(two[1]);
    const __m512i even = _mm512_castps_si512(_mm512_shuffle_ps(p, q, _MM_SHUFFLE(2, 0, 2, 0)));
    const __m512i odd = _mm512_castps_si512(_mm512_shuffle_ps(p, q, _MM_SHUFFLE(3, 1, 3, 1)));
    const __m512i order = _mm512_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    return _mm512_permutexvar_epi32(order, _mm512_add_epi32(even, odd));
}

WH_INLINE __m512 two_numbers(const wh_int_units *w, int32_t one, int32_t other)
{
    const __m256 a = _mm256_loadu_ps(w->numbers + 8 * one), b = _mm256_loadu_ps(w->numbers + 8 * other);
    return _mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1);
}

WH_INLINE void finish_units(wh_unit_sums y, int32_t k, const four_units *s, const wh_int_units *w,
                            const int32_t units[4])
{
    __m512i offset = _mm512_castsi128_si512(load_four(w->offset + 4 * units[0]));
    offset = _mm512_inserti32x4(offset, load_four(w->offset + 4 * units[1]), 1);
    offset = _mm512_inserti32x4(offset, load_four(w->offset + 4 * units[2]), 2);
    offset = _mm512_inserti32x4(offset, load_four(w->offset + 4 * units[3]), 3);
    const __m512 p = two_numbers(w, units[0], units[1]), q = two_numbers(w, units[2], units[3]);
    const __m512 scale = _mm512_shuffle_f32x4(p, q, 0x88), bias = _mm512_shuffle_f32x4(p, q, 0xdd);
    const __m512 sums = _mm512_cvtepi32_ps(_mm512_sub_epi32(add_lanes(s), offset));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512 v = _mm512_permutexvar_ps(order, _mm512_add_ps(_mm512_mul_ps(sums, scale), bias));
    _mm_storeu_ps(y.r + k, _mm_add_ps(_mm512_castps512_ps128(v), _mm512_extractf32x4_ps(v, 1)));
    _mm_storeu_ps(y.cx + k, _mm512_extractf32x4_ps(v, 2));
    _mm_storeu_ps(y.ch + k, _mm512_extractf32x4_ps(v, 3));
}
#elif WH_VECTOR_BYTES == 32
/* Of two units, in this order: r of x, r of h, r of x, r of h; the same of c. */
WH_INLINE __m256 two_units(const four_units *s, const wh_int_units *w, int first, int32_t one,
                           int32_t other)
{
    const __m256i a = _mm256_hadd_epi32(s->x[first].of[0], s->h[first].of[0]);
    const __m256i b = _mm256_hadd_epi32(s->x[first + 1].of[0], s->h[first + 1].of[0]);
    __m256i sums = _mm256_hadd_epi32(a, b);
    if (SEES_OFFSET) {
        const __m128i p = load_four(w->offset + 4 * one);
        const __m128i q = load_four(w->offset + 4 * other);
        const __m128i r = _mm_unpacklo_epi64(p, q), c = _mm_unpackhi_epi64(p, q);
        sums = _mm256_sub_epi32(sums, _mm256_set_m128i(c, r));
    }
    const __m256d p = _mm256_castps_pd(_mm256_loadu_ps(w->numbers + 8 * one));
    const __m256d q = _mm256_castps_pd(_mm256_loadu_ps(w->numbers + 8 * other));
    const __m256 of_r = _mm256_castpd_ps(_mm256_unpacklo_pd(p, q));
    const __m256 of_c = _mm256_castpd_ps(_mm256_unpackhi_pd(p, q));
    const __m256 scale = _mm256_permute2f128_ps(of_r, of_c, 0x20);
    const __m256 bias = _mm256_permute2f128_ps(of_r, of_c, 0x31);
    return _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale), bias);
}

WH_INLINE void finish_units(wh_unit_sums y, int32_t k, const four_units *s, const wh_int_units *w,
                            const int32_t units[4])
{
    const __m256 a = two_units(s, w, 0, units[0], units[1]);
    const __m256 b = two_units(s, w, 2, units[2], units[3]);
    const __m128 c = _mm256_extractf128_ps(a, 1), d = _mm256_extractf128_ps(b, 1);
    _mm_storeu_ps(y.r + k, _mm_hadd_ps(_mm256_castps256_ps128(a), _mm256_castps256_ps128(b)));
    _mm_storeu_ps(y.cx + k, _mm_shuffle_ps(c, d, _MM_SHUFFLE(2, 0, 2, 0)));
    _mm_storeu_ps(y.ch + k, _mm_shuffle_ps(c, d, _MM_SHUFFLE(3, 1, 3, 1)));
}
#else
WH_INLINE int32_t add_lanes(wh_int_vec v)
{
    int32_t lane[4];
    memcpy(lane, &v, sizeof lane);
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

WH_INLINE void finish_units(wh_unit_sums y, int32_t k, const four_units *s, const wh_int_units *w,
                            const int32_t units[4])
{
    for (int u = 0; u < 4; ++u) {
        const float *number = w->numbers + 8 * units[u];
        const wh_unit_lanes *x = &s->x[u], *h = &s->h[u];
        const float r_x = (float)add_lanes(x->of[0]) * number[0] + number[4];
        y.r[k + u] = (float)add_lanes(h->of[0]) * number[1] + r_x;
        y.cx[k + u] = (float)add_lanes(x->of[1]) * number[2] + number[6];
        y.ch[k + u] = (float)add_lanes(h->of[1]) * number[3] + number[7];
    }
}
#endif

/* Blocks of this many bytes belong to matrices that no near cache holds. */
enum { FAR_BLOCK = 1024 };

/* The units from place k on, of which all but the first may be the last one again. */
WH_INLINE void int_unit_group(wh_unit_sums y, const wh_int_units *w, const int8_t *x,
                              const int8_t *h, const int32_t *units, int32_t k, int32_t count, int far)
{
    const size_t of_h = 2 * (size_t)w->x_cols, size = of_h + 2 * (size_t)w->h_cols;
    const int8_t *block[INT_GROUP], *next[INT_GROUP];
    int32_t unit[INT_GROUP];
    four_units sums[INT_GROUP / 4];
    wh_unit_lanes from_x[INT_GROUP], from_h[INT_GROUP];
    for (int u = 0; u < INT_GROUP; ++u) {
        unit[u] = units[wh_int_min(k + u, count - 1)];
        block[u] = w->blocks + (size_t)unit[u] * size;
        if (far)
            next[u] = w->blocks + (size_t)units[wh_int_min(k + u + INT_GROUP, count - 1)] * size;
    }
    int_unit_part(from_x, block, far ? next : NULL, 0, x, w->x_cols);
    int_unit_part(from_h, block, far ? next : NULL, of_h, h, w->h_cols);
    for (int f = 0; f < INT_GROUP / 4; ++f) {
        memcpy(sums[f].x, from_x + 4 * f, sizeof sums[f].x);
        memcpy(sums[f].h, from_h + 4 * f, sizeof sums[f].h);
        finish_units(y, k + 4 * f, &sums[f], w, unit + 4 * f);
    }
}

static void s8_units_vector(wh_unit_sums y, const wh_int_units *w, const int8_t *x,
                            const int8_t *h, const int32_t *units, int32_t count)
{
    if (2 * (w->x_cols + w->h_cols) >= FAR_BLOCK)
        for (int32_t k = 0; k < count; k += INT_GROUP) int_unit_group(y, w, x, h, units, k, count, 1);
    else
        for (int32_t k = 0; k < count; k += INT_GROUP) int_unit_group(y, w, x, h, units, k, count, 0);
}

#endif
