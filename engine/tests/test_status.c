/* Every status code is reached, by every way into it, and broken models never build a stream. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "integer_toy.h"

static toy t;
static int8_t memory[1 << 18];

/* What wh_stream_init() says to a model that one statement has broken. */
#define REFUSED(expected, break_it) REFUSED_OF(MASKED, expected, break_it)
#define REFUSED_OF(kind, expected, break_it)                                                \
    do {                                                                                    \
        toy_make_kind(&t, kind, 320, 5, WH_GATE_THRESHOLD, 1u);                             \
        wh_stream *s = NULL;                                                                \
        break_it;                                                                           \
        const wh_status got = wh_stream_init(memory, sizeof memory, &t.model, NULL, &s);    \
        CHECK(got == (expected) && !s, #break_it ": %s", wh_strerror(got));                 \
        CHECK(wh_stream_bytes(&t.model) == 0, #break_it ": has a size");                    \
        toy_free(&t);                                                                       \
    } while (0)

static void broken_models_are_refused(void)
{
    REFUSED(WH_ERR_NULL, t.model.window = NULL);
    REFUSED(WH_ERR_NULL, t.model.twiddle = NULL);
    REFUSED(WH_ERR_NULL, t.model.mean = NULL);
    REFUSED(WH_ERR_NULL, t.model.scale = NULL);
    REFUSED(WH_ERR_NULL, t.model.layers = NULL);
    REFUSED(WH_ERR_NULL, t.layers[0].weight_f32 = NULL);
    REFUSED(WH_ERR_NULL, t.layers[3].bias = NULL);
    REFUSED(WH_ERR_NULL, t.layers[1].z_f32 = NULL);
    REFUSED(WH_ERR_NULL, t.layers[1].rc_f32 = NULL);
    REFUSED(WH_ERR_NULL, t.layers[2].bias = NULL);
    REFUSED(WH_ERR_NULL, t.layers[2].threshold = NULL);
    REFUSED(WH_ERR_FRONT_END, t.model.n_fft = 256);
    REFUSED(WH_ERR_FRONT_END, t.model.win_length = 512);
    REFUSED(WH_ERR_FRONT_END, t.model.hop_length = 80);
    REFUSED(WH_ERR_FRONT_END, t.model.hop_length = 0);
    REFUSED(WH_ERR_FEATURES, t.model.first_bin = -1);
    REFUSED(WH_ERR_FEATURES, t.model.first_bin = 2);
    REFUSED(WH_ERR_FEATURES, t.model.floor = 0.0f);
    REFUSED(WH_ERR_FEATURES, t.model.floor = 1.5f);
    REFUSED(WH_ERR_FEATURES, t.model.floor = NAN);
    REFUSED(WH_ERR_MASK, t.model.mask_first_bin = -1);
    REFUSED(WH_ERR_MASK, t.model.mask_first_bin = 2);
    REFUSED(WH_ERR_MASK, t.model.mask_bins = 159);
    REFUSED(WH_ERR_LAYER, t.model.n_layers = 0);
    REFUSED(WH_ERR_LAYER, t.model.n_layers = WH_MAX_LAYERS + 1);
    REFUSED(WH_ERR_LAYER, t.model.n_layers = 3);
    REFUSED(WH_ERR_LAYER, t.layers[0].input_size = 0);
    REFUSED(WH_ERR_LAYER, t.layers[0].output_size = WH_MAX_WIDTH + 1);
    REFUSED(WH_ERR_LAYER, t.layers[1].output_size = 6);
    REFUSED(WH_ERR_LAYER, t.layers[1].kind = (wh_kind)8);
    REFUSED(WH_ERR_LAYER, t.layers[1].gate = (wh_gate)3);
    REFUSED(WH_ERR_LAYER, t.layers[0].activation = (wh_activation)5);
    REFUSED(WH_ERR_LAYER, t.layers[3].activation = WH_TANH);
    REFUSED(WH_ERR_LAYER, t.layers[3].activation = WH_NONE);
    REFUSED(WH_ERR_FILTER, t.model.filter_bins = 1);
    REFUSED(WH_ERR_FILTER, t.model.filter_order = 1);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u); t.model.filter_bins = 0);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u); t.model.filter_bins = -7);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u); t.model.filter_bins = 162);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u); t.model.filter_bins = INT32_MAX);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u); t.model.filter_order = 0);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u); t.model.filter_order = -2);
    REFUSED(WH_ERR_FILTER, toy_add_filter(&t, 7, 2, 2u);
            t.model.filter_order = WH_MAX_FILTER_ORDER + 1);
    REFUSED(WH_ERR_MASK, toy_add_filter(&t, 7, 2, 2u); t.model.filter_order = 3);
    REFUSED(WH_ERR_MASK, toy_add_filter(&t, 7, 2, 2u); t.model.filter_bins = 8);
    REFUSED(WH_ERR_MASK, toy_add_filter(&t, 7, 2, 2u); t.model.mask_bins = INT32_MAX);
    REFUSED(WH_ERR_MASK, t.model.mask_bins = 0);
    REFUSED(WH_ERR_LAYER, toy_add_filter(&t, 7, 2, 2u); t.layers[3].activation = WH_SIGMOID);
}

