/* Compiled for AVX-512 BF16 alone; wh_bf16_usable() in dgru_steps_select.c guards every call. */
#include "bf16_matrix.h"

#include <immintrin.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { COLUMNS = WH_BF16_COLUMNS, LANES = 16, REGISTERS = COLUMNS / LANES };

/* Lanes of register j that hold one of `left` columns. */
ALWAYS_INLINE __mmask16 lanes(size_t left, size_t j)
{
    if (left >= (j + 1) * LANES) return 0xffff;
    return left <= j * LANES ? 0 : (__mmask16)((1u << (left - j * LANES)) - 1);
}

/* `rows` rows of y in one panel; with rows known where this is inlined, all sums stay in
 * registers. `left` is how many columns of y the panel still has, COLUMNS or more but at the end. */
ALWAYS_INLINE void panel(float *y, const wh_bf16 *x, const wh_bf16 *w, const float *bias, size_t n,
                         size_t k, size_t left, int add, int rows)
{
    __m512 sums[8][REGISTERS];
    for (int r = 0; r < rows; ++r)
        for (size_t j = 0; j < REGISTERS; ++j) {
            const float *start = add ? y + (size_t)r * n : bias;
            sums[r][j] = start ? _mm512_maskz_loadu_ps(lanes(left, j), start + j * LANES)
                               : _mm512_setzero_ps();
        }
    for (size_t i = 0; i < k; i += 2, w += 2 * COLUMNS) {
        const __m512bh w0 = (__m512bh)_mm512_loadu_si512(w);
        const __m512bh w1 = (__m512bh)_mm512_loadu_si512(w + 2 * LANES);
        const __m512bh w2 = (__m512bh)_mm512_loadu_si512(w + 4 * LANES);
        for (int r = 0; r < rows; ++r) {
            int32_t pair;
            memcpy(&pair, x + (size_t)r * k + i, sizeof pair);
            const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], both, w0);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], both, w1);
            sums[r][2] = _mm512_dpbf16_ps(sums[r][2], both, w2);
        }
    }
    for (int r = 0; r < rows; ++r)
        for (size_t j = 0; j < REGISTERS; ++j)
            _mm512_mask_storeu_ps(y + (size_t)r * n + j * LANES, lanes(left, j), sums[r][j]);
}

ALWAYS_INLINE void some_rows(float *y, const wh_bf16 *x, const wh_bf16 *w, const float *bias,
                             size_t n, size_t k, int add, int rows)
{
    for (size_t first = 0; first < n; first += COLUMNS, w += k * COLUMNS)
        panel(y + first, x, w, bias ? bias + first : NULL, n, k, n - first, add, rows);
}

void wh_bf16_times(float *y, const wh_bf16 *x, const wh_bf16 *packed, const float *bias, size_t m,
                   size_t n, size_t k, int add)
{
    size_t row = 0;
    for (; row + 8 <= m; row += 8) some_rows(y + row * n, x + row * k, packed, bias, n, k, add, 8);
    for (; row + 4 <= m; row += 4) some_rows(y + row * n, x + row * k, packed, bias, n, k, add, 4);
    for (; row < m; ++row) some_rows(y + row * n, x + row * k, packed, bias, n, k, add, 1);
}

void wh_bf16_round(wh_bf16 *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        const __mmask16 some = lanes(count - i, 0);
        const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, x + i));
        _mm256_mask_storeu_epi16(y + i, some, (__m256i)rounded);
    }
}

void wh_bf16_pack(wh_bf16 *packed, const float *w, size_t n, size_t k, size_t row_stride,
                  size_t column_stride)
{
    float pairs[2 * COLUMNS];
    for (size_t first = 0; first < n; first += COLUMNS)
        for (size_t i = 0; i < k; i += 2, packed += 2 * COLUMNS) {
            for (size_t c = 0; c < COLUMNS; ++c)
                for (size_t e = 0; e < 2; ++e) {
                    const int exists = first + c < n && i + e < k;
                    pairs[2 * c + e] =
                        exists ? w[(first + c) * row_stride + (i + e) * column_stride] : 0.0f;
                }
            wh_bf16_round(packed, pairs, 2 * COLUMNS);
        }
}
