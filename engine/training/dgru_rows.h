/* One row of a batch in one time step of a D-GRU, for every version of the training steps: which
 * units are updated, gates and blend, and their derivatives. Loops are written so that the compiler
 * vectorises them: no branch, no call, no alias. Selection, sigmoid and tanh are the engine's own. */
#ifndef WH_DGRU_ROWS_H
#define WH_DGRU_ROWS_H

#include <string.h>

#include "dgru_steps.h"
#include "elementwise.h"
#include "top_a.h"

/* Mark exactly `a` units: the largest sums, ties to the lowest index. */
static inline void mark_top_a(const float *restrict gx, const float *restrict gh, int32_t hidden,
                       int32_t a, uint8_t *restrict mask)
{
    float score[MAX_HIDDEN];
    int32_t keys[MAX_HIDDEN], units[MAX_HIDDEN];
    for (int32_t j = 0; j < hidden; ++j) score[j] = gx[j] + gh[j];
    f32_top_a(units, keys, score, hidden, a);
    memset(mask, 0, (size_t)hidden);
    for (int32_t k = 0; k < a; ++k) mask[units[k]] = 1;
}

/* Mark the units of batch row b that are updated, from both parts of their z pre-activation. */
static inline void mark(const wh_dgru_shape *s, size_t b, const float *gx_z, const float *gh_z,
                        uint8_t *mask)
{
    if (s->limit != NULL) {
        for (int32_t j = 0; j < s->hidden; ++j) mask[j] = gx_z[j] + gh_z[j] > s->limit[j];
    } else if (s->selected[b] == s->hidden) {
        memset(mask, 1, (size_t)s->hidden);
    } else {
        mark_top_a(gx_z, gh_z, s->hidden, s->selected[b], mask);
    }
}

/* The mask as factors. On its own, so that the loops below see one width of numbers: with bytes among
 * them compilers take 64 units at a time and leave all others to scalar code. */
static inline void as_factors(float *restrict chosen, const uint8_t *restrict mask, int32_t n)
{
    for (int32_t j = 0; j < n; ++j) chosen[j] = (float)mask[j];
}

static inline void forward_row(const float *restrict gx, const float *restrict gh,
                        const float *restrict h_old, float *restrict h_new,
                        float *restrict saved, const uint8_t *restrict mask, int32_t n)
{
    float chosen[MAX_HIDDEN];
    as_factors(chosen, mask, n);
    for (int32_t j = 0; j < n; ++j) {
        float r = sigmoid_one(gx[j] + gh[j]);
        float z = sigmoid_one(gx[n + j] + gh[n + j]);
        float recurrent = gh[2 * n + j];
        float c = tanh_one(gx[2 * n + j] + r * recurrent);
        saved[j] = r;
        saved[n + j] = z;
        saved[2 * n + j] = c;
        saved[3 * n + j] = recurrent;
        h_new[j] = h_old[j] + chosen[j] * z * (c - h_old[j]);
    }
}

static inline void backward_row(const float *restrict grad_h, const float *restrict h_old,
                         const float *restrict saved, const uint8_t *restrict mask,
                         float *restrict carry, float *restrict dx, float *restrict dh, int32_t n)
{
    float factor[MAX_HIDDEN];
    as_factors(factor, mask, n);
    for (int32_t j = 0; j < n; ++j) {
        float r = saved[j], z = saved[n + j], c = saved[2 * n + j], recurrent = saved[3 * n + j];
        float total = grad_h[j] + carry[j];
        float chosen = factor[j] * total;
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

#endif