/* Layers: 0 analysis, 1 GRU both, 2 rectifier, 3 linear, 4 residual, 5 norm, 6 GRU time, ..., 10
 * affine norm, ..., 21 synthesis, 22 linear. */
static void broken_bands_are_refused(void)
{
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[0].weight_f32 = NULL);
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[0].bounds = NULL);
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[21].weight_f32 = NULL);
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[21].bounds = NULL);
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[21].bias = NULL);
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[10].weight_f32 = NULL);
    REFUSED_OF(BANDS, WH_ERR_NULL, t.layers[10].bias = NULL);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.bounds[0][0] = 1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.bounds[0][3] = t.bounds[0][2]);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.bounds[0][12] += 1); /* a bin more than there is */
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.bounds[21][0] = -1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.bounds[21][12] = WH_MAX_POSITIONS + 1);
    REFUSED_OF(BANDS, WH_ERR_MASK, t.bounds[21][12] += 1); /* the head has no such bin */
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[0].n_bands = 1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[0].n_bands = 10);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[0].n_bands = WH_MAX_POSITIONS - 1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[21].n_bands = 10);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[1].scan = (wh_scan)4);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[1].scan = (wh_scan)-1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[1].scan = WH_SCAN_UP); /* half as wide */
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[1].output_size = WH_MAX_WIDTH / 2 + 1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[2].output_size = 7);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[4].output_size = 7);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[5].output_size = 7);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[4].source = -1);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[4].source = 4); /* itself */
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[4].source = 5); /* a later one */
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[4].source = 1); /* another width */
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[22].activation = WH_SIGMOID);
    REFUSED_OF(BANDS, WH_ERR_LAYER, t.layers[22].kind = WH_CONV; t.layers[22].kernel_size = 1);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.filter_width = 2);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.filter_width = 0);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.filter_width = WH_MAX_FILTER_WIDTH + 2);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.filter_order = 0);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.filter_order = WH_MAX_FILTER_ORDER + 1);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.filter_bins = 1);
    REFUSED_OF(BANDS, WH_ERR_MASK, t.model.filter_order = 2);
    REFUSED_OF(BANDS, WH_ERR_MASK, t.model.filter_width = 5);
    REFUSED_OF(BANDS, WH_ERR_MASK, t.model.mask_bins = 160);
    REFUSED_OF(BANDS, WH_ERR_MASK, t.model.head = (wh_head)4);
    REFUSED_OF(BANDS, WH_ERR_FILTER, t.model.head = WH_MAPPING);
}

/* Layers: 0 convolution, 1 GRU both, 2 linear, 3 norm, 4 residual, 5 GRU time, ..., 9 convolution, 10
 * linear. */
static void broken_bins_are_refused(void)
{
    REFUSED_OF(BINS, WH_ERR_NULL, t.layers[0].weight_f32 = NULL);
    REFUSED_OF(BINS, WH_ERR_NULL, t.layers[0].bias = NULL);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.layers[0].kernel_size = 2);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.layers[0].kernel_size = 0);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.layers[0].kernel_size = -1);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.layers[0].kernel_size = WH_MAX_KERNEL + 2);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.layers[0].input_size = 3);
    REFUSED_OF(BINS, WH_ERR_FEATURES, t.model.features = (wh_features)2);
    REFUSED_OF(BINS, WH_ERR_NULL, t.model.features = WH_LOG_POWER); /* no mean, no scale */
    REFUSED_OF(BINS, WH_ERR_FEATURES, t.model.feature_bins = 0);
    REFUSED_OF(BINS, WH_ERR_FEATURES, t.model.feature_bins = 162);
    REFUSED_OF(BINS, WH_ERR_FEATURES, t.model.floor = 1e-21f);
    REFUSED_OF(BINS, WH_ERR_MASK, t.model.mask_first_bin = 2);
    REFUSED_OF(BINS, WH_ERR_MASK, t.model.mask_bins = 40);
    REFUSED_OF(BINS, WH_ERR_MASK, t.model.feature_bins = 40);
    REFUSED_OF(BINS, WH_ERR_FILTER, t.model.filter_order = 1);
    REFUSED_OF(BINS, WH_ERR_FILTER, t.model.filter_width = 1);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.model.head = WH_MASK);
    REFUSED_OF(BINS, WH_ERR_MASK, t.model.head = WH_MASK; t.layers[10].activation = WH_SIGMOID);
    REFUSED_OF(BINS, WH_ERR_LAYER, t.model.n_layers = 10);
}

