/* One hop: analysis, features, layers, head, synthesis; and what is reported about it. */
#include <string.h>

#include "fft.h"
#include "internal.h"

static const float SAMPLE_LIMIT = 1e6f; /* keeps the power of a bin below 1e18 */

static float safe_sample(float v)
{
    return wh_limited(v - v == 0.0f ? v : 0.0f, SAMPLE_LIMIT); /* Inf - Inf and NaN - NaN are NaN */
}

/* Spectrum of [previous hop | this hop], windowed. */
void wh_analyse(wh_stream *s, const float *in)
{
    const wh_model *m = s->model;
    const int32_t hop = m->hop_length;
    float *restrict frame = s->work.frame, *restrict previous = s->previous;
    const float *restrict window = m->window;
    for (int32_t i = 0; i < hop; ++i) {
        const float v = safe_sample(in[i]);
        frame[i] = previous[i] * window[i];
        frame[hop + i] = v * window[hop + i];
        previous[i] = v;
    }
    wh_rfft(s->work.re, s->work.im, frame, m->n_fft, m->twiddle, s->work.fft);
}

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

/* Enhanced spectrum back to time, windowed, added to the tail of the last frame. */
void wh_synthesise(wh_stream *s, float *out)
{
    const wh_model *m = s->model;
    const int32_t hop = m->hop_length;
    const float *restrict window = m->window;
    float *restrict frame = s->work.frame;
    wh_irfft(frame, s->work.re, s->work.im, m->n_fft, m->twiddle, s->work.fft);
    float *restrict overlap = s->overlap;
    for (int32_t i = 0; i < hop; ++i) {
        out[i] = overlap[i] + frame[i] * window[i];
        overlap[i] = frame[hop + i] * window[hop + i];
    }
}

static wh_status process(wh_stream *s, const float *in, const uint8_t *given, float *out)
{
    const uint64_t start = s->clock ? s->clock() : 0;
    wh_analyse(s, in);
    wh_features_run(s);
    wh_show(s, -1, &s->features);
    run_layers(s, given);
    wh_head_run(s, 1.0f / (float)s->model->n_fft); /* the norm of the inverse transform */
    wh_synthesise(s, out);
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
