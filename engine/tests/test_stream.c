/* What a stream promises: reconstruction, delay, state, settings, counters, safety. */
#include <math.h>
#include <string.h>

#include "driven.h"

/* Calls of the allocator by the code under test; the linker sends them here (--wrap). */
static long allocations;
#ifdef WH_WRAP_MALLOC
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations += 1;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations += 1;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    allocations += 1;
    return __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    allocations += 1;
    return __real_aligned_alloc(alignment, size);
}
#endif

static void open_mask_gives_the_input_one_hop_later(int32_t n_fft)
{
    toy t;
    toy_make(&t, n_fft, 5, WH_GATE_TOP_A, 1u);
    toy_fix_mask(&t, 40.0f);
    owned o = open_stream(&t.model, NULL);
    const int32_t hop = n_fft / 2, count = HOPS * hop;
    fill(x_, count, 2u);
    x_[3 * hop + 5] = 1.0f;
    run(o.s, x_, y_, HOPS, hop);
    for (int32_t i = 0; i < hop; ++i) CHECK(fabsf(y_[i]) <= 1e-7f, "sample %d: %g", i, y_[i]);
    for (int32_t i = hop; i < count; ++i)
        CHECK(fabsf(y_[i] - x_[i - hop]) <= RECONSTRUCTION_BOUND, "%d: sample %d", n_fft, i);
    CHECK(wh_stream_band_gain(o.s) == 1.0f, "band gain %g", wh_stream_band_gain(o.s));
    free(o.memory);
    toy_free(&t);
}

/* A mask of ones on some bins leaves the signal whole only if its neighbours take it over. */
static void bins_outside_the_mask_take_the_nearest_one(void)
{
    toy t;
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 29u);
    toy_fix_mask(&t, 40.0f);
    t.layers[3].output_size = t.model.mask_bins = 101;
    t.model.mask_first_bin = 20;
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 30u);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 160; i < HOPS * 160; ++i)
        CHECK(fabsf(y_[i] - x_[i - 160]) <= RECONSTRUCTION_BOUND, "sample %d", i);
    free(o.memory);
    toy_free(&t);
}

static void input_and_output_may_be_the_same_memory(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 7, WH_GATE_TOP_A, 3u);
    owned a = open_stream(&t.model, NULL), b = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 4u);
    memcpy(z_, x_, sizeof z_);
    run(a.s, x_, y_, HOPS, 160);
    run(b.s, z_, z_, HOPS, 160);
    CHECK(same(y_, z_, HOPS * 160), "in place differs");
    free(a.memory), free(b.memory);
    toy_free(&t);
}

static void all_instruction_sets_give_the_same_bits(int32_t n_fft, wh_gate gate, double percent,
                                                    toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, n_fft, 33, gate, 5u);
    fill(x_, HOPS * n_fft / 2, 6u);
    for (int32_t i = 0; wh_isa_name(i); ++i) {
        owned o = open_stream(&t.model, wh_isa_name(i));
        CHECK(strcmp(wh_stream_isa(o.s), wh_isa_name(i)) == 0, "%s", wh_stream_isa(o.s));
        CHECK(wh_stream_set_update_percent(o.s, percent) == WH_OK, "%g percent", percent);
        run(o.s, x_, i == 0 ? y_ : z_, HOPS, n_fft / 2);
        CHECK(i == 0 || same(y_, z_, HOPS * n_fft / 2), "%s differs", wh_isa_name(i));
        free(o.memory);
    }
    toy_free(&t);
}

static void full_update_equals_the_dense_gru(toy_kind kind)
{
    toy gated, dense;
    toy_make_kind(&gated, kind, 320, 19, WH_GATE_TOP_A, 7u);
    toy_make_kind(&dense, kind, 320, 19, WH_GATE_NONE, 7u);
    owned a = open_stream(&gated.model, NULL), b = open_stream(&dense.model, NULL);
    fill(x_, HOPS * 160, 8u);
    run(a.s, x_, y_, HOPS, 160);
    run(b.s, x_, z_, HOPS, 160);
    CHECK(same(y_, z_, HOPS * 160), "P = 100 differs from dense");
    free(a.memory), free(b.memory);
    toy_free(&gated), toy_free(&dense);
}

