/* Every kernel table gives the bits of the scalar one, writes nothing beside its output, reads
 * nothing past its input (sanitizers), and the scalar one is right. */
#include <math.h>
#include <string.h>

#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_ROWS = 19, MAX_COLS = 37, GUARD = 20, MAX_TABLES = 8 };

static const wh_kernels *tables[MAX_TABLES];
static int n_tables;

static void find_tables(void)
{
    for (int32_t i = 0; wh_isa_name(i) && n_tables < MAX_TABLES; ++i)
        tables[n_tables++] = wh_kernels_find(wh_isa_name(i));
}

/* Bit for bit, NaN included. */
static int same(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

/* Columns 0..split-1 and the rest, each padded on its own. */
static float *pad_vector(const float *x, int32_t cols, int32_t split)
{
    const int32_t first = wh_padded(split);
    float *padded = unaligned((size_t)(first + wh_padded(cols - split)));
    memset(padded, 0, (size_t)(first + wh_padded(cols - split)) * sizeof *padded);
    for (int32_t k = 0; k < cols; ++k) padded[k < split ? k : first + k - split] = x[k];
    return padded;
}

/* |error| of a sum of n products of size <= 1, rounded after every operation: each of the n/16 or
 * n/2 additions and those of the fold round a value below n. Measured: 2.3e-8 (n + 4). */
static float product_bound(int32_t n)
{
    return 6e-8f * (float)(n + 4);
}

static double dot(const float *a, const float *b, int32_t n)
{
    double sum = 0.0;
    for (int32_t k = 0; k < n; ++k) sum += (double)a[k] * b[k];
    return sum;
}

/* The definition in kernels.h: even and odd columns of both parts apart, then the bias. */
static float panel_row(const float *w, const wh_inputs *in, int32_t at, float bias)
{
    float sums[2] = {0.0f, 0.0f};
    for (int32_t i = 0; i < in->x_cols; ++i) sums[i % 2] += w[i] * in->x[at * in->x_step + i];
    for (int32_t i = 0; i < in->h_cols; ++i)
        sums[i % 2] += w[in->x_cols + i] * in->h[at * in->h_step + i];
    return (sums[0] + sums[1]) + bias;
}

/* Where the bias comes from: nowhere, one for all positions, one for each, or y itself. */
typedef enum { NO_BIAS = 0, SHARED_BIAS, OWN_BIAS, BIAS_IS_Y } bias_kind;

/* Every table on one product: y beside the rows stays, and the bits are those of the definition. */
static void check_panels(const float *w, const float *packed, const wh_inputs *in, int32_t rows,
                         int32_t count, bias_kind kind, uint32_t seed)
{
    const int32_t cols = in->x_cols + in->h_cols, step = rows + 3;
    const size_t size = (size_t)(count * step);
    float *before = noise_array(&seed, size, 1.0f), *bias = noise_array(&seed, size, 1.0f);
    float *want = unaligned(size), *got = unaligned(size);
    const int32_t bias_step = kind == SHARED_BIAS ? 0 : step;
    memcpy(want, before, size * sizeof *want);
    for (int32_t p = 0; p < count; ++p)
        for (int32_t row = 0; row < rows; ++row) {
            const float *of = kind == BIAS_IS_Y ? before : bias;
            const float add = kind == NO_BIAS ? 0.0f : of[p * bias_step + row];
            want[p * step + row] = panel_row(w + row * cols, in, p, add);
        }
    for (int t = 0; t < n_tables; ++t) {
        memcpy(got, before, size * sizeof *got);
        const float *of = kind == NO_BIAS ? NULL : kind == BIAS_IS_Y ? got : bias;
        tables[t]->f32_panels(got, step, packed, of, bias_step, in, rows, count);
        CHECK(same(got, want, size), "%s: %d rows, %d + %d columns, %d positions, bias %d",
              tables[t]->name, rows, in->x_cols, in->h_cols, count, (int)kind);
    }
    release(before), release(bias), release(want), release(got);
}

static void test_panels_of(int32_t rows, int32_t x_cols, int32_t h_cols, int32_t count)
{
    uint32_t seed = (uint32_t)(rows * 1000 + x_cols * 10 + h_cols + count);
    const int32_t cols = x_cols + h_cols, x_step = x_cols + 2, h_step = h_cols + 5;
    float *w = noise_array(&seed, (size_t)(rows * cols), 1.0f);
    float *x = noise_array(&seed, (size_t)((count - 1) * x_step + x_cols), 1.0f);
    float *h = noise_array(&seed, (size_t)((count - 1) * h_step + h_cols), 1.0f);
    float *packed = pack_panels(w, rows, cols);
    const wh_inputs in = {x, h_cols ? h : NULL, x_cols, h_cols, x_step, h_step};
    for (int kind = NO_BIAS; kind <= BIAS_IS_Y; ++kind)
        check_panels(w, packed, &in, rows, count, (bias_kind)kind, seed);
    release(w), release(x), release(h), release(packed);
}

static void test_panels(void)
{
    static const int32_t rows[] = {1, 15, 16, 17, 32, 33, 48, 50, 64, 65, 80, 96, 113};
    static const int32_t x_cols[] = {1, 2, 3, 16, 21}, h_cols[] = {0, 1, 2, 19};
    static const int32_t counts[] = {1, 2, 3, 4, 31, 61};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r)
        for (int i = 0; i < 5; ++i)
            for (int j = 0; j < 4; ++j)
                for (int k = 0; k < 6; ++k)
                    test_panels_of(rows[r], x_cols[i], h_cols[j], counts[k]);
}

