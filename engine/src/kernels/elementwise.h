/* Sigmoid, tanh and logarithm: one C source that every kernel table compiles for its own
 * instruction set. Branch-free, so the loops vectorise, and every operation is exactly rounded or
 * an integer operation, so they give the same bits everywhere.
 *
 * Clamps are written so that a NaN fails the comparison and takes the constant: whatever enters,
 * what leaves is finite. Relative error below 2e-7 (checked against double by test_kernels.c),
 * for the sigmoid where its argument is within its limit.
 * Polynomials: S. L. Moshier, Cephes Mathematical Library, single precision (expf, tanhf, logf).
 */
#ifndef WH_ELEMENTWISE_H
#define WH_ELEMENTWISE_H

#include <stdint.h>
#include <string.h>

#include "kernels.h"

static const float SIGMOID_LIMIT = 40.0f; /* 4e-18 there: products with it stay normal floats */
static const float TANH_LIMIT = 9.1f;     /* beyond, tanh rounds to 1 */
static const float LOG_LEAST = 1e-37f;    /* above the smallest normal float, 1.18e-38 */
static const float LOG_MOST = 3e38f;

static inline float bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t float_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* e^x for |x| <= 87, where it is a normal float: x = n ln 2 + f with |f| <= ln(2)/2, e^f by a polynomial. */
static inline float exp_limited(float x)
{
    const float rounder = 12582912.0f;  /* 1.5 2^23: adding it leaves an integer in the low bits */
    float shifted = x * 1.44269504088896341f + rounder;
    float n = shifted - rounder;
    float f = (x - n * 0.693359375f) - n * -2.12194440e-4f;  /* ln 2 in two parts */
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    float e = (p * (f * f) + f) + 1.0f;
    uint32_t exponent = float_to_bits(shifted) << 23;  /* n 2^23: the rounder's bits fall out */
    return bits_to_float(float_to_bits(e) + exponent);
}

static inline float sigmoid_one(float x)
{
    float t = x > -SIGMOID_LIMIT ? x : -SIGMOID_LIMIT;
    t = t < SIGMOID_LIMIT ? t : SIGMOID_LIMIT;
    return 1.0f / (1.0f + exp_limited(-t));
}

static inline float tanh_one(float x)
{
    uint32_t sign = float_to_bits(x) & 0x80000000u;
    float t = bits_to_float(float_to_bits(x) & 0x7fffffffu);
    t = t < TANH_LIMIT ? t : TANH_LIMIT;
    float s = t * t;
    float p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s + -5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s + -3.33332819422e-1f;
    float near = p * s * t + t;
    float far = 1.0f - 2.0f / (exp_limited(t + t) + 1.0f);
    return bits_to_float(float_to_bits(t < 0.625f ? near : far) | sign);
}

/* log x = n ln 2 + log m with sqrt(1/2) <= m < sqrt(2). */
static inline float log_one(float x)
{
    float t = x > LOG_LEAST ? x : LOG_LEAST;
    t = t < LOG_MOST ? t : LOG_MOST;
    const uint32_t root_half = 0x3f3504f3u;  /* bits of sqrt(1/2) */
    uint32_t offset = float_to_bits(t) - root_half;
    float n = (float)((int32_t)offset >> 23);
    float f = bits_to_float((offset & 0x7fffffu) + root_half) - 1.0f;
    float s = f * f;
    float p = 7.0376836292e-2f;
    p = p * f + -1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f + -1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f + -1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f + -2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float tail = (p * f * s + n * -2.12194440e-4f) - 0.5f * s;
    return (f + tail) + n * 0.693359375f;
}

/* What a layer norm multiplies by, from the sum of the squared distances from the mean. */
static inline float norm_factor(float squares, int32_t n)
{
    return 1.0f / __builtin_sqrtf(squares / (float)n + 1e-5f);
}

/* v times `inverse`, limited and rounded, ties to even; |limit| <= 2^21. */
static inline int32_t round_limited(float v, float inverse, float limit)
{
    const float rounder = 12582912.0f; /* 1.5 2^23 */
    float t = v * inverse;
    t = t > -limit ? t : -limit;
    t = t < limit ? t : limit;
    return (int32_t)float_to_bits(t + rounder) - (int32_t)float_to_bits(rounder);
}

static inline void s8_round(int8_t *q, const float *v, float inverse, int32_t n)
{
    for (int32_t i = 0; i < n; ++i) q[i] = (int8_t)round_limited(v[i], inverse, 127.0f);
}

static inline void s16_round(int8_t *fine, int8_t *coarse, const float *v, float inverse, int32_t n)
{
    for (int32_t i = 0; i < n; ++i) {
        const int32_t all = round_limited(v[i], inverse, 127.0f * 128.0f);
        const int32_t high = ((all + 64 + 32768) >> 7) - 256; /* of a positive number */
        coarse[i] = (int8_t)high;
        fine[i] = (int8_t)(all - 128 * high);
    }
}

static inline void f32_sigmoid(float *v, int32_t n)
{
    for (int32_t i = 0; i < n; ++i) v[i] = sigmoid_one(v[i]);
}

static inline void f32_tanh(float *v, int32_t n)
{
    for (int32_t i = 0; i < n; ++i) v[i] = tanh_one(v[i]);
}

static inline void f32_log(float *v, int32_t n)
{
    for (int32_t i = 0; i < n; ++i) v[i] = log_one(v[i]);
}

#endif
