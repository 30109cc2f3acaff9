/* Kernels in vector extensions of GCC and clang, compiled once per instruction set with
 * WH_ISA (a name) and WH_VECTOR_BYTES (the width of its registers) defined. */
#include "elementwise.h"
#include "kernels.h"
#include "top_a.h"

#define PASTE(a, b) a##b
#define EXPAND(a, b) PASTE(a, b)
#define TEXT(a) #a
#define EXPAND_TEXT(a) TEXT(a)
#define PAIR(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
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

enum { FOLDED = 8 }; /* rows that are folded together */

/* Folds the sums of FOLDED rows, k with k + 8, k + 4, k + 2, k + 1: the order that kernels.h defines.
 * Two rows share a register once half of each is left, so a step costs all of them one addition. */
INLINE void fold(float got[FOLDED], const sums s[FOLDED])
{
#if WH_VECTOR_BYTES == 64
    vec by8[4], by4[2];
    for (int k = 0; k < 4; ++k) {
        const vec a = s[2 * k].part[0], b = s[2 * k + 1].part[0];
        by8[k] = PAIR(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                 PAIR(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
    for (int k = 0; k < 2; ++k) {
        const vec a = by8[2 * k], b = by8[2 * k + 1];
        by4[k] = PAIR(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                 PAIR(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
    const vec a = by4[0], b = by4[1];
    const vec by2 = PAIR(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
                    PAIR(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
    const vec8 all = PAIR(by2, by2, 0, 2, 4, 6, 8, 10, 12, 14) +
                     PAIR(by2, by2, 1, 3, 5, 7, 9, 11, 13, 15);
    memcpy(got, &all, sizeof all);
#elif WH_VECTOR_BYTES == 32
    vec8 by4[4], by2[2];
    for (int k = 0; k < 4; ++k) {
        const vec8 a = s[2 * k].part[0] + s[2 * k].part[1];
        const vec8 b = s[2 * k + 1].part[0] + s[2 * k + 1].part[1];
        by4[k] = PAIR(a, b, 0, 1, 2, 3, 8, 9, 10, 11) + PAIR(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int k = 0; k < 2; ++k) {
        const vec8 a = by4[2 * k], b = by4[2 * k + 1];
        by2[k] = PAIR(a, b, 0, 1, 4, 5, 8, 9, 12, 13) + PAIR(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
    }
    const vec8 all = PAIR(by2[0], by2[1], 0, 2, 4, 6, 8, 10, 12, 14) +
                     PAIR(by2[0], by2[1], 1, 3, 5, 7, 9, 11, 13, 15);
    memcpy(got, &all, sizeof all);
#else
    vec4 by2[4], all[2];
    for (int k = 0; k < 4; ++k) {
        const vec *p = s[2 * k].part, *q = s[2 * k + 1].part;
        const vec4 a = (p[0] + p[2]) + (p[1] + p[3]), b = (q[0] + q[2]) + (q[1] + q[3]);
        by2[k] = PAIR(a, b, 0, 1, 4, 5) + PAIR(a, b, 2, 3, 6, 7);
    }
    for (int k = 0; k < 2; ++k)
        all[k] = PAIR(by2[2 * k], by2[2 * k + 1], 0, 2, 4, 6) +
                 PAIR(by2[2 * k], by2[2 * k + 1], 1, 3, 5, 7);
    memcpy(got, all, sizeof all);
#endif
}

/* Positions that share a pass over a panel's weights, as far as their sums fit into the registers;
 * and positions whose inputs stay in the nearest cache while all panels pass. */
enum { TILE = WH_VECTOR_BYTES == 64 ? 3 : 1, BLOCK = 30 };

/* One panel at n positions; n is a constant where used. */
INLINE void panel_pass(float *y, int32_t y_step, const float *w, const float *bias,
                       int32_t bias_step, const wh_inputs *in, int32_t p, int32_t rows, int n)
{
    sums s[TILE][WH_PANEL_ROWS];
    memset(s, 0, sizeof s);
    for (int part = 0; part < 2; ++part) {
        const float *x = part ? in->h : in->x;
        const int32_t cols = part ? in->h_cols : in->x_cols;
        const int32_t step = part ? in->h_step : in->x_step;
        if (cols) x += (size_t)p * (size_t)step;
        for (int32_t i = 0; i < cols; i += WH_LANES, w += WH_PANEL_ROWS * WH_LANES)
            for (int k = 0; k < WH_PANEL_ROWS; ++k)
                for (int t = 0; t < n; ++t) add_products(&s[t][k], w + k * WH_LANES, x + t * step + i);
    }
    for (int t = 0; t < n; ++t) {
        float got[WH_PANEL_ROWS];
        fold(got, s[t]);
        float *to = y + (p + t) * y_step;
        const float *add = bias ? bias + (p + t) * bias_step : NULL;
        if (add && rows >= WH_PANEL_ROWS)
            for (int k = 0; k < WH_PANEL_ROWS; ++k) to[k] = got[k] + add[k];
        else
            for (int32_t k = 0; k < rows && k < WH_PANEL_ROWS; ++k)
                to[k] = got[k] + (add ? add[k] : 0.0f);
    }
}

static void f32_panels_vector(float *y, int32_t y_step, const float *w, const float *bias,
                              int32_t bias_step, const wh_inputs *in, int32_t rows, int32_t count)
{
    const size_t size = WH_PANEL_ROWS * (size_t)(in->x_cols + in->h_cols);
    for (int32_t first = 0; first < count; first += BLOCK) {
        const int32_t end = first + BLOCK < count ? first + BLOCK : count;
        for (int32_t row = 0; row < rows; row += WH_PANEL_ROWS) {
            const float *panel = w + (size_t)(row / WH_PANEL_ROWS) * size;
            const float *add = bias ? bias + row : NULL;
            int32_t p = first;
            for (; p + TILE <= end; p += TILE)
                panel_pass(y + row, y_step, panel, add, bias_step, in, p, rows - row, TILE);
            for (; p < end; ++p)
                panel_pass(y + row, y_step, panel, add, bias_step, in, p, rows - row, 1);
        }
    }
}

/* Units per pass over [x | h]: measured; more streams through memory than these are slower. */
enum { PASS = WH_VECTOR_BYTES == 16 ? 2 : 3 };

/* The sums of units that wait to be folded together, of each stream of a pass. */
typedef struct {
    sums reset[PASS][FOLDED], from_x[PASS][FOLDED], from_h[PASS][FOLDED];
    int32_t first[PASS]; /* place of the first that waits in the list of units */
    int waiting;
} unit_sums;

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
INLINE void unit_pass(unit_sums *all, const wh_unit_rows *rows, const float *x, const float *h,
                      const int32_t *units, int32_t k, int32_t step, int n)
{
    const size_t size = 2 * (size_t)(rows->x_cols + rows->h_cols);
    sums reset[PASS], from_x[PASS], from_h[PASS];
    const float *block[PASS];
    memset(reset, 0, sizeof reset);
    memset(from_x, 0, sizeof from_x);
    memset(from_h, 0, sizeof from_h);
    for (int u = 0; u < n; ++u) block[u] = rows->blocks + (size_t)units[k + u * step] * size;
    add_part(reset, from_x, block, n, x, rows->x_cols);
    add_part(reset, from_h, block, n, h, rows->h_cols);
    for (int u = 0; u < n; ++u) {
        if (all->waiting == 0) all->first[u] = k + u * step;
        all->reset[u][all->waiting] = reset[u];
        all->from_x[u][all->waiting] = from_x[u];
        all->from_h[u][all->waiting] = from_h[u];
    }
    all->waiting += 1;
}

/* Folds what waits and writes it out; n as in unit_pass(). */
INLINE void write_units(unit_sums *all, wh_unit_sums y, const wh_unit_rows *rows,
                        const int32_t *units, int n)
{
    for (int u = 0; u < n; ++u) {
        float r[FOLDED], cx[FOLDED], ch[FOLDED];
        fold(r, all->reset[u]);
        fold(cx, all->from_x[u]);
        fold(ch, all->from_h[u]);
        for (int k = 0; k < all->waiting; ++k) {
            const int32_t place = all->first[u] + k;
            const float *bias = rows->bias + units[place];
            y.r[place] = r[k] + bias[rows->n];
            y.cx[place] = cx[k] + bias[2 * rows->n];
            y.ch[place] = ch[k] + bias[3 * rows->n];
        }
    }
    all->waiting = 0;
}

static void f32_units_vector(wh_unit_sums y, const wh_unit_rows *rows, const float *x,
                             const float *h, const int32_t *units, int32_t count)
{
    const size_t size = 2 * (size_t)(rows->x_cols + rows->h_cols);
    /* Units side by side are one stream through memory, which is read best in order. */
    const int side_by_side = count > 0 && units[count - 1] - units[0] == count - 1;
    /* Otherwise each unit of a pass goes through a part of the list of its own: so many streams
     * that each move on in order, with gaps, which the hardware prefetcher follows. */
    const int32_t part = side_by_side ? 0 : count / PASS;
    unit_sums all;
    memset(&all, 0, sizeof all);
    for (int32_t k = 0; k < part; ++k) {
        for (int32_t u = 0; u < PASS && k + 1 < part; ++u)
            __builtin_prefetch(rows->blocks + (size_t)units[k + 1 + u * part] * size);
        unit_pass(&all, rows, x, h, units, k, part, PASS);
        if (all.waiting == FOLDED || k + 1 == part) write_units(&all, y, rows, units, PASS);
    }
    for (int32_t k = part * PASS; k < count; ++k) {
        unit_pass(&all, rows, x, h, units, k, 0, 1);
        if (all.waiting == FOLDED || k + 1 == count) write_units(&all, y, rows, units, 1);
    }
}

const wh_kernels EXPAND(wh_kernels_, WH_ISA) = {
    EXPAND_TEXT(WH_ISA), f32_panels_vector, f32_units_vector, f32_layer_norm,
    f32_top_a,           f32_sigmoid,       f32_tanh,         f32_log,
};