/* The definition itself against double, and a window that overlaps the next, as a convolution has. */
static void test_windows_of_panels(void)
{
    enum { ROWS = 19, CHANNELS = 5, TAPS = 3, COUNT = 13 };
    uint32_t seed = 8u;
    float *w = noise_array(&seed, ROWS * CHANNELS * TAPS, 1.0f);
    float *x = noise_array(&seed, (COUNT + TAPS - 1) * CHANNELS, 1.0f);
    float *bias = noise_array(&seed, ROWS, 1.0f);
    float *packed = pack_panels(w, ROWS, CHANNELS * TAPS), y[COUNT * ROWS];
    const wh_inputs in = {x, NULL, CHANNELS * TAPS, 0, CHANNELS, 0};
    for (int t = 0; t < n_tables; ++t) {
        tables[t]->f32_panels(y, ROWS, packed, bias, 0, &in, ROWS, COUNT);
        for (int k = 0; k < COUNT * ROWS; ++k) {
            const int row = k % ROWS;
            const double truth = dot(w + row * CHANNELS * TAPS, x + k / ROWS * CHANNELS,
                                     CHANNELS * TAPS) + bias[row];
            CHECK(fabs(y[k] - truth) <= product_bound(CHANNELS * TAPS), "%s: %d: %g, not %g",
                  tables[t]->name, k, y[k], truth);
        }
    }
    release(w), release(x), release(bias), release(packed);
}

/* One call of the unit kernel: 3 arrays with guards behind each. */
typedef struct {
    float r[MAX_ROWS + GUARD], cx[MAX_ROWS + GUARD], ch[MAX_ROWS + GUARD];
} unit_result;

/* What kernels may write: whole chunks. */
static void forget_rest_of_chunk(unit_result *got, const unit_result *before, int32_t count)
{
    const size_t rest = (size_t)(wh_padded(count) - count) * sizeof(float);
    memcpy(got->r + count, before->r + count, rest);
    memcpy(got->cx + count, before->cx + count, rest);
    memcpy(got->ch + count, before->ch + count, rest);
}

static void check_units(const wh_unit_rows *rows, const float *v, const int32_t *units,
                        int32_t count, const unit_result *all)
{
    unit_result before, want;
    uint32_t seed = 7u;
    float *fill = (float *)&before;
    for (size_t k = 0; k < sizeof before / sizeof *fill; ++k) fill[k] = noise(&seed);
    want = before;
    for (int32_t k = 0; k < count; ++k) {
        want.r[k] = all->r[units[k]];
        want.cx[k] = all->cx[units[k]];
        want.ch[k] = all->ch[units[k]];
    }
    for (int t = 0; t < n_tables; ++t) {
        unit_result got = before;
        const wh_unit_sums sums = {got.r, got.cx, got.ch};
        tables[t]->f32_units(sums, rows, v, v + rows->x_cols, units, count);
        forget_rest_of_chunk(&got, &before, count);
        CHECK(memcmp(&got, &want, sizeof got) == 0, "%s: %d of %d units, %d + %d columns",
              tables[t]->name, count, rows->n, rows->x_cols, rows->h_cols);
    }
}

