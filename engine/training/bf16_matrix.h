/** Products with bfloat16 matrices, summed in float32: what training on a CPU with AVX-512 BF16
 *  instructions spends its time on, at about twice the speed of float32.
 *
 *  A packed matrix W (N, K) lies in panels of WH_BF16_COLUMNS rows of W: element (n, k) is at
 *  [n / C][k / 2][n % C][k % 2], C = WH_BF16_COLUMNS; missing rows and columns are zeros.
 */
#ifndef WH_BF16_MATRIX_H
#define WH_BF16_MATRIX_H

#include <stddef.h>
#include <stdint.h>

typedef uint16_t wh_bf16; /* upper half of a float32, rounded to nearest even */

enum { WH_BF16_COLUMNS = 48 }; /* three registers of sums per row of the left operand */

/** Whether this CPU has the instructions; nothing else here may be called without them. */
int wh_bf16_usable(void);

/** Elements of a packed matrix of n rows and k columns. */
static inline size_t wh_bf16_packed_size(size_t n, size_t k)
{
    return (n + WH_BF16_COLUMNS - 1) / WH_BF16_COLUMNS * ((k + 1) / 2) * 2 * WH_BF16_COLUMNS;
}

/** Pack W: element (n, k) is w[n * row_stride + k * column_stride], so a transpose is a swap. */
void wh_bf16_pack(wh_bf16 *packed, const float *w, size_t n, size_t k, size_t row_stride,
                  size_t column_stride);

/** Round `count` numbers. */
void wh_bf16_round(wh_bf16 *y, const float *x, size_t count);

/** y (M, N) = bias + x (M, K) W^T, or, with `add`, y += x W^T; K even, bias (N) or NULL for 0. */
void wh_bf16_times(float *y, const wh_bf16 *x, const wh_bf16 *packed, const float *bias, size_t m,
                   size_t n, size_t k, int add);

#endif
