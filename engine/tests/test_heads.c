/* The filter on magnitudes, the mapping, and the features' level: what they do to a signal. */
#include <math.h>
#include <string.h>

#include "../src/internal.h"
#include "driven.h"

/* What the window's sidelobes let a tone do 20 and more bins away; measured 9e-5. */
static const float LEAK_BOUND = 3e-4f;

static void tone(float *x, int32_t count, double bin, int32_t n_fft)
{
    const double step = 2.0 * 3.14159265358979323846 * bin / n_fft;
    for (int32_t i = 0; i < count; ++i) x[i] = 0.3f * (float)sin(step * i);
}

/* A magnitude filter of `order` x `width` on those bins, with nothing but the bias of its last
 * layer: a gain's input and coefficients of 0, to be filled in. */
static float *make_filter(toy *t, int32_t n_fft, int32_t first, int32_t n, int32_t order,
                          int32_t width)
{
    toy_start(t, n_fft, WH_LOG_POWER, 0, n_fft / 2 + 1, 81u);
    toy_band_analysis(t, 7, 3);
    toy_band_synthesis(t, n, 2);
    toy_magnitude_filter(t, first, n, order, width);
    return toy_fix_last(t);
}

/* A mapping on all bins whose last layer multiplies what it sees by `factor`. */
static void make_scaling(toy *t, int32_t n_fft, int32_t root, float factor)
{
    toy_start(t, n_fft, WH_SCALED_SPECTRUM, 0, n_fft / 2 + 1, 82u);
    t->model.root = root;
    toy_mapping(t);
    toy_fix_last(t);
    float *weight = (float *)t->layers[0].weight_f32; /* [column][row] */
    weight[0] = weight[WH_PANEL_ROWS + 1] = factor;
}

/* Whether y is `factor` x, one hop later. */
static void check_copy(int32_t hop, float factor, float bound, const char *what)
{
    for (int32_t i = hop; i < HOPS * hop; ++i)
        CHECK(fabsf(y_[i] - factor * x_[i - hop]) <= bound, "%s: sample %d is %g, not %g", what, i,
              y_[i], factor * x_[i - hop]);
}

static void a_coefficient_scales_the_magnitude(float gain_bias, float coefficient, float factor)
{
    toy t;
    float *bias = make_filter(&t, 320, 0, 161, 3, 3);
    bias[0] = gain_bias;
    bias[1 + 1] = coefficient; /* this frame, the bin itself */
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 83u);
    run(o.s, x_, y_, HOPS, 160);
    check_copy(160, factor, RECONSTRUCTION_BOUND * fmaxf(factor, 1.0f), "coefficient");
    const float left = fminf(factor, 1.0f);
    for (int k = 0; k < 161; ++k)
        CHECK(fabsf(wh_stream_mask(o.s)[k] - left) <= 1e-6f, "%g: %g", factor,
              wh_stream_mask(o.s)[k]);
    CHECK(fabsf(wh_stream_band_gain(o.s) - left) <= 1e-6f, "band gain");
    CHECK(wh_stream_macs(o.s, 2) == HOPS * 161 * (2 * 10 + 9), "%u MACs",
          (unsigned)wh_stream_macs(o.s, 2));
    free(o.memory);
    toy_free(&t);
}

/* A filter that sees only the frame `late` frames ago gives a tone that has just begun nothing, and
 * what has ended no phase to stand on. */
static void a_filter_sees_the_frames_of_its_order(int32_t late)
{
    toy t;
    float *bias = make_filter(&t, 320, 0, 161, 4, 1);
    bias[0] = 40.0f;
    bias[1 + late] = 1.0f;
    owned o = open_stream(&t.model, NULL);
    tone(x_, HOPS * 160, 20.0, 320);
    memset(x_, 0, 10 * 160 * sizeof *x_);
    run(o.s, x_, y_, HOPS, 160);
    /* Hop 10 begins the tone; what was made of frame 10 + late - 1 and before is silence. */
    for (int32_t i = 0; i < (10 + late) * 160; ++i) CHECK(y_[i] == 0.0f, "%d: %d", late, i);
    for (int32_t i = (13 + late) * 160; i < HOPS * 160; ++i)
        CHECK(fabsf(y_[i] - x_[i - 160]) <= RECONSTRUCTION_BOUND, "%d: sample %d", late, i);
    memset(x_, 0, sizeof x_);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 2 * 160; i < HOPS * 160; ++i) CHECK(y_[i] == 0.0f, "%d: %d", late, i);
    free(o.memory);
    toy_free(&t);
}