static void test_units_of(int32_t n, int32_t inputs)
{
    uint32_t seed = (uint32_t)(n * 100 + inputs);
    const int32_t cols = inputs + n;
    float *reset = noise_array(&seed, (size_t)(n * cols), 1.0f);
    float *candidate = noise_array(&seed, (size_t)(n * cols), 1.0f);
    float *bias = noise_array(&seed, 4 * (size_t)n, 1.0f);
    float *v = noise_array(&seed, (size_t)cols, 1.0f), *padded = pad_vector(v, cols, inputs);
    float *blocks = pack_units(reset, candidate, n, cols, inputs);
    const wh_unit_rows rows = {blocks, bias, n, wh_padded(inputs), wh_padded(n)};
    int32_t units[MAX_ROWS];
    unit_result all;
    for (int32_t j = 0; j < n; ++j) units[j] = j;
    tables[0]->f32_units((wh_unit_sums){all.r, all.cx, all.ch}, &rows, padded,
                         padded + rows.x_cols, units, n);
    for (int32_t j = 0; j < n; ++j) {
        const double r = dot(reset + j * cols, v, cols) + bias[n + j];
        const double cx = dot(candidate + j * cols, v, inputs) + bias[2 * n + j];
        const double ch = dot(candidate + j * cols + inputs, v + inputs, n) + bias[3 * n + j];
        CHECK(fabs(all.r[j] - r) <= product_bound(cols), "unit %d of %d: %g", j, n, all.r[j]);
        CHECK(fabs(all.cx[j] - cx) <= product_bound(inputs), "unit %d of %d", j, n);
        CHECK(fabs(all.ch[j] - ch) <= product_bound(n), "unit %d of %d", j, n);
    }
    check_units(&rows, padded, units, n, &all);
    check_units(&rows, padded, units, 0, &all);
    for (int trial = 0; trial < 4; ++trial) {
        int32_t count = 0;
        for (int32_t j = 0; j < n; ++j)
            if (noise(&seed) > 0.0f) units[count++] = j;
        check_units(&rows, padded, units, count, &all);
    }
    release(reset), release(candidate), release(bias), release(v), release(padded);
    release(blocks);
}

/* The definition: unit j is in if fewer than `a` units are larger, or equal and before it. */
static int is_among_largest(const float *v, int32_t n, int32_t a, int32_t j)
{
    int32_t before = 0;
    for (int32_t i = 0; i < n; ++i) before += v[i] > v[j] || (v[i] == v[j] && i < j);
    return before < a;
}

static void check_top_a(const float *v, int32_t n, int32_t a, const char *what)
{
    static int32_t units[4096 + WH_LANES + GUARD], keys[4096 + WH_LANES + GUARD];
    const int32_t all = n + WH_LANES + GUARD;
    for (int t = 0; t < n_tables; ++t) {
        for (int32_t k = 0; k < all; ++k) units[k] = keys[k] = -7;
        tables[t]->f32_top_a(units, keys, v, n, a);
        int32_t at = 0, wrong = 0;
        for (int32_t j = 0; j < n; ++j)
            if (is_among_largest(v, n, a, j)) wrong += units[at++] != j;
        CHECK(at == a && wrong == 0, "%s %s: %d of %d, %d wrong", tables[t]->name, what, a, n,
              wrong);
        for (int32_t k = n; k < all; ++k)
            CHECK((units[k] == -7 || k < n + WH_LANES) && keys[k] == -7, "%s: %d of %d",
                  tables[t]->name, a, n);
    }
}

static void test_top_a_of(int32_t n, int32_t a)
{
    static float v[4096];
    static const float few[] = {-INFINITY, -1.0f, -1e-45f, -0.0f, 0.0f, 1e-45f, 2.5f, INFINITY};
    uint32_t seed = (uint32_t)(n * 5000 + a);
    for (int32_t k = 0; k < n; ++k) v[k] = 4.0f * noise(&seed);
    check_top_a(v, n, a, "noise");
    for (int32_t k = 0; k < n; ++k) v[k] = few[(int)(4.0f * noise(&seed) + 4.0f)];
    check_top_a(v, n, a, "ties and zeros");
    for (int32_t k = 0; k < n; ++k) v[k] = ldexpf(noise(&seed), (int)(120.0f * noise(&seed)));
    check_top_a(v, n, a, "many magnitudes");
    for (int32_t k = 0; k < n; ++k) v[k] = 1.0f;
    check_top_a(v, n, a, "all equal");
}