static void threshold_gate_updates_what_lies_above(void)
{
    toy t;
    toy_make(&t, 320, 9, WH_GATE_THRESHOLD, 31u);
    float *threshold[2] = {(float *)t.layers[1].threshold, (float *)t.layers[2].threshold};
    for (int k = 0; k < 9; ++k) threshold[0][k] = k % 2 ? 1e30f : -1e30f;
    for (int k = 0; k < 11; ++k) threshold[1][k] = INFINITY;
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 32u);
    run(o.s, x_, y_, HOPS, 160);
    float hidden[9];
    wh_stream_hidden(o.s, 1, hidden);
    for (int k = 0; k < 9; ++k) {
        CHECK(wh_stream_selected(o.s, 1)[k] == (k % 2 == 0), "unit %d", k);
        CHECK((hidden[k] != 0.0f) == (k % 2 == 0), "unit %d", k);
    }
    CHECK(wh_stream_updated(o.s, 1) == 5 * HOPS && wh_stream_updated(o.s, 2) == 0, "updated");
    free(o.memory);
    toy_free(&t);
}

static void given_selection_repeats_the_chosen_one(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 9, WH_GATE_THRESHOLD, 9u);
    owned a = open_stream(&t.model, NULL), b = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 10u);
    uint64_t updated = 0;
    for (int32_t i = 0; i < HOPS; ++i) {
        uint8_t given[20];
        wh_stream_process(a.s, x_ + 160 * i, y_ + 160 * i);
        memcpy(given, wh_stream_selected(a.s, 1), 9);
        memcpy(given + 9, wh_stream_selected(a.s, 2), 11);
        for (int k = 0; k < 20; ++k) updated += given[k];
        const wh_status status = wh_stream_process_given(b.s, x_ + 160 * i, given, z_ + 160 * i);
        CHECK(status == WH_OK, "%s", wh_strerror(status));
    }
    CHECK(same(y_, z_, HOPS * 160), "given selection differs");
    CHECK(updated == wh_stream_updated(b.s, 1) + wh_stream_updated(b.s, 2), "%u units",
          (unsigned)updated);
    CHECK(updated > 0 && updated < 20 * HOPS, "the gate was never used: %u", (unsigned)updated);
    free(a.memory), free(b.memory);
    toy_free(&t);
}

static void units_that_are_not_given_keep_their_state(void)
{
    toy t;
    toy_make(&t, 320, 9, WH_GATE_TOP_A, 11u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 12u);
    run(o.s, x_, y_, 5, 160);
    float before[11], after[11];
    uint8_t given[20] = {0};
    wh_stream_hidden(o.s, 2, before);
    given[9 + 4] = 200; /* any non-zero byte */
    wh_stream_process_given(o.s, x_ + 800, given, y_);
    wh_stream_hidden(o.s, 2, after);
    for (int k = 0; k < 11; ++k)
        CHECK((before[k] == after[k]) == (k != 4), "unit %d", k);
    free(o.memory);
    toy_free(&t);
}

static void counters_say_what_was_executed(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 9, WH_GATE_TOP_A, 13u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 14u);
    wh_stream_set_update_percent(o.s, 50.0); /* A = 5 of 9 and 6 of 11: halves round up */
    run(o.s, x_, y_, 10, 160);
    wh_stream_set_update_percent(o.s, 1.0); /* at least one */
    run(o.s, x_, y_, 7, 160);
    const uint64_t want[4] = {17 * 160 * 9, 17 * 9 * 18 + 2 * (50 + 7) * 18,
                              17 * 11 * 20 + 2 * (60 + 7) * 20, 17 * 11 * 160};
    for (int32_t i = 0; i < 4; ++i)
        CHECK(wh_stream_macs(o.s, i) == want[i], "layer %d: %llu", i,
              (unsigned long long)wh_stream_macs(o.s, i));
    CHECK(wh_stream_updated(o.s, 1) == 57 && wh_stream_updated(o.s, 2) == 67, "updated units");
    CHECK(wh_stream_hops(o.s) == 17, "hops");
    CHECK(wh_stream_updated(o.s, 0) == 0 && wh_stream_macs(o.s, -1) == 0 &&
          wh_stream_macs(o.s, 4) == 0 && wh_stream_layer_ticks(o.s, 4) == 0, "no such layer");
    float untouched = 7.0f;
    wh_stream_hidden(o.s, 0, &untouched);
    CHECK(untouched == 7.0f && !wh_stream_selected(o.s, 3) && wh_stream_units(o.s, 3) == 0,
          "a linear layer has no state");
    free(o.memory);
    toy_free(&t);
}

