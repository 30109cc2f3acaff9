/* The layers: one step each. */
#include <string.h>

#include "internal.h"

/* floor(percent n / 100 + 0.5), at least 1: the A of a top-A gate. */
static int32_t selected_units(double percent, int32_t n)
{
    int32_t a = (int32_t)(percent * n / 100.0 + 0.5);
    return a < 1 ? 1 : a;
}

static void linear_run(wh_stream *s, int32_t i, float *restrict y)
{
    const wh_layer *la = &s->model->layers[i];
    layer_state *state = &s->layers[i];
    const int32_t n = la->output_size;
    s->kernels->f32_gemv_panels(y, la->weight_f32, la->bias, state->input, n,
                                wh_padded(la->input_size));
    state->macs += (uint64_t)n * (uint64_t)la->input_size;
    if (la->activation == WH_SIGMOID) s->kernels->f32_sigmoid(y, n);
    if (la->activation == WH_TANH) s->kernels->f32_tanh(y, n);
    if (la->activation == WH_RELU || la->activation == WH_PRELU) {
        const float slope = la->activation == WH_PRELU ? la->slope : 0.0f;
        for (int32_t k = 0; k < n; ++k) y[k] = y[k] > 0.0f ? y[k] : slope * y[k];
    }
}

/* Fills `units` with the rows to compute, ascending, and returns how many there are. */
static int32_t choose_units(wh_stream *s, const wh_layer *la, const float *pre_z,
                            const uint8_t *given)
{
    int32_t *units = s->work.units;
    const int32_t n = la->output_size;
    int32_t count = 0;
    if (given) {
        for (int32_t j = 0; j < n; ++j)
            if (given[j]) units[count++] = j;
    } else if (la->gate == WH_GATE_THRESHOLD) {
        for (int32_t j = 0; j < n; ++j)
            if (pre_z[j] > la->threshold[j]) units[count++] = j;
    } else {
        count = la->gate == WH_GATE_TOP_A ? selected_units(s->hop_percent, n) : n;
        if (count < n) {
            s->kernels->f32_top_a(units, s->work.keys, pre_z, n, count);
        } else {
            for (int32_t j = 0; j < n; ++j) units[j] = j;
        }
    }
    return count;
}

/* New values of the listed units, from their pre-activations, into z. */
static void blend(wh_stream *s, const float *restrict hidden, int32_t count)
{
    const scratch *w = &s->work;
    const int32_t *restrict units = w->units;
    const float *restrict pre_z = w->pre_z;
    float *restrict z = w->z, *restrict r = w->r, *restrict c = w->cx, *restrict ch = w->ch;
    float *restrict h = w->h;
    for (int32_t k = 0; k < count; ++k) {
        z[k] = pre_z[units[k]];
        h[k] = hidden[units[k]];
    }
    s->kernels->f32_sigmoid(z, count);
    s->kernels->f32_sigmoid(r, count);
    for (int32_t k = 0; k < count; ++k) c[k] += r[k] * ch[k];
    s->kernels->f32_tanh(c, count);
    for (int32_t k = 0; k < count; ++k) z[k] = z[k] * c[k] + (1.0f - z[k]) * h[k];
}

static void gru_run(wh_stream *s, int32_t i, const uint8_t *given, float *y)
{
    const wh_layer *la = &s->model->layers[i];
    layer_state *state = &s->layers[i];
    const scratch *w = &s->work;
    const int32_t n = la->output_size;
    const wh_unit_rows rows = {la->rc_f32, la->bias, n, wh_padded(la->input_size), wh_padded(n)};
    const uint64_t row_macs = (uint64_t)(la->input_size + n);

    s->kernels->f32_gemv_panels(w->pre_z, la->z_f32, la->bias, state->input, n,
                                rows.x_cols + rows.h_cols);
    state->macs += (uint64_t)n * row_macs;

    const int32_t count = choose_units(s, la, w->pre_z, given);
    const wh_unit_sums sums = {w->r, w->cx, w->ch};
    s->kernels->f32_gemv_units(sums, &rows, state->input, w->units, count);
    state->macs += 2 * (uint64_t)count * row_macs;
    state->updated += (uint64_t)count;
    blend(s, state->hidden, count);

    /* Only now, when every row has read the old state, may it change. */
    memset(state->selected, 0, (size_t)n);
    for (int32_t k = 0; k < count; ++k) {
        state->hidden[w->units[k]] = w->z[k];
        state->selected[w->units[k]] = 1;
    }
    memcpy(y, state->hidden, (size_t)n * sizeof *y);
}

void wh_layer_run(wh_stream *s, int32_t i, const uint8_t *given, float *y)
{
    if (s->model->layers[i].kind == WH_GRU)
        gru_run(s, i, given, y);
    else
        linear_run(s, i, y);
}
