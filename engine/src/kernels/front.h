/* The front end's table: what a hop needs beside its layers, one version per instruction set. As
 * with the kernels, all versions give the same bits: they are one C source, front.c, in which no
 * value depends on the width of a vector. */
#ifndef WH_FRONT_H
#define WH_FRONT_H

#include <stdint.h>

/* v within +-limit, finite whatever it is: a NaN fails the first comparison. */
static inline float wh_limited(float v, float limit)
{
    const float low = v > -limit ? v : -limit;
    return low < limit ? low : limit;
}

/* What the transform of one frame size needs. */
typedef struct {
    int32_t n;           /* samples of a frame, 512 or 320 */
    const float *window; /* (n,), as in wh_model */
    float *turns;        /* (WH_TURNS,), see wh_turns_fill() */
    float *scratch;      /* (WH_FRAME_SCRATCH,) */
} wh_frame;

/* Floats of the turns and the scratch of a frame; and of the real or the imaginary part of a spectrum:
 * up to 257 bins, padded, since the transform works in their place. */
enum {
    WH_BIN_TURNS = 16 * 2 * 16,
    WH_TURNS = WH_BIN_TURNS + 2 * 128,
    WH_FRAME_SCRATCH = 2 * 256,
    WH_SPECTRUM = 272
};

/* Cosines and negative sines, taken from the twiddle factors of wh_model. With m = n/2: for each
 * k = 0..15, 16 of each of 2 pi k c / m, zero from c = m/16 on; then, from WH_BIN_TURNS on, m/2 of
 * each of 2 pi k / n, k = 1..m/2. */
static inline void wh_turns_fill(float *turns, const float *twiddle, int32_t n)
{
    for (int32_t k = 0; k < 16; ++k)
        for (int32_t c = 0; c < 16; ++c)
            for (int32_t part = 0; part < 2; ++part)
                turns[32 * k + 16 * part + c] = c < n / 32 ? twiddle[4 * k * c + part] : 0.0f;
    for (int32_t k = 1; k <= n / 4; ++k)
        for (int32_t part = 0; part < 2; ++part)
            turns[WH_BIN_TURNS + part * (n / 4) + k - 1] = twiddle[2 * k + part];
}

typedef struct {
    /* Unnormalised spectrum of the windowed frame [previous | in], n/2 samples each: n/2 + 1 bins re,
     * im, in WH_SPECTRUM places that are finite before and after. A sample of `in` that is not
     * finite counts as 0, and samples are limited to +-1e6; previous becomes what is left of `in`. */
    void (*f32_analyse)(float *re, float *im, float *previous, const float *in, const wh_frame *f);

    /* The windowed inverse transform, times n, is added to overlap[n/2]: its first half gives
     * out[n/2], the second the next overlap. im[0] and im[n/2] are taken as 0. re, im as above; the
     * spectrum is lost. */
    void (*f32_synthesise)(float *out, float *overlap, float *re, float *im, const wh_frame *f);

    /* x = (log(re^2 + im^2 + floor) - mean) scale, each [n]. */
    void (*f32_log_powers)(float *x, const float *re, const float *im, float floor,
                           const float *mean, const float *scale, int32_t n);

    /* mask = max(least, x), or of the sigmoid of x; each [n], never NaN. */
    void (*f32_gains)(float *mask, const float *x, int sigmoid, float least, int32_t n);

    /* One frame of a deep filter: adds c y, complex [n], c limited to +-limit. In c[2 n] and y[2 n]
     * the real parts come first. */
    void (*f32_filter)(float *re, float *im, const float *c, const float *y, float limit,
                       int32_t n);

    /* re, im times mask norm, each [n]. */
    void (*f32_mask)(float *re, float *im, const float *mask, float norm, int32_t n);

    /* re, im plus share made, each [n]. */
    void (*f32_add)(float *re, float *im, const float *made_re, const float *made_im, float share,
                    int32_t n);
} wh_front;

extern const wh_front wh_front_scalar;

#endif
