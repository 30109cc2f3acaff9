/* What each layer gives, against the same in double with memory of its own, in networks put together
 * at random; and what the ways of a scan have to do with each other. */
#include <math.h>
#include <string.h>

#include "../src/internal.h"
#include "driven.h"
#include "integer_toy.h"
#include "oracle.h"

enum { MAX_UNITS = 64 * 64 };

/* Values of size about 1 through up to 20 layers in float, over three hops; measured 8e-5. */
static const double LAYER_BOUND = 3e-4;

/* Of one layer by itself, where some are of integers; measured 3.8e-6, in a norm of channels that are
 * nearly equal. */
static const double INTEGER_BOUND = 2e-5;

/* Writes the features that the first layer will see, and returns them densely. */
static void set_features(const wh_stream *s, uint32_t seed, double *dense)
{
    const rows *f = &s->features;
    for (int32_t k = 0; k < f->positions; ++k)
        for (int32_t c = 0; c < f->channels; ++c)
            dense[k * f->channels + c] = f->data[k * f->step + c] = noise(&seed);
}

static double value_at(const wh_stream *s, int32_t i, int32_t k, int32_t c)
{
    const rows *y = &s->layers[i].output;
    return y->data[k * y->step + c];
}

/* Largest difference of layer i right after it has run, relative to its largest value above 1. */
static double layer_error(const wh_stream *s, const oracle *o, int32_t i)
{
    double worst = 0.0, size = 1.0;
    for (int32_t k = 0; k < o->positions[i]; ++k)
        for (int32_t c = 0; c < o->channels[i]; ++c) {
            const double want = o->output[i][k * o->channels[i] + c];
            worst = fmax(worst, fabs(value_at(s, i, k, c) - want));
            size = fmax(size, fabs(want));
        }
    return worst / size;
}

/* Which units layer i is told to update, about half of them. */
static void choose(uint8_t *given, int32_t count, uint32_t *seed)
{
    for (int32_t k = 0; k < count; ++k) given[k] = noise(seed) > 0.0f;
}

static int has_integers(const toy *t)
{
    for (int32_t i = 0; i < t->model.n_layers; ++i)
        if (t->layers[i].inverse != 0.0f) return 1;
    return 0;
}

/* What layer i gave right after it has run, [position][channel]. */
static void copy_output(double *y, const wh_stream *s, const oracle *o, int32_t i)
{
    for (int32_t k = 0; k < o->positions[i]; ++k)
        for (int32_t c = 0; c < o->channels[i]; ++c)
            y[k * o->channels[i] + c] = value_at(s, i, k, c);
}

/* Runs layer i of the oracle. Among integers an error of the last bit becomes one of a whole level
 * where it moves a value past the middle between two; there every layer, and every step within the
 * frame, begins with what the engine gave. Returns the error. */
static double follow(oracle *o, int32_t i, const double *x, const uint8_t *units, const wh_stream *s,
                     int integers)
{
    static double given[WH_MAX_POSITIONS * 64];
    if (integers) copy_output(given, s, o, i);
    oracle_layer(o, i, x, units, integers ? given : NULL);
    const double error = layer_error(s, o, i);
    if (integers) copy_output(o->output[i], s, o, i);
    return error;
}

/* Runs all layers by themselves, beside the oracle; with `given` 0 the gates choose, and the oracle is
 * told what they chose. */
