/* A GRU: over time at every position, or along the positions of the frame. */
#include <string.h>

#include "internal.h"

static const float STATE_INVERSE = 127.0f; /* hidden states are below 1 in size */

/* One direction of a layer: its matrices, of floats or of integers. */
typedef struct {
    const wh_layer *layer;
    const float *z, *bias, *threshold;
    wh_unit_rows rc;
    wh_int_rows z_x, z_h;
    wh_int_units int_rc;
} cell;

static int has_integers(const wh_layer *la)
{
    return la->rc_s8 != NULL;
}

static void find_floats(cell *c, size_t direction)
{
    const wh_layer *la = c->layer;
    const int32_t n = la->output_size, x_cols = wh_padded(la->input_size), h_cols = wh_padded(n);
    const size_t columns = (size_t)x_cols + (size_t)h_cols;
    c->z = la->z_f32 + direction * wh_panel_floats(n, la->input_size + n);
    c->rc = (wh_unit_rows){la->rc_f32 + direction * 2 * (size_t)n * columns, c->bias, n, x_cols, h_cols};
}

static void find_integers(cell *c, size_t direction)
{
    const wh_layer *la = c->layer;
    const int32_t n = la->output_size, x_cols = wh_padded(la->input_size), h_cols = wh_padded(n);
    const size_t columns = (size_t)x_cols + (size_t)h_cols, padded = (size_t)wh_panel_rows(n);
    const size_t of_x = wh_int_panel_bytes(n, la->input_size), of_h = wh_int_panel_bytes(n, n);
    const int8_t *z = la->z_s8 + direction * (of_x + of_h);
    const float *scale = la->scale + direction * 2 * padded;
    const int32_t *offset = la->offset + direction * (2 * padded + 4 * (size_t)n);
    c->z_x = (wh_int_rows){z, scale, offset, la->input_size};
    c->z_h = (wh_int_rows){z + of_x, scale + padded, offset + padded, n};
    c->int_rc = (wh_int_units){la->rc_s8 + direction * 2 * (size_t)n * columns,
                               la->unit_numbers + direction * 8 * (size_t)n, offset + 2 * padded,
                               x_cols, h_cols};
}

static cell cell_of(const wh_layer *la, int32_t direction)
{
    cell c = {.layer = la, .bias = la->bias + direction * 4 * la->output_size};
    c.threshold = la->threshold ? la->threshold + direction * la->output_size : NULL;
    if (has_integers(la))
        find_integers(&c, (size_t)direction);
    else
        find_floats(&c, (size_t)direction);
    return c;
}

/* floor(percent n / 100 + 0.5), at least 1: the A of a top-A gate. */
static int32_t selected_units(double percent, int32_t n)
{
    const int32_t a = (int32_t)(percent * n / 100.0 + 0.5);
    return a < 1 ? 1 : a;
}

