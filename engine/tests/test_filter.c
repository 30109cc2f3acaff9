/* What the deep filter does: taps, phase, bins, limits, cost, safety. */
#include <math.h>
#include <string.h>

#include "driven.h"

/* What the window's sidelobes let a tone do 30 and more bins away; measured 4e-4. */
static const float LEAK_BOUND = 1e-3f;

/* One coefficient of 1 on every bin is a delay by the frames of its tap. */
static void a_single_tap_delays_by_its_frames(int32_t n_fft, int32_t order)
{
    const int32_t hop = n_fft / 2;
    for (int32_t tap = 0; tap < order; ++tap) {
        toy t;
        toy_make(&t, n_fft, 5, WH_GATE_TOP_A, 43u);
        toy_add_filter(&t, n_fft / 2 + 1, order, 44u);
        toy_fix_filter(&t, -40.0f, tap, 1.0f, 0.0f);
        owned o = open_stream(&t.model, NULL);
        fill(x_, HOPS * hop, 45u);
        run(o.s, x_, y_, HOPS, hop);
        const int32_t late = (1 + tap) * hop;
        for (int32_t i = 0; i < HOPS * hop; ++i)
            CHECK(fabsf(y_[i] - (i < late ? 0.0f : x_[i - late])) <= RECONSTRUCTION_BOUND,
                  "tap %d of %d: sample %d is %g", tap, order, i, y_[i]);
        free(o.memory);
        toy_free(&t);
    }
}

/* A coefficient of i turns a sine into a cosine. */
static void an_imaginary_coefficient_turns_the_phase(void)
{
    const double step = 2.0 * 3.14159265358979323846 * 20.0 / 320.0; /* 20 periods a frame */
    toy t;
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 46u);
    toy_add_filter(&t, 161, 1, 47u);
    toy_fix_filter(&t, -40.0f, 0, 0.0f, 1.0f);
    owned o = open_stream(&t.model, NULL);
    for (int32_t i = 0; i < HOPS * 160; ++i) x_[i] = (float)sin(step * i);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 3 * 160; i < HOPS * 160; ++i)
        CHECK(fabs(y_[i] - cos(step * (i - 160))) <= LEAK_BOUND, "sample %d: %g", i,
              y_[i]);
    free(o.memory);
    toy_free(&t);
}

/* Above its bins a filter adds nothing: a tone there follows the gain alone. */
static void a_filter_ends_with_its_bins(void)
{
    toy t;
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 48u);
    toy_add_filter(&t, 50, 2, 49u);
    toy_fix_filter(&t, 0.0f, 0, 0.5f, 0.0f); /* gains of 1/2 */
    for (int32_t bin = 20; bin <= 100; bin += 80) {
        owned o = open_stream(&t.model, NULL);
        const double step = 2.0 * 3.14159265358979323846 * bin / 320.0;
        for (int32_t i = 0; i < HOPS * 160; ++i) x_[i] = (float)sin(step * i);
        run(o.s, x_, y_, HOPS, 160);
        const float factor = bin < 50 ? 1.0f : 0.5f;
        for (int32_t i = 3 * 160; i < HOPS * 160; ++i)
            CHECK(fabsf(y_[i] - factor * x_[i - 160]) <= LEAK_BOUND, "bin %d, sample %d", bin, i);
        free(o.memory);
    }
    toy_free(&t);
}

/* Gains are held up to g, the filter is weakened by 1 - g; 1 is the input itself. */
static void min_gain_weakens_the_filter(float g)
{
    toy t;
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 50u);
    toy_add_filter(&t, 161, 3, 51u);
    toy_fix_filter(&t, -40.0f, 1, 1.0f, 0.0f);
    owned o = open_stream(&t.model, NULL);
    wh_stream_set_min_gain(o.s, g);
    fill(x_, HOPS * 160, 52u);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 320; i < HOPS * 160; ++i)
        CHECK(fabsf(y_[i] - (g * x_[i - 160] + (1.0f - g) * x_[i - 320])) <= RECONSTRUCTION_BOUND,
              "%g: sample %d", g, i);
    for (int k = 0; k < 161; ++k) CHECK(wh_stream_mask(o.s)[k] == g || g == 0.0f, "bin %d", k);
    free(o.memory);
    toy_free(&t);
}