static void reset_starts_again_and_keeps_settings(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 9, WH_GATE_TOP_A, 15u);
    owned o = open_stream(&t.model, NULL);
    wh_stream_set_update_percent(o.s, 30.0);
    fill(x_, HOPS * 160, 16u);
    run(o.s, x_, y_, HOPS, 160);
    CHECK(wh_stream_reset(o.s) == WH_OK, "reset");
    CHECK(wh_stream_hops(o.s) == 0 && wh_stream_macs(o.s, 1) == 0, "counters");
    run(o.s, x_, z_, HOPS, 160);
    CHECK(same(y_, z_, HOPS * 160), "not the same after reset");
    free(o.memory);
    toy_free(&t);
}

static void clone_goes_on_alone(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 9, WH_GATE_TOP_A, 17u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 18u);
    wh_stream_set_update_percent(o.s, 40.0);
    wh_stream_set_min_gain(o.s, 0.7f);
    run(o.s, x_, y_, 10, 160);
    const size_t bytes = wh_stream_bytes(&t.model);
    char *memory = malloc(bytes + 40);
    wh_stream *copy = NULL;
    CHECK(wh_stream_clone(memory, bytes - 1, o.s, &copy) == WH_ERR_MEMORY && !copy, "too small");
    CHECK(wh_stream_clone(memory + 40, bytes, o.s, &copy) == WH_OK, "clone");
    CHECK(wh_stream_hops(copy) == 10 && wh_stream_macs(copy, 2) == wh_stream_macs(o.s, 2),
          "counters");
    run(copy, x_ + 1600, z_, 10, 160);
    run(o.s, x_ + 1600, y_, 10, 160);
    CHECK(same(y_, z_, 1600), "the clone differs");
    run(o.s, x_, y_, 3, 160); /* the first stream runs ahead, and is gone */
    memset(o.memory, 0xa5, bytes);
    free(o.memory);
    run(copy, x_ + 3200, y_, 10, 160);
    owned fresh = open_stream(&t.model, NULL);
    wh_stream_set_update_percent(fresh.s, 40.0);
    wh_stream_set_min_gain(fresh.s, 0.7f);
    run(fresh.s, x_, z_, 30, 160);
    CHECK(same(y_, z_ + 3200, 1600), "the clone was disturbed");
    free(memory), free(fresh.memory);
    toy_free(&t);
}

static void hostile_samples_do_not_enter_the_state(void)
{
    static const float hostile[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, 1e6f};
    toy t;
    toy_make(&t, 320, 9, WH_GATE_TOP_A, 19u);
    owned a = open_stream(&t.model, NULL), b = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 20u);
    memcpy(z_, x_, sizeof z_);
    for (int32_t i = 0; i < 7; ++i) {
        x_[160 * i + i] = hostile[i];
        z_[160 * i + i] = i < 3 ? 0.0f : i == 3 ? 1e6f : i == 4 ? -1e6f : hostile[i];
    }
    for (int32_t i = 0; i < 160; ++i) x_[1600 + i] = hostile[i % 5], z_[1600 + i] = 0.0f;
    for (int32_t i = 3; i < 160; i += 5) z_[1600 + i] = 1e6f;
    for (int32_t i = 4; i < 160; i += 5) z_[1600 + i] = -1e6f;
    run(a.s, x_, y_, HOPS, 160);
    run(b.s, z_, z_, HOPS, 160);
    for (int32_t i = 0; i < HOPS * 160; ++i) CHECK(isfinite(y_[i]), "sample %d: %g", i, y_[i]);
    CHECK(same(y_, z_, HOPS * 160), "not as if the samples had been replaced");
    free(a.memory), free(b.memory);
    toy_free(&t);
}

