/* Kernels in plain C, one value at a time: the yardstick for all others. */
#include "elementwise.h"
#include "kernels.h"
#include "top_a.h"

static float fold(const float part[WH_LANES])
{
    float s[WH_LANES];
    memcpy(s, part, sizeof s);
    for (int half = WH_LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) s[k] = s[k] + s[k + half];
    return s[0];
}

/* Adds the products of `cols` columns to the partial sums; `step` floats lie between the chunks
 * of one row. */
static void accumulate(float part[WH_LANES], const float *w, int32_t step, const float *x,
                       int32_t cols)
{
    for (int32_t i = 0; i < cols; i += WH_LANES, w += step)
        for (int k = 0; k < WH_LANES; ++k) part[k] = part[k] + w[k] * x[i + k];
}

static void f32_gemv_panels_scalar(float *y, const float *w, const float *bias, const float *x,
                                   int32_t rows, int32_t cols)
{
    for (int32_t row = 0; row < rows; ++row) {
        const float *first = w + (size_t)(row / WH_PANEL_ROWS) * WH_PANEL_ROWS * (size_t)cols +
                             (row % WH_PANEL_ROWS) * WH_LANES;
        float part[WH_LANES] = {0};
        accumulate(part, first, WH_PANEL_ROWS * WH_LANES, x, cols);
        y[row] = fold(part) + bias[row];
    }
}

static void f32_gemv_units_scalar(wh_unit_sums y, const wh_unit_rows *rows, const float *v,
                                  const int32_t *units, int32_t count)
{
    const int32_t x_cols = rows->x_cols, h_cols = rows->h_cols, n = rows->n;
    const int32_t step = 2 * WH_LANES;
    for (int32_t k = 0; k < count; ++k) {
        const float *block = rows->blocks + (size_t)units[k] * 2 * (size_t)(x_cols + h_cols);
        const float *bias = rows->bias + units[k];
        float reset[WH_LANES] = {0}, from_x[WH_LANES] = {0}, from_h[WH_LANES] = {0};
        accumulate(reset, block, step, v, x_cols + h_cols);
        accumulate(from_x, block + WH_LANES, step, v, x_cols);
        accumulate(from_h, block + WH_LANES + 2 * (size_t)x_cols, step, v + x_cols, h_cols);
        y.r[k] = fold(reset) + bias[n];
        y.cx[k] = fold(from_x) + bias[2 * n];
        y.ch[k] = fold(from_h) + bias[3 * n];
    }
}

const wh_kernels wh_kernels_scalar = {
    "scalar",    f32_gemv_panels_scalar, f32_gemv_units_scalar, f32_top_a,
    f32_sigmoid, f32_tanh,               f32_log,
};