/* Layers as above, all of integers. */
static void broken_integers_are_refused(void)
{
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[0].scale = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[0].offset = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[0].bias = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[0].weight_s8 = NULL); /* nor floats */
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[0].inverse = 0.0f);
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[0].inverse = -1.0f);
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[0].inverse = NAN);
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[0].inverse = INFINITY);
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[0].activation = (wh_activation)5);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].scale = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].offset = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].unit_numbers = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].bias = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].z_s8 = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].rc_s8 = NULL);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[1].z_s8 = t.layers[1].rc_s8 = NULL);
    REFUSED_OF(MASKED, WH_ERR_NULL, t.layers[1].z_s8 = memory); /* floats besides help nothing */
    REFUSED_OF(MASKED, WH_ERR_NULL, t.layers[1].rc_s8 = memory);
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[2].inverse = 0.0f);
    REFUSED_OF(INT_MASKED, WH_ERR_LAYER, t.layers[2].inverse = NAN);
    REFUSED_OF(INT_MASKED, WH_ERR_NULL, t.layers[2].threshold = NULL);
    REFUSED_OF(INT_BANDS, WH_ERR_NULL, t.layers[21].scale = NULL);
    REFUSED_OF(INT_BANDS, WH_ERR_NULL, t.layers[21].offset = NULL);
    REFUSED_OF(INT_BANDS, WH_ERR_NULL, t.layers[21].weight_s8 = NULL);
    REFUSED_OF(INT_BANDS, WH_ERR_NULL, t.layers[21].bias = NULL);
    REFUSED_OF(INT_BANDS, WH_ERR_LAYER, t.layers[21].inverse = -INFINITY);
    REFUSED_OF(INT_BANDS, WH_ERR_LAYER, t.layers[21].n_bands = 10);
    REFUSED_OF(INT_BINS, WH_ERR_LAYER, t.layers[10].inverse = 2e20f);
}

static void sound_models_are_accepted(void)
{
    for (int kind = MASKED; kind <= INT_BINS; ++kind) {
        toy_make_kind(&t, (toy_kind)kind, 320, 5, WH_GATE_THRESHOLD, 1u);
        CHECK(wh_stream_bytes(&t.model) > 0, "model %d", kind);
        toy_free(&t);
    }
    toy_make(&t, 512, 5, WH_GATE_NONE, 1u);
    wh_stream *s = NULL;
    const size_t bytes = wh_stream_bytes(&t.model);
    t.layers[1].threshold = t.layers[2].threshold = NULL; /* not needed by this gate */
    CHECK(bytes > 0 && bytes < sizeof memory, "%u bytes", (unsigned)bytes);
    CHECK(wh_stream_init(memory, bytes - 1, &t.model, NULL, &s) == WH_ERR_MEMORY && !s, "small");
    CHECK(wh_stream_init(memory, bytes, &t.model, "none", &s) == WH_ERR_ISA && !s, "isa");
    CHECK(wh_stream_init(NULL, bytes, &t.model, NULL, &s) == WH_ERR_NULL && !s, "memory");
    CHECK(wh_stream_init(memory, bytes, NULL, NULL, &s) == WH_ERR_NULL && !s, "model");
    CHECK(wh_stream_init(memory, bytes, &t.model, NULL, NULL) == WH_ERR_NULL, "out");
    CHECK(wh_stream_bytes(NULL) == 0, "no model");
    for (int shift = 0; shift < 64; shift += 9) {
        memset(memory, 0x5a, sizeof memory);
        CHECK(wh_stream_init(memory + shift, bytes, &t.model, NULL, &s) == WH_OK, "%d", shift);
        float hop[256] = {0.5f};
        CHECK(wh_stream_process(s, hop, hop) == WH_OK, "%d", shift);
        for (int k = 0; k < shift; ++k) CHECK(memory[k] == 0x5a, "%d before", shift);
        for (size_t k = 0; k < 100; ++k)
            CHECK(memory[bytes + (size_t)shift + k] == 0x5a, "%d behind", shift);
    }
    toy_free(&t);
}