static void hostile_weights_give_finite_output(void)
{
    toy t;
    toy_make(&t, 320, 9, WH_GATE_TOP_A, 21u);
    float *weight = (float *)t.layers[0].weight_f32;
    for (int k = 0; k < 160 * 9; ++k) weight[k] *= 3e38f;
    owned o = open_stream(&t.model, NULL);
    wh_stream_set_update_percent(o.s, 50.0);
    fill(x_, HOPS * 160, 22u);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 0; i < HOPS * 160; ++i) CHECK(isfinite(y_[i]), "sample %d: %g", i, y_[i]);
    float hidden[9];
    wh_stream_hidden(o.s, 1, hidden);
    for (int k = 0; k < 9; ++k) CHECK(isfinite(hidden[k]), "unit %d", k);
    free(o.memory);
    toy_free(&t);
}

static void min_gain_limits_the_attenuation(void)
{
    toy t;
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 23u);
    toy_fix_mask(&t, -40.0f);
    owned o = open_stream(&t.model, NULL);
    wh_stream_set_min_gain(o.s, 0.25f);
    fill(x_, HOPS * 160, 24u);
    run(o.s, x_, y_, HOPS, 160);
    for (int32_t i = 160; i < HOPS * 160; ++i)
        CHECK(fabsf(y_[i] - 0.25f * x_[i - 160]) <= RECONSTRUCTION_BOUND, "sample %d", i);
    for (int k = 0; k < 160; ++k) CHECK(wh_stream_mask(o.s)[k] == 0.25f, "bin %d", k);
    CHECK(wh_stream_band_gain(o.s) == 0.25f, "band gain");
    free(o.memory);
    toy_free(&t);
}

/* The band gain against a sum over wh_stream_mask(); a sum of n floats rounds by n 6e-8. */
static void check_band(const wh_stream *s, int32_t first, int32_t count, const char *when)
{
    double sum = 0.0;
    for (int32_t k = first; k < first + count; ++k) sum += wh_stream_mask(s)[k];
    const double got = wh_stream_band_gain(s), want = sum / count;
    CHECK(fabs(got - want) <= 1e-7 * count, "%s: bins %d + %d: %g, not %g", when, first, count,
          got, want);
}

static void gain_band_is_the_highest_eighth_until_it_is_set(void)
{
    static const int32_t bands[][2] = {{0, 1}, {0, 160}, {70, 9}, {159, 1}};
    toy t;
    toy_make(&t, 320, 9, WH_GATE_TOP_A, 33u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 34u);
    run(o.s, x_, y_, 5, 160);
    check_band(o.s, 140, 20, "default");
    for (int i = 0; i < 4; ++i) {
        CHECK(wh_stream_set_gain_band(o.s, bands[i][0], bands[i][1]) == WH_OK, "band %d", i);
        check_band(o.s, bands[i][0], bands[i][1], "set");
        run(o.s, x_, z_, 1, 160);
        check_band(o.s, bands[i][0], bands[i][1], "one hop later");
    }
    t.layers[3].output_size = t.model.mask_bins = 7; /* an eighth of 7 is none */
    owned narrow = open_stream(&t.model, NULL);
    run(narrow.s, x_, y_, 5, 160);
    check_band(narrow.s, 6, 1, "narrow mask");
    free(o.memory), free(narrow.memory);
    toy_free(&t);
}