static void compare(const toy *t, const char *isa, int given, const char *what)
{
    static double x[WH_MAX_POSITIONS * 2];
    static uint8_t units[MAX_UNITS];
    const int integers = has_integers(t);
    oracle o;
    oracle_make(&o, t);
    owned own = open_stream(&t->model, isa);
    uint32_t seed = t->seed;
    for (int hop = 0; hop < 3; ++hop) {
        set_features(own.s, seed + (uint32_t)hop, x);
        for (int32_t i = 0; i < t->model.n_layers; ++i) {
            const int32_t n = wh_stream_units(own.s, i);
            const uint64_t macs = wh_stream_macs(own.s, i);
            if (n > MAX_UNITS) abort();
            choose(units, n, &seed);
            wh_layer_run(own.s, i, given ? units : NULL);
            if (n) memcpy(units, wh_stream_selected(own.s, i), (size_t)n);
            const double error = follow(&o, i, x, units, own.s, integers);
            CHECK(error <= (integers ? INTEGER_BOUND : LAYER_BOUND), "%s, %s: layer %d (kind %d, scan %d), hop %d: %g", what,
                  wh_stream_isa(own.s), i, (int)t->layers[i].kind, (int)t->layers[i].scan, hop,
                  error);
            CHECK(n == 0 || wh_stream_macs(own.s, i) > macs, "%s: layer %d is not counted", what, i);
        }
    }
    free(own.memory);
    oracle_free(&o);
}

static int32_t below(uint32_t *seed, int32_t n)
{
    return (int32_t)((noise(seed) + 1.0f) * 0.5f * (float)n);
}

/* An earlier layer that gives what the last one gives; -1 if there is none. */
static int32_t fitting_source(const toy *t, uint32_t *seed)
{
    const int32_t last = t->model.n_layers - 1;
    for (int trial = 0; trial < 8; ++trial) {
        const int32_t k = below(seed, last + 1);
        int32_t positions, channels;
        wh_shape(&t->model, k, &positions, &channels);
        if (positions == t->positions && channels == t->channels) return k;
    }
    return -1;
}

/* Layers of all kinds in any order, with residuals from anywhere: whatever memory they share, each
 * must find what it needs. Few widths, so that sources fit. */
static void random_network(toy *t, uint32_t seed)
{
    static const int32_t widths[] = {1, 3, 6, 17};
    const int32_t bins = 3 + below(&seed, 40);
    const int bands = seed % 2 == 0;
    const wh_gate gate = (wh_gate)below(&seed, 3);
    toy_start(t, 320, bands ? WH_LOG_POWER : WH_SCALED_SPECTRUM, 1, bins + 9, seed);
    if (bands) toy_band_analysis(t, 3 + below(&seed, bins / 2), widths[below(&seed, 4)]);
    const int32_t n_layers = 3 + below(&seed, 16);
    while (t->model.n_layers < n_layers) {
        const int32_t width = widths[below(&seed, 4)];
        const int32_t kind = t->model.n_layers ? below(&seed, 9) : below(&seed, 3);
        const int32_t source = kind >= 5 ? fitting_source(t, &seed) : -1;
        if (kind == 0) toy_linear(t, width, (wh_activation)below(&seed, 5));
        if (kind == 1) toy_conv(t, width, 1 + 2 * below(&seed, 8));
        if (kind == 2) toy_gru(t, width, gate, (wh_scan)below(&seed, 4));
        if (kind == 3) toy_layer_norm(t, below(&seed, 2));
        if (kind == 4) toy_rectifier(t);
        if (source >= 0) toy_residual(t, source);
    }
    if (!bands) {
        toy_mapping(t);
    } else {
        toy_band_synthesis(t, bins + 9, widths[below(&seed, 4)]);
        toy_magnitude_filter(t, 1, bins + 9, 1, 1);
    }
}

static void random_networks_equal_the_oracle(void)
{
    for (uint32_t seed = 1; seed <= 150; ++seed) {
        char what[32];
        toy t;
        random_network(&t, 7919u * seed);
        snprintf(what, sizeof what, "network %u", (unsigned)seed);
        compare(&t, NULL, 1, what);
        compare(&t, "scalar", 0, what);
        toy_free(&t);
    }
}

