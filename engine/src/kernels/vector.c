/* Kernels in vector extensions of GCC and clang, compiled once per instruction set with
 * WH_ISA (a name) and WH_VECTOR_BYTES (the width of its registers) defined. */
#include "elementwise.h"
#include "integers.h"
#include "kernels.h"
#include "top_a.h"
#include "vectors.h"

enum { PARTS = WH_LANES / WIDTH };

/* The WH_LANES partial sums of one row. */
typedef struct {
    vec part[PARTS];
} sums;

/* Keeps the compiler from loading a value once for each of its uses. */
static inline vec in_register(vec v)
{
#if WH_VECTOR_BYTES >= 32 && !defined(WH_EMULATED)
    __asm__("" : "+v"(v));
#endif
    return v;
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

/* Panels and positions that one pass takes, as many as their sums fit into the registers; and positions
 * whose inputs stay in the nearest cache while all panels pass. */
enum {
    MOST_PANELS = WH_VECTOR_BYTES == 64 ? 4 : WH_VECTOR_BYTES == 32 ? 2 : 1,
    TILE = WH_VECTOR_BYTES == 64 ? 3 : 1,
    BLOCK = 30
};

/* The sums of a panel's rows at one position, of even and of odd columns. */
typedef struct {
    vec even[PARTS], odd[PARTS];
} panel_sums;

/* Adds the products of one column: of a panel's rows with a value at each of `tile` positions. */
INLINE void add_column(panel_sums s[TILE], int odd, const float *w, const float *x, ptrdiff_t step,
                       int tile)
{
    for (int v = 0; v < PARTS; ++v) {
        const vec rows = tile > 1 ? in_register(load(w + v * WIDTH)) : load(w + v * WIDTH);
        for (int t = 0; t < tile; ++t) {
            vec *sum = odd ? &s[t].odd[v] : &s[t].even[v];
            *sum = *sum + rows * x[t * step];
        }
    }
}

/* `panels` panels at `tile` positions, both constants where used; `size` floats lie between panels. */
INLINE void panel_pass(float *y, ptrdiff_t y_step, const float *w, size_t size, const float *bias,
                       ptrdiff_t bias_step, const wh_inputs *in, int32_t rows, int panels, int tile)
{
    panel_sums s[MOST_PANELS][TILE];
    memset(s, 0, sizeof s);
    for (int part = 0; part < 2; ++part) {
        const float *x = part ? in->h : in->x;
        const int32_t cols = part ? in->h_cols : in->x_cols;
        const ptrdiff_t step = part ? in->h_step : in->x_step;
        int32_t i = 0;
        for (; i + 1 < cols; i += 2, w += 2 * WH_PANEL_ROWS)
            for (int k = 0; k < panels; ++k) {
                add_column(s[k], 0, w + (size_t)k * size, x + i, step, tile);
                add_column(s[k], 1, w + (size_t)k * size + WH_PANEL_ROWS, x + i + 1, step, tile);
            }
        if (i < cols) {
            for (int k = 0; k < panels; ++k)
                add_column(s[k], 0, w + (size_t)k * size, x + i, step, tile);
            w += WH_PANEL_ROWS;
        }
    }
    for (int k = 0; k < panels; ++k)
        for (int t = 0; t < tile; ++t) {
            float got[WH_PANEL_ROWS];
            for (int v = 0; v < PARTS; ++v) {
                const vec sum = s[k][t].even[v] + s[k][t].odd[v];
                memcpy(got + v * WIDTH, &sum, sizeof sum);
            }
            const int32_t first = k * WH_PANEL_ROWS, left = rows - first;
            float *to = y + t * y_step + first;
            const float *add = bias ? bias + t * bias_step + first : NULL;
            if (add && left >= WH_PANEL_ROWS)
                for (int r = 0; r < WH_PANEL_ROWS; ++r) to[r] = got[r] + add[r];
            else
                for (int r = 0; r < WH_PANEL_ROWS && r < left; ++r)
                    to[r] = got[r] + (add ? add[r] : 0.0f);
        }
}

/* `panels` panels at `count` positions. */
INLINE void panel_rows(float *y, ptrdiff_t y_step, const float *w, size_t size, const float *bias,
                       ptrdiff_t bias_step, const wh_inputs *in, int32_t rows, int32_t count,
                       int panels)
{
    wh_inputs now = *in;
    int32_t p = 0;
    for (; p + TILE <= count; p += TILE) {
        panel_pass(y + p * y_step, y_step, w, size, bias ? bias + p * bias_step : NULL, bias_step,
                   &now, rows, panels, TILE);
        now.x += TILE * now.x_step;
        if (now.h) now.h += TILE * now.h_step;
    }
    for (; p < count; ++p) {
        panel_pass(y + p * y_step, y_step, w, size, bias ? bias + p * bias_step : NULL, bias_step,
                   &now, rows, panels, 1);
        now.x += now.x_step;
        if (now.h) now.h += now.h_step;
    }
}

static void f32_panels_vector(float *y, ptrdiff_t y_step, const float *w, const float *bias,
                              ptrdiff_t bias_step, const wh_inputs *in, int32_t rows, int32_t count)
{
    const size_t size = WH_PANEL_ROWS * (size_t)(in->x_cols + in->h_cols);
    wh_inputs block = *in;
    for (int32_t first = 0; first < count; first += BLOCK) {
        const int32_t n = first + BLOCK < count ? BLOCK : count - first;
        const float *add = bias ? bias + first * bias_step : NULL;
        float *to = y + first * y_step;
        int32_t row = 0;
        while (row < rows) {
            const int32_t left = (rows - row + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS;
            const int32_t panels = left < MOST_PANELS ? left : MOST_PANELS;
            const float *first_panel = w + (size_t)row * (size / WH_PANEL_ROWS);
            const float *more = add ? add + row : NULL;
#define PANELS(k) panel_rows(to + row, y_step, first_panel, size, more, bias_step, &block, rows - row, n, k)
            if (panels == MOST_PANELS) PANELS(MOST_PANELS);
            else if (panels == 3 && MOST_PANELS > 3) PANELS(MOST_PANELS > 3 ? 3 : 1);
            else if (panels == 2 && MOST_PANELS > 2) PANELS(MOST_PANELS > 2 ? 2 : 1);
            else PANELS(1);
#undef PANELS
            row += panels * WH_PANEL_ROWS;
        }
        block.x += BLOCK * block.x_step;
        if (block.h) block.h += BLOCK * block.h_step;
    }
}

/* Rows of units whose sums fit into the registers together. */
enum { GROUP = WH_VECTOR_BYTES == 64 ? 8 : 1 };

/* The sums of FOLDED units' rows. */
typedef struct {
    sums reset[FOLDED], from_x[FOLDED], from_h[FOLDED];
} unit_sums;

/* Adds the products of one part of [x | h], whose rows begin `at` columns into the units' blocks. */
INLINE void add_part(sums reset[GROUP], sums candidate[GROUP], const float *const block[GROUP],
                     int32_t at, const float *v, int32_t cols)
{
    for (int32_t i = 0; i < cols; i += WH_LANES)
        for (int u = 0; u < GROUP; ++u) {
            add_products(&reset[u], block[u] + 2 * (at + i), v + i);
            add_products(&candidate[u], block[u] + 2 * (at + i) + WH_LANES, v + i);
        }
}

/* Rows of FOLDED units, folded. */
INLINE void unit_rows(float r[FOLDED], float cx[FOLDED], float ch[FOLDED],
                      const float *const block[FOLDED], const wh_unit_rows *rows, const float *x,
                      const float *h)
{
    unit_sums all;
    for (int first = 0; first < FOLDED; first += GROUP) {
        sums reset[GROUP], from_x[GROUP], from_h[GROUP];
        memset(reset, 0, sizeof reset);
        memset(from_x, 0, sizeof from_x);
        memset(from_h, 0, sizeof from_h);
        add_part(reset, from_x, block + first, 0, x, rows->x_cols);
        add_part(reset, from_h, block + first, rows->x_cols, h, rows->h_cols);
        memcpy(all.reset + first, reset, sizeof reset);
        memcpy(all.from_x + first, from_x, sizeof from_x);
        memcpy(all.from_h + first, from_h, sizeof from_h);
    }
    fold(r, all.reset);
    fold(cx, all.from_x);
    fold(ch, all.from_h);
}

static void f32_units_vector(wh_unit_sums y, const wh_unit_rows *rows, const float *x,
                             const float *h, const int32_t *units, int32_t count)
{
    const size_t size = 2 * (size_t)(rows->x_cols + rows->h_cols);
    const int32_t n = rows->n;
    for (int32_t k = 0; k < count; k += FOLDED) {
        const float *block[FOLDED], *bias[FOLDED];
        float r[FOLDED], cx[FOLDED], ch[FOLDED];
        for (int32_t u = 0; u < FOLDED; ++u) {
            const int32_t unit = units[k + u < count ? k + u : count - 1];
            block[u] = rows->blocks + (size_t)unit * size;
            bias[u] = rows->bias + unit;
        }
        unit_rows(r, cx, ch, block, rows, x, h);
        for (int u = 0; u < FOLDED; ++u) {
            y.r[k + u] = r[u] + bias[u][n];
            y.cx[k + u] = cx[u] + bias[u][2 * n];
            y.ch[k + u] = ch[u] + bias[u][3 * n];
        }
    }
}

/* Folds the sums of one row, in the order of fold(). */
INLINE float fold_one(const sums *s)
{
#if WH_VECTOR_BYTES == 64
    const vec p = s->part[0];
    const vec8 a = PAIR(p, p, 0, 1, 2, 3, 4, 5, 6, 7) + PAIR(p, p, 8, 9, 10, 11, 12, 13, 14, 15);
#elif WH_VECTOR_BYTES == 32
    const vec8 a = s->part[0] + s->part[1];
#endif
#if WH_VECTOR_BYTES >= 32
    const vec4 b = PAIR(a, a, 0, 1, 2, 3) + PAIR(a, a, 4, 5, 6, 7);
#else
    const vec4 b = (s->part[0] + s->part[2]) + (s->part[1] + s->part[3]);
#endif
    const vec4 c = b + PAIR(b, b, 2, 3, 2, 3);
    return c[0] + c[1];
}

/* Adds up to WH_LANES values, or with `square` their squares; lanes without one gain nothing. */
INLINE void add_values(sums *s, const float *x, int32_t count, float less, int square)
{
    float some[WH_LANES] = {0};
    if (count < WH_LANES) {
        for (int32_t k = 0; k < count; ++k) some[k] = x[k] - less;
        x = some;
        less = 0.0f;
    }
    for (int k = 0; k < PARTS; ++k) {
        const vec v = load(x + k * WIDTH) - less;
        s->part[k] = s->part[k] + (square ? v * v : v);
    }
}

static void f32_layer_norm_vector(float *y, const float *x, const float *weight, const float *bias,
                                  int32_t n)
{
    sums sum, squares;
    memset(&sum, 0, sizeof sum);
    memset(&squares, 0, sizeof squares);
    int32_t i = 0;
    for (; i + WH_LANES <= n; i += WH_LANES) add_values(&sum, x + i, WH_LANES, 0.0f, 0);
    if (i < n) add_values(&sum, x + i, n - i, 0.0f, 0);
    const float mean = fold_one(&sum) / (float)n;
    for (i = 0; i + WH_LANES <= n; i += WH_LANES) add_values(&squares, x + i, WH_LANES, mean, 1);
    if (i < n) add_values(&squares, x + i, n - i, mean, 1);
    const float factor = norm_factor(fold_one(&squares), n);
    for (int32_t c = 0; c < n; ++c) y[c] = (x[c] - mean) * factor;
    if (weight)
        for (int32_t c = 0; c < n; ++c) y[c] = y[c] * weight[c] + bias[c];
}

extern const wh_front EXPAND(wh_front_, WH_ISA); /* front.c, compiled beside this file */

const wh_kernels EXPAND(wh_kernels_, WH_ISA) = {
    EXPAND_TEXT(WH_ISA), f32_panels_vector, f32_units_vector, f32_layer_norm_vector,
    f32_top_a,           f32_sigmoid,       f32_tanh,         f32_log,
    s8_panels_vector,    s8_units_vector,   s8_round,         s16_round,
    &EXPAND(wh_front_, WH_ISA),
};
