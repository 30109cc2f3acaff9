/* One hop: analysis, features, layers, mask, filter, synthesis; and what is reported about it. */
#include <string.h>

#include "fft.h"
#include "internal.h"

static const float SAMPLE_LIMIT = 1e6f; /* keeps the power of a bin below 1e18 */
static const float COEFFICIENT_LIMIT = 100.0f; /* of both parts: keeps what a filter adds finite */

/* v within +-limit, finite whatever it is: a NaN fails the first comparison. */
static float limited(float v, float limit)
{
    const float low = v > -limit ? v : -limit;
    return low < limit ? low : limit;
}

static float safe_sample(float v)
{
    return limited(v - v == 0.0f ? v : 0.0f, SAMPLE_LIMIT); /* Inf - Inf and NaN - NaN are NaN */
}

/* Spectrum of [previous hop | this hop], windowed. */
static void analyse(wh_stream *s, const float *in)
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

/* Normalised log powers, into the first layer's input. */
static void features(wh_stream *s)
{
    const wh_model *m = s->model;
    const int32_t n = m->layers[0].input_size;
    const float *restrict re = s->work.re + m->first_bin, *restrict im = s->work.im + m->first_bin;
    const float *restrict mean = m->mean, *restrict scale = m->scale;
    float *restrict x = s->layers[0].input;
    for (int32_t k = 0; k < n; ++k) x[k] = (re[k] * re[k] + im[k] * im[k]) + m->floor;
    s->kernels->f32_log(x, n);
    for (int32_t k = 0; k < n; ++k) x[k] = (x[k] - mean[k]) * scale[k];
}

/* P of this hop: the dial's, from the features, under the cap. */
static void turn_dial(wh_stream *s)
{
    const float *x = s->layers[0].input;
    const int32_t n = s->model->layers[0].input_size;
    double percent = s->update_percent, statistic = 0.0;
    if (s->dial == WH_DIAL_LEVEL) statistic = wh_mean(x, n);
    if (s->dial == WH_DIAL_FLUX) statistic = wh_mean_change(x, s->earlier, n);
    if (s->dial != WH_DIAL_FIXED)
        percent = wh_dial_turn(&s->dial_state, statistic, percent, s->dial_low, s->dial_high);
    s->hop_percent = percent < s->dial_cap ? percent : s->dial_cap;
}

static void run_layers(wh_stream *s, const uint8_t *given)
{
    const wh_model *m = s->model;
    uint64_t then = s->clock ? s->clock() : 0;
    for (int32_t i = 0; i < m->n_layers; ++i) {
        float *y = i + 1 < m->n_layers ? s->layers[i + 1].input : s->mask;
        wh_layer_run(s, i, given, y);
        if (given && m->layers[i].kind == WH_GRU) given += m->layers[i].output_size;
        if (s->clock) {
            const uint64_t now = s->clock();
            s->layers[i].ticks += now - then;
            then = now;
        }
    }
}

/* Limits the mask and spreads it over all bins. */
static void spread_mask(wh_stream *s)
{
    const wh_model *m = s->model;
    const int32_t n_bins = m->n_fft / 2 + 1, n = m->mask_bins, first = m->mask_first_bin;
    float *mask = s->mask, *gain = s->work.gain;
    if (m->filter_bins) s->kernels->f32_sigmoid(mask, n);
    for (int32_t k = 0; k < n; ++k) mask[k] = mask[k] > s->min_gain ? mask[k] : s->min_gain;
    for (int32_t k = 0; k < first; ++k) gain[k] = mask[0];
    memcpy(gain + first, mask, (size_t)n * sizeof *gain);
    for (int32_t k = first + n; k < n_bins; ++k) gain[k] = mask[n - 1];
}

/* What the deep filter adds to the masked spectrum, before the attenuation limit. */
static void deep_filter(wh_stream *s)
{
    const wh_model *m = s->model;
    const int32_t n = m->filter_bins, first = m->mask_first_bin, step = 2 * n;
    const size_t row = (size_t)n * sizeof(float);
    float *past = s->past;
    memmove(past + step, past, (size_t)(m->filter_order - 1) * 2 * row);
    memcpy(past, s->work.re + first, row);
    memcpy(past + n, s->work.im + first, row);

    float *restrict re = s->work.filter_re, *restrict im = s->work.filter_im;
    memset(re, 0, row);
    memset(im, 0, row);
    for (int32_t k = 0; k < m->filter_order; ++k) {
        const float *restrict c = s->mask + m->mask_bins + k * step;
        const float *restrict y = past + k * step;
        for (int32_t b = 0; b < n; ++b) {
            const float c_re = limited(c[b], COEFFICIENT_LIMIT);
            const float c_im = limited(c[n + b], COEFFICIENT_LIMIT);
            re[b] += c_re * y[b] - c_im * y[n + b];
            im[b] += c_re * y[n + b] + c_im * y[b];
        }
    }
    s->layers[m->n_layers - 1].macs += 4 * (uint64_t)m->filter_order * (uint64_t)n;
}

/* Masked spectrum back to time, windowed, added to the tail of the last frame. */
static void synthesise(wh_stream *s, float *out)
{
    const wh_model *m = s->model;
    const int32_t hop = m->hop_length, n_bins = m->n_fft / 2 + 1;
    const float *restrict gain = s->work.gain, *restrict window = m->window;
    float *restrict re = s->work.re, *restrict im = s->work.im, *restrict frame = s->work.frame;
    const float norm = 1.0f / (float)m->n_fft; /* of the inverse transform */
    for (int32_t k = 0; k < n_bins; ++k) {
        const float g = gain[k] * norm;
        re[k] *= g;
        im[k] *= g;
    }
    const float share = (1.0f - s->min_gain) * norm;
    for (int32_t b = 0; b < m->filter_bins; ++b) {
        re[m->mask_first_bin + b] += share * s->work.filter_re[b];
        im[m->mask_first_bin + b] += share * s->work.filter_im[b];
    }
    wh_irfft(frame, re, im, m->n_fft, m->twiddle, s->work.fft);
    float *restrict overlap = s->overlap;
    for (int32_t i = 0; i < hop; ++i) {
        out[i] = overlap[i] + frame[i] * window[i];
        overlap[i] = frame[hop + i] * window[hop + i];
    }
}

static wh_status process(wh_stream *s, const float *in, const uint8_t *given, float *out)
{
    const uint64_t start = s->clock ? s->clock() : 0;
    analyse(s, in);
    features(s);
    turn_dial(s);
    run_layers(s, given);
    spread_mask(s);
    if (s->model->filter_bins) deep_filter(s);
    synthesise(s, out);
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

const float *wh_stream_hidden(const wh_stream *s, int32_t layer)
{
    const layer_state *state = find(s, layer, 1);
    return state ? state->hidden : NULL;
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