/* Some layers of integers, some of floats, on every instruction set. */
static void random_networks_of_integers_equal_the_oracle(void)
{
    int32_t n_isas = 0;
    while (wh_isa_name(n_isas)) ++n_isas;
    for (uint32_t seed = 1; seed <= 150; ++seed) {
        char what[32];
        toy t;
        random_network(&t, 7919u * seed);
        for (int32_t i = 0; i < t.model.n_layers; ++i) {
            const int fine = t.layers[i].kind != WH_GRU && below(&t.seed, 3) == 0;
            const float reach = i == t.model.n_layers - 1 ? 3.0f : 0.7f;
            if (toy_can_be_of_integers(&t.layers[i]) && below(&t.seed, 4))
                toy_to_integers(&t, i, reach, fine);
        }
        snprintf(what, sizeof what, "integers %u", (unsigned)seed);
        compare(&t, wh_isa_name((int32_t)seed % n_isas), (int)seed % 2, what);
        toy_free(&t);
    }
}

static void the_two_hosts_equal_the_oracle(void)
{
    for (int gate = WH_GATE_NONE; gate <= WH_GATE_THRESHOLD; ++gate)
        for (int32_t i = 0; wh_isa_name(i); ++i) {
            toy t;
            toy_make_bands(&t, 320, (wh_gate)gate, 61u);
            compare(&t, wh_isa_name(i), 0, "bands");
            toy_all_to_integers(&t);
            compare(&t, wh_isa_name(i), 0, "bands of integers");
            toy_free(&t);
            toy_make_bins(&t, 512, (wh_gate)gate, 1, 62u);
            compare(&t, wh_isa_name(i), 1, "bins");
            toy_all_to_integers(&t);
            compare(&t, wh_isa_name(i), 1, "bins of integers");
            toy_free(&t);
        }
}

/* Every convolution sees zeros beside the frame, in every hop, wherever its input comes from. */
static void convolutions_of_every_length_have_margins(void)
{
    for (int32_t kernel = 1; kernel <= WH_MAX_KERNEL; kernel += 2)
        for (int32_t bins = 1; bins <= 19; bins += 3) {
            toy t;
            toy_start(&t, 320, WH_SCALED_SPECTRUM, 1, bins, 63u);
            toy_conv(&t, 5, kernel);
            toy_conv(&t, 3, WH_MAX_KERNEL + 1 - kernel);
            toy_gru(&t, 4, WH_GATE_NONE, WH_SCAN_TIME);
            toy_conv(&t, 3, kernel);
            toy_rectifier(&t);
            toy_conv(&t, 3, kernel);
            toy_residual(&t, 1);
            toy_mapping(&t);
            compare(&t, NULL, 1, "convolutions");
            toy_free(&t);
        }
}

/* What layer 1 reads at the end must still be there, though layers in between want its memory. */
static void a_source_keeps_its_memory(void)
{
    toy t;
    toy_start(&t, 320, WH_SCALED_SPECTRUM, 1, 21, 64u);
    toy_linear(&t, 17, WH_NONE);
    toy_linear(&t, 17, WH_TANH);
    toy_layer_norm(&t, 1);
    toy_rectifier(&t);
    toy_gru(&t, 17, WH_GATE_TOP_A, WH_SCAN_UP);
    toy_residual(&t, 3);
    toy_rectifier(&t);
    toy_residual(&t, 0);
    toy_residual(&t, 5);
    toy_residual(&t, 8);
    toy_layer_norm(&t, 0);
    toy_residual(&t, 1);
    toy_mapping(&t);
    compare(&t, NULL, 0, "sources");
    toy_free(&t);
}

enum { PLACES = 23, UNITS = 19 };

/* A GRU on frames of PLACES positions, gated. */
static void make_scan(toy *t, wh_scan scan, wh_gate gate)
{
    toy_start(t, 320, WH_SCALED_SPECTRUM, 1, PLACES, 65u);
    toy_gru(t, UNITS, gate, scan);
    toy_mapping(t);
}

