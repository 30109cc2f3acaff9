/* Compiled once per instruction set with WH_STEPS_TABLE naming its table; see dgru_steps.h.
 * Loops are written so that the compiler vectorises them: no branch, no call, no alias. */
#include "dgru_steps.h"

#include <string.h>

/* exp(x) for x in [-87, 87]: 2^n e^r with |r| <= ln2/2, Cephes' polynomial, 2e-7 relative. */
static inline float exp_bounded(float x)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float n = (x * 1.44269504f + shift) - shift;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static inline float clamp(float x, float limit)
{
    x = x < limit ? x : limit;
    return x > -limit ? x : -limit;
}

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + exp_bounded(clamp(-x, 80.0f)));
}

static inline float hyperbolic_tangent(float x)
{
    return 1.0f - 2.0f / (1.0f + exp_bounded(clamp(2.0f * x, 80.0f)));
}

/* Key that orders like the float it comes from; both zeros share one key. */
static inline int32_t order_key(float x)
{
    float canonical = x + 0.0f;
    int32_t bits;
    memcpy(&bits, &canonical, sizeof bits);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

#define MAX_HIDDEN 4096

/* Mark exactly `a` units: the largest sums, ties to the lowest index. */
static void mark_top_a(const float *restrict gx, const float *restrict gh, int32_t hidden,
                       int32_t a, uint8_t *restrict mask)
{
    int32_t keys[MAX_HIDDEN];
    for (int32_t j = 0; j < hidden; ++j) keys[j] = order_key(gx[j] + gh[j]);
    int64_t limit = INT32_MIN; /* the a-th largest key, found bit by bit from above */
    for (int32_t bit = 31; bit >= 0; --bit) {
        int32_t trial = (int32_t)(limit + ((int64_t)1 << bit));
        int32_t count = 0;
        for (int32_t j = 0; j < hidden; ++j) count += keys[j] >= trial;
        if (count >= a) limit = trial;
    }
    int32_t above = 0;
    for (int32_t j = 0; j < hidden; ++j) {
        mask[j] = keys[j] > (int32_t)limit;
        above += mask[j];
    }
    for (int32_t j = 0; above < a; ++j) {
        if (keys[j] == (int32_t)limit) {
            mask[j] = 1;
            ++above;
        }
    }
}

static void mark(const wh_dgru_shape *s, const float *gx_z, const float *gh_z, uint8_t *mask)
{
    if (s->limit != NULL) {
        for (int32_t j = 0; j < s->hidden; ++j) mask[j] = gx_z[j] + gh_z[j] > s->limit[j];
    } else if (s->selected == s->hidden) {
        memset(mask, 1, (size_t)s->hidden);
    } else {
        mark_top_a(gx_z, gh_z, s->hidden, s->selected, mask);
    }
}

static void forward_row(const float *restrict gx, const float *restrict gh,
                        const float *restrict h_old, float *restrict h_new,
                        float *restrict saved, const uint8_t *restrict mask, int32_t n)
{
    for (int32_t j = 0; j < n; ++j) {
        float r = sigmoid(gx[j] + gh[j]);
        float z = sigmoid(gx[n + j] + gh[n + j]);
        float recurrent = gh[2 * n + j];
        float c = hyperbolic_tangent(gx[2 * n + j] + r * recurrent);
        saved[j] = r;
        saved[n + j] = z;
        saved[2 * n + j] = c;
        saved[3 * n + j] = recurrent;
        h_new[j] = h_old[j] + (float)mask[j] * z * (c - h_old[j]);
    }
}

static void backward_row(const float *restrict grad_h, const float *restrict h_old,
                         const float *restrict saved, const uint8_t *restrict mask,
                         float *restrict carry, float *restrict dx, float *restrict dh, int32_t n)
{
    for (int32_t j = 0; j < n; ++j) {
        float r = saved[j], z = saved[n + j], c = saved[2 * n + j], recurrent = saved[3 * n + j];
        float total = grad_h[j] + carry[j];
        float chosen = (float)mask[j] * total;
        float dz = chosen * (c - h_old[j]) * z * (1.0f - z);
        float dc = chosen * z * (1.0f - c * c);
        float dr = dc * recurrent * r * (1.0f - r);
        dx[j] = dr;
        dx[n + j] = dz;
        dx[2 * n + j] = dc;
        dh[j] = dr;
        dh[n + j] = dz;
        dh[2 * n + j] = dc * r;
        carry[j] = total - chosen * z;
    }
}

static void forward(const wh_dgru_shape *s, const wh_dgru_forward *p)
{
    const size_t n = (size_t)s->hidden;
    for (size_t b = 0; b < (size_t)s->batch; ++b) {
        const float *gx = p->gates_x + b * 3 * n, *gh = p->gates_h + b * 3 * n;
        uint8_t *mask = p->update_mask + b * n;
        mark(s, gx + n, gh + n, mask);
        forward_row(gx, gh, p->h_old + b * n, p->h_new + b * n, p->saved + b * 4 * n, mask,
                    s->hidden);
    }
}

static void backward(const wh_dgru_shape *s, const wh_dgru_backward *p)
{
    const size_t n = (size_t)s->hidden;
    for (size_t b = 0; b < (size_t)s->batch; ++b) {
        backward_row(p->grad_h + b * n, p->h_old + b * n, p->saved + b * 4 * n,
                     p->update_mask + b * n, p->carry + b * n, p->grad_gates_x + b * 3 * n,
                     p->grad_gates_h + b * 3 * n, s->hidden);
    }
}

#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)
const wh_dgru_steps WH_STEPS_TABLE = {NAME_OF(WH_STEPS_TABLE), forward, backward};