/* Whatever a NaN counts as, there are `a` units, in order. */
static void test_top_a_with_nan(void)
{
    static const uint32_t patterns[] = {0x7fc00000u, 0xffc00000u, 0xffffffffu, 0x7fffffffu};
    for (int p = 0; p < 4; ++p)
        for (int t = 0; t < n_tables; ++t)
            for (int32_t a = 1; a < 33; ++a) {
                float v[33];
                int32_t units[33 + WH_LANES], keys[33];
                uint32_t seed = 3u;
                for (int k = 0; k < 33; ++k) {
                    v[k] = noise(&seed);
                    if (k % 3 != 1) memcpy(&v[k], &patterns[p], sizeof v[k]);
                }
                tables[t]->f32_top_a(units, keys, v, 33, a);
                for (int32_t k = 0; k < a; ++k)
                    CHECK(units[k] >= 0 && units[k] < 33 && (k == 0 || units[k] > units[k - 1]),
                          "%s: place %d of %d is %d", tables[t]->name, k, a, units[k]);
            }
}

/* Of values of size 1 around `centre`: the mean rounds by 6e-8 of it for each of the additions. */
static void check_layer_norm(const float *x, const float *weight, const float *bias, int32_t n,
                             double bound)
{
    double mean = 0.0, variance = 0.0;
    for (int32_t k = 0; k < n; ++k) mean += x[k] / (double)n;
    for (int32_t k = 0; k < n; ++k) variance += (x[k] - mean) * (x[k] - mean) / n;
    float want[MAX_COLS + GUARD], got[MAX_COLS + GUARD];
    for (int t = 0; t < n_tables; ++t) {
        for (int k = 0; k < MAX_COLS + GUARD; ++k) got[k] = k < n ? x[k] : -7.0f;
        tables[t]->f32_layer_norm(got, got, weight, bias, n); /* in place */
        if (t == 0) memcpy(want, got, sizeof want);
        CHECK(same(got, want, MAX_COLS + GUARD), "%s: norm of %d", tables[t]->name, n);
        tables[t]->f32_layer_norm(got, x, weight, bias, n);
        CHECK(same(got, want, MAX_COLS + GUARD), "%s: norm of %d", tables[t]->name, n);
    }
    for (int32_t k = 0; k < n; ++k) {
        double truth = (x[k] - mean) / sqrt(variance + 1e-5);
        if (weight) truth = truth * weight[k] + bias[k];
        CHECK(fabs(want[k] - truth) <= bound, "norm of %d, %d: %g, not %g", n, k, want[k], truth);
    }
    for (int32_t k = n; k < MAX_COLS + GUARD; ++k) CHECK(want[k] == -7.0f, "norm of %d: %d", n, k);
}

static void test_layer_norm_of(int32_t n)
{
    uint32_t seed = (uint32_t)n;
    float *weight = noise_array(&seed, (size_t)n, 1.0f), *bias = noise_array(&seed, (size_t)n, 1.0f);
    float *x = noise_array(&seed, (size_t)n, 1.0f);
    /* Two channels may lie so close that the floor of the variance counts, and with it 1 / 3e-3. */
    check_layer_norm(x, NULL, NULL, n, 2e-6);
    check_layer_norm(x, weight, bias, n, 2e-6);
    for (int32_t k = 0; k < n; ++k) x[k] = 100.0f + x[k];
    check_layer_norm(x, weight, bias, n, 2e-4);
    for (int32_t k = 0; k < n; ++k) x[k] = -3.0f;
    check_layer_norm(x, NULL, NULL, n, 1e-9); /* no variance */
    release(weight), release(bias), release(x);
}

typedef void (*elementwise)(float *v, int32_t n);

static elementwise function_of(const wh_kernels *k, int which)
{
    return which == 0 ? k->f32_sigmoid : which == 1 ? k->f32_tanh : k->f32_log;
}

static double truth_of(int which, double x)
{
    return which == 0 ? 1.0 / (1.0 + exp(-x)) : which == 1 ? tanh(x) : log(x);
}

