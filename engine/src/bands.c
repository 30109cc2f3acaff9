/* Between bins and mel-spaced bands: a small matrix for each band. */
#include <string.h>

#include "internal.h"

void wh_band_analysis_run(wh_stream *s, int32_t i)
{
    const wh_layer *la = &s->model->layers[i];
    layer_state *state = &s->layers[i];
    const rows *x = wh_input(s, i), *y = &state->output;
    const float *weight = la->weight_f32;
    for (int32_t b = 0; b < la->n_bands; ++b) {
        const int32_t first = la->bounds[b], width = la->bounds[b + 2] - first;
        const wh_inputs in = {x->data + first, NULL, width, 0, 0, 0};
        s->kernels->f32_panels(y->data + b * y->step, 0, weight, NULL, 0, &in, y->channels, 1);
        weight += wh_panel_floats(y->channels, in.x_cols);
        state->macs += (uint64_t)y->channels * (uint64_t)width;
    }
}

/* Adds what a band gives to its bins. */
static void overlap(const rows *y, int32_t first, int32_t width, const float *restrict band)
{
    for (int32_t f = 0; f < width; ++f) {
        float *restrict bin = y->data + (first + f) * y->step;
        for (int32_t c = 0; c < y->channels; ++c) bin[c] += band[f * y->channels + c];
    }
}

/* What band b gives to its bins, n values, of the part of the matrix that begins at its row `row` of
 * padded rows. */
static void give_band(wh_stream *s, const wh_layer *la, const rows *x, int32_t b, int32_t n,
                      int32_t row, const float *bias)
{
    const size_t first = (size_t)row;
    if (la->weight_s8) {
        const size_t at = first * (size_t)((la->input_size + 3) / 4 * 4);
        const wh_int_rows w = {la->weight_s8 + at, la->scale + first, la->offset + first, la->input_size};
        const rows one = {x->data + b * x->step, 1, la->input_size, 0}, to = {s->work.band, 1, n, 0};
        wh_int_product(s, la, &w, bias, &one, &to, 0);
    } else {
        const wh_inputs in = {x->data + b * x->step, NULL, la->input_size, 0, 0, 0};
        const float *weight = la->weight_f32 + first * (size_t)la->input_size;
        s->kernels->f32_panels(s->work.band, 0, weight, bias, 0, &in, n, 1);
    }
}

void wh_band_synthesis_run(wh_stream *s, int32_t i)
{
    const wh_layer *la = &s->model->layers[i];
    layer_state *state = &s->layers[i];
    const rows *x = wh_input(s, i), *y = &state->output;
    const int32_t values = (y->positions - 1) * y->step + y->channels;
    const float *bias = la->bias;
    int32_t row = 0;
    memset(y->data, 0, (size_t)values * sizeof *y->data);
    for (int32_t b = 0; b < la->n_bands; ++b) {
        const int32_t first = la->bounds[b], width = la->bounds[b + 2] - first;
        const int32_t n = width * y->channels;
        give_band(s, la, x, b, n, row, bias);
        overlap(y, first, width, s->work.band);
        row += wh_panel_rows(n);
        bias += n;
        state->macs += (uint64_t)n * (uint64_t)la->input_size;
    }
    for (int32_t k = la->bounds[1] * y->step; k < la->bounds[la->n_bands] * y->step; ++k)
        y->data[k] *= 0.5f;
    s->kernels->f32_tanh(y->data, values);
}
