/* Kernels in vector extensions of GCC and clang, compiled once per instruction set with
 * WH_ISA (a name) and WH_VECTOR_BYTES (the width of its registers) defined. */
#include "elementwise.h"
#include "kernels.h"
#include "top_a.h"

#define PASTE(a, b) a##b
#define EXPAND(a, b) PASTE(a, b)
#define TEXT(a) #a
#define EXPAND_TEXT(a) TEXT(a)
#define INLINE static inline __attribute__((always_inline))

enum { WIDTH = WH_VECTOR_BYTES / 4, PARTS = WH_LANES / WIDTH };

typedef float vec __attribute__((vector_size(WH_VECTOR_BYTES)));
typedef float vec_memory __attribute__((vector_size(WH_VECTOR_BYTES), aligned(4), may_alias));

/* The WH_LANES partial sums of one row. */
typedef struct {
    vec part[PARTS];
} sums;

static inline vec load(const float *p)
{
    return *(const vec_memory *)p;
}

INLINE void add_products(sums *s, const float *w, const float *x)
{
    for (int k = 0; k < PARTS; ++k)
        s->part[k] = s->part[k] + load(w + k * WIDTH) * load(x + k * WIDTH);
}

typedef float vec4 __attribute__((vector_size(16)));
#if WH_VECTOR_BYTES >= 32
typedef float vec8 __attribute__((vector_size(32)));
#endif

/* Folds k with k + 8, k + 4, k + 2, k + 1: the order that kernels.h defines. */
INLINE float fold(const sums *s)
{
#if WH_VECTOR_BYTES == 64
    vec p = s->part[0];
    vec8 a = __builtin_shufflevector(p, p, 0, 1, 2, 3, 4, 5, 6, 7) +
             __builtin_shufflevector(p, p, 8, 9, 10, 11, 12, 13, 14, 15);
#elif WH_VECTOR_BYTES == 32
    vec8 a = s->part[0] + s->part[1];
#endif
#if WH_VECTOR_BYTES >= 32
    vec4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
#else
    vec4 b = (s->part[0] + s->part[2]) + (s->part[1] + s->part[3]);
#endif
    vec4 c = b + __builtin_shufflevector(b, b, 2, 3, 2, 3);
    return c[0] + c[1];
}

/* All rows of a panel in one pass, even where their sums do not fit into the registers: one
 * sequential stream through memory is worth more than the spills cost. */
static void f32_gemv_panels_vector(float *y, const float *w, const float *bias, const float *x,
                                   int32_t rows, int32_t cols)
{
    for (int32_t row = 0; row < rows; row += WH_PANEL_ROWS) {
        sums s[WH_PANEL_ROWS];
        memset(s, 0, sizeof s);
        for (int32_t i = 0; i < cols; i += WH_LANES, w += WH_PANEL_ROWS * WH_LANES)
            for (int k = 0; k < WH_PANEL_ROWS; ++k) add_products(&s[k], w + k * WH_LANES, x + i);
        float got[WH_PANEL_ROWS];
        for (int k = 0; k < WH_PANEL_ROWS; ++k) got[k] = fold(&s[k]);
        const int32_t left = rows - row < WH_PANEL_ROWS ? rows - row : WH_PANEL_ROWS;
        for (int32_t k = 0; k < left; ++k) y[row + k] = got[k] + bias[row + k];
    }
}

/* Units per pass over [x | h]: measured; more streams through memory than these are slower. */
enum { PASS = WH_VECTOR_BYTES == 16 ? 2 : 3 };

INLINE void add_part(sums *reset, sums *candidate, const float **block, int n, const float *v,
                     int32_t cols)
{
    for (int32_t i = 0; i < cols; i += WH_LANES)
        for (int u = 0; u < n; ++u) {
            add_products(&reset[u], block[u] + 2 * i, v + i);
            add_products(&candidate[u], block[u] + 2 * i + WH_LANES, v + i);
        }
    for (int u = 0; u < n; ++u) block[u] += 2 * cols;
}

/* n units, the k-th listed and those `step` places further each; n is a constant where used. */
INLINE void unit_pass(wh_unit_sums y, const wh_unit_rows *rows, const float *v,
                      const int32_t *units, int32_t k, int32_t step, int n)
{
    const size_t size = 2 * (size_t)(rows->x_cols + rows->h_cols);
    sums reset[PASS], from_x[PASS], from_h[PASS];
    const float *block[PASS];
    memset(reset, 0, sizeof reset);
    memset(from_x, 0, sizeof from_x);
    memset(from_h, 0, sizeof from_h);
    for (int u = 0; u < n; ++u) block[u] = rows->blocks + (size_t)units[k + u * step] * size;
    add_part(reset, from_x, block, n, v, rows->x_cols);
    add_part(reset, from_h, block, n, v + rows->x_cols, rows->h_cols);
    for (int u = 0; u < n; ++u) {
        const int32_t place = k + u * step;
        const float *bias = rows->bias + units[place];
        y.r[place] = fold(&reset[u]) + bias[rows->n];
        y.cx[place] = fold(&from_x[u]) + bias[2 * rows->n];
        y.ch[place] = fold(&from_h[u]) + bias[3 * rows->n];
    }
}

static void f32_gemv_units_vector(wh_unit_sums y, const wh_unit_rows *rows, const float *v,
                                  const int32_t *units, int32_t count)
{
    const size_t size = 2 * (size_t)(rows->x_cols + rows->h_cols);
    /* Units side by side are one stream through memory, which is read best in order. */
    const int side_by_side = count > 0 && units[count - 1] - units[0] == count - 1;
    /* Otherwise each unit of a pass goes through a part of the list of its own: so many streams
     * that each move on in order, with gaps, which the hardware prefetcher follows. */
    const int32_t part = side_by_side ? 0 : count / PASS;
    for (int32_t k = 0; k < part; ++k) {
        for (int32_t u = 0; u < PASS && k + 1 < part; ++u)
            __builtin_prefetch(rows->blocks + (size_t)units[k + 1 + u * part] * size);
        unit_pass(y, rows, v, units, k, part, PASS);
    }
    for (int32_t k = part * PASS; k < count; ++k) unit_pass(y, rows, v, units, k, 0, 1);
}

const wh_kernels EXPAND(wh_kernels_, WH_ISA) = {
    EXPAND_TEXT(WH_ISA), f32_gemv_panels_vector, f32_gemv_units_vector, f32_top_a,
    f32_sigmoid,         f32_tanh,               f32_log,
};
