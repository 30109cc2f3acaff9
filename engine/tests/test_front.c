/* The front end against its definition in double precision; and every instruction set gives the bits
 * of the scalar one, writes nothing beside its output and, as sanitizers see, reads nothing past its
 * input. */
#include <math.h>
#include <string.h>

#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_N = 512, MAX_COUNT = 37, GUARD = 20, MAX_TABLES = 8 };

static const double PI = 3.14159265358979323846;

/* Relative to the peak of the spectrum, and of the signal on the way back. Measured: 2.4e-7 and 4.2e-7. */
static const double FFT_BOUND = 1e-6;

static const wh_kernels *tables[MAX_TABLES];
static int n_tables;

static int same(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

/* A frame size with its tables, and memory of exactly the length that is promised. */
static wh_frame make_frame(int32_t n)
{
    float *twiddle = unaligned(2 * (size_t)n), *window = unaligned((size_t)n);
    float *turns = unaligned(WH_TURNS), *scratch = unaligned(WH_FRAME_SCRATCH);
    for (int32_t k = 0; k < n; ++k) {
        twiddle[2 * k] = (float)cos(2.0 * PI * k / n);
        twiddle[2 * k + 1] = (float)-sin(2.0 * PI * k / n);
        window[k] = 1.0f;
    }
    wh_turns_fill(turns, twiddle, n);
    release(twiddle);
    return (wh_frame){n, window, turns, scratch};
}

static void free_frame(wh_frame *f)
{
    release((float *)f->window), release(f->turns), release(f->scratch);
}

/* Largest error of the spectrum of the windowed frame over the largest bin of the true one. */
static double forward_error(const float *x, const float *re, const float *im, const wh_frame *f)
{
    static double cosine[MAX_N], sine[MAX_N];
    const int32_t n = f->n;
    for (int32_t k = 0; k < n; ++k) {
        cosine[k] = cos(2.0 * PI * k / n);
        sine[k] = sin(2.0 * PI * k / n);
    }
    double worst = 0.0, peak = 0.0;
    for (int32_t k = 0; k <= n / 2; ++k) {
        double a = 0.0, b = 0.0;
        for (int32_t i = 0; i < n; ++i) {
            a += (double)x[i] * f->window[i] * cosine[i * k % n];
            b -= (double)x[i] * f->window[i] * sine[i * k % n];
        }
        worst = fmax(worst, hypot(re[k] - a, im[k] - b));
        peak = fmax(peak, hypot(a, b));
    }
    return worst / peak;
}

/* What one way and the way back write, each with exactly the memory that it needs. */
typedef struct {
    float *re, *im, *previous, *out, *overlap, *lost_re, *lost_im;
} results;

static results make_results(int32_t n)
{
    const size_t hop = (size_t)n / 2;
    results r = {unaligned(WH_SPECTRUM), unaligned(WH_SPECTRUM), unaligned(hop), unaligned(hop),
                 unaligned(hop), unaligned(WH_SPECTRUM), unaligned(WH_SPECTRUM)};
    memset(r.re, 0, WH_SPECTRUM * sizeof *r.re);
    memset(r.im, 0, WH_SPECTRUM * sizeof *r.im);
    return r;
}

static void free_results(results *r)
{
    release(r->re), release(r->im), release(r->previous), release(r->out), release(r->overlap);
    release(r->lost_re), release(r->lost_im);
}

static void run(results *r, const wh_front *front, const float *x, const float *overlap,
                const wh_frame *f)
{
    const int32_t hop = f->n / 2;
    memcpy(r->previous, x, (size_t)hop * sizeof *x);
    front->f32_analyse(r->re, r->im, r->previous, x + hop, f);
    CHECK(r->im[0] == 0.0f && r->im[hop] == 0.0f, "%d: ends are not real", f->n);
    memcpy(r->lost_re, r->re, WH_SPECTRUM * sizeof *r->re);
    memcpy(r->lost_im, r->im, WH_SPECTRUM * sizeof *r->im);
    r->lost_im[0] = r->lost_im[hop] = 7.0f; /* must not matter */
    memcpy(r->overlap, overlap, (size_t)hop * sizeof *x);
    front->f32_synthesise(r->out, r->overlap, r->lost_re, r->lost_im, f);
}

/* There and back with `overlap` before it: the frame, windowed twice, times n. */
static double way_back_error(const results *r, const float *x, const float *overlap,
                             const wh_frame *f)
{
    double worst = 0.0, peak = 0.0;
    for (int32_t i = 0; i < f->n; ++i) {
        const int32_t hop = f->n / 2;
        const double got = i < hop ? r->out[i] : r->overlap[i - hop];
        const double before = i < hop ? overlap[i] : 0.0;
        const double want = before + (double)x[i] * f->window[i] * f->window[i] * f->n;
        worst = fmax(worst, fabs(got - want));
        peak = fmax(peak, fabs(want));
    }
    return worst / peak;
}

static void check_frame(const float *x, const float *overlap, const wh_frame *f, const char *what)
{
    const size_t hop = (size_t)f->n / 2;
    results want = make_results(f->n), got = make_results(f->n);
    run(&want, tables[0]->front, x, overlap, f);
    const double error = forward_error(x, want.re, want.im, f);
    const double back = way_back_error(&want, x, overlap, f);
    CHECK(error <= FFT_BOUND, "%s of %d: error %g", what, f->n, error);
    CHECK(back <= FFT_BOUND, "%s of %d: there and back %g", what, f->n, back);
    CHECK(same(want.previous, x + hop, hop), "%s of %d: the last hop", what, f->n);
    for (int t = 1; t < n_tables; ++t) {
        run(&got, tables[t]->front, x, overlap, f);
        CHECK(same(got.re, want.re, hop + 1) && same(got.im, want.im, hop + 1) &&
              same(got.previous, want.previous, hop), "%s: %s of %d", tables[t]->name, what, f->n);
        CHECK(same(got.out, want.out, hop) && same(got.overlap, want.overlap, hop),
              "%s: %s of %d and back", tables[t]->name, what, f->n);
    }
    free_results(&want), free_results(&got);
}

static void test_frames_of(int32_t n)
{
    wh_frame f = make_frame(n);
    uint32_t seed = 5u;
    float *x = unaligned((size_t)n), *silence = unaligned((size_t)n / 2);
    memset(silence, 0, (size_t)n / 2 * sizeof *silence);
    for (int32_t at = 0; at < n; at += 7) {
        for (int32_t i = 0; i < n; ++i) x[i] = i == at ? 1.0f : 0.0f;
        check_frame(x, silence, &f, "impulse");
    }
    for (int32_t k = 0; k <= n / 2; k += 5) {
        for (int32_t i = 0; i < n; ++i) x[i] = (float)cos(2.0 * PI * k * i / n + 0.3);
        check_frame(x, silence, &f, "tone");
    }
    for (int trial = 0; trial < 20; ++trial) {
        float *overlap = noise_array(&seed, (size_t)n / 2, 30.0f);
        for (int32_t i = 0; i < n; ++i) x[i] = noise(&seed);
        check_frame(x, overlap, &f, "noise");
        for (int32_t i = 0; i < n; ++i) ((float *)f.window)[i] = noise(&seed);
        check_frame(x, overlap, &f, "windowed noise");
        release(overlap);
    }
    release(x), release(silence);
    free_frame(&f);
}

/* Samples that no sound card gives; out may be in. */
static void test_wild_samples(int32_t n)
{
    static const float wild[] = {NAN, -NAN, INFINITY, -INFINITY, 3e38f, -1e6f, 1000001.0f, 1e-45f};
    static const float tamed[] = {0.0f, 0.0f, 0.0f, 0.0f, 1e6f, -1e6f, 1e6f, 1e-45f};
    const int32_t hop = n / 2;
    wh_frame f = make_frame(n);
    float *in = unaligned((size_t)hop), *want = unaligned((size_t)hop);
    for (int32_t i = 0; i < hop; ++i) {
        in[i] = wild[i % 8];
        want[i] = tamed[i % 8];
    }
    results r = make_results(n);
    for (int t = 0; t < n_tables; ++t) {
        memset(r.previous, 0, (size_t)hop * sizeof *r.previous);
        tables[t]->front->f32_analyse(r.re, r.im, r.previous, in, &f);
        CHECK(same(r.previous, want, (size_t)hop), "%s: of %d", tables[t]->name, n);
        for (int32_t k = 0; k <= hop; ++k)
            CHECK(isfinite(r.re[k]) && isfinite(r.im[k]), "%s: bin %d", tables[t]->name, k);
    }
    release(in), release(want), free_results(&r), free_frame(&f);
}

/* The loops over bins: inputs, and what they give. */
typedef enum { LOG_POWERS = 0, GAINS, SIGMOID_GAINS, FILTER, MASK, ADD, N_LOOPS } loop;

static const char *const loop_names[] = {"log powers", "gains", "sigmoid", "filter", "mask", "add"};

typedef struct {
    float *u, *v, *two_u, *two_v; /* (n,), (n,), (2 n,), (2 n,) */
} loop_inputs;

static const float FLOOR = 1e-3f, LEAST = 0.25f, LIMIT = 2.0f, FACTOR = 0.75f;

/* re and im are what a loop changes; those with one output leave im alone. */
static void run_loop(const wh_front *front, loop which, float *re, float *im, const loop_inputs *in,
                     int32_t n)
{
    if (which == LOG_POWERS)
        front->f32_log_powers(re, in->two_u, in->two_v, FLOOR, in->u, in->v, n);
    else if (which == FILTER)
        front->f32_filter(re, im, in->two_u, in->two_v, LIMIT, n);
    else if (which == MASK)
        front->f32_mask(re, im, in->u, FACTOR, n);
    else if (which == ADD)
        front->f32_add(re, im, in->u, in->v, FACTOR, n);
    else
        front->f32_gains(re, in->u, which == SIGMOID_GAINS, LEAST, n);
}

static double clip(double v, double limit)
{
    return v > limit ? limit : v < -limit ? -limit : v;
}

static void true_bin(loop which, double *re, double *im, const loop_inputs *in, int32_t n, int32_t k)
{
    const double u = in->u[k], v = in->v[k];
    if (which == LOG_POWERS) {
        const double a = in->two_u[k], b = in->two_v[k];
        *re = (log(a * a + b * b + FLOOR) - u) * v;
    } else if (which == FILTER) {
        const double a = clip(in->two_u[k], LIMIT), b = clip(in->two_u[n + k], LIMIT);
        *re += a * in->two_v[k] - b * in->two_v[n + k];
        *im += a * in->two_v[n + k] + b * in->two_v[k];
    } else if (which == MASK) {
        *re *= u * FACTOR;
        *im *= u * FACTOR;
    } else if (which == ADD) {
        *re += FACTOR * u;
        *im += FACTOR * v;
    } else {
        *re = fmax(which == SIGMOID_GAINS ? 1.0 / (1.0 + exp(-u)) : u, LEAST);
    }
}

/* Of values up to 6, and the logarithm up to 7 times 3, rounded a few times. Measured: 1.3e-6. */
static const double LOOP_BOUND = 1e-5;

static void test_loop(loop which, int32_t n)
{
    uint32_t seed = (uint32_t)(n * N_LOOPS + which);
    const size_t all = (size_t)n + GUARD;
    loop_inputs in = {noise_array(&seed, (size_t)n, 3.0f), noise_array(&seed, (size_t)n, 3.0f),
                      noise_array(&seed, 2 * (size_t)n, 3.0f),
                      noise_array(&seed, 2 * (size_t)n, 3.0f)};
    float *re = noise_array(&seed, all, 1.0f), *im = noise_array(&seed, all, 1.0f);
    float *want_re = unaligned(all), *want_im = unaligned(all);
    float *got_re = unaligned(all), *got_im = unaligned(all);
    memcpy(want_re, re, all * sizeof *re), memcpy(want_im, im, all * sizeof *im);
    run_loop(tables[0]->front, which, want_re, want_im, &in, n);
    for (int32_t k = 0; k < n; ++k) {
        double x = re[k], y = im[k];
        true_bin(which, &x, &y, &in, n, k);
        CHECK(fabs(want_re[k] - x) <= LOOP_BOUND && fabs(want_im[k] - y) <= LOOP_BOUND,
              "%s of %d: %g, not %g", loop_names[which], n, want_re[k], x);
    }
    CHECK(same(want_re + n, re + n, GUARD) && same(want_im + n, im + n, GUARD), "%s of %d wrote on",
          loop_names[which], n);
    for (int t = 1; t < n_tables; ++t) {
        memcpy(got_re, re, all * sizeof *re), memcpy(got_im, im, all * sizeof *im);
        run_loop(tables[t]->front, which, got_re, got_im, &in, n);
        CHECK(same(got_re, want_re, all) && same(got_im, want_im, all), "%s: %s of %d",
              tables[t]->name, loop_names[which], n);
    }
    release(in.u), release(in.v), release(in.two_u), release(in.two_v), release(re), release(im);
    release(want_re), release(want_im), release(got_re), release(got_im);
}

/* Whatever a network gives, gains and a filter's sums are numbers. */
static void test_wild_outputs(void)
{
    enum { N = 40 };
    static const float wild[] = {NAN, -NAN, INFINITY, -INFINITY, 3e38f};
    float c[2 * N], y[2 * N];
    for (int k = 0; k < 2 * N; ++k) {
        c[k] = wild[k % 5];
        y[k] = 1.0f;
    }
    for (int t = 0; t < n_tables; ++t) {
        float mask[N], re[N] = {0}, im[N] = {0};
        for (int sigmoid = 0; sigmoid < 2; ++sigmoid) {
            tables[t]->front->f32_gains(mask, c, sigmoid, 0.5f, N);
            for (int k = 0; k < N; ++k)
                CHECK(mask[k] >= 0.5f, "%s: gain %g", tables[t]->name, mask[k]);
        }
        tables[t]->front->f32_filter(re, im, c, y, LIMIT, N);
        for (int k = 0; k < N; ++k)
            CHECK(fabsf(re[k]) <= 2 * LIMIT && fabsf(im[k]) <= 2 * LIMIT, "%s: filter %g",
                  tables[t]->name, re[k]);
    }
}

int main(void)
{
    for (int32_t i = 0; wh_isa_name(i) && n_tables < MAX_TABLES; ++i)
        tables[n_tables++] = wh_kernels_find(wh_isa_name(i));
    test_frames_of(320);
    test_frames_of(512);
    test_wild_samples(320);
    test_wild_samples(512);
    for (int which = 0; which < N_LOOPS; ++which) {
        for (int32_t n = 1; n <= MAX_COUNT; ++n) test_loop((loop)which, n);
        test_loop((loop)which, 257);
    }
    test_wild_outputs();
    printf("%d tables, %d failures\n", n_tables, failures);
    return failures != 0;
}
