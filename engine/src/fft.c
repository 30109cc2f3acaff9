/* A real transform of n samples as a complex one of m = n/2: the even samples are the real part,
 * the odd ones the imaginary part, and one more pass separates the two. The complex transform is
 * a Stockham autosort: each pass reads one buffer, writes the other, and nothing is left to
 * reorder. A pass of radix R splits `s` interleaved transforms of length R m each.
 */
#include "fft.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef struct {
    float *re, *im; /* apart, so that the inner loops vectorise */
} cbuf;

typedef struct {
    float re, im;
} cnum;

/* e^(-2 pi i k / (R m)) where `table` = n / (R m). */
ALWAYS_INLINE cnum turn(const float *twiddle, int32_t k, int32_t table)
{
    return (cnum){twiddle[2 * k * table], twiddle[2 * k * table + 1]};
}

ALWAYS_INLINE void put(float *restrict re, float *restrict im, int32_t at, cnum v, cnum w)
{
    re[at] = v.re * w.re - v.im * w.im;
    im[at] = v.re * w.im + v.im * w.re;
}

ALWAYS_INLINE void pass2(cbuf y, cbuf x, int32_t m, int32_t s, int32_t n, const float *twiddle)
{
    float *restrict yr = y.re, *restrict yi = y.im;
    const float *restrict xr = x.re, *restrict xi = x.im;
    for (int32_t i = 0; i < m; ++i) {
        const cnum w1 = turn(twiddle, i, n / (2 * m));
        for (int32_t q = 0; q < s; ++q) {
            const int32_t a = q + s * i, b = a + s * m, to = q + 2 * s * i;
            yr[to] = xr[a] + xr[b];
            yi[to] = xi[a] + xi[b];
            put(yr, yi, to + s, (cnum){xr[a] - xr[b], xi[a] - xi[b]}, w1);
        }
    }
}

ALWAYS_INLINE void pass4(cbuf y, cbuf x, int32_t m, int32_t s, int32_t n, const float *twiddle)
{
    float *restrict yr = y.re, *restrict yi = y.im;
    const float *restrict xr = x.re, *restrict xi = x.im;
    for (int32_t i = 0; i < m; ++i) {
        const int32_t table = n / (4 * m);
        const cnum w1 = turn(twiddle, i, table), w2 = turn(twiddle, 2 * i, table);
        const cnum w3 = turn(twiddle, 3 * i, table);
        for (int32_t q = 0; q < s; ++q) {
            const int32_t a = q + s * i, b = a + s * m, c = b + s * m, d = c + s * m;
            const int32_t to = q + 4 * s * i;
            const cnum sum = {xr[a] + xr[c], xi[a] + xi[c]};
            const cnum dif = {xr[a] - xr[c], xi[a] - xi[c]};
            const cnum sum2 = {xr[b] + xr[d], xi[b] + xi[d]};
            const cnum dif2 = {xr[b] - xr[d], xi[b] - xi[d]};
            yr[to] = sum.re + sum2.re;
            yi[to] = sum.im + sum2.im;
            put(yr, yi, to + s, (cnum){dif.re + dif2.im, dif.im - dif2.re}, w1);
            put(yr, yi, to + 2 * s, (cnum){sum.re - sum2.re, sum.im - sum2.im}, w2);
            put(yr, yi, to + 3 * s, (cnum){dif.re - dif2.im, dif.im + dif2.re}, w3);
        }
    }
}

