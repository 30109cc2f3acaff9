/* Products of integers and the kernels that round to them: every table gives what the definition in
 * kernels.h gives, to the last bit, writes nothing beside its output, and reads nothing past its
 * input (sanitizers). */
#include <math.h>
#include <string.h>

#include "../src/kernels/kernels.h"
#include "check.h"

enum { GUARD = 20, MAX_TABLES = 8, MAX_UNITS = 530 };

static const wh_kernels *tables[MAX_TABLES];
static int n_tables;

static void find_tables(void)
{
    for (int32_t i = 0; wh_isa_name(i) && n_tables < MAX_TABLES; ++i)
        tables[n_tables++] = wh_kernels_find(wh_isa_name(i));
}

/* Weights and inputs: random, or the largest sums that there are. */
typedef enum { RANDOM = 0, LARGEST, SMALLEST, N_FILLINGS } filling;

/* Rows of integers as floats, within +-127; of the columns before `split`, and of those from there on,
 * pairs are within 128 in size. */
static float *weights_of(filling what, uint32_t *seed, int32_t rows, int32_t cols, int32_t split)
{
    float *w = unaligned((size_t)(rows * cols));
    for (int32_t k = 0; k < rows * cols; ++k) {
        const int32_t col = k % cols, place = col < split ? col : col - split;
        const float left = place % 2 ? fminf(127.0f, 128.0f - fabsf(w[k - 1])) : 127.0f;
        w[k] = what == RANDOM ? truncf((left + 0.999f) * noise(seed)) : what == LARGEST ? 64.0f : -64.0f;
    }
    return w;
}

static int8_t *inputs_of(filling what, uint32_t *seed, size_t count)
{
    int8_t *q = noise_bytes(seed, count);
    for (size_t k = 0; k < count && what != RANDOM; ++k) q[k] = 127;
    return q;
}

/* A scale above 0, so small that the largest sums stay far from those of the biases. */
static float *scales_of(uint32_t *seed, size_t count)
{
    float *scale = noise_array(seed, count, 1e-3f);
    for (size_t k = 0; k < count; ++k) scale[k] = fabsf(scale[k]) + 1e-6f;
    return scale;
}

static int64_t exact_sum(const float *w, const int8_t *q, int32_t n)
{
    int64_t sum = 0;
    for (int32_t k = 0; k < n; ++k) sum += (int64_t)w[k] * q[k];
    return sum;
}

/* 128 times the sum of each row's integers, in memory of exactly `padded` of them. */
static int32_t *offsets_of(const float *w, int32_t rows, int32_t cols, int32_t padded)
{
    int32_t *offset = calloc((size_t)padded, sizeof *offset);
    if (!offset) abort();
    for (int32_t row = 0; row < rows; ++row)
        for (int32_t k = 0; k < cols; ++k) offset[row] += 128 * (int32_t)w[row * cols + k];
    return offset;
}

/* What is added: one array for all positions, one for each, or y itself. */
typedef enum { SHARED = 0, OWN, ADD_IS_Y, N_ADDED } added;

/* One product at `count` positions that lie `gap` bytes apart; the last one's columns end where the
 * memory does. */
