/* Compiled once per instruction set with WH_STEPS_TABLE naming its table; see dgru_steps.h.
 * Loops are written so that the compiler vectorises them: no branch, no call, no alias. Selection,
 * sigmoid and tanh are the engine's own. */
#include "dgru_steps.h"

#include <string.h>

#include "elementwise.h"
#include "top_a.h"

/* Mark exactly `a` units: the largest sums, ties to the lowest index. */
static void mark_top_a(const float *restrict gx, const float *restrict gh, int32_t hidden,
                       int32_t a, uint8_t *restrict mask)
{
    float score[MAX_HIDDEN];
    int32_t keys[MAX_HIDDEN], units[MAX_HIDDEN];
    for (int32_t j = 0; j < hidden; ++j) score[j] = gx[j] + gh[j];
    f32_top_a(units, keys, score, hidden, a);
    memset(mask, 0, (size_t)hidden);
    for (int32_t k = 0; k < a; ++k) mask[units[k]] = 1;
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
        float r = sigmoid_one(gx[j] + gh[j]);
        float z = sigmoid_one(gx[n + j] + gh[n + j]);
        float recurrent = gh[2 * n + j];
        float c = tanh_one(gx[2 * n + j] + r * recurrent);
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
