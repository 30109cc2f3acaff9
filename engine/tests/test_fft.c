/* The transform against the definition, in double, and against its inverse. */
#include <math.h>

#include "../src/fft.h"
#include "check.h"

enum { MAX_N = 512 };

static const double PI = 3.14159265358979323846;

/* Relative to the peak of the spectrum, and of the signal on the way back. Measured: 3e-7 and 5e-7. */
static const double FFT_BOUND = 1e-6;

static void make_twiddle(float *twiddle, int32_t n)
{
    for (int32_t k = 0; k < n; ++k) {
        twiddle[2 * k] = (float)cos(2.0 * PI * k / n);
        twiddle[2 * k + 1] = (float)-sin(2.0 * PI * k / n);
    }
}

/* Largest error of the forward transform over the largest bin of the true spectrum. */
static double forward_error(const float *x, const float *re, const float *im, int32_t n)
{
    static double cosine[MAX_N], sine[MAX_N];
    for (int32_t k = 0; k < n; ++k) {
        cosine[k] = cos(2.0 * PI * k / n);
        sine[k] = sin(2.0 * PI * k / n);
    }
    double worst = 0.0, peak = 0.0;
    for (int32_t k = 0; k <= n / 2; ++k) {
        double a = 0.0, b = 0.0;
        for (int32_t i = 0; i < n; ++i) {
            a += x[i] * cosine[i * k % n];
            b -= x[i] * sine[i * k % n];
        }
        worst = fmax(worst, hypot(re[k] - a, im[k] - b));
        peak = fmax(peak, hypot(a, b));
    }
    return worst / peak;
}

static void check_signal(const float *x, int32_t n, const char *what)
{
    float twiddle[2 * MAX_N] = {0}, scratch[2 * MAX_N], back[MAX_N];
    float re[MAX_N / 2 + 1], im[MAX_N / 2 + 1];
    make_twiddle(twiddle, n);
    wh_rfft(re, im, x, n, twiddle, scratch);
    const double error = forward_error(x, re, im, n);
    CHECK(error <= FFT_BOUND, "%s of %d: error %g", what, n, error);
    CHECK(im[0] == 0.0f && im[n / 2] == 0.0f, "%s of %d: ends are not real", what, n);
    im[0] = im[n / 2] = 7.0f; /* must not matter */
    wh_irfft(back, re, im, n, twiddle, scratch);
    double worst = 0.0, peak = 0.0;
    for (int32_t i = 0; i < n; ++i) {
        worst = fmax(worst, fabs((double)back[i] / n - x[i]));
        peak = fmax(peak, fabs((double)x[i]));
    }
    CHECK(worst <= FFT_BOUND * peak, "%s of %d: there and back %g", what, n, worst);
}

static void test_size(int32_t n)
{
    float x[MAX_N];
    uint32_t seed = 5u;
    for (int trial = 0; trial < 20; ++trial) {
        for (int32_t i = 0; i < n; ++i) x[i] = noise(&seed);
        check_signal(x, n, "noise");
    }
    for (int32_t at = 0; at < n; at += 7) {
        for (int32_t i = 0; i < n; ++i) x[i] = i == at ? 1.0f : 0.0f;
        check_signal(x, n, "impulse");
    }
    for (int32_t k = 0; k <= n / 2; k += 5) {
        for (int32_t i = 0; i < n; ++i) x[i] = (float)cos(2.0 * PI * k * i / n + 0.3);
        check_signal(x, n, "tone");
    }
}

int main(void)
{
    test_size(320);
    test_size(512);
    printf("%d failures\n", failures);
    return failures != 0;
}