static void gain_band_survives_refusal_reset_and_clone(void)
{
    toy t;
    toy_make(&t, 320, 9, WH_GATE_TOP_A, 35u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 36u);
    CHECK(wh_stream_set_gain_band(o.s, 70, 9) == WH_OK, "band");
    CHECK(wh_stream_set_gain_band(o.s, 70, 91) == WH_ERR_RANGE, "too wide");
    run(o.s, x_, y_, 5, 160);
    check_band(o.s, 70, 9, "after a refusal");
    wh_stream_reset(o.s);
    run(o.s, x_, y_, 7, 160);
    check_band(o.s, 70, 9, "after reset");
    const size_t bytes = wh_stream_bytes(&t.model);
    void *memory = malloc(bytes);
    wh_stream *copy = NULL;
    CHECK(wh_stream_clone(memory, bytes, o.s, &copy) == WH_OK, "clone");
    run(copy, x_, z_, 3, 160);
    check_band(copy, 70, 9, "clone");
    free(o.memory), free(memory);
    toy_free(&t);
}

/* What a tap was shown in one hop. */
typedef struct {
    const toy *model;
    wh_stream *s;
    int32_t next, wrong; /* the layer that is due; those that came otherwise */
    float last[MAX_HOP + 1];
} shown;

static void watch(void *context, int32_t layer, const float *values, int32_t positions,
                  int32_t channels, int32_t step)
{
    static float hidden[2048];
    shown *seen = context;
    const wh_model *m = &seen->model->model;
    const int32_t n = wh_stream_units(seen->s, layer);
    int32_t wrong = layer != seen->next++ || step < channels;
    for (int32_t k = 0; k < positions; ++k)
        for (int32_t c = 0; c < channels; ++c) wrong += !isfinite(values[k * step + c]);
    if (layer == -1) {
        const int32_t wide = m->features == WH_SCALED_SPECTRUM;
        wrong += positions != (wide ? m->feature_bins : 1) || channels != (wide ? 2 : m->feature_bins);
    } else if (n && m->layers[layer].scan == WH_SCAN_TIME) {
        wh_stream_hidden(seen->s, layer, hidden);
        for (int32_t k = 0; k < n; ++k)
            wrong += hidden[k] != values[k / channels * step + k % channels];
    } else if (n) {
        wrong += positions * channels != n;
    }
    if (layer == m->n_layers - 1 && m->head == WH_MASK)
        memcpy(seen->last, values, (size_t)channels * sizeof *values);
    seen->wrong += wrong;
}

static void what_a_tap_sees_is_what_the_layers_gave(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 320, 9, WH_GATE_TOP_A, 43u);
    owned watched = open_stream(&t.model, NULL), plain = open_stream(&t.model, NULL);
    shown seen = {.model = &t, .s = watched.s};
    wh_stream_set_update_percent(watched.s, 50.0), wh_stream_set_update_percent(plain.s, 50.0);
    CHECK(wh_stream_set_tap(watched.s, watch, &seen) == WH_OK, "tap");
    fill(x_, HOPS * 160, 44u);
    run(plain.s, x_, z_, HOPS, 160);
    for (int32_t i = 0; i < HOPS; ++i) {
        seen.next = -1;
        if (i == HOPS - 3) wh_stream_set_tap(watched.s, NULL, NULL);
        run(watched.s, x_ + 160 * i, y_ + 160 * i, 1, 160);
        const int32_t last = i < HOPS - 3 ? t.model.n_layers : -1;
        CHECK(seen.next == last && seen.wrong == 0, "model %d, hop %d: %d layers, %d wrong",
              (int)kind, i, seen.next, seen.wrong);
        if (t.model.head == WH_MASK && i < HOPS - 3)
            CHECK(same(seen.last, wh_stream_mask(watched.s), 160), "hop %d: not the mask", i);
    }
    CHECK(same(y_, z_, HOPS * 160), "model %d: a tap changes what comes out", (int)kind);
    free(watched.memory), free(plain.memory);
    toy_free(&t);
}

static uint64_t fake_time;

static uint64_t fake_clock(void)
{
    return fake_time += 1;
}

