/* A GRU: over time at every position, or along the positions of the frame. */
#include <string.h>

#include "internal.h"

/* One direction of a layer. */
typedef struct {
    const wh_layer *layer;
    const float *z, *threshold;
    wh_unit_rows rc;
} cell;

static cell cell_of(const wh_layer *la, int32_t direction)
{
    const int32_t n = la->output_size, x_cols = wh_padded(la->input_size), h_cols = wh_padded(n);
    const size_t columns = (size_t)x_cols + (size_t)h_cols, d = (size_t)direction;
    const cell c = {
        la,
        la->z_f32 + d * wh_panel_floats(n, x_cols + h_cols),
        la->threshold ? la->threshold + direction * n : NULL,
        {la->rc_f32 + d * 2 * (size_t)n * columns, la->bias + direction * 4 * n, n, x_cols, h_cols},
    };
    return c;
}

/* floor(percent n / 100 + 0.5), at least 1: the A of a top-A gate. */
static int32_t selected_units(double percent, int32_t n)
{
    const int32_t a = (int32_t)(percent * n / 100.0 + 0.5);
    return a < 1 ? 1 : a;
}

/* Fills `units` with the rows to compute, ascending, and returns how many there are. */
static int32_t choose_units(wh_stream *s, const cell *c, const float *pre_z, const uint8_t *given)
{
    int32_t *units = s->work.units;
    const int32_t n = c->rc.n;
    int32_t count = 0;
    if (given) {
        for (int32_t j = 0; j < n; ++j)
            if (given[j]) units[count++] = j;
    } else if (c->layer->gate == WH_GATE_THRESHOLD) {
        for (int32_t j = 0; j < n; ++j)
            if (pre_z[j] > c->threshold[j]) units[count++] = j;
    } else {
        count = c->layer->gate == WH_GATE_TOP_A ? selected_units(s->hop_percent, n) : n;
        if (count < n) {
            s->kernels->f32_top_a(units, s->work.keys, pre_z, n, count);
        } else {
            for (int32_t j = 0; j < n; ++j) units[j] = j;
        }
    }
    return count;
}

/* New values of the listed units, from their pre-activations, into z. */
static void blend(wh_stream *s, const float *restrict pre_z, const float *restrict hidden,
                  int32_t count)
{
    const scratch *w = &s->work;
    const int32_t *restrict units = w->units;
    float *restrict z = w->z, *restrict r = w->r, *restrict c = w->cx, *restrict ch = w->ch;
    for (int32_t k = 0; k < count; ++k) z[k] = pre_z[units[k]];
    s->kernels->f32_sigmoid(z, count);
    s->kernels->f32_sigmoid(r, count);
    for (int32_t k = 0; k < count; ++k) c[k] += r[k] * ch[k];
    s->kernels->f32_tanh(c, count);
    for (int32_t k = 0; k < count; ++k) z[k] = z[k] * c[k] + (1.0f - z[k]) * hidden[units[k]];
}

/* Everything of a step but its update gates: from `x` and `h`, which changes. */
static void update(wh_stream *s, layer_state *state, const cell *c, const float *pre_z,
                   const float *x, float *h, const uint8_t *given, uint8_t *selected)
{
    const scratch *w = &s->work;
    const int32_t count = choose_units(s, c, pre_z, given);
    const wh_unit_sums sums = {w->r, w->cx, w->ch};
    s->kernels->f32_units(sums, &c->rc, x, h, w->units, count);
    blend(s, pre_z, h, count);

    /* Only now, when every row has read the old state, may it change. */
    memset(selected, 0, (size_t)c->rc.n);
    for (int32_t k = 0; k < count; ++k) {
        h[w->units[k]] = w->z[k];
        selected[w->units[k]] = 1;
    }
    const uint64_t row_macs = (uint64_t)(c->layer->input_size + c->rc.n);
    state->macs += ((uint64_t)c->rc.n + 2 * (uint64_t)count) * row_macs;
    state->updated += (uint64_t)count;
}

/* A step at every position, each with its own state: the update gates of all are one product. */
static void time_run(wh_stream *s, int32_t i, const uint8_t *given)
{
    layer_state *state = &s->layers[i];
    const cell c = cell_of(&s->model->layers[i], 0);
    const rows *x = wh_input(s, i), *h = &state->output;
    const int32_t n = c.rc.n;
    const wh_inputs in = {x->data, h->data, c.rc.x_cols, c.rc.h_cols, x->step, h->step};
    s->kernels->f32_panels(s->work.pre_z, h->step, c.z, c.rc.bias, 0, &in, n, h->positions);
    for (int32_t k = 0; k < h->positions; ++k)
        update(s, state, &c, s->work.pre_z + k * h->step, x->data + k * x->step,
               h->data + k * h->step, given ? given + k * n : NULL, state->selected + k * n);
}

/* One direction within the frame. The part of the update gates that comes from the input does not
 * wait for the state: it is one product for all positions. */
static void frame_run(wh_stream *s, int32_t i, int32_t direction, const uint8_t *given)
{
    layer_state *state = &s->layers[i];
    const wh_layer *la = &s->model->layers[i];
    const cell c = cell_of(la, direction);
    const rows *x = wh_input(s, i), *y = &state->output;
    const int32_t n = c.rc.n, step = c.rc.h_cols, places = y->positions;
    const int32_t down = la->scan == WH_SCAN_DOWN || direction == 1;
    const wh_inputs from_x = {x->data, NULL, c.rc.x_cols, 0, x->step, 0};
    s->kernels->f32_panels(s->work.pre_z, step, c.z, c.rc.bias, 0, &from_x, n, places);
    const float *z_h = c.z + wh_panel_floats(n, c.rc.x_cols);
    float *h = s->work.h;
    memset(h, 0, (size_t)c.rc.h_cols * sizeof *h);
    for (int32_t t = 0; t < places; ++t) {
        const int32_t k = down ? places - 1 - t : t;
        const int32_t unit = (k * wh_directions(la) + direction) * n;
        float *pre_z = s->work.pre_z + k * step;
        const wh_inputs from_h = {h, NULL, c.rc.h_cols, 0, 0, 0};
        s->kernels->f32_panels(pre_z, step, z_h, pre_z, step, &from_h, n, 1);
        update(s, state, &c, pre_z, x->data + k * x->step, h, given ? given + unit : NULL,
               state->selected + unit);
        memcpy(y->data + k * y->step + direction * n, h, (size_t)n * sizeof *h);
    }
}

void wh_gru_run(wh_stream *s, int32_t i, const uint8_t *given)
{
    const wh_layer *la = &s->model->layers[i];
    if (la->scan == WH_SCAN_TIME)
        time_run(s, i, given);
    else
        for (int32_t d = 0; d < wh_directions(la); ++d) frame_run(s, i, d, given);
}
