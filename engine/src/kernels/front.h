/* The front end's table: what a hop costs beside its layers, one version per instruction set. As with
 * the kernels, all versions give the same bits: they are one C source, front.c, in which no sum depends
 * on the width of a vector.
 */
#ifndef WH_FRONT_H
#define WH_FRONT_H

#include <stdint.h>

/* What the transform of one frame size needs. */
typedef struct {
    int32_t n;            /* samples of a frame, 512 or 320 */
    const float *window;  /* (n,), as in wh_model */
    const float *twiddle; /* (2 n,), as in wh_model */
    float *turns;         /* (WH_TURNS,), see wh_turns_fill() */
    float *scratch;       /* WH_FRAME_SCRATCH floats that nobody else uses, zero at first */
} wh_frame;

enum { WH_TURNS = 15 * 2 * 16, WH_FRAME_SCRATCH = 4 * 256 };

/* Fills turns[WH_TURNS]: with m = n/2 and k = 1..15, the cosines of 2 pi k c / m for c < m / 16, then
 * the negative sines; 16 places for each row, zero where c has no column. */
static inline void wh_turns_fill(float *turns, const float *twiddle, int32_t n)
{
    for (int32_t k = 1; k < 16; ++k, turns += 32)
        for (int32_t c = 0; c < 16; ++c) {
            const int has_column = c < n / 32;
            turns[c] = has_column ? twiddle[2 * (2 * k * c)] : 0.0f;
            turns[16 + c] = has_column ? twiddle[2 * (2 * k * c) + 1] : 0.0f;
        }
}

typedef struct {
    /* Spectrum re, im [n/2 + 1], unnormalised, of the windowed frame [previous | in], n/2 samples
     * each. A sample of `in` that is not finite counts as 0, and samples are limited to +-1e6;
     * previous becomes what is left of `in`. */
    void (*f32_analyse)(float *re, float *im, float *previous, const float *in, const wh_frame *f);

    /* The windowed inverse transform, times n, is added to overlap[n/2]: its first half gives
     * out[n/2], the second the next overlap. im[0] and im[n/2] are taken as 0. */
    void (*f32_synthesise)(float *out, float *overlap, const float *re, const float *im,
                           const wh_frame *f);

    /* x = (log(re^2 + im^2 + floor) - mean) scale, each [n]. */
    void (*f32_log_powers)(float *x, const float *re, const float *im, float floor,
                           const float *mean, const float *scale, int32_t n);

    /* mask = max(least, x), or of the sigmoid of x; each [n], never NaN. */
    void (*f32_gains)(float *mask, const float *x, int sigmoid, float least, int32_t n);

    /* One frame of a deep filter: adds c y, complex [n], c limited to +-limit. Real and then imaginary
     * parts lie in c[2 n] and y[2 n]. */
    void (*f32_filter)(float *re, float *im, const float *c, const float *y, float limit, int32_t n);

    /* re, im times mask norm, each [n]. */
    void (*f32_mask)(float *re, float *im, const float *mask, float norm, int32_t n);

    /* re, im plus share made, each [n]. */
    void (*f32_add)(float *re, float *im, const float *made_re, const float *made_im, float share,
                    int32_t n);
} wh_front;

extern const wh_front wh_front_scalar;
#if defined(__x86_64__)
extern const wh_front wh_front_sse2;
extern const wh_front wh_front_avx2;
extern const wh_front wh_front_avx512;
#elif defined(__aarch64__)
extern const wh_front wh_front_neon;
#endif

#endif