static void clock_times_layers_and_hops(void)
{
    toy t;
    toy_make(&t, 320, 5, WH_GATE_TOP_A, 25u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 26u);
    run(o.s, x_, y_, 3, 160);
    CHECK(wh_stream_total_ticks(o.s) == 0, "ticks without a clock");
    CHECK(wh_stream_set_clock(o.s, fake_clock) == WH_OK, "clock");
    run(o.s, x_, y_, 3, 160);
    for (int32_t i = 0; i < 4; ++i)
        CHECK(wh_stream_layer_ticks(o.s, i) == 3, "layer %d", i);
    CHECK(wh_stream_total_ticks(o.s) == 3 * 6, "total %u", (unsigned)wh_stream_total_ticks(o.s));
    free(o.memory);
    toy_free(&t);
}

static void nothing_is_allocated(toy_kind kind)
{
    toy t;
    toy_make_kind(&t, kind, 512, 33, WH_GATE_TOP_A, 27u);
    const size_t bytes = wh_stream_bytes(&t.model);
    void *memory = malloc(bytes), *other = malloc(bytes);
    static const uint8_t given[2048] = {1, 0, 1};
    wh_stream *s = NULL, *copy = NULL;
    fill(x_, HOPS * 256, 28u);
    const long before = allocations;
    wh_stream_init(memory, bytes, &t.model, NULL, &s);
    wh_stream_set_update_percent(s, 50.0);
    for (int32_t i = 0; i < HOPS; ++i) wh_stream_process(s, x_ + 256 * i, y_ + 256 * i);
    wh_stream_process_given(s, x_, given, y_);
    wh_stream_clone(other, bytes, s, &copy);
    wh_stream_reset(s);
    CHECK(allocations == before, "%ld calls of the allocator", allocations - before);
#ifdef WH_WRAP_MALLOC
    CHECK(before > 0, "the counter does not count");
#endif
    free(memory), free(other);
    toy_free(&t);
}

int main(void)
{
    open_mask_gives_the_input_one_hop_later(320);
    open_mask_gives_the_input_one_hop_later(512);
    bins_outside_the_mask_take_the_nearest_one();
    all_instruction_sets_give_the_same_bits(320, WH_GATE_TOP_A, 25.0, MASKED);
    all_instruction_sets_give_the_same_bits(512, WH_GATE_TOP_A, 100.0, MASKED);
    all_instruction_sets_give_the_same_bits(512, WH_GATE_THRESHOLD, 100.0, MASKED);
    for (int k = FILTERED; k <= INT_BINS; ++k) {
        all_instruction_sets_give_the_same_bits(320, WH_GATE_TOP_A, 25.0, (toy_kind)k);
        all_instruction_sets_give_the_same_bits(512, WH_GATE_THRESHOLD, 50.0, (toy_kind)k);
        all_instruction_sets_give_the_same_bits(512, WH_GATE_NONE, 50.0, (toy_kind)k);
    }
    for (int k = MASKED; k <= INT_BINS; ++k) {
        what_a_tap_sees_is_what_the_layers_gave((toy_kind)k);
        input_and_output_may_be_the_same_memory((toy_kind)k);
        reset_starts_again_and_keeps_settings((toy_kind)k);
        clone_goes_on_alone((toy_kind)k);
        nothing_is_allocated((toy_kind)k);
    }
    full_update_equals_the_dense_gru(MASKED);
    full_update_equals_the_dense_gru(INT_MASKED);
    threshold_gate_updates_what_lies_above();
    given_selection_repeats_the_chosen_one(MASKED);
    given_selection_repeats_the_chosen_one(INT_MASKED);
    units_that_are_not_given_keep_their_state();
    counters_say_what_was_executed(MASKED);
    counters_say_what_was_executed(INT_MASKED);
    hostile_samples_do_not_enter_the_state();
    hostile_weights_give_finite_output();
    min_gain_limits_the_attenuation();
    gain_band_is_the_highest_eighth_until_it_is_set();
    gain_band_survives_refusal_reset_and_clone();
    clock_times_layers_and_hops();
    printf("%d failures\n", failures);
    return failures != 0;
}
