/* The layers that have no state: one hop each. */
#include "internal.h"

/* y = W x + bias at every position, `x_cols` floats of x from each; counts no MACs. */
static void product(wh_stream *s, const rows *y, const wh_layer *la, const float *x, int32_t x_cols,
                    ptrdiff_t x_step)
{
    const wh_inputs in = {x, NULL, x_cols, 0, x_step, 0};
    s->kernels->f32_panels(y->data, y->step, la->weight_f32, la->bias, 0, &in, y->channels,
                           y->positions);
}

void wh_int_product(wh_stream *s, const wh_layer *la, const wh_int_rows *w, const float *add,
                    const rows *x, const rows *y, ptrdiff_t seen_step)
{
    const wh_kernels *k = s->kernels;
    int8_t *seen = s->work.seen, *fine = s->work.fine;
    if (!la->fine_inputs) wh_round_rows(k, seen, seen_step, x, la->inverse);
    for (int32_t p = 0; la->fine_inputs && p < x->positions; ++p) {
        const ptrdiff_t at = p * seen_step;
        k->s16_round(fine + at, seen + at, x->data + (ptrdiff_t)p * x->step, la->inverse, w->cols);
    }
    float factor = 1.0f;
    ptrdiff_t add_step = 0;
    if (la->fine_inputs) {
        k->s8_panels(y->data, y->step, w, 1.0f, add, 0, fine, seen_step, y->channels, x->positions);
        factor = 128.0f;
        add = y->data;
        add_step = y->step;
    }
    k->s8_panels(y->data, y->step, w, factor, add, add_step, seen, seen_step, y->channels,
                 x->positions);
}

/* The matrix of a linear layer of integers. */
static wh_int_rows int_rows_of(const wh_layer *la)
{
    const wh_int_rows w = {la->weight_s8, la->scale, la->offset, la->input_size};
    return w;
}

static void activate(wh_stream *s, const rows *y, wh_activation activation, float slope)
{
    const int32_t n = (y->positions - 1) * y->step + y->channels;
    float *restrict v = y->data;
    if (activation == WH_SIGMOID) s->kernels->f32_sigmoid(v, n);
    if (activation == WH_TANH) s->kernels->f32_tanh(v, n);
    if (activation == WH_RELU || activation == WH_PRELU) {
        const float factor = activation == WH_PRELU ? slope : 0.0f;
        for (int32_t k = 0; k < n; ++k) v[k] = v[k] > 0.0f ? v[k] : factor * v[k];
    }
}

static void linear_run(wh_stream *s, int32_t i)
{
    const wh_layer *la = &s->model->layers[i];
    const rows *x = wh_input(s, i), *y = &s->layers[i].output;
    if (la->weight_s8) {
        const wh_int_rows w = int_rows_of(la);
        wh_int_product(s, la, &w, la->bias, x, y, wh_padded(la->input_size));
    } else {
        product(s, y, la, x->data, la->input_size, x->step);
    }
    s->layers[i].macs += (uint64_t)y->positions * (uint64_t)y->channels * (uint64_t)la->input_size;
    activate(s, y, la->activation, la->slope);
}

void wh_linear_run_together(wh_stream *s, int32_t step, int32_t count, int32_t i)
{
    const wh_layer *la = &s->model->layers[i];
    const rows *x = wh_input(s, i), *y = &s->layers[i].output;
    if (la->weight_s8) {
        const wh_int_rows w = int_rows_of(la);
        const rows from = {x->data, count, x->channels, step}, to = {y->data, count, y->channels, step};
        wh_int_product(s, la, &w, la->bias, &from, &to, 4 * (ptrdiff_t)step);
    } else {
        const wh_inputs in = {x->data, NULL, la->input_size, 0, step, 0};
        s->kernels->f32_panels(y->data, step, la->weight_f32, la->bias, 0, &in, y->channels, count);
    }
    for (int32_t k = 0; k < count; ++k) {
        layer_state *own = &wh_neighbour(s, step, k)->layers[i];
        own->macs += (uint64_t)y->channels * (uint64_t)la->input_size;
        activate(s, &own->output, la->activation, la->slope);
    }
}

/* Rows before a convolution lie close together: a window of positions is one run of memory, margins
 * included. */
static void conv_run(wh_stream *s, int32_t i)
{
    const wh_layer *la = &s->model->layers[i];
    const rows *x = wh_input(s, i), *y = &s->layers[i].output;
    const float *first = x->data - la->kernel_size / 2 * x->step;
    product(s, y, la, first, la->kernel_size * x->step, x->step);
    s->layers[i].macs += (uint64_t)y->positions * (uint64_t)y->channels *
                         (uint64_t)la->kernel_size * (uint64_t)la->input_size;
}

static void layer_norm_run(wh_stream *s, int32_t i)
{
    const wh_layer *la = &s->model->layers[i];
    const rows *x = wh_input(s, i), *y = &s->layers[i].output;
    for (int32_t k = 0; k < y->positions; ++k)
        s->kernels->f32_layer_norm(y->data + k * y->step, x->data + k * x->step, la->weight_f32,
                                   la->bias, y->channels);
}

static void rectifier_run(wh_stream *s, int32_t i)
{
    const rows *x = wh_input(s, i), *y = &s->layers[i].output;
    for (int32_t k = 0; k < y->positions; ++k) {
        const float *from = x->data + k * x->step;
        float *to = y->data + k * y->step;
        for (int32_t c = 0; c < y->channels; ++c) to[c] = from[c] > 0.0f ? from[c] : 0.0f;
    }
}

static void residual_run(wh_stream *s, int32_t i)
{
    const rows *x = wh_input(s, i), *y = &s->layers[i].output;
    const rows *source = &s->layers[s->model->layers[i].source].output;
    for (int32_t k = 0; k < y->positions; ++k) {
        const float *from = x->data + k * x->step, *more = source->data + k * source->step;
        float *to = y->data + k * y->step;
        for (int32_t c = 0; c < y->channels; ++c) to[c] = from[c] + more[c];
    }
}

void wh_layer_run(wh_stream *s, int32_t i, const uint8_t *given)
{
    switch (s->model->layers[i].kind) {
    case WH_LINEAR: linear_run(s, i); break;
    case WH_GRU: wh_gru_run(s, i, given); break;
    case WH_CONV: conv_run(s, i); break;
    case WH_LAYER_NORM: layer_norm_run(s, i); break;
    case WH_RECTIFIER: rectifier_run(s, i); break;
    case WH_RESIDUAL: residual_run(s, i); break;
    case WH_BAND_ANALYSIS: wh_band_analysis_run(s, i); break;
    case WH_BAND_SYNTHESIS: wh_band_synthesis_run(s, i); break;
    }
}