static int in_domain(int which, float x)
{
    if (which == 0) return fabsf(x) <= 40.0f;
    if (which == 1) return fabsf(x) >= 1.2e-38f; /* below, tanh x = x is a denormal */
    return x >= 1e-37f && x <= 3e38f;
}

/* Measured worst over all floats: sigmoid 1.5e-7, tanh 1.4e-7, log 8e-8. */
static const double ELEMENTWISE_BOUND = 2e-7;

static void test_elementwise(int which)
{
    enum { BLOCK = 1024 };
    static const char *const names[] = {"sigmoid", "tanh", "log"};
    for (uint32_t start = 0; start < 4096u; ++start) { /* every 1024th float, NaN and Inf too */
        float in[BLOCK], want[BLOCK], got[BLOCK];
        for (uint32_t k = 0; k < BLOCK; ++k) {
            const uint32_t bits = (start * BLOCK + k) * 1024u + start % 1021u;
            memcpy(&in[k], &bits, sizeof bits);
        }
        memcpy(want, in, sizeof want);
        function_of(tables[0], which)(want, BLOCK);
        for (int t = 1; t < n_tables; ++t) {
            memcpy(got, in, sizeof got);
            function_of(tables[t], which)(got, BLOCK);
            CHECK(same(got, want, BLOCK), "%s %s, block %u", tables[t]->name, names[which], start);
        }
        for (int k = 0; k < BLOCK; ++k) {
            CHECK(isfinite(want[k]), "%s(%g) = %g", names[which], in[k], want[k]);
            if (!in_domain(which, in[k])) continue;
            const double truth = truth_of(which, in[k]);
            CHECK(fabs(want[k] - truth) <= ELEMENTWISE_BOUND * fabs(truth), "%s(%g) = %g",
                  names[which], in[k], want[k]);
        }
    }
}

static void test_elementwise_length(int which, int32_t n)
{
    uint32_t seed = (uint32_t)n + 1u;
    float before[MAX_COLS + GUARD], want[MAX_COLS + GUARD];
    for (int k = 0; k < MAX_COLS + GUARD; ++k) before[k] = 3.0f + 2.0f * noise(&seed);
    for (int t = 0; t < n_tables; ++t) {
        float got[MAX_COLS + GUARD];
        memcpy(got, before, sizeof got);
        function_of(tables[t], which)(got, n);
        if (t == 0) memcpy(want, got, sizeof want);
        CHECK(same(got, want, MAX_COLS + GUARD), "%s function %d of %d", tables[t]->name, which, n);
        CHECK(same(got + n, before + n, (size_t)(MAX_COLS + GUARD - n)), "%s function %d of %d",
              tables[t]->name, which, n);
    }
}

int main(void)
{
    find_tables();
    CHECK(n_tables >= 1 && strcmp(tables[0]->name, "scalar") == 0, "%d tables", n_tables);
    CHECK(wh_kernels_find("none of these") == NULL, "an unknown name was found");
#ifdef WH_EXPECTED_TABLE
    CHECK(wh_kernels_find(WH_EXPECTED_TABLE) != NULL, "no table " WH_EXPECTED_TABLE);
#endif
    CHECK(wh_kernels_find(NULL) == tables[n_tables - 1], "the last table is the fastest");
    for (int32_t rows = 1; rows <= MAX_ROWS; ++rows)
        for (int32_t cols = 1; cols <= MAX_COLS; ++cols) test_units_of(rows, cols);
    test_panels();
    test_windows_of_panels();
    for (int32_t n = 1; n <= MAX_COLS; ++n) test_layer_norm_of(n);
    for (int32_t n = 2; n <= 40; ++n)
        for (int32_t a = 1; a < n; ++a) test_top_a_of(n, a);
    static const int32_t large[][2] = {{320, 80}, {320, 319}, {321, 160}, {512, 1}, {512, 256},
                                       {512, 511}, {4096, 1}, {4096, 2049}};
    for (size_t k = 0; k < sizeof large / sizeof large[0]; ++k)
        test_top_a_of(large[k][0], large[k][1]);
    test_top_a_with_nan();
    for (int which = 0; which < 3; ++which) {
        test_elementwise(which);
        for (int32_t n = 0; n <= MAX_COLS; ++n) test_elementwise_length(which, n);
    }
    for (int t = 0; t < n_tables; ++t) printf("%s, ", tables[t]->name);
    printf("%d failures\n", failures);
    return failures != 0;
}
