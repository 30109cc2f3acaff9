/* The front end's table, compiled once per instruction set with WH_ISA (a name) and WH_VECTOR_BYTES
 * (the width of its registers; 4 for scalar) defined. Plain loops vectorise by themselves. */
#include "elementwise.h"
#include "front.h"
#include "transform.h"

static const float SAMPLE_LIMIT = 1e6f; /* keeps the power of a bin below 1e18 */

/* Windowed samples: the even ones are real parts, the odd ones imaginary parts. */
INLINE void gather(cbuf a, int32_t at, const float *x, const float *window, int32_t count)
{
    for (int32_t k = 0; k < count; k += WIDTH) {
        const int32_t i = 2 * k, j = i + WIDTH;
        const vec low = load(x + i) * load(window + i), high = load(x + j) * load(window + j);
        store_complex(a, at + k, (cvec){UNZIP_EVEN(low, high), UNZIP_ODD(low, high)});
    }
}

static void f32_analyse(float *re, float *im, float *previous, const float *in, const wh_frame *f)
{
    const int32_t m = f->n / 2;
    const cbuf a = {re, im}, b = {f->scratch, f->scratch + 256};
    gather(a, 0, previous, f->window, m / 2);
    for (int32_t i = 0; i < m; ++i) {
        const float v = in[i];
        previous[i] = wh_limited(v - v == 0.0f ? v : 0.0f, SAMPLE_LIMIT); /* Inf - Inf is NaN, too */
    }
    gather(a, m / 2, previous, f->window + m, m / 2);
    transform(b, a, m, f->turns);
    split_bins(a, b, m, f->turns);
}

static void f32_synthesise(float *out, float *overlap, float *re, float *im, const wh_frame *f)
{
    const int32_t m = f->n / 2;
    const cbuf a = {re, im}, b = {f->scratch, f->scratch + 256};
    merge_bins(a, m, f->turns);
    /* Exchanging real and imaginary parts turns the forward transform into the inverse one. */
    transform((cbuf){b.im, b.re}, (cbuf){a.im, a.re}, m, f->turns);
    for (int32_t k = 0; k < m / 2; k += WIDTH) {
        const float *window = f->window + 2 * k;
        const cvec x = load_complex(b, k), y = load_complex(b, m / 2 + k);
        const vec low = ZIP_LOW(x.re, x.im) * load(window);
        const vec high = ZIP_HIGH(x.re, x.im) * load(window + WIDTH);
        float *kept = overlap + 2 * k;
        store(out + 2 * k, load(kept) + low);
        store(out + 2 * k + WIDTH, load(kept + WIDTH) + high);
        store(kept, ZIP_LOW(y.re, y.im) * load(window + m));
        store(kept + WIDTH, ZIP_HIGH(y.re, y.im) * load(window + m + WIDTH));
    }
}

static void f32_log_powers(float *restrict x, const float *restrict re, const float *restrict im,
                           float floor, const float *restrict mean, const float *restrict scale,
                           int32_t n)
{
    for (int32_t k = 0; k < n; ++k) {
        const float power = (re[k] * re[k] + im[k] * im[k]) + floor;
        x[k] = (log_one(power) - mean[k]) * scale[k];
    }
}

static void f32_gains(float *restrict mask, const float *restrict x, int sigmoid, float least,
                      int32_t n)
{
    for (int32_t k = 0; k < n; ++k) {
        const float g = sigmoid ? sigmoid_one(x[k]) : x[k];
        mask[k] = g > least ? g : least;
    }
}

static void f32_filter(float *restrict re, float *restrict im, const float *restrict c,
                       const float *restrict y, float limit, int32_t n)
{
    for (int32_t k = 0; k < n; ++k) {
        const float c_re = wh_limited(c[k], limit), c_im = wh_limited(c[n + k], limit);
        re[k] += c_re * y[k] - c_im * y[n + k];
        im[k] += c_re * y[n + k] + c_im * y[k];
    }
}

static void f32_mask(float *restrict re, float *restrict im, const float *restrict mask, float norm,
                     int32_t n)
{
    for (int32_t k = 0; k < n; ++k) {
        const float g = mask[k] * norm;
        re[k] *= g;
        im[k] *= g;
    }
}

static void f32_add(float *restrict re, float *restrict im, const float *restrict made_re,
                    const float *restrict made_im, float share, int32_t n)
{
    for (int32_t k = 0; k < n; ++k) {
        re[k] += share * made_re[k];
        im[k] += share * made_im[k];
    }
}

const wh_front EXPAND(wh_front_, WH_ISA) = {
    f32_analyse, f32_synthesise, f32_log_powers, f32_gains, f32_filter, f32_mask, f32_add,
};