/* Off the centre of its width a filter takes the magnitude of the bin below (k = 0) or above: beside
 * a tone, the bin whose neighbour is the peak loses nothing, and the peak does. */
static void a_filter_reaches_its_neighbours(int32_t k)
{
    toy t;
    float *bias = make_filter(&t, 320, 0, 161, 1, 3);
    bias[0] = 40.0f;
    bias[1 + k] = 1.0f;
    owned o = open_stream(&t.model, NULL);
    tone(x_, HOPS * 160, 20.0, 320);
    run(o.s, x_, y_, HOPS, 160);
    CHECK(wh_stream_mask(o.s)[20] < 0.9f, "the peak stays at %g", wh_stream_mask(o.s)[20]);
    CHECK((wh_stream_mask(o.s)[19] == 1.0f) == (k == 2), "%d below: %g", k, wh_stream_mask(o.s)[19]);
    CHECK((wh_stream_mask(o.s)[21] == 1.0f) == (k == 0), "%d above: %g", k, wh_stream_mask(o.s)[21]);
    /* Beyond the last bin there is nothing to take. */
    CHECK(k == 1 || (wh_stream_mask(o.s)[0] == 0.0f) == (k == 0), "%d: first bin", k);
    CHECK(k == 1 || (wh_stream_mask(o.s)[160] == 0.0f) == (k == 2), "%d: last bin", k);
    free(o.memory);
    toy_free(&t);
}

/* Outside the bins of such a head nothing is left, but for the attenuation limit's share. */
static void bins_outside_are_silent(wh_head head, float min_gain)
{
    toy t;
    if (head == WH_MAGNITUDE_FILTER) {
        float *bias = make_filter(&t, 320, 40, 60, 1, 1);
        bias[0] = 40.0f;
        bias[1] = 1.0f;
    } else {
        make_scaling(&t, 320, 0, 1.0f);
        t.model.first_bin = t.model.mask_first_bin = 40;
        t.model.feature_bins = t.model.mask_bins = 60;
    }
    for (int32_t bin = 20; bin <= 120; bin += 50) {
        owned o = open_stream(&t.model, NULL);
        wh_stream_set_min_gain(o.s, min_gain);
        tone(x_, HOPS * 160, bin, 320);
        run(o.s, x_, y_, HOPS, 160);
        const float factor = bin == 70 ? 1.0f : min_gain;
        for (int32_t i = 3 * 160; i < HOPS * 160; ++i)
            CHECK(fabsf(y_[i] - factor * x_[i - 160]) <= LEAK_BOUND, "head %d, bin %d, sample %d: %g",
                  (int)head, bin, i, y_[i] - factor * x_[i - 160]);
        free(o.memory);
    }
    toy_free(&t);
}

/* What the last layer is shown comes back off the scale of the level, at any level. */
static void a_mapping_gives_back_what_its_features_say(int32_t n_fft, int32_t root)
{
    const int32_t hop = n_fft / 2;
    for (float size = 1.0f; size >= 1e-3f; size *= 0.1f) {
        toy t;
        make_scaling(&t, n_fft, root, 1.0f);
        owned o = open_stream(&t.model, NULL);
        fill(x_, HOPS * hop, 84u);
        for (int32_t i = 0; i < HOPS * hop; ++i) x_[i] *= size;
        run(o.s, x_, y_, HOPS, hop);
        check_copy(hop, 1.0f, RECONSTRUCTION_BOUND * size, "mapping");
        free(o.memory);
        toy_free(&t);
    }
}

