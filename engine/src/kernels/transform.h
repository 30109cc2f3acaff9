/* The real transform of n = 512 or 320 samples, in vectors of any width: one C source that every
 * table compiles for its own instruction set.
 *
 * It is a complex transform of m = n/2 points: the even samples are the real part, the odd ones the
 * imaginary part, and split_bins() takes the two apart. As a matrix of 16 rows and C = m / 16
 * columns, and with W_m = e^(-2 pi i / m), the complex transform is
 *     X[k + 16 l] = sum over c of W_C^(c l) W_m^(c k) (sum over r of W_16^(r k) x[C r + c]):
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

INLINE cvec turned(cvec v, const float w[2])
{
    return (cvec){v.re * w[0] - v.im * w[1], v.re * w[1] + v.im * w[0]};
}

INLINE cvec load_complex(cbuf x, int32_t at)
{
    return (cvec){load(x.re + at), load(x.im + at)};
}

INLINE void store_complex(cbuf y, int32_t at, cvec v)
{
    store(y.re + at, v.re);
    store(y.im + at, v.im);
}

INLINE void dft4(cvec x[4])
{
    const cvec sum = add(x[0], x[2]), dif = sub(x[0], x[2]);
    const cvec sum2 = add(x[1], x[3]), dif2 = sub(x[1], x[3]);
    x[0] = add(sum, sum2);
    x[1] = (cvec){dif.re + dif2.im, dif.im - dif2.re};
    x[2] = sub(sum, sum2);
    x[3] = (cvec){dif.re - dif2.im, dif.im + dif2.re};
}

/* W_16^(k l), k and l = 0..3. */
static const float TURNS16[4][4][2] = {
#define C 0.923879532511286756f /* cos, sin of 22.5 deg */
#define S 0.382683432365089772f
#define H 0.707106781186547524f
    {{1, 0}, {1, 0}, {1, 0}, {1, 0}},
    {{1, 0}, {C, -S}, {H, -H}, {S, -C}},
    {{1, 0}, {H, -H}, {0, -1}, {-H, -H}},
    {{1, 0}, {S, -C}, {-H, -H}, {-C, S}},
#undef C
#undef S
#undef H
};

/* Transforms the columns of x, 16 rows of `columns` values, to y, whose rows are 16 apart, and
 * turns them, if `turns` is set. The last vectors of a row reach into the next: what comes of it
 * lies behind the columns of y. The loops stay loops: between two hops the weights push the code out
 * of the nearest caches, and long code takes longer to fetch than to run. */
