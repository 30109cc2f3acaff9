/* Compiled once per instruction set with WH_STEPS_TABLE naming its table; see dgru_steps.h. */
#include "dgru_rows.h"

static void forward(const wh_dgru_shape *s, const wh_dgru_forward *p)
{
    const size_t n = (size_t)s->hidden;
    for (size_t b = 0; b < (size_t)s->batch; ++b) {
        const float *gx = p->gates_x + b * 3 * n, *gh = p->gates_h + b * 3 * n;
        uint8_t *mask = p->update_mask + b * n;
        mark(s, b, gx + n, gh + n, mask);
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