static void check_panels(int32_t rows, int32_t cols, int32_t count, int32_t gap, float factor,
                         filling what)
{
    uint32_t seed = (uint32_t)(rows * 1000 + cols * 10 + count);
    const int32_t padded = (rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS * WH_PANEL_ROWS;
    const int32_t seen = (cols + 3) / 4 * 4, q_step = seen + gap, step = rows + 3;
    const size_t size = (size_t)(count * step + GUARD);
    float *w = weights_of(what, &seed, rows, cols, cols);
    float *scale = scales_of(&seed, (size_t)padded), *before = noise_array(&seed, size, 1.0f);
    float *add = noise_array(&seed, size, 1.0f), *want = unaligned(size), *got = unaligned(size);
    int8_t *packed = pack_int_panels(w, rows, cols);
    int8_t *q = inputs_of(what, &seed, (size_t)((count - 1) * q_step + seen));
    int32_t *offset = offsets_of(w, rows, cols, padded);
    const wh_int_rows matrix = {packed, scale, offset, cols};
    for (int how = SHARED; how < N_ADDED; ++how) {
        const int32_t add_step = how == SHARED ? 0 : step;
        const float *of = how == ADD_IS_Y ? before : add;
        memcpy(want, before, size * sizeof *want);
        for (int32_t p = 0; p < count; ++p)
            for (int32_t row = 0; row < rows; ++row) {
                const float sum = (float)exact_sum(w + row * cols, q + p * q_step, cols);
                const float scaled = sum * (scale[row] * factor);
                want[p * step + row] = scaled + of[p * add_step + row];
            }
        for (int t = 0; t < n_tables; ++t) {
            memcpy(got, before, size * sizeof *got);
            tables[t]->s8_panels(got, step, &matrix, factor, how == ADD_IS_Y ? got : add, add_step,
                                 q, q_step, rows, count);
            CHECK(memcmp(got, want, size * sizeof *got) == 0,
                  "%s: %d rows, %d columns, %d positions, added %d, filling %d", tables[t]->name,
                  rows, cols, count, how, (int)what);
        }
    }
    release(w), release(scale), release(before), release(add), release(want), release(got);
    release_bytes(packed), release_bytes(q);
    free(offset);
}

static void test_panels(void)
{
    static const int32_t rows[] = {1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 63, 64, 65, 80, 96, 113};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r)
        for (int32_t cols = 1; cols <= 70; ++cols) {
            const filling what = (filling)((rows[r] + cols) % N_FILLINGS);
            check_panels(rows[r], cols, 1 + cols % 7, cols % 5, cols % 2 ? 1.0f : 128.0f, RANDOM);
            check_panels(rows[r], cols, 1, 0, 1.0f, what);
        }
    for (int what = RANDOM; what < N_FILLINGS; ++what) { /* sums that a float has to round */
        check_panels(17, WH_MAX_WIDTH, 2, 3, 1.0f, (filling)what);
        check_panels(3, WH_MAX_WIDTH - 1, 2, 0, 128.0f, (filling)what);
        check_panels(33, 1041, 1, 1, 1.0f, (filling)what);
    }
}

/* Matrices of all units, and what they see. */
typedef struct {
    int32_t n, inputs;
    float *reset, *candidate, *numbers;
    int8_t *x, *h;
    int32_t *offset;
} unit_case;

/* What lies behind the columns of x and h, up to whole chunks, is of no meaning: noise. */
static unit_case make_units(int32_t n, int32_t inputs, filling what, uint32_t seed)
{
    unit_case c = {.n = n, .inputs = inputs};
    c.reset = weights_of(what, &seed, n, inputs + n, inputs);
    c.candidate = weights_of(what, &seed, n, inputs + n, inputs);
    c.numbers = scales_of(&seed, 8 * (size_t)n);
    c.x = inputs_of(what, &seed, (size_t)wh_padded(inputs));
    c.h = inputs_of(what, &seed, (size_t)wh_padded(n));
    c.offset = calloc(4 * (size_t)n, sizeof *c.offset);
    if (!c.offset) abort();
    for (int32_t j = 0; j < n; ++j) {
        for (int k = 4; k < 8; ++k) c.numbers[8 * j + k] = k == 5 ? 0.0f : noise(&seed);
        for (int32_t k = 0; k < inputs + n; ++k) {
            const int32_t at = j * (inputs + n) + k, of_h = k >= inputs;
            c.offset[4 * j + of_h] += 128 * (int32_t)c.reset[at];
            c.offset[4 * j + 2 + of_h] += 128 * (int32_t)c.candidate[at];
        }
    }
    return c;
}

static void free_units(unit_case *c)
{
    release(c->reset), release(c->candidate), release(c->numbers);
    release_bytes(c->x), release_bytes(c->h);
    free(c->offset);
}

