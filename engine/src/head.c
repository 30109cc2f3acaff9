/* From the last layer's output to the enhanced spectrum: a mask, a filter or a mapping. */
#include <string.h>

#include "internal.h"

static const float COEFFICIENT_LIMIT = 100.0f; /* keeps what a filter or mapping makes finite */

static const rows *head_input(const wh_stream *s)
{
    return &s->layers[s->model->n_layers - 1].output;
}

/* Moves the frames of a filter's past on by one; the place of this frame is free then. */
static void age_past(wh_stream *s)
{
    const size_t row = (size_t)wh_past_values(s->model);
    const size_t rest = (size_t)(s->model->filter_order - 1) * row;
    memmove(s->past + row, s->past, rest * sizeof *s->past);
}

/* What the deep filter adds to the masked spectrum, before the attenuation limit. */
static void deep_filter(wh_stream *s)
{
    const wh_model *m = s->model;
    const int32_t n = m->filter_bins, first = m->mask_first_bin, step = 2 * n;
    const size_t row = (size_t)n * sizeof(float);
    const float *coefficients = head_input(s)->data + m->mask_bins;
    age_past(s);
    memcpy(s->past, s->work.re + first, row);
    memcpy(s->past + n, s->work.im + first, row);

    float *re = s->work.made_re, *im = s->work.made_im;
    memset(re, 0, row);
    memset(im, 0, row);
    for (int32_t k = 0; k < m->filter_order; ++k)
        s->kernels->front->f32_filter(re, im, coefficients + k * step, s->past + k * step,
                                      COEFFICIENT_LIMIT, n);
    s->layers[m->n_layers - 1].macs += 4 * (uint64_t)m->filter_order * (uint64_t)n;
}

/* Multiplies bins by one gain. */
static void scale_bins(wh_stream *s, int32_t first, int32_t end, float gain)
{
    for (int32_t k = first; k < end; ++k) {
        s->work.re[k] *= gain;
        s->work.im[k] *= gain;
    }
}

static void mask_and_filter(wh_stream *s, float norm)
{
    const wh_model *m = s->model;
    const wh_front *front = s->kernels->front;
    const int32_t n_bins = m->n_fft / 2 + 1, n = m->mask_bins, first = m->mask_first_bin;
    float *re = s->work.re + first, *im = s->work.im + first, *mask = s->mask;
    const int filters = m->head == WH_DEEP_FILTER;
    front->f32_gains(mask, head_input(s)->data, filters, s->min_gain, n);
    if (filters) deep_filter(s);
    front->f32_mask(re, im, mask, norm, n);
    scale_bins(s, 0, first, mask[0] * norm);
    scale_bins(s, first + n, n_bins, mask[n - 1] * norm);
    if (filters)
        front->f32_add(re, im, s->work.made_re, s->work.made_im, (1.0f - s->min_gain) * norm,
                       m->filter_bins);
}

/* The enhanced spectrum of the filter on magnitudes. */
static void magnitude_filter(wh_stream *s)
{
    const wh_model *m = s->model;
    const rows *out = head_input(s);
    const int32_t n = m->mask_bins, order = m->filter_order, width = m->filter_width;
    const float *re = s->work.re + m->mask_first_bin, *im = s->work.im + m->mask_first_bin;
    float *size = s->work.gain, *now = s->past;
    age_past(s);
    for (int32_t f = 0; f < n; ++f) now[f] = out->data[f * out->step];
    s->kernels->f32_sigmoid(now, n);
    for (int32_t f = 0; f < n; ++f) {
        size[f] = wh_sqrt(re[f] * re[f] + im[f] * im[f]);
        now[f] *= size[f];
    }
    for (int32_t f = 0; f < n; ++f) {
        const float *c = out->data + f * out->step + 1;
        float sum = 0.0f;
        for (int32_t i = 0; i < order; ++i)
            for (int32_t k = 0; k < width; ++k) {
                const int32_t seen = f + k - width / 2;
                if (seen >= 0 && seen < n)
                    sum += wh_limited(c[i * width + k], COEFFICIENT_LIMIT) * s->past[i * n + seen];
            }
        const float factor = size[f] > 0.0f ? (sum < 0.0f ? -sum : sum) / size[f] : 0.0f;
        s->work.made_re[f] = factor * re[f];
        s->work.made_im[f] = factor * im[f];
    }
    s->layers[m->n_layers - 1].macs += (uint64_t)n * (uint64_t)(order * width);
}

/* The enhanced spectrum that the last layer gives, off the scale of the features. No bin becomes
 * louder than it was: the scale remembers loud passages, and with it would the last layer's errors. */
static void mapping(wh_stream *s)
{
    const wh_model *m = s->model;
    const rows *out = head_input(s);
    const float *re = s->work.re + m->mask_first_bin, *im = s->work.im + m->mask_first_bin;
    for (int32_t f = 0; f < m->mask_bins; ++f) {
        const float u = wh_limited(out->data[f * out->step], COEFFICIENT_LIMIT);
        const float v = wh_limited(out->data[f * out->step + 1], COEFFICIENT_LIMIT);
        const float factor = m->root ? wh_sqrt((u * u + v * v) + WH_ROOT_FLOOR) : 1.0f;
        const float made_re = s->level * (u * factor), made_im = s->level * (v * factor);
        const float before = re[f] * re[f] + im[f] * im[f];
        const float after = made_re * made_re + made_im * made_im;
        const float share = after > before ? wh_sqrt(before / after) : 1.0f;
        s->work.made_re[f] = share * made_re;
        s->work.made_im[f] = share * made_im;
    }
}

/* Puts what was made in the place of the spectrum, but for the attenuation limit's share. */
static void replace(wh_stream *s, float norm)
{
    const wh_model *m = s->model;
    const int32_t n_bins = m->n_fft / 2 + 1;
    float *restrict re = s->work.re, *restrict im = s->work.im;
    const float kept = s->min_gain, share = 1.0f - s->min_gain;
    for (int32_t b = 0; b < m->mask_bins; ++b) {
        const int32_t k = m->mask_first_bin + b;
        const float u = s->work.made_re[b], v = s->work.made_im[b];
        const float before = re[k] * re[k] + im[k] * im[k], after = u * u + v * v;
        const float ratio = after < before ? wh_sqrt(after / before) : 1.0f;
        s->mask[b] = kept + share * ratio;
    }
    for (int32_t k = 0; k < n_bins; ++k) {
        re[k] *= kept * norm;
        im[k] *= kept * norm;
    }
    for (int32_t b = 0; b < m->mask_bins; ++b) {
        re[m->mask_first_bin + b] += share * norm * s->work.made_re[b];
        im[m->mask_first_bin + b] += share * norm * s->work.made_im[b];
    }
}

void wh_head_run(wh_stream *s, float norm)
{
    const wh_head head = s->model->head;
    if (head == WH_MASK || head == WH_DEEP_FILTER) {
        mask_and_filter(s, norm);
        return;
    }
    if (head == WH_MAGNITUDE_FILTER)
        magnitude_filter(s);
    else
        mapping(s);
    replace(s, norm);
}
