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

/* |error| of a sum of n products of size <= 1, rounded after every operation: each of the n/16
 * additions and the four of the fold rounds a value below n. Measured: 2.3e-8 (n + 4). */
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

static void test_panels_of(int32_t rows, int32_t cols)
{
    uint32_t seed = (uint32_t)(rows * 100 + cols);
    float *w = noise_array(&seed, (size_t)(rows * cols), 1.0f);
    float *x = noise_array(&seed, (size_t)cols, 1.0f), *padded = pad_vector(x, cols, cols);
    float *bias = noise_array(&seed, (size_t)rows, 1.0f);
    float *packed = pack_panels(w, rows, cols, cols);
    float before[MAX_ROWS + GUARD], want[MAX_ROWS + GUARD];
    for (int k = 0; k < MAX_ROWS + GUARD; ++k) before[k] = noise(&seed);
    for (int t = 0; t < n_tables; ++t) {
        float got[MAX_ROWS + GUARD];
        memcpy(got, before, sizeof got);
        tables[t]->f32_gemv_panels(got, packed, bias, padded, rows, wh_padded(cols));
        if (t == 0) memcpy(want, got, sizeof want);
        CHECK(same(got, want, (size_t)rows), "%s %dx%d", tables[t]->name, rows, cols);
        CHECK(same(got + rows, before + rows, (size_t)(MAX_ROWS + GUARD - rows)), "%s %dx%d",
              tables[t]->name, rows, cols);
    }
    for (int32_t row = 0; row < rows; ++row) {
        const double truth = dot(w + row * cols, x, cols) + bias[row];
        CHECK(fabs(want[row] - truth) <= product_bound(cols), "%dx%d row %d: %g, not %g", rows,
              cols, row, want[row], truth);
    }
    release(w), release(x), release(padded), release(bias), release(packed);
}

/* One call of the unit kernel: 3 arrays with guards behind each. */
typedef struct {
    float r[MAX_ROWS + GUARD], cx[MAX_ROWS + GUARD], ch[MAX_ROWS + GUARD];
} unit_result;

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
        tables[t]->f32_gemv_units(sums, rows, v, units, count);
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
    tables[0]->f32_gemv_units((wh_unit_sums){all.r, all.cx, all.ch}, &rows, padded, units, n);
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
    static int32_t units[4096 + GUARD], keys[4096 + GUARD];
    for (int t = 0; t < n_tables; ++t) {
        for (int32_t k = 0; k < n + GUARD; ++k) units[k] = keys[k] = -7;
        tables[t]->f32_top_a(units, keys, v, n, a);
        int32_t at = 0, wrong = 0;
        for (int32_t j = 0; j < n; ++j)
            if (is_among_largest(v, n, a, j)) wrong += units[at++] != j;
        CHECK(at == a && wrong == 0, "%s %s: %d of %d, %d wrong", tables[t]->name, what, a, n,
              wrong);
        for (int32_t k = n; k < n + GUARD; ++k)
            CHECK(units[k] == -7 && keys[k] == -7, "%s: %d of %d", tables[t]->name, a, n);
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
                int32_t units[33], keys[33];
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
    CHECK(wh_kernels_find(NULL) == tables[n_tables - 1], "the last table is the fastest");
    for (int32_t rows = 1; rows <= MAX_ROWS; ++rows)
        for (int32_t cols = 1; cols <= MAX_COLS; ++cols) {
            test_panels_of(rows, cols);
            test_units_of(rows, cols);
        }
    for (int32_t n = 2; n <= 40; ++n)
        for (int32_t a = 1; a < n; ++a) test_top_a_of(n, a);
    static const int32_t large[][2] = {{320, 80}, {320, 319}, {321, 160}, {4096, 1}, {4096, 2049}};
    for (size_t k = 0; k < sizeof large / sizeof large[0]; ++k)
        test_top_a_of(large[k][0], large[k][1]);
    test_top_a_with_nan();
    for (int which = 0; which < 3; ++which) {
        test_elementwise(which);
        for (int32_t n = 0; n <= MAX_COLS; ++n) test_elementwise_length(which, n);
    }
    printf("%d kernel tables, %d failures\n", n_tables, failures);
    return failures != 0;
}