/* 3 arrays with guards behind each. */
typedef struct {
    float r[MAX_UNITS + GUARD], cx[MAX_UNITS + GUARD], ch[MAX_UNITS + GUARD];
} unit_result;

/* The definition in kernels.h, of one unit. */
static void unit_sums(const unit_case *c, int32_t j, float *r, float *cx, float *ch)
{
    const int32_t cols = c->inputs + c->n;
    const float *reset = c->reset + j * cols, *candidate = c->candidate + j * cols;
    const float *number = c->numbers + 8 * j;
    const float of_x = (float)exact_sum(reset, c->x, c->inputs) * number[0] + number[4];
    *r = (float)exact_sum(reset + c->inputs, c->h, c->n) * number[1] + of_x;
    *cx = (float)exact_sum(candidate, c->x, c->inputs) * number[2] + number[6];
    *ch = (float)exact_sum(candidate + c->inputs, c->h, c->n) * number[3] + number[7];
}

/* What kernels may write: whole chunks. */
static void forget_rest_of_chunk(unit_result *got, const unit_result *before, int32_t count)
{
    const size_t rest = (size_t)(wh_padded(count) - count) * sizeof(float);
    memcpy(got->r + count, before->r + count, rest);
    memcpy(got->cx + count, before->cx + count, rest);
    memcpy(got->ch + count, before->ch + count, rest);
}

static void check_units(const unit_case *c, const wh_int_units *units, const int32_t *which,
                        int32_t count)
{
    unit_result before, want;
    uint32_t seed = 7u;
    float *fill = (float *)&before;
    for (size_t k = 0; k < sizeof before / sizeof *fill; ++k) fill[k] = noise(&seed);
    want = before;
    for (int32_t k = 0; k < count; ++k)
        unit_sums(c, which[k], &want.r[k], &want.cx[k], &want.ch[k]);
    for (int t = 0; t < n_tables; ++t) {
        unit_result got = before;
        const wh_unit_sums sums = {got.r, got.cx, got.ch};
        tables[t]->s8_units(sums, units, c->x, c->h, which, count);
        forget_rest_of_chunk(&got, &before, count);
        CHECK(memcmp(&got, &want, sizeof got) == 0, "%s: %d of %d units, %d inputs",
              tables[t]->name, count, c->n, c->inputs);
    }
}

static void test_units_of(int32_t n, int32_t inputs, filling what)
{
    uint32_t seed = (uint32_t)(n * 100 + inputs);
    unit_case c = make_units(n, inputs, what, seed);
    int8_t *blocks = pack_int_units(c.reset, c.candidate, n, inputs + n, inputs);
    const wh_int_units units = {blocks, c.numbers, c.offset, wh_padded(inputs), wh_padded(n)};
    int32_t which[MAX_UNITS];
    for (int32_t j = 0; j < n; ++j) which[j] = j;
    check_units(&c, &units, which, n);
    check_units(&c, &units, which, 0);
    check_units(&c, &units, which + n - 1, 1);
    for (int trial = 0; trial < 3; ++trial) {
        int32_t count = 0;
        for (int32_t j = 0; j < n; ++j)
            if (noise(&seed) > 0.0f) which[count++] = j;
        check_units(&c, &units, which, count);
    }
    release_bytes(blocks);
    free_units(&c);
}

static void test_units(void)
{
    for (int32_t n = 1; n <= 21; ++n)
        for (int32_t inputs = 1; inputs <= 70; ++inputs)
            test_units_of(n, inputs, (filling)((n + inputs) % N_FILLINGS));
    for (int32_t n = 31; n <= 80; n += 7)
        for (int32_t inputs = 1; inputs <= 70; inputs += 23)
            for (int what = RANDOM; what < N_FILLINGS; ++what)
                test_units_of(n, inputs, (filling)what);
    for (int what = RANDOM; what < N_FILLINGS; ++what) /* sums that a float has to round */
        test_units_of(9, WH_MAX_WIDTH, (filling)what);
    test_units_of(MAX_UNITS, 30, RANDOM); /* more than a thousand columns: rows of far matrices */
}