/* Runs the GRU on noise that layer 0 sees at the positions that `order` names. */
static void run_scan(wh_stream *s, uint32_t seed, const int32_t order[PLACES])
{
    const rows *f = &s->features;
    for (int32_t k = 0; k < PLACES; ++k)
        for (int32_t c = 0; c < 2; ++c)
            f->data[order[k] * f->step + c] = noise(&seed);
    wh_layer_run(s, 0, NULL);
}

/* Whether what `a` gives from channel a_first on at positions a_order is what `b` gives, in all bits. */
static int same_scan(const wh_stream *a, int32_t a_first, const int32_t a_order[PLACES],
                     const wh_stream *b, int32_t b_first, const int32_t b_order[PLACES])
{
    const rows *u = &a->layers[0].output, *v = &b->layers[0].output;
    int equal = 1;
    for (int32_t k = 0; k < PLACES; ++k)
        equal &= same(u->data + a_order[k] * u->step + a_first,
                      v->data + b_order[k] * v->step + b_first, UNITS);
    return equal;
}

static int32_t forward[PLACES], flipped[PLACES], mixed[PLACES];

static void make_orders(void)
{
    for (int32_t k = 0; k < PLACES; ++k) {
        forward[k] = k;
        flipped[k] = PLACES - 1 - k;
        mixed[k] = 7 * k % PLACES;
    }
}

static void down_is_up_on_a_flipped_frame(wh_gate gate)
{
    toy up, down;
    make_scan(&up, WH_SCAN_UP, gate), make_scan(&down, WH_SCAN_DOWN, gate);
    owned a = open_stream(&up.model, NULL), b = open_stream(&down.model, NULL);
    a.s->hop_percent = b.s->hop_percent = 40.0;
    run_scan(a.s, 66u, forward);
    run_scan(b.s, 66u, forward);
    CHECK(!same_scan(a.s, 0, forward, b.s, 0, flipped), "gate %d: not even the way matters", gate);
    run_scan(b.s, 66u, flipped);
    CHECK(same_scan(a.s, 0, forward, b.s, 0, flipped), "gate %d", (int)gate);
    free(a.memory), free(b.memory);
    toy_free(&up), toy_free(&down);
}

static void both_is_up_and_down_side_by_side(wh_gate gate)
{
    toy t;
    make_scan(&t, WH_SCAN_BOTH, gate);
    wh_model one = t.model;
    wh_layer layers[2] = {t.layers[0], t.layers[1]};
    one.layers = layers;
    layers[1].input_size = UNITS; /* behind the GRU; it does not run here */
    owned both = open_stream(&t.model, NULL);
    both.s->hop_percent = 40.0;
    run_scan(both.s, 67u, forward);
    for (int32_t d = 0; d < 2; ++d) {
        layers[0] = t.layers[0];
        layers[0].scan = d ? WH_SCAN_DOWN : WH_SCAN_UP;
        if (d) {
            layers[0].z_f32 += wh_panel_floats(UNITS, 2 + UNITS);
            layers[0].rc_f32 += 2 * UNITS * (wh_padded(2) + wh_padded(UNITS));
            layers[0].bias += 4 * UNITS;
            layers[0].threshold += UNITS;
        }
        owned alone = open_stream(&one, NULL);
        alone.s->hop_percent = 40.0;
        run_scan(alone.s, 67u, forward);
        CHECK(same_scan(both.s, d * UNITS, forward, alone.s, 0, forward), "gate %d, way %d",
              (int)gate, d);
        for (int32_t k = 0; k < PLACES; ++k)
            CHECK(memcmp(wh_stream_selected(both.s, 0) + (2 * k + d) * UNITS,
                         wh_stream_selected(alone.s, 0) + k * UNITS, UNITS) == 0,
                  "choices at %d", k);
        free(alone.memory);
    }
    free(both.memory);
    toy_free(&t);
}