/* The last pass (m = 1) of a length that 5 divides, so there is nothing to turn. */
ALWAYS_INLINE void pass5_last(cbuf y, cbuf x, int32_t s)
{
    const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f; /* cos 72, 144 deg */
    const float s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;  /* sin 72, 144 deg */
    float *restrict yr = y.re, *restrict yi = y.im;
    const float *restrict xr = x.re, *restrict xi = x.im;
    for (int32_t q = 0; q < s; ++q) {
        const int32_t b = q + s, c = q + 2 * s, d = q + 3 * s, e = q + 4 * s;
        const cnum be = {xr[b] + xr[e], xi[b] + xi[e]}, ne = {xr[b] - xr[e], xi[b] - xi[e]};
        const cnum cd = {xr[c] + xr[d], xi[c] + xi[d]}, nd = {xr[c] - xr[d], xi[c] - xi[d]};
        const cnum u1 = {xr[q] + c1 * be.re + c2 * cd.re, xi[q] + c1 * be.im + c2 * cd.im};
        const cnum u2 = {xr[q] + c2 * be.re + c1 * cd.re, xi[q] + c2 * be.im + c1 * cd.im};
        const cnum v1 = {s1 * ne.re + s2 * nd.re, s1 * ne.im + s2 * nd.im};
        const cnum v2 = {s2 * ne.re - s1 * nd.re, s2 * ne.im - s1 * nd.im};
        yr[q] = xr[q] + be.re + cd.re;
        yi[q] = xi[q] + be.im + cd.im;
        yr[b] = u1.re + v1.im;
        yi[b] = u1.im - v1.re;
        yr[c] = u2.re + v2.im;
        yi[c] = u2.im - v2.re;
        yr[d] = u2.re - v2.im;
        yi[d] = u2.im + v2.re;
        yr[e] = u1.re - v1.im;
        yi[e] = u1.im + v1.re;
    }
}

/* Complex transform of n/2 points from `a` to `a`, with `b` in between. */
static void transform(cbuf a, cbuf b, int32_t n, const float *twiddle)
{
    if (n == 320) { /* 160 = 4 4 2 5 */
        pass4(b, a, 40, 1, 320, twiddle);
        pass4(a, b, 10, 4, 320, twiddle);
        pass2(b, a, 5, 16, 320, twiddle);
        pass5_last(a, b, 32);
    } else { /* 256 = 4 4 4 4 */
        pass4(b, a, 64, 1, 512, twiddle);
        pass4(a, b, 16, 4, 512, twiddle);
        pass4(b, a, 4, 16, 512, twiddle);
        pass4(a, b, 1, 64, 512, twiddle);
    }
}

static void split_scratch(cbuf *a, cbuf *b, float *scratch, int32_t m)
{
    *a = (cbuf){scratch, scratch + m};
    *b = (cbuf){scratch + 2 * m, scratch + 3 * m};
}

void wh_rfft(float *re, float *im, const float *x, int32_t n, const float *twiddle,
             float *scratch)
{
    const int32_t m = n / 2;
    cbuf a, b;
    split_scratch(&a, &b, scratch, m);
    for (int32_t k = 0; k < m; ++k) {
        a.re[k] = x[2 * k];
        a.im[k] = x[2 * k + 1];
    }
    transform(a, b, n, twiddle);
    re[0] = a.re[0] + a.im[0];
    re[m] = a.re[0] - a.im[0];
    im[0] = im[m] = 0.0f;
    for (int32_t k = 1; k < m; ++k) { /* X[k] = E + W^k O, E and O from a[k] and conj a[m-k] */
        const cnum e = {0.5f * (a.re[k] + a.re[m - k]), 0.5f * (a.im[k] - a.im[m - k])};
        const cnum o = {0.5f * (a.im[k] + a.im[m - k]), 0.5f * (a.re[m - k] - a.re[k])};
        const cnum w = turn(twiddle, k, 1);
        re[k] = e.re + (w.re * o.re - w.im * o.im);
        im[k] = e.im + (w.re * o.im + w.im * o.re);
    }
}

void wh_irfft(float *x, const float *re, const float *im, int32_t n, const float *twiddle,
              float *scratch)
{
    const int32_t m = n / 2;
    cbuf a, b;
    split_scratch(&a, &b, scratch, m);
    a.re[0] = re[0] + re[m];
    a.im[0] = re[0] - re[m];
    for (int32_t k = 1; k < m; ++k) { /* a = E + i O, O turned back by W^-k */
        const cnum e = {re[k] + re[m - k], im[k] - im[m - k]};
        const cnum d = {re[k] - re[m - k], im[k] + im[m - k]};
        const cnum w = turn(twiddle, k, 1);
        a.re[k] = e.re - (d.im * w.re - d.re * w.im);
        a.im[k] = e.im + (d.re * w.re + d.im * w.im);
    }
    /* Exchanging real and imaginary parts turns the forward transform into the inverse one. */
    transform((cbuf){a.im, a.re}, (cbuf){b.im, b.re}, n, twiddle);
    for (int32_t k = 0; k < m; ++k) {
        x[2 * k] = a.re[k];
        x[2 * k + 1] = a.im[k];
    }
}