static NO_INLINE void dft16(cbuf y, cbuf x, int32_t columns, const float *turns)
{
    for (int32_t c = 0; c < columns; c += WIDTH) {
        cvec half[4][4];
        ROLLED
        for (int k = 0; k < 4; ++k) {
            cvec v[4];
            for (int r = 0; r < 4; ++r) v[r] = load_complex(x, (k + 4 * r) * columns + c);
            dft4(v);
            half[0][k] = v[0];
            for (int l = 1; l < 4; ++l) half[l][k] = turned(v[l], TURNS16[k][l]);
        }
        ROLLED
        for (int k = 0; k < 4; ++k) {
            cvec v[4];
            for (int r = 0; r < 4; ++r) v[r] = half[k][r];
            dft4(v);
            for (int l = 0; l < 4; ++l) {
                const float *turn = turns + 32 * (k + 4 * l) + c;
                if (turns) v[l] = times(v[l], (cvec){load(turn), load(turn + 16)});
                store_complex(y, 16 * (k + 4 * l) + c, v[l]);
            }
        }
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

/* Transforms the columns of x, 10 rows of 16, to y. 2 and 5 have no divisor in common, so from rows
 * (5 i + 2 j) % 10 to rows (5 k + 6 l) % 10 it is a transform of 2 by 5 with nothing to turn. */
static NO_INLINE void dft10(cbuf y, cbuf x)
{
    for (int c = 0; c < 16; c += WIDTH) {
        cvec v[10], even[5], odd[5];
        for (int r = 0; r < 10; ++r) v[r] = load_complex(x, 16 * r + c);
        dft5(even, v[0], v[2], v[4], v[6], v[8]);
        dft5(odd, v[5], v[7], v[9], v[1], v[3]);
        for (int l = 0; l < 5; ++l) {
            store_complex(y, 16 * (6 * l % 10) + c, add(even[l], odd[l]));
            store_complex(y, 16 * ((5 + 6 * l) % 10) + c, sub(even[l], odd[l]));
        }
    }
}

/* The first `columns` columns of x[16][16] become rows of y; what lies beyond the last of them is
 * of no meaning. */
static NO_INLINE void transpose_all(float *y, const float *x, int32_t columns)
{
    for (int32_t c = 0; c < columns; c += WIDTH)
        for (int32_t k = 0; k < 16; k += WIDTH) {
            vec rows[WIDTH];
            for (int i = 0; i < WIDTH; ++i) rows[i] = load(x + 16 * (k + i) + c);
            transpose(rows);
            for (int i = 0; i < WIDTH; ++i) store(y + 16 * (c + i) + k, rows[i]);
        }
}

/* Complex transform of m points from a to b; a is lost. */
INLINE void transform(cbuf b, cbuf a, int32_t m, const float *turns)
{
    const int32_t columns = m / 16;
    dft16(b, a, columns, turns);
    transpose_all(a.re, b.re, columns);
    transpose_all(a.im, b.im, columns);
    if (columns == 16)
        dft16(b, a, 16, NULL);
    else
        dft10(b, a);
}

INLINE cvec load_reversed(cbuf x, int32_t at)
{
    const cvec v = load_complex(x, at);
    return (cvec){REVERSED(v.re), REVERSED(v.im)};
}

INLINE void store_reversed(cbuf y, int32_t at, cvec v)
{
    store_complex(y, at, (cvec){REVERSED(v.re), REVERSED(v.im)});
}

/* W_n^k, W_n^(k+1), ... of wh_turns_fill(). */
INLINE cvec bin_turns(const float *turns, int32_t m, int32_t k)
{
    const float *cosine = turns + WH_BIN_TURNS + k - 1;
    return (cvec){load(cosine), load(cosine + m / 2)};
}

/* The bins of the samples whose complex transform is a: X[k] = E + W_n^k O and
 * X[m-k] = conj(E - W_n^k O), with E and O from a[k] and conj a[m-k]. */
INLINE void split_bins(cbuf bins, cbuf a, int32_t m, const float *turns)
{
    bins.re[0] = a.re[0] + a.im[0];
    bins.re[m] = a.re[0] - a.im[0];
    bins.im[0] = bins.im[m] = 0.0f;
    for (int32_t k = 1; k <= m / 2; k += WIDTH) {
        const int32_t mirror = m - k - WIDTH + 1;
        const cvec x = load_complex(a, k), y = load_reversed(a, mirror);
        const cvec e = {0.5f * (x.re + y.re), 0.5f * (x.im - y.im)};
        const cvec o = {0.5f * (x.im + y.im), 0.5f * (y.re - x.re)};
        const cvec p = times(o, bin_turns(turns, m, k));
        store_complex(bins, k, add(e, p));
        store_reversed(bins, mirror, (cvec){e.re - p.re, p.im - e.im});
    }
}

/* The way back, times 2, in place: a[k] = E + i O and a[m-k] = conj(E - i O), O turned back. */
INLINE void merge_bins(cbuf a, int32_t m, const float *turns)
{
    const float lowest = a.re[0], highest = a.re[m];
    a.re[0] = lowest + highest;
    a.im[0] = lowest - highest;
    for (int32_t k = 1; k <= m / 2; k += WIDTH) {
        const int32_t mirror = m - k - WIDTH + 1;
        const cvec x = load_complex(a, k), y = load_reversed(a, mirror);
        const cvec e = {x.re + y.re, x.im - y.im}, d = {x.re - y.re, x.im + y.im};
        const cvec w = bin_turns(turns, m, k);
        const cvec o = {d.re * w.re + d.im * w.im, d.im * w.re - d.re * w.im};
        store_complex(a, k, (cvec){e.re - o.im, e.im + o.re});
        store_reversed(a, mirror, (cvec){e.re + o.im, o.re - e.im});
    }
}

#endif
