/* The real transform of n = 512 or 320 samples, in vectors of any width: one C source that every
 * table compiles for its own instruction set.
 *
 * It is a complex transform of m = n/2 points: the even samples are the real part, the odd ones the
 * imaginary part, and split_bins() takes the two apart. As a matrix of 16 rows and C = m / 16
 * columns, and with W_m = e^(-2 pi i / m), the complex transform is
 *     X[k + 16 l] = sum over c of W_C^(c l) W_m^(c k) sum over r of W_16^(r k) x[C r + c]:
 * transform the columns, turn every value, transpose, transform the columns again. Vectors lie along
 * the rows, so all of it is whole vectors, and what a value is computed from does not depend on
 * their width.
 */
#ifndef WH_TRANSFORM_H
#define WH_TRANSFORM_H

#include "front.h"
#include "vectors.h"

typedef struct {
    vec re, im;
} cvec;

typedef struct {
    float *re, *im;
} cbuf;

INLINE cvec add(cvec a, cvec b)
{
    return (cvec){a.re + b.re, a.im + b.im};
}

INLINE cvec sub(cvec a, cvec b)
{
    return (cvec){a.re - b.re, a.im - b.im};
}

INLINE cvec times(cvec v, cvec w)
{
    return (cvec){v.re * w.re - v.im * w.im, v.re * w.im + v.im * w.re};
}

/* v (re + i im) */
INLINE cvec turned(cvec v, float re, float im)
{
    return (cvec){v.re * re - v.im * im, v.re * im + v.im * re};
}

INLINE void dft4(cvec *a, cvec *b, cvec *c, cvec *d)
{
    const cvec sum = add(*a, *c), dif = sub(*a, *c), sum2 = add(*b, *d), dif2 = sub(*b, *d);
    *a = add(sum, sum2);
    *b = (cvec){dif.re + dif2.im, dif.im - dif2.re};
    *c = sub(sum, sum2);
    *d = (cvec){dif.re - dif2.im, dif.im + dif2.re};
}

/* 16 = 4 4 points. */
INLINE void dft16(cvec y[16], cvec x[16])
{
    const float c = 0.923879532511286756f, s = 0.382683432365089772f; /* cos, sin of 22.5 deg */
    const float h = 0.707106781186547524f;
    for (int k = 0; k < 4; ++k) dft4(x + k, x + k + 4, x + k + 8, x + k + 12);
    x[5] = turned(x[5], c, -s);
    x[6] = (cvec){(x[6].re + x[6].im) * h, (x[6].im - x[6].re) * h};
    x[7] = turned(x[7], s, -c);
    x[9] = (cvec){(x[9].re + x[9].im) * h, (x[9].im - x[9].re) * h};
    x[10] = (cvec){x[10].im, -x[10].re};
    x[11] = (cvec){(x[11].im - x[11].re) * h, (x[11].re + x[11].im) * -h};
    x[13] = turned(x[13], s, -c);
    x[14] = (cvec){(x[14].im - x[14].re) * h, (x[14].re + x[14].im) * -h};
    x[15] = turned(x[15], -c, s);
    for (int k = 0; k < 4; ++k) {
        dft4(x + 4 * k, x + 4 * k + 1, x + 4 * k + 2, x + 4 * k + 3);
        for (int l = 0; l < 4; ++l) y[k + 4 * l] = x[4 * k + l];
    }
}

INLINE void dft5(cvec y[5], cvec a, cvec b, cvec c, cvec d, cvec e)
{
    const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f; /* cos 72, 144 deg */
    const float s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;  /* sin 72, 144 deg */
    const cvec be = add(b, e), ne = sub(b, e), cd = add(c, d), nd = sub(c, d);
    const cvec u1 = {a.re + c1 * be.re + c2 * cd.re, a.im + c1 * be.im + c2 * cd.im};
    const cvec u2 = {a.re + c2 * be.re + c1 * cd.re, a.im + c2 * be.im + c1 * cd.im};
    const cvec v1 = {s1 * ne.re + s2 * nd.re, s1 * ne.im + s2 * nd.im};
    const cvec v2 = {s2 * ne.re - s1 * nd.re, s2 * ne.im - s1 * nd.im};
    y[0] = add(a, add(be, cd));
    y[1] = (cvec){u1.re + v1.im, u1.im - v1.re};
    y[2] = (cvec){u2.re + v2.im, u2.im - v2.re};
    y[3] = (cvec){u2.re - v2.im, u2.im + v2.re};
    y[4] = (cvec){u1.re - v1.im, u1.im + v1.re};
}

/* 10 = 2 5 points, which have no divisor in common: x[(5 i + 2 j) % 10] and y[(5 k + 6 l) % 10] make
 * it a transform of 2 by 5 with nothing to turn in between. */
INLINE void dft10(cvec y[16], cvec x[16])
{
    cvec even[5], odd[5];
    dft5(even, x[0], x[2], x[4], x[6], x[8]);
    dft5(odd, x[5], x[7], x[9], x[1], x[3]);
    for (int l = 0; l < 5; ++l) {
        y[6 * l % 10] = add(even[l], odd[l]);
        y[(5 + 6 * l) % 10] = sub(even[l], odd[l]);
    }
}

