/* Real Fourier transform of the two frame sizes, 320 and 512. */
#ifndef WH_FFT_H
#define WH_FFT_H

#include <stdint.h>

/* Scratch floats that a transform of n samples needs. */
static inline int32_t wh_fft_scratch(int32_t n)
{
    return 2 * n;
}

/* Forward, unnormalised: re, im get the n/2 + 1 bins of x[n]; twiddle as in wh_model. */
void wh_rfft(float *re, float *im, const float *x, int32_t n, const float *twiddle,
             float *scratch);

/* Inverse times n: x[n] from n/2 + 1 bins; im[0] and im[n/2] are taken as 0. */
void wh_irfft(float *x, const float *re, const float *im, int32_t n, const float *twiddle,
              float *scratch);

#endif