/* Coefficients of 0 leave the masked signal; P, and which units are updated, do not matter. */
static void a_filter_of_zeros_is_a_mask(void)
{
    toy masked, filtered;
    toy_make(&masked, 320, 5, WH_GATE_TOP_A, 53u);
    toy_make(&filtered, 320, 5, WH_GATE_TOP_A, 53u);
    toy_add_filter(&filtered, 101, 5, 54u);
    toy_fix_mask(&masked, -1.0f);
    toy_fix_filter(&filtered, -1.0f, 0, 0.0f, 0.0f);
    owned a = open_stream(&masked.model, NULL), b = open_stream(&filtered.model, NULL);
    fill(x_, HOPS * 160, 55u);
    run(a.s, x_, y_, HOPS, 160);
    run(b.s, x_, z_, HOPS, 160);
    CHECK(same(y_, z_, HOPS * 160), "a filter of zeros does something");
    free(a.memory), free(b.memory);
    toy_free(&masked), toy_free(&filtered);
}

static void a_filter_is_counted_in_the_last_layer(void)
{
    toy t;
    toy_make(&t, 320, 9, WH_GATE_TOP_A, 56u);
    toy_add_filter(&t, 101, 5, 57u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 58u);
    run(o.s, x_, y_, 7, 160);
    CHECK(wh_stream_macs(o.s, 3) == 7 * (11 * (161 + 2 * 5 * 101) + 4 * 5 * 101), "%llu",
          (unsigned long long)wh_stream_macs(o.s, 3));
    free(o.memory);
    toy_free(&t);
}

/* Whatever the last layer gives, NaN included, the output stays finite and within the limits. */
static void hostile_coefficients_give_finite_output(void)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f};
    for (int k = 0; k < 5; ++k) {
        toy t;
        toy_make(&t, 512, 5, WH_GATE_TOP_A, 59u);
        toy_add_filter(&t, 100, 8, 60u);
        toy_fix_filter(&t, values[k], 7, values[k], values[(k + 1) % 5]);
        owned o = open_stream(&t.model, NULL);
        for (int32_t i = 0; i < HOPS * 256; ++i) x_[i] = i / 3 % 2 ? 3e38f : -3e38f;
        run(o.s, x_, y_, HOPS, 256);
        for (int32_t i = 0; i < HOPS * 256; ++i)
            CHECK(fabsf(y_[i]) <= 1e12f, "%g: sample %d: %g", values[k], i, y_[i]);
        /* Then silence: what was loud leaves with the frames of the filter. */
        memset(x_, 0, sizeof x_);
        run(o.s, x_, y_, HOPS, 256);
        for (int32_t i = 10 * 256; i < HOPS * 256; ++i) CHECK(y_[i] == 0.0f, "sample %d", i);
        free(o.memory);
        toy_free(&t);
    }
}

int main(void)
{
    a_single_tap_delays_by_its_frames(320, 1);
    a_single_tap_delays_by_its_frames(320, 3);
    a_single_tap_delays_by_its_frames(512, 5);
    an_imaginary_coefficient_turns_the_phase();
    a_filter_ends_with_its_bins();
    min_gain_weakens_the_filter(0.0f);
    min_gain_weakens_the_filter(0.3f);
    min_gain_weakens_the_filter(1.0f);
    a_filter_of_zeros_is_a_mask();
    a_filter_is_counted_in_the_last_layer();
    hostile_coefficients_give_finite_output();
    printf("%d failures\n", failures);
    return failures != 0;
}