/* From a, rows of `columns` values, to b, transposed: `columns` rows of 16. The last vectors of a
 * row reach into the next; what comes of it lies behind the last row of b. */
INLINE void transform_columns(cbuf b, cbuf a, int columns, const float *turns)
{
    for (int c = 0; c < columns; c += WIDTH) {
        cvec x[16], y[16];
        for (int r = 0; r < 16; ++r)
            x[r] = (cvec){load(a.re + columns * r + c), load(a.im + columns * r + c)};
        dft16(y, x);
        for (int k = 1; k < 16; ++k) {
            const float *turn = turns + 32 * (k - 1) + c;
            y[k] = times(y[k], (cvec){load(turn), load(turn + 16)});
        }
        for (int k = 0; k < 16; k += WIDTH) {
            vec re[WIDTH], im[WIDTH];
            for (int i = 0; i < WIDTH; ++i) {
                re[i] = y[k + i].re;
                im[i] = y[k + i].im;
            }
            transpose(re);
            transpose(im);
            for (int i = 0; i < WIDTH; ++i) {
                store(b.re + 16 * (c + i) + k, re[i]);
                store(b.im + 16 * (c + i) + k, im[i]);
            }
        }
    }
}

/* From b, `rows` rows of 16, to a. */
INLINE void transform_again(cbuf a, cbuf b, int rows)
{
    for (int k = 0; k < 16; k += WIDTH) {
        cvec x[16], y[16];
        for (int c = 0; c < rows; ++c)
            x[c] = (cvec){load(b.re + 16 * c + k), load(b.im + 16 * c + k)};
        if (rows == 16)
            dft16(y, x);
        else
            dft10(y, x);
        for (int l = 0; l < rows; ++l) {
            store(a.re + 16 * l + k, y[l].re);
            store(a.im + 16 * l + k, y[l].im);
        }
    }
}

/* Complex transform of m points from a to a, with b in between. Not inlined: it serves both ways. */
static __attribute__((noinline)) void transform(cbuf a, cbuf b, int32_t m, const float *turns)
{
    if (m == 256) {
        transform_columns(b, a, 16, turns);
        transform_again(a, b, 16);
    } else {
        transform_columns(b, a, 10, turns);
        transform_again(a, b, 10);
    }
}

/* Turns W_n^k, k = at and on, from pairs of a cosine and a negative sine. */
INLINE cvec load_turns(const float *twiddle, int32_t at)
{
    const vec low = load(twiddle + 2 * at), high = load(twiddle + 2 * at + WIDTH);
    return (cvec){UNZIP_EVEN(low, high), UNZIP_ODD(low, high)};
}

INLINE cvec load_reversed(const float *re, const float *im, int32_t at)
{
    const vec x = load(re + at), y = load(im + at);
    return (cvec){REVERSED(x), REVERSED(y)};
}

INLINE void store_reversed(float *re, float *im, int32_t at, cvec v)
{
    store(re + at, REVERSED(v.re));
    store(im + at, REVERSED(v.im));
}

/* The bins of the samples whose complex transform is a: X[k] = E + W^k O, X[m-k] = conj(E - W^k O),
 * with E and O from a[k] and conj a[m-k]. */
INLINE void split_bins(float *re, float *im, cbuf a, int32_t m, const float *twiddle)
{
    re[0] = a.re[0] + a.im[0];
    re[m] = a.re[0] - a.im[0];
    im[0] = im[m] = 0.0f;
    for (int32_t k = 1; k <= m / 2; k += WIDTH) {
        const int32_t mirror = m - k - WIDTH + 1;
        const cvec x = {load(a.re + k), load(a.im + k)}, y = load_reversed(a.re, a.im, mirror);
        const cvec e = {0.5f * (x.re + y.re), 0.5f * (x.im - y.im)};
        const cvec o = {0.5f * (x.im + y.im), 0.5f * (y.re - x.re)};
        const cvec p = times(o, load_turns(twiddle, k));
        store(re + k, e.re + p.re);
        store(im + k, e.im + p.im);
        store_reversed(re, im, mirror, (cvec){e.re - p.re, p.im - e.im});
    }
}

/* The way back, times 2: a[k] = E + i O and a[m-k] = conj(E - i O), O turned back by W^-k. */
INLINE void merge_bins(cbuf a, const float *re, const float *im, int32_t m, const float *twiddle)
{
    a.re[0] = re[0] + re[m];
    a.im[0] = re[0] - re[m];
    for (int32_t k = 1; k <= m / 2; k += WIDTH) {
        const int32_t mirror = m - k - WIDTH + 1;
        const cvec x = {load(re + k), load(im + k)}, y = load_reversed(re, im, mirror);
        const cvec e = {x.re + y.re, x.im - y.im}, d = {x.re - y.re, x.im + y.im};
        const cvec w = load_turns(twiddle, k);
        const cvec o = {d.re * w.re + d.im * w.im, d.im * w.re - d.re * w.im};
        store(a.re + k, e.re - o.im);
        store(a.im + k, e.im + o.re);
        store_reversed(a.re, a.im, mirror, (cvec){e.re + o.im, o.re - e.im});
    }
}

#endif