/* A last layer that asks for more than the input gets the input. */
static void a_mapping_makes_nothing_louder(void)
{
    toy t;
    make_scaling(&t, 320, 0, 3.0f);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 87u);
    run(o.s, x_, y_, HOPS, 160);
    check_copy(160, 1.0f, RECONSTRUCTION_BOUND, "limit");
    free(o.memory);
    toy_free(&t);
}

static void the_limit_is_a_share_of_the_input(float g)
{
    for (int which = 0; which < 2; ++which) {
        toy t;
        if (which) {
            make_scaling(&t, 320, 0, 0.5f);
        } else {
            float *bias = make_filter(&t, 320, 0, 161, 2, 3);
            bias[0] = 40.0f;
            bias[1 + 1] = -0.5f; /* its size is what counts */
        }
        owned o = open_stream(&t.model, NULL);
        wh_stream_set_min_gain(o.s, g);
        fill(x_, HOPS * 160, 85u);
        run(o.s, x_, y_, HOPS, 160);
        const float want = g + (1.0f - g) * 0.5f;
        check_copy(160, want, RECONSTRUCTION_BOUND, which ? "mapping" : "filter");
        for (int k = 0; k < 161; ++k)
            CHECK(fabsf(wh_stream_mask(o.s)[k] - want) <= 2e-6f, "%g, bin %d: %g", g, k,
                  wh_stream_mask(o.s)[k]);
        free(o.memory);
        toy_free(&t);
    }
}

/* Nothing may be attenuated: then the input comes through, whatever the network says. */
static void min_gain_1_is_the_input(toy_kind kind, int32_t n_fft)
{
    toy t;
    toy_make_kind(&t, kind, n_fft, 0, WH_GATE_TOP_A, 86u);
    owned o = open_stream(&t.model, NULL);
    wh_stream_set_min_gain(o.s, 1.0f);
    fill(x_, HOPS * n_fft / 2, 87u);
    run(o.s, x_, y_, HOPS, n_fft / 2);
    check_copy(n_fft / 2, 1.0f, RECONSTRUCTION_BOUND, "min_gain 1");
    free(o.memory);
    toy_free(&t);
}

/* Coefficients and mapped values end at 100, and no number of the last layer breaks the output. */
static void what_the_last_layer_says_is_limited(void)
{
    static const float values[] = {1e9f, INFINITY, -INFINITY, NAN, 3e38f};
    for (int k = 0; k < 5; ++k) {
        toy t;
        float *bias = make_filter(&t, 320, 0, 161, 1, 1);
        bias[0] = 40.0f;
        bias[1] = values[k];
        owned o = open_stream(&t.model, NULL);
        fill(x_, HOPS * 160, 88u);
        run(o.s, x_, y_, HOPS, 160);
        check_copy(160, 100.0f, 100.0f * RECONSTRUCTION_BOUND, "limit");
        free(o.memory);
        toy_free(&t);

        make_scaling(&t, 320, k % 2, 0.0f);
        bias = (float *)t.layers[0].bias;
        bias[0] = values[k], bias[1] = values[(k + 1) % 5];
        owned p = open_stream(&t.model, NULL);
        for (int32_t i = 0; i < HOPS * 160; ++i) x_[i] = i / 3 % 2 ? 3e38f : -3e38f;
        run(p.s, x_, y_, HOPS, 160);
        for (int32_t i = 0; i < HOPS * 160; ++i)
            CHECK(fabsf(y_[i]) <= 1e14f, "%g: sample %d: %g", values[k], i, y_[i]);
        for (int32_t b = 0; b < 161; ++b) CHECK(wh_stream_mask(p.s)[b] <= 1.0f, "bin %d", b);
        free(p.memory);
        toy_free(&t);
    }
}

/* Silence gives finite, inaudible output, at the start and after something loud. */
static void silence_stays_silent(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 0, WH_GATE_TOP_A, 89u);
    owned o = open_stream(&t.model, NULL);
    memset(x_, 0, sizeof x_);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 0; i < HOPS * 160; ++i) CHECK(fabsf(y_[i]) <= 1e-3f, "%d: %g", i, y_[i]);
    fill(x_, 160, 90u);
    x_[3] = NAN;
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 0; i < HOPS * 160; ++i) CHECK(isfinite(y_[i]), "%d: %g", i, y_[i]);
    for (int k = 0; k < t.model.mask_bins; ++k)
        CHECK(wh_stream_mask(o.s)[k] >= 0.0f && wh_stream_mask(o.s)[k] <= 1.0f, "bin %d", k);
    free(o.memory);
    toy_free(&t);
}