/* Fills `units` with the rows to compute, ascending, and returns how many there are. */
static int32_t choose_units(wh_stream *s, const cell *c, const float *pre_z, const uint8_t *given,
                            int32_t *units)
{
    const int32_t n = c->layer->output_size;
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

/* What a step sees: its input and state, also as integers where the matrices are of those. */
typedef struct {
    const float *x;
    float *h;
    const int8_t *int_x, *int_h;
} step_input;

/* Where a step that waits for its new values stands: its units in the batch, and its state. */
typedef struct {
    int32_t first, count;
    float *h;
    uint8_t *selected;
} waiting;

/* Chooses the units of a step and computes their sums, behind those of `total` units that wait in
 * the batch; `h` does not change yet. */
static waiting gather(wh_stream *s, layer_state *state, const cell *c, const float *pre_z,
                      step_input in, const uint8_t *given, uint8_t *selected, int32_t total)
{
    const scratch *w = &s->work;
    int32_t *restrict units = w->units + total;
    float *restrict z = w->z + total, *restrict old = w->old + total;
    const int32_t n = c->layer->output_size, count = choose_units(s, c, pre_z, given, units);
    const wh_unit_sums sums = {w->r + total, w->cx + total, w->ch + total};
    if (has_integers(c->layer))
        s->kernels->s8_units(sums, &c->int_rc, in.int_x, in.int_h, units, count);
    else
        s->kernels->f32_units(sums, &c->rc, in.x, in.h, units, count);
    for (int32_t k = 0; k < count; ++k) z[k] = pre_z[units[k]];
    for (int32_t k = 0; k < count; ++k) old[k] = in.h[units[k]];
    state->macs += ((uint64_t)n + 2 * (uint64_t)count) * (uint64_t)(c->layer->input_size + n);
    state->updated += (uint64_t)count;
    memset(selected, 0, (size_t)n);
    const waiting step = {total, count, in.h, selected};
    return step;
}

/* New values of all units in the batch: one run over long arrays, which hides the latency of the
 * activations. */
static void blend(wh_stream *s, int32_t total)
{
    const scratch *w = &s->work;
    float *restrict z = w->z, *restrict r = w->r, *restrict c = w->cx;
    const float *restrict ch = w->ch, *restrict old = w->old;
    s->kernels->f32_sigmoid(z, total);
    s->kernels->f32_sigmoid(r, total);
    for (int32_t k = 0; k < total; ++k) c[k] += r[k] * ch[k];
    s->kernels->f32_tanh(c, total);
    for (int32_t k = 0; k < total; ++k) z[k] = z[k] * c[k] + (1.0f - z[k]) * old[k];
}

/* Only now, when every row has read the old state, may it change. */
static void scatter(wh_stream *s, const waiting *step)
{
    const int32_t *units = s->work.units + step->first;
    const float *z = s->work.z + step->first;
    for (int32_t k = 0; k < step->count; ++k) {
        step->h[units[k]] = z[k];
        step->selected[units[k]] = 1;
    }
}

/* Update gates of a step at every position before the sigmoid; of integers the states' lie in the
 * scratch then. */
static void update_gates(wh_stream *s, const cell *c, const rows *x, const rows *h)
{
    const int32_t n = c->layer->output_size;
    if (has_integers(c->layer)) {
        const rows gates = {s->work.pre_z, h->positions, n, h->step};
        wh_int_product(s, c->layer, &c->z_x, c->bias, x, &gates, wh_padded(c->layer->input_size));
        wh_round_rows(s->kernels, s->work.seen_h, wh_padded(n), h, STATE_INVERSE);
        s->kernels->s8_panels(s->work.pre_z, h->step, &c->z_h, 1.0f, s->work.pre_z, h->step,
                              s->work.seen_h, wh_padded(n), n, h->positions);
    } else {
        const wh_inputs in = {x->data, h->data, c->layer->input_size, n, x->step, h->step};
        s->kernels->f32_panels(s->work.pre_z, h->step, c->z, c->bias, 0, &in, n, h->positions);
    }
}

/* A step at every position, each with its own state: the update gates of all are one product. */
static void time_run(wh_stream *s, int32_t i, const uint8_t *given)
{
    layer_state *state = &s->layers[i];
    const cell c = cell_of(&s->model->layers[i], 0);
    const rows *x = wh_input(s, i), *h = &state->output;
    const int32_t n = c.layer->output_size, x_step = wh_padded(c.layer->input_size);
    update_gates(s, &c, x, h);
    for (int32_t k = 0; k < h->positions;) {
        waiting steps[WH_BATCH];
        int32_t size = 0, total = 0;
        for (; size < WH_BATCH && k < h->positions; ++size, ++k) {
            const step_input in = {x->data + k * x->step, h->data + k * h->step,
                                   s->work.seen + k * x_step, s->work.seen_h + k * wh_padded(n)};
            steps[size] = gather(s, state, &c, s->work.pre_z + k * h->step, in,
                                 given ? given + k * n : NULL, state->selected + k * n, total);
            total += steps[size].count;
        }
        blend(s, total);
        for (int32_t b = 0; b < size; ++b) scatter(s, &steps[b]);
    }
}

/* One direction within the frame. */
typedef struct {
    cell c;
    const float *z_h;  /* panels of the state's part of the update gates */
    float *pre_z, *h;
    int8_t *int_h;
    int32_t down;
} walk;

/* Begins at the edge of the frame. The part of the update gates that comes from the input does not
 * wait for the state: it is one product for all positions. */
static walk begin_walk(wh_stream *s, int32_t i, int32_t direction)
{
    const wh_layer *la = &s->model->layers[i];
    const rows *x = wh_input(s, i);
    const int32_t n = la->output_size, step = wh_padded(n);
    walk w = {.c = cell_of(la, direction),
              .pre_z = s->work.pre_z + direction * x->positions * step,
              .h = s->work.h + direction * step,
              .int_h = s->work.seen_h + direction * step,
              .down = la->scan == WH_SCAN_DOWN || direction == 1};
    if (has_integers(la)) {
        const rows gates = {w.pre_z, x->positions, n, step};
        wh_int_product(s, la, &w.c.z_x, w.c.bias, x, &gates, wh_padded(la->input_size));
    } else {
        const wh_inputs in = {x->data, NULL, la->input_size, 0, x->step, 0};
        w.z_h = w.c.z + wh_panel_floats(n, la->input_size);
        s->kernels->f32_panels(w.pre_z, step, w.c.z, w.c.bias, 0, &in, n, x->positions);
    }
    memset(w.h, 0, (size_t)step * sizeof *w.h);
    return w;
}

/* Completes the update gates of a step by what comes from the state. */
static void gates_of_state(wh_stream *s, const walk *w, float *pre_z)
{
    const int32_t n = w->c.layer->output_size;
    if (has_integers(w->c.layer)) {
        s->kernels->s8_round(w->int_h, w->h, STATE_INVERSE, n);
        s->kernels->s8_panels(pre_z, 0, &w->c.z_h, 1.0f, pre_z, 0, w->int_h, 0, n, 1);
    } else {
        const wh_inputs in = {w->h, NULL, n, 0, 0, 0};
        s->kernels->f32_panels(pre_z, 0, w->z_h, pre_z, 0, &in, n, 1);
    }
}

/* Up and down go side by side, so that one hides the latency of the other. */
static void frame_run(wh_stream *s, int32_t i, const uint8_t *given)
{
    layer_state *state = &s->layers[i];
    const wh_layer *la = &s->model->layers[i];
    const rows *x = wh_input(s, i), *y = &state->output;
    const int32_t n = la->output_size, directions = wh_directions(la), places = y->positions;
    walk walks[2];
    for (int32_t d = 0; d < directions; ++d) walks[d] = begin_walk(s, i, d);
    for (int32_t t = 0; t < places; ++t) {
        waiting steps[2];
        int32_t total = 0;
        for (int32_t d = 0; d < directions; ++d) {
            const walk *w = &walks[d];
            const int32_t k = w->down ? places - 1 - t : t, unit = (k * directions + d) * n;
            const step_input in = {x->data + k * x->step, w->h,
                                   s->work.seen + k * wh_padded(la->input_size), w->int_h};
            float *pre_z = w->pre_z + k * wh_padded(n);
            gates_of_state(s, w, pre_z);
            steps[d] = gather(s, state, &w->c, pre_z, in, given ? given + unit : NULL,
                              state->selected + unit, total);
            total += steps[d].count;
        }
        blend(s, total);
        for (int32_t d = 0; d < directions; ++d) {
            const int32_t k = walks[d].down ? places - 1 - t : t;
            scatter(s, &steps[d]);
            memcpy(y->data + k * y->step + d * n, walks[d].h, (size_t)n * sizeof *y->data);
        }
    }
}

/* Update gates of several streams; inputs and states as integers lie in the memory of each. */
static void gates_together(wh_stream *s, int32_t step, int32_t count, const cell *c, const rows *x,
                           const rows *h)
{
    const int32_t n = c->layer->output_size;
    const ptrdiff_t bytes = 4 * (ptrdiff_t)step;
    if (has_integers(c->layer)) {
        const rows from = {x->data, count, x->channels, step}, gates = {s->work.pre_z, count, n, step};
        wh_int_product(s, c->layer, &c->z_x, c->bias, &from, &gates, bytes);
        const rows states = {h->data, count, n, step};
        wh_round_rows(s->kernels, s->work.seen_h, bytes, &states, STATE_INVERSE);
        s->kernels->s8_panels(s->work.pre_z, step, &c->z_h, 1.0f, s->work.pre_z, step,
                              s->work.seen_h, bytes, n, count);
    } else {
        const wh_inputs in = {x->data, h->data, c->layer->input_size, n, step, step};
        s->kernels->f32_panels(s->work.pre_z, step, c->z, c->bias, 0, &in, n, count);
    }
}

/* Marks the units that a stream recomputes. */
static void mark_units(wh_stream *s, int32_t i, const cell *c)
{
    layer_state *state = &s->layers[i];
    const int32_t n = c->layer->output_size;
    const int32_t count = choose_units(s, c, s->work.pre_z, NULL, s->work.units);
    memset(state->selected, 0, (size_t)n);
    for (int32_t k = 0; k < count; ++k) state->selected[s->work.units[k]] = 1;
    state->macs += ((uint64_t)n + 2 * (uint64_t)count) * (uint64_t)(c->layer->input_size + n);
    state->updated += (uint64_t)count;
}

/* Recomputes the marked units from `first` to before `last`; new values take the place of their
 * update gates, because every row must still see the old state. */
static void update_some(wh_stream *s, int32_t i, const cell *c, int32_t first, int32_t last)
{
    const scratch *w = &s->work;
    const uint8_t *selected = s->layers[i].selected;
    const float *h = s->layers[i].output.data;
    int32_t count = 0;
    for (int32_t j = first; j < last; ++j) {
        w->units[count] = j;
        count += selected[j];
    }
    if (count == 0) return;
    const wh_unit_sums sums = {w->r, w->cx, w->ch};
    if (has_integers(c->layer))
        s->kernels->s8_units(sums, &c->int_rc, w->seen, w->seen_h, w->units, count);
    else
        s->kernels->f32_units(sums, &c->rc, wh_input(s, i)->data, h, w->units, count);
    for (int32_t k = 0; k < count; ++k) {
        w->z[k] = w->pre_z[w->units[k]];
        w->old[k] = h[w->units[k]];
    }
    blend(s, count);
    for (int32_t k = 0; k < count; ++k) w->pre_z[w->units[k]] = w->z[k];
}

/* Bytes of rows that stay in a near cache while the streams that chose them pass. */
enum { TOGETHER = 192 * 1024 };

static int32_t unit_bytes(const wh_layer *la)
{
    const int32_t columns = wh_padded(la->input_size) + wh_padded(la->output_size);
    return 2 * columns * (int32_t)(has_integers(la) ? sizeof(int8_t) : sizeof(float));
}

void wh_gru_run_together(wh_stream *s, int32_t step, int32_t count, int32_t i)
{
    const cell c = cell_of(&s->model->layers[i], 0);
    const int32_t n = c.layer->output_size, size = wh_at_most(n, 1 + TOGETHER / unit_bytes(c.layer));
    gates_together(s, step, count, &c, wh_input(s, i), &s->layers[i].output);
    for (int32_t k = 0; k < count; ++k) mark_units(wh_neighbour(s, step, k), i, &c);
    for (int32_t first = 0; first < n; first += size)
        for (int32_t k = 0; k < count; ++k)
            update_some(wh_neighbour(s, step, k), i, &c, first, wh_at_most(n, first + size));
    for (int32_t k = 0; k < count; ++k) {
        wh_stream *own = wh_neighbour(s, step, k);
        const uint8_t *restrict selected = own->layers[i].selected;
        const float *restrict next = own->work.pre_z;
        float *restrict h = own->layers[i].output.data;
        for (int32_t j = 0; j < n; ++j) {
            const float kept = h[j], chosen = next[j];
            h[j] = selected[j] ? chosen : kept;
        }
    }
}

void wh_gru_run(wh_stream *s, int32_t i, const uint8_t *given)
{
    if (s->model->layers[i].scan == WH_SCAN_TIME)
        time_run(s, i, given);
    else
        frame_run(s, i, given);
}