/* The definition: the product is a float, which is limited and then rounded, ties to even. */
static int32_t rounded(float v, float inverse, int32_t limit)
{
    const float t = v * inverse;
    if (!(t > (float)-limit)) return -limit; /* and a NaN */
    return t < (float)limit ? (int32_t)nearbyint(t) : limit;
}

static void check_rounding(const float *v, float inverse, int32_t n)
{
    enum { MOST = 1024 + GUARD };
    static int8_t q[MOST], fine[MOST], coarse[MOST];
    for (int t = 0; t < n_tables; ++t) {
        memset(q, 99, sizeof q), memset(fine, 99, sizeof fine), memset(coarse, 99, sizeof coarse);
        tables[t]->s8_round(q, v, inverse, n);
        tables[t]->s16_round(fine, coarse, v, inverse, n);
        for (int32_t k = 0; k < n; ++k) {
            const int32_t want = rounded(v[k], inverse, 127 * 128);
            CHECK(q[k] == rounded(v[k], inverse, 127), "%s: %a times %a is not %d",
                  tables[t]->name, v[k], inverse, q[k]);
            CHECK(128 * coarse[k] + fine[k] == want, "%s: %a times %a is not %d and %d",
                  tables[t]->name, v[k], inverse, coarse[k], fine[k]);
            CHECK(fine[k] >= -64 && fine[k] <= 63 && coarse[k] >= -127, "%s: %d and %d",
                  tables[t]->name, coarse[k], fine[k]);
        }
        for (int32_t k = n; k < MOST; ++k)
            CHECK(q[k] == 99 && fine[k] == 99 && coarse[k] == 99, "%s: %d of %d", tables[t]->name,
                  k, n);
    }
}

/* Every 4096th float, NaN and Inf and denormals among them; scales of every size. */
static void test_rounding_of_every_size(void)
{
    static const float inverses[] = {1.0f, 127.0f, 31.75f, 1e-20f, 1e20f, 0.3f};
    for (uint32_t start = 0; start < 1024u; ++start) {
        float v[1024];
        for (uint32_t k = 0; k < 1024; ++k) {
            const uint32_t bits = (start * 1024 + k) * 4096u + start % 4093u;
            memcpy(&v[k], &bits, sizeof bits);
        }
        check_rounding(v, inverses[start % 6], 1024);
    }
}

/* Halves lie between two integers, and their neighbours do not. */
static void test_rounding_of_ties(void)
{
    static float v[1024];
    for (int32_t first = -128 * 128; first <= 128 * 128; first += 341)
        for (int side = -1; side <= 1; ++side) {
            for (int32_t k = 0; k < 1024; ++k) {
                const float tie = (float)(first + k / 2) + (k % 2 ? 0.5f : 0.0f);
                v[k] = side ? nextafterf(tie, side * INFINITY) : tie;
            }
            check_rounding(v, 1.0f, 1024);
            for (int32_t k = 0; k < 1024; ++k) v[k] *= 0.25f;
            check_rounding(v, 4.0f, 1024);
        }
}

static void test_rounding_of_every_length(void)
{
    for (int32_t n = 0; n <= 70; ++n) {
        uint32_t seed = (uint32_t)n + 1u;
        float *v = noise_array(&seed, (size_t)n, 300.0f);
        check_rounding(v, 0.7f, n);
        release(v);
    }
}

int main(void)
{
    find_tables();
    test_panels();
    test_units();
    test_rounding_of_every_size();
    test_rounding_of_ties();
    test_rounding_of_every_length();
    for (int t = 0; t < n_tables; ++t) printf("%s, ", tables[t]->name);
    printf("%d failures\n", failures);
    return failures != 0;
}