static void settings_outside_their_range_are_refused(void)
{
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 1u);
    wh_stream *s = NULL, *copy = NULL;
    wh_stream_init(memory, sizeof memory, &t.model, NULL, &s);
    float hop[160] = {0};
    const uint8_t given[12] = {0};
    CHECK(wh_stream_process(NULL, hop, hop) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_process(s, NULL, hop) == WH_ERR_NULL, "in");
    CHECK(wh_stream_process(s, hop, NULL) == WH_ERR_NULL, "out");
    CHECK(wh_stream_process_given(s, hop, NULL, hop) == WH_ERR_NULL, "given");
    CHECK(wh_stream_process_given(NULL, hop, given, hop) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_hops(s) == 0, "a refused hop was counted");
    static const double percents[] = {0.0, -1.0, 100.001, NAN, INFINITY};
    for (int k = 0; k < 5; ++k)
        CHECK(wh_stream_set_update_percent(s, percents[k]) == WH_ERR_RANGE, "%g", percents[k]);
    static const float gains[] = {-0.001f, 1.001f, NAN};
    for (int k = 0; k < 3; ++k)
        CHECK(wh_stream_set_min_gain(s, gains[k]) == WH_ERR_RANGE, "%g", gains[k]);
    static const int32_t bands[][2] = {{-1, 2},  {160, 1}, {0, 0}, {0, -1},
                                       {0, 161}, {159, 2}, {1, INT32_MAX}, {INT32_MAX, 1}};
    for (int k = 0; k < 8; ++k)
        CHECK(wh_stream_set_gain_band(s, bands[k][0], bands[k][1]) == WH_ERR_RANGE, "band %d", k);
    CHECK(wh_stream_set_gain_band(NULL, 0, 1) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_set_update_percent(NULL, 50.0) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_set_min_gain(NULL, 0.5f) == WH_ERR_NULL, "stream");
    static const double ranges[][2] = {{0, 50}, {-1, 50}, {60, 50}, {1, 100.5}, {NAN, 50}, {1, NAN}};
    for (int k = 0; k < 6; ++k)
        CHECK(wh_stream_set_dial(s, WH_DIAL_LEVEL, ranges[k][0], ranges[k][1]) == WH_ERR_RANGE,
              "range %d", k);
    CHECK(wh_stream_set_dial(s, (wh_dial)3, 1.0, 100.0) == WH_ERR_RANGE, "dial");
    CHECK(wh_stream_set_dial(NULL, WH_DIAL_LEVEL, 1.0, 100.0) == WH_ERR_NULL, "stream");
    static const double caps[] = {0.0, -1.0, 100.5, NAN};
    for (int k = 0; k < 4; ++k)
        CHECK(wh_stream_set_dial_cap(s, caps[k]) == WH_ERR_RANGE, "cap %d", k);
    CHECK(wh_stream_set_dial_cap(NULL, 50.0) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_set_clock(NULL, NULL) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_set_tap(NULL, NULL, NULL) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_reset(NULL) == WH_ERR_NULL, "stream");
    CHECK(wh_stream_clone(NULL, 1 << 16, s, &copy) == WH_ERR_NULL && !copy, "memory");
    CHECK(wh_stream_clone(memory, 1 << 16, NULL, &copy) == WH_ERR_NULL && !copy, "source");
    CHECK(wh_stream_clone(memory, 1 << 16, s, NULL) == WH_ERR_NULL, "out");
    toy_free(&t);
}

static void every_status_has_its_own_text(void)
{
    for (int a = WH_OK; a <= WH_ERR_ISA + 1; ++a)
        for (int b = WH_OK; b < a; ++b)
            CHECK(strcmp(wh_strerror((wh_status)a), wh_strerror((wh_status)b)) != 0, "%d %d", a, b);
}

int main(void)
{
    broken_models_are_refused();
    broken_bands_are_refused();
    broken_bins_are_refused();
    broken_integers_are_refused();
    sound_models_are_accepted();
    settings_outside_their_range_are_refused();
    every_status_has_its_own_text();
    printf("%d failures\n", failures);
    return failures != 0;
}