/* A scan within the frame begins anew in every hop; over time, it does not. */
static void only_time_remembers(wh_scan scan)
{
    toy t;
    make_scan(&t, scan, WH_GATE_TOP_A);
    owned a = open_stream(&t.model, NULL), b = open_stream(&t.model, NULL);
    run_scan(a.s, 68u, forward);
    run_scan(a.s, 69u, forward);
    run_scan(b.s, 69u, forward);
    CHECK(same_scan(a.s, 0, forward, b.s, 0, forward) == (scan != WH_SCAN_TIME), "scan %d",
          (int)scan);
    free(a.memory), free(b.memory);
    toy_free(&t);
}

/* Over time every position is a stream of its own: mixed up, each still has what it had. */
static void positions_over_time_are_streams_of_their_own(wh_gate gate)
{
    toy t;
    make_scan(&t, WH_SCAN_TIME, gate);
    owned a = open_stream(&t.model, NULL), b = open_stream(&t.model, NULL);
    a.s->hop_percent = b.s->hop_percent = 40.0;
    for (uint32_t hop = 0; hop < 5; ++hop) {
        run_scan(a.s, 70u + hop, forward);
        run_scan(b.s, 70u + hop, mixed);
        CHECK(same_scan(a.s, 0, forward, b.s, 0, mixed), "gate %d, hop %u", (int)gate,
              (unsigned)hop);
    }
    float hidden[PLACES * UNITS];
    wh_stream_hidden(a.s, 0, hidden);
    for (int32_t k = 0; k < PLACES * UNITS; ++k)
        CHECK(hidden[k] == (float)value_at(a.s, 0, k / UNITS, k % UNITS), "state %d", k);
    free(a.memory), free(b.memory);
    toy_free(&t);
}

/* A of 19 units at P = 40 is 8, at every step of every way. */
static void every_step_updates_its_share(wh_scan scan)
{
    const int32_t ways = scan == WH_SCAN_BOTH ? 2 : 1;
    toy t;
    make_scan(&t, scan, WH_GATE_TOP_A);
    owned o = open_stream(&t.model, NULL);
    o.s->hop_percent = 40.0;
    run_scan(o.s, 71u, forward);
    CHECK(wh_stream_units(o.s, 0) == ways * PLACES * UNITS, "%d units", wh_stream_units(o.s, 0));
    for (int32_t k = 0; k < ways * PLACES; ++k) {
        int32_t count = 0;
        for (int32_t j = 0; j < UNITS; ++j) count += wh_stream_selected(o.s, 0)[k * UNITS + j];
        CHECK(count == 8, "scan %d, step %d: %d units", (int)scan, k, count);
    }
    CHECK(wh_stream_updated(o.s, 0) == (uint64_t)(8 * ways * PLACES), "updated");
    CHECK(wh_stream_macs(o.s, 0) == (uint64_t)(ways * PLACES * (UNITS + 2 * 8) * (2 + UNITS)),
          "scan %d: %u MACs", (int)scan, (unsigned)wh_stream_macs(o.s, 0));
    float untouched = 7.0f;
    if (scan != WH_SCAN_TIME) wh_stream_hidden(o.s, 0, &untouched);
    CHECK(untouched == 7.0f, "a scan within the frame carries no state");
    free(o.memory);
    toy_free(&t);
}

int main(void)
{
    make_orders();
    the_two_hosts_equal_the_oracle();
    random_networks_equal_the_oracle();
    random_networks_of_integers_equal_the_oracle();
    convolutions_of_every_length_have_margins();
    a_source_keeps_its_memory();
    for (int gate = WH_GATE_NONE; gate <= WH_GATE_THRESHOLD; ++gate) {
        down_is_up_on_a_flipped_frame((wh_gate)gate);
        both_is_up_and_down_side_by_side((wh_gate)gate);
        positions_over_time_are_streams_of_their_own((wh_gate)gate);
    }
    for (int scan = WH_SCAN_TIME; scan <= WH_SCAN_BOTH; ++scan) {
        only_time_remembers((wh_scan)scan);
        every_step_updates_its_share((wh_scan)scan);
    }
    printf("%d failures\n", failures);
    return failures != 0;
}
