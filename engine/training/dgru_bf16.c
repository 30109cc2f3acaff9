/* Compiled for AVX-512 BF16 alone; wh_bf16_usable() guards every call. */
#include "dgru_bf16.h"

#include "dgru_rows.h"

void wh_dgru_bf16_forward(const wh_dgru_shape *shape, const wh_dgru_bf16_forward_args *p)
{
    const size_t n = (size_t)shape->hidden, batch = (size_t)shape->batch, state = batch * n;
    wh_bf16_round(p->h_rounded, p->h, state);
    for (size_t t = 0; t < (size_t)p->steps; ++t) {
        wh_bf16_times(p->gates_h, p->h_rounded + t * state, p->w_h, p->b_h, batch, 3 * n, n, 0);
        for (size_t b = 0; b < batch; ++b) {
            const size_t at = t * batch + b;
            const float *gx = p->gates_x + at * 3 * n, *gh = p->gates_h + b * 3 * n;
            uint8_t *mask = p->update_mask + at * n;
            mark(shape, b, gx + n, gh + n, mask);
            forward_row(gx, gh, p->h + at * n, p->h + (at + batch) * n, p->saved + at * 4 * n,
                        mask, shape->hidden);
        }
        wh_bf16_round(p->h_rounded + (t + 1) * state, p->h + (t + 1) * state, state);
    }
}

void wh_dgru_bf16_backward(const wh_dgru_shape *shape, const wh_dgru_bf16_backward_args *p)
{
    const size_t n = (size_t)shape->hidden, batch = (size_t)shape->batch;
    float *dx = p->row, *dh = p->row + 3 * n;
    for (size_t t = (size_t)p->steps; t-- > 0;) {
        for (size_t b = 0; b < batch; ++b) {
            const size_t at = t * batch + b;
            backward_row(p->grad_h + at * n, p->h + at * n, p->saved + at * 4 * n,
                         p->update_mask + at * n, p->carry + b * n, dx, dh, shape->hidden);
            for (size_t j = 0; j < 6 * n; ++j) p->grad_b[j] += p->row[j];
            wh_bf16_round(p->grad_gates_x + at * 3 * n, dx, 3 * n);
            wh_bf16_round(p->grad_gates_h + at * 3 * n, dh, 3 * n);
        }
        wh_bf16_times(p->carry, p->grad_gates_h + t * batch * 3 * n, p->w_h, NULL, batch, n, 3 * n,
                      1);
    }
}
