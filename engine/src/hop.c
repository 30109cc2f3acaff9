/* One hop: analysis, features, layers, head, synthesis; and what is reported about it. */
#include <string.h>

#include "internal.h"

void wh_show(const wh_stream *s, int32_t layer, const rows *r)
{
    if (s->tap) s->tap(s->tap_context, layer, r->data, r->positions, r->channels, r->step);
}

static void run_layers(wh_stream *s, const uint8_t *given)
{
    const wh_model *m = s->model;
    uint64_t then = s->clock ? s->clock() : 0;
    for (int32_t i = 0; i < m->n_layers; ++i) {
        wh_layer_run(s, i, given);
        wh_show(s, i, &s->layers[i].output);
        if (given) given += wh_stream_units(s, i);
        if (s->clock) {
            const uint64_t now = s->clock();
            s->layers[i].ticks += now - then;
            then = now;
        }
    }
}

static wh_status process(wh_stream *s, const float *in, const uint8_t *given, float *out)
{
    const wh_front *front = s->kernels->front;
    const uint64_t start = s->clock ? s->clock() : 0;
    front->f32_analyse(s->work.re, s->work.im, s->previous, in, &s->frame);
    wh_features_run(s);
    wh_show(s, -1, &s->features);
    run_layers(s, given);
    wh_head_run(s, 1.0f / (float)s->model->n_fft); /* the norm of the inverse transform */
    front->f32_synthesise(out, s->overlap, s->work.re, s->work.im, &s->frame);
    s->hops += 1;
    if (s->clock) s->total_ticks += s->clock() - start;
    return WH_OK;
}

wh_status wh_stream_process(wh_stream *s, const float *in, float *out)
{
    return s && in && out ? process(s, in, NULL, out) : WH_ERR_NULL;
}

wh_status wh_stream_process_given(wh_stream *s, const float *in, const uint8_t *given, float *out)
{
    return s && in && given && out ? process(s, in, given, out) : WH_ERR_NULL;
}

/* The layer's state if it exists and, with `gru`, is recurrent. */
static const layer_state *find(const wh_stream *s, int32_t layer, int gru)
{
    if (layer < 0 || layer >= s->model->n_layers) return NULL;
    return !gru || s->model->layers[layer].kind == WH_GRU ? &s->layers[layer] : NULL;
}

const char *wh_stream_isa(const wh_stream *s)
{
    return s->kernels->name;
}

uint64_t wh_stream_hops(const wh_stream *s)
{
    return s->hops;
}

double wh_stream_hop_percent(const wh_stream *s)
{
    return s->hop_percent;
}

uint64_t wh_stream_macs(const wh_stream *s, int32_t layer)
{
    const layer_state *state = find(s, layer, 0);
    return state ? state->macs : 0;
}

uint64_t wh_stream_updated(const wh_stream *s, int32_t layer)
{
    const layer_state *state = find(s, layer, 1);
    return state ? state->updated : 0;
}

uint64_t wh_stream_layer_ticks(const wh_stream *s, int32_t layer)
{
    const layer_state *state = find(s, layer, 0);
    return state ? state->ticks : 0;
}

uint64_t wh_stream_total_ticks(const wh_stream *s)
{
    return s->total_ticks;
}

int32_t wh_stream_units(const wh_stream *s, int32_t layer)
{
    const layer_state *state = find(s, layer, 1);
    return state ? state->output.positions * state->output.channels : 0;
}

void wh_stream_hidden(const wh_stream *s, int32_t layer, float *out)
{
    const layer_state *state = find(s, layer, 1);
    if (state && s->model->layers[layer].scan != WH_SCAN_TIME) return;
    for (int32_t k = 0; state && k < state->output.positions; ++k) {
        const rows *h = &state->output;
        memcpy(out + k * h->channels, h->data + k * h->step, (size_t)h->channels * sizeof *out);
    }
}

const uint8_t *wh_stream_selected(const wh_stream *s, int32_t layer)
{
    const layer_state *state = find(s, layer, 1);
    return state ? state->selected : NULL;
}

const float *wh_stream_mask(const wh_stream *s)
{
    return s->mask;
}

float wh_stream_band_gain(const wh_stream *s)
{
    const float *band = s->mask + s->band_first;
    float sum = 0.0f;
    for (int32_t k = 0; k < s->band_count; ++k) sum += band[k];
    return sum / (float)s->band_count;
}
