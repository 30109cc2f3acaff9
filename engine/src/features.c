/* What the first layer sees of the spectrum, and the P that the dial makes of it. */
#include "internal.h"

static const double LEVEL_SHARE = 0.01; /* of a new hop in the running power: about 1 s */

/* Normalised log powers: one row. */
static void log_powers(wh_stream *s)
{
    const wh_model *m = s->model;
    const float *re = s->work.re + m->first_bin, *im = s->work.im + m->first_bin;
    s->kernels->front->f32_log_powers(s->features.data, re, im, m->floor, m->mean, m->scale,
                                      m->feature_bins);
}

/* The spectrum on the scale of its running power, a row for each bin. */
static void scaled_spectrum(wh_stream *s)
{
    const wh_model *m = s->model;
    const int32_t n = m->feature_bins, step = s->features.step;
    const float *restrict re = s->work.re + m->first_bin, *restrict im = s->work.im + m->first_bin;
    float *restrict x = s->features.data, *restrict power = s->work.statistic;
    for (int32_t k = 0; k < n; ++k) power[k] = re[k] * re[k] + im[k] * im[k];
    const double hops = (double)(s->hops + 1);
    const double share = 1.0 / hops > LEVEL_SHARE ? 1.0 / hops : LEVEL_SHARE;
    s->power += share * (wh_mean(power, n) - s->power);
    s->level = wh_sqrt((float)(s->power + (double)m->floor));
    for (int32_t k = 0; k < n; ++k) {
        const float u = re[k] / s->level, v = im[k] / s->level;
        power[k] = (u * u + v * v) + WH_ROOT_FLOOR;
        const float divisor = m->root ? wh_sqrt(wh_sqrt(power[k])) : 1.0f;
        x[k * step] = u / divisor;
        x[k * step + 1] = v / divisor;
    }
}

/* P of this hop: the dial's, under the cap. */
static void turn_dial(wh_stream *s)
{
    const wh_model *m = s->model;
    const int32_t n = m->feature_bins;
    double percent = s->update_percent, statistic = 0.0;
    if (s->dial != WH_DIAL_FIXED) {
        const float *seen = s->features.data;
        if (m->features == WH_SCALED_SPECTRUM) {
            s->kernels->f32_log(s->work.statistic, n);
            seen = s->work.statistic;
        }
        statistic = s->dial == WH_DIAL_LEVEL ? wh_mean(seen, n) : wh_mean_change(seen, s->earlier, n);
        percent = wh_dial_turn(&s->dial_state, statistic, percent, s->dial_low, s->dial_high);
    }
    s->hop_percent = percent < s->dial_cap ? percent : s->dial_cap;
}

void wh_features_run(wh_stream *s)
{
    if (s->model->features == WH_LOG_POWER)
        log_powers(s);
    else
        scaled_spectrum(s);
    turn_dial(s);
}
