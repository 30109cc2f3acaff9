/* The kernel table: everything that has one version per instruction set.
 *
 * All versions are bit-identical. That rests on three rules: a dot product is defined below in
 * full, order included; products and sums are rounded separately (-ffp-contract=off); the
 * element-wise functions are the same C source in every version.
 *
 * Dot product of a row of panels: the products of even columns and those of odd columns are summed
 * in ascending order, each from 0; their sum, and then the bias. In [x | h], both parts begin even.
 * Dot product of a row of unit blocks: WH_LANES partial sums, each starting at 0, lane k adding the
 * products of the columns with col % WH_LANES == k in ascending order; then the partial sums are
 * folded, k with k + 8, then k with k + 4, k + 2, k + 1, and the bias is added. Sums over channels
 * are made in the same way. Every row is computed by itself, so its value does not depend on which
 * other rows or positions are computed with it.
 * Sums of integers are exact in any order; one is made a float, multiplied by its row's scale, and
 * added to what there is.
 */
#ifndef WH_KERNELS_H
#define WH_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "front.h"
#include "wheesht.h"

/* A number of columns padded to whole chunks. */
static inline int32_t wh_padded(int32_t n)
{
    return (n + WH_LANES - 1) / WH_LANES * WH_LANES;
}

/* The reset and candidate rows of a GRU with H units, inputs padded to whole chunks. */
typedef struct {
    const float *blocks; /* unit blocks */
    const float *bias;   /* (4, H), rows z, r, cx, ch */
    int32_t n, x_cols, h_cols;
} wh_unit_rows;

/* Pre-activations of listed units: of r, and of c its x part and its h part. */
typedef struct {
    float *r, *cx, *ch;
} wh_unit_sums;

/* What a product sees at one or several positions: [x | h], two runs of columns; the second may be
 * empty. The next position is x_step and h_step floats further. */
typedef struct {
    const float *x, *h;
    int32_t x_cols, h_cols;
    ptrdiff_t x_step, h_step;
} wh_inputs;

/* Integer panels of rows with `cols` columns; per row a scale and 128 times the sum of its weights. */
typedef struct {
    const int8_t *weights;
    const float *scale;
    const int32_t *offset;
    int32_t cols;
} wh_int_rows;

/* The reset and candidate rows of a GRU, of integers. */
typedef struct {
    const int8_t *blocks;  /* integer unit blocks */
    const float *numbers;  /* (n, 8): scales of r of x, r of h, c of x, c of h; biases r, 0, cx, ch */
    const int32_t *offset; /* (n, 4): 128 times the sums of the same rows */
    int32_t x_cols, h_cols;
} wh_int_units;

typedef struct {
    const char *name;

    /* At each of `count` positions y[rows] = W [x | h] + bias. W: panels; y of the next position is
     * y_step floats further, its bias bias_step; bias may be y itself, or NULL for zeros. */
    void (*f32_panels)(float *y, ptrdiff_t y_step, const float *w, const float *bias,
                       ptrdiff_t bias_step, const wh_inputs *in, int32_t rows, int32_t count);

    /* For k in 0..count-1 and unit j = units[k], ascending: r[k] = R_j [x | h] + bias,
     * cx[k] = C_j[x part] x + bias, ch[k] = C_j[h part] h + bias. Writes whole chunks of them. */
    void (*f32_units)(wh_unit_sums y, const wh_unit_rows *rows, const float *x, const float *h,
                      const int32_t *units, int32_t count);

    /* y[n] = (x - mean) / sqrt(variance + 1e-5), times weight plus bias unless NULL; y may be x. */
    void (*f32_layer_norm)(float *y, const float *x, const float *weight, const float *bias,
                           int32_t n);

    /* Write the indices of the `a` largest of v[n] to `units` in ascending order; of equal values
     * the lowest index wins, and -0 equals 0. 1 <= a < n; keys has room for n, units for a chunk
     * more. */
    void (*f32_top_a)(int32_t *units, int32_t *keys, const float *v, int32_t n, int32_t a);

    /* Element-wise, in place; finite for every input, NaN included (log: for inputs >= 1e-37). */
    void (*f32_sigmoid)(float *v, int32_t n);
    void (*f32_tanh)(float *v, int32_t n);
    void (*f32_log)(float *v, int32_t n);

    /* At each of `count` positions y[rows] = float(W q) (scale factor) + add; add may be y itself.
     * q of the next position is q_step bytes further, and readable to a multiple of 4 columns. */
    void (*s8_panels)(float *y, ptrdiff_t y_step, const wh_int_rows *w, float factor,
                      const float *add, ptrdiff_t add_step, const int8_t *q, ptrdiff_t q_step,
                      int32_t rows, int32_t count);

    /* As f32_units: r[k] = float(R_j h) scale + (float(R_j x) scale + bias), cx and ch likewise. */
    void (*s8_units)(wh_unit_sums y, const wh_int_units *w, const int8_t *x, const int8_t *h,
                     const int32_t *units, int32_t count);

    /* q[n] = v times `inverse`, limited to +-127 and rounded, ties to even; -127 for a NaN. Of 16
     * bits: limited to +-127 128, and 128 coarse + fine, fine in -64..63. */
    void (*s8_round)(int8_t *q, const float *v, float inverse, int32_t n);
    void (*s16_round)(int8_t *fine, int8_t *coarse, const float *v, float inverse, int32_t n);
    const wh_front *front; /* what is no layer */
} wh_kernels;

extern const wh_kernels wh_kernels_scalar;
#if defined(__x86_64__)
extern const wh_kernels wh_kernels_sse2;
extern const wh_kernels wh_kernels_avx2;
extern const wh_kernels wh_kernels_avx512;
extern const wh_kernels wh_kernels_avx512vnni;
#if defined(WH_HAS_AVXVNNI)
extern const wh_kernels wh_kernels_avxvnni;
#endif
#elif defined(__aarch64__)
extern const wh_kernels wh_kernels_neon;
extern const wh_kernels wh_kernels_neondot;
#endif

/* Table of that name if this CPU can run it, the fastest for NULL; NULL if there is none. */
const wh_kernels *wh_kernels_find(const char *name);

#endif
