/* Kernels in plain C, one value at a time: the yardstick for all others. */
#include "elementwise.h"
#include "kernels.h"
#include "top_a.h"

/* Folds partial sums. */
static float sum_of(const float part[WH_LANES])
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

/* Adds the products of a row with the columns of one part of [x | h], even and odd ones apart. */
static const float *add_columns(float sums[2], const float *w, const float *x, int32_t cols)
{
    for (int32_t i = 0; i < cols; ++i) sums[i % 2] = sums[i % 2] + w[i * WH_PANEL_ROWS] * x[i];
    return w + cols * WH_PANEL_ROWS;
}

static void f32_panels_scalar(float *y, ptrdiff_t y_step, const float *w, const float *bias,
                              ptrdiff_t bias_step, const wh_inputs *in, int32_t rows, int32_t count)
{
    const size_t size = WH_PANEL_ROWS * (size_t)(in->x_cols + in->h_cols);
    for (int32_t p = 0; p < count; ++p)
        for (int32_t row = 0; row < rows; ++row) {
            const float *first = w + (size_t)(row / WH_PANEL_ROWS) * size + row % WH_PANEL_ROWS;
            float s[2] = {0.0f, 0.0f};
            const float *of_h = add_columns(s, first, in->x + p * in->x_step, in->x_cols);
            if (in->h_cols) add_columns(s, of_h, in->h + p * in->h_step, in->h_cols);
            y[p * y_step + row] = (s[0] + s[1]) + (bias ? bias[p * bias_step + row] : 0.0f);
        }
}

static void f32_units_scalar(wh_unit_sums y, const wh_unit_rows *rows, const float *x,
                             const float *h, const int32_t *units, int32_t count)
{
    const int32_t x_cols = rows->x_cols, h_cols = rows->h_cols, n = rows->n;
    const int32_t step = 2 * WH_LANES;
    for (int32_t k = 0; k < count; ++k) {
        const float *block = rows->blocks + (size_t)units[k] * 2 * (size_t)(x_cols + h_cols);
        const float *of_h = block + 2 * (size_t)x_cols, *bias = rows->bias + units[k];
        float reset[WH_LANES] = {0}, from_x[WH_LANES] = {0}, from_h[WH_LANES] = {0};
        accumulate(reset, block, step, x, x_cols);
        accumulate(reset, of_h, step, h, h_cols);
        accumulate(from_x, block + WH_LANES, step, x, x_cols);
        accumulate(from_h, of_h + WH_LANES, step, h, h_cols);
        y.r[k] = sum_of(reset) + bias[n];
        y.cx[k] = sum_of(from_x) + bias[2 * n];
        y.ch[k] = sum_of(from_h) + bias[3 * n];
    }
}

static void f32_layer_norm_scalar(float *y, const float *x, const float *weight, const float *bias,
                                  int32_t n)
{
    float sum[WH_LANES] = {0}, squares[WH_LANES] = {0};
    for (int32_t c = 0; c < n; ++c) sum[c % WH_LANES] += x[c];
    const float mean = sum_of(sum) / (float)n;
    for (int32_t c = 0; c < n; ++c) squares[c % WH_LANES] += (x[c] - mean) * (x[c] - mean);
    const float factor = norm_factor(sum_of(squares), n);
    for (int32_t c = 0; c < n; ++c) {
        y[c] = (x[c] - mean) * factor;
        if (weight) y[c] = y[c] * weight[c] + bias[c];
    }
}

static void s8_panels_scalar(float *y, ptrdiff_t y_step, const wh_int_rows *w, float factor,
                             const float *add, ptrdiff_t add_step, const int8_t *q, ptrdiff_t q_step,
                             int32_t rows, int32_t count)
{
    const int32_t groups = (w->cols + 3) / 4;
    for (int32_t p = 0; p < count; ++p)
        for (int32_t row = 0; row < rows; ++row) {
            const int32_t r = row % WH_PANEL_ROWS;
            const int8_t *of = w->weights + (size_t)(row / WH_PANEL_ROWS) * 64 * (size_t)groups;
            int32_t sum = 0;
            for (int32_t i = 0; i < w->cols; ++i)
                sum += of[(i / 4 * WH_PANEL_ROWS + r) * 4 + i % 4] * q[p * q_step + i];
            y[p * y_step + row] =
                (float)sum * (w->scale[row] * factor) + add[p * add_step + row];
        }
}

/* Sum of products of a row of integer unit blocks. */
static int32_t int_row(const int8_t *w, const int8_t *q, int32_t cols)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < cols; i += WH_LANES, w += 2 * WH_LANES)
        for (int k = 0; k < WH_LANES; ++k) sum += w[k] * q[i + k];
    return sum;
}

static void s8_units_scalar(wh_unit_sums y, const wh_int_units *w, const int8_t *x,
                            const int8_t *h, const int32_t *units, int32_t count)
{
    const int32_t x_cols = w->x_cols, h_cols = w->h_cols;
    for (int32_t k = 0; k < count; ++k) {
        const int8_t *block = w->blocks + (size_t)units[k] * 2 * (size_t)(x_cols + h_cols);
        const int8_t *of_h = block + 2 * (size_t)x_cols;
        const float *number = w->numbers + 8 * units[k];
        const float of_x = (float)int_row(block, x, x_cols) * number[0] + number[4];
        y.r[k] = (float)int_row(of_h, h, h_cols) * number[1] + of_x;
        y.cx[k] = (float)int_row(block + WH_LANES, x, x_cols) * number[2] + number[6];
        y.ch[k] = (float)int_row(of_h + WH_LANES, h, h_cols) * number[3] + number[7];
    }
}

const wh_kernels wh_kernels_scalar = {
    "scalar",         f32_panels_scalar, f32_units_scalar, f32_layer_norm_scalar, f32_top_a,
    f32_sigmoid,      f32_tanh,          f32_log,          s8_panels_scalar,      s8_units_scalar,
    s8_round,         s16_round,         &wh_front_scalar,
};