/* The mask is |S| over |Y|, and 1 where there is nothing; the level's own scale drops out. */
static void the_mask_of_silence_is_one(void)
{
    toy t;
    make_scaling(&t, 320, 0, 0.0f);
    owned o = open_stream(&t.model, NULL);
    memset(x_, 0, sizeof x_);
    run(o.s, x_, y_, 3, 160);
    for (int k = 0; k < 161; ++k) CHECK(wh_stream_mask(o.s)[k] == 1.0f, "silent bin %d", k);
    fill(x_, 3 * 160, 91u);
    run(o.s, x_, y_, 3, 160);
    for (int k = 0; k < 161; ++k) CHECK(wh_stream_mask(o.s)[k] == 0.0f, "bin %d", k);
    free(o.memory);
    toy_free(&t);
}

/* The level of impulses, which have the same power in every bin, is a mean over all hops at first, and then forgets 1 % a hop. */
static void the_level_is_a_running_mean(void)
{
    toy t;
    make_scaling(&t, 320, 0, 0.0f);
    owned o = open_stream(&t.model, NULL);
    double power = 0.0;
    for (int32_t i = 0; i < 250; ++i) {
        float hop[160] = {0}, out[160];
        hop[0] = i < 150 ? 0.1f : 0.01f; /* at the middle of the frame, where the window is 1 */
        wh_stream_process(o.s, hop, out);
        const double of_frame = (double)hop[0] * hop[0]; /* of every bin; w[0] is 0 */
        power += fmax(1.0 / (i + 1), 0.01) * (of_frame - power);
        CHECK(fabs(o.s->level - sqrt(power + 1e-8)) <= 1e-6 * o.s->level, "hop %d: %g", i,
              o.s->level);
    }
    wh_stream_reset(o.s);
    float hop[160] = {0}, out[160];
    wh_stream_process(o.s, hop, out);
    CHECK(fabs(o.s->level - 1e-4) <= 1e-9, "after reset: %g", o.s->level);
    free(o.memory);
    toy_free(&t);
}

int main(void)
{
    a_coefficient_scales_the_magnitude(40.0f, 1.0f, 1.0f);
    a_coefficient_scales_the_magnitude(40.0f, -1.0f, 1.0f);
    a_coefficient_scales_the_magnitude(0.0f, 1.0f, 0.5f);
    a_coefficient_scales_the_magnitude(0.0f, 6.0f, 3.0f);
    for (int32_t late = 0; late < 4; ++late) a_filter_sees_the_frames_of_its_order(late);
    for (int32_t k = 0; k < 3; k += 2) a_filter_reaches_its_neighbours(k);
    bins_outside_are_silent(WH_MAGNITUDE_FILTER, 0.0f);
    bins_outside_are_silent(WH_MAGNITUDE_FILTER, 0.3f);
    bins_outside_are_silent(WH_MAPPING, 0.0f);
    bins_outside_are_silent(WH_MAPPING, 0.3f);
    for (int32_t root = 0; root < 2; ++root) {
        a_mapping_gives_back_what_its_features_say(320, root);
        a_mapping_gives_back_what_its_features_say(512, root);
    }
    a_mapping_makes_nothing_louder();
    the_limit_is_a_share_of_the_input(0.0f);
    the_limit_is_a_share_of_the_input(0.4f);
    for (int kind = BANDS; kind <= BINS; ++kind) {
        min_gain_1_is_the_input((toy_kind)kind, 320);
        min_gain_1_is_the_input((toy_kind)kind, 512);
        silence_stays_silent((toy_kind)kind);
    }
    what_the_last_layer_says_is_limited();
    the_mask_of_silence_is_one();
    the_level_is_a_running_mean();
    printf("%d failures\n", failures);
    return failures != 0;
}
