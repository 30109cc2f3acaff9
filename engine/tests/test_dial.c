/* What a dial that moves promises: its mean, its limits, its cap, the same turns everywhere. */
#include <math.h>
#include <string.h>

#include "../src/dial.h"
#include "driven.h"

/* Statistics in an obvious order; lanes round a sum of 37 floats by at most 37 6e-8. */
static void means_are_means_for_every_length(void)
{
    for (int32_t n = 1; n <= 37; ++n) {
        float v[37], earlier[37], before[37];
        fill(v, n, 41u + (uint32_t)n);
        fill(earlier, n, 141u + (uint32_t)n);
        memcpy(before, earlier, sizeof before);
        double sum = 0.0, change = 0.0;
        for (int32_t i = 0; i < n; ++i) sum += v[i], change += fabs((double)v[i] - before[i]);
        CHECK(fabs(wh_mean(v, n) - sum / n) <= 1e-6, "mean of %d", n);
        CHECK(fabs(wh_mean_change(v, earlier, n) - change / n) <= 1e-6, "change of %d", n);
        CHECK(same(v, earlier, n), "the earlier values of %d", n);
    }
}

/* Whatever the signal does, the mean is kept, both limits are, and no more is owed than may be. */
static void dial_keeps_its_mean_under_any_statistic(void)
{
    static const double targets[] = {1.0, 3.0, 25.0, 50.0, 80.0, 100.0};
    for (int kind = 0; kind < 4; ++kind)
        for (int k = 0; k < 6; ++k) {
            wh_dial_state d = {0};
            uint32_t seed = 42u;
            double sum = 0.0, least = 100.0, most = 0.0;
            const double room = fmin(fmin(targets[k] - 1.0, 100.0 - targets[k]), 25.0);
            for (int t = 1; t <= 3000; ++t) {
                const double statistic = kind == 0   ? (double)noise(&seed)
                                         : kind == 1 ? (t / 60 % 2 ? 1e3 : -1e3)
                                         : kind == 2 ? exp(0.005 * t)
                                                     : 0.0;
                const double percent = wh_dial_turn(&d, statistic, targets[k], 1.0, 100.0);
                sum += percent;
                least = fmin(least, percent), most = fmax(most, percent);
                CHECK(fabs(sum - t * targets[k]) <= 41.0 * room + 1e-6, "%d: owed at %d", kind, t);
            }
            CHECK(least >= targets[k] - room - 1e-9 && most <= targets[k] + room + 1e-9,
                  "%g to %g", least, most);
            CHECK(kind == 3 || room == 0.0 || most - least > 0.5 * room, "%d: turns", kind);
        }
}

static void all_instruction_sets_turn_the_dial_alike(wh_dial dial)
{
    toy t;
    toy_make(&t, 320, 33, WH_GATE_TOP_A, 43u);
    fill(x_, HOPS * 160, 44u);
    for (int32_t i = 20 * 160; i < 30 * 160; ++i) x_[i] *= 1e-3f;
    for (int32_t i = 0; wh_isa_name(i); ++i) {
        owned o = open_stream(&t.model, wh_isa_name(i));
        wh_stream_set_update_percent(o.s, 40.0);
        CHECK(wh_stream_set_dial(o.s, dial, 1.0, 100.0) == WH_OK, "dial");
        double percents[HOPS], first = 0.0, moved = 0.0;
        for (int32_t h = 0; h < HOPS; ++h) {
            run(o.s, x_ + 160 * h, (i == 0 ? y_ : z_) + 160 * h, 1, 160);
            percents[h] = wh_stream_hop_percent(o.s);
            moved = fmax(moved, fabs(percents[h] - 40.0));
        }
        CHECK(moved > 5.0, "moved by %g", moved);
        CHECK(i == 0 || same(y_, z_, HOPS * 160), "%s differs", wh_isa_name(i));
        wh_stream_reset(o.s);
        CHECK(wh_stream_hop_percent(o.s) == 0.0, "reset");
        run(o.s, x_, z_, 10, 160);
        first = wh_stream_hop_percent(o.s);
        CHECK(first == percents[9], "after reset %g, not %g", first, percents[9]);

        const size_t bytes = wh_stream_bytes(&t.model);
        void *memory = malloc(bytes);
        wh_stream *copy = NULL;
        CHECK(wh_stream_clone(memory, bytes, o.s, &copy) == WH_OK, "clone");
        run(copy, x_ + 1600, z_, HOPS - 10, 160);
        CHECK(wh_stream_hop_percent(copy) == percents[HOPS - 1], "clone");
        CHECK(same(y_ + 1600, z_, (HOPS - 10) * 160), "clone differs");
        free(o.memory), free(memory);
    }
    toy_free(&t);
}

static void cap_cuts_the_dial_and_is_not_made_up_for(void)
{
    toy t;
    toy_make(&t, 320, 50, WH_GATE_TOP_A, 45u);
    owned o = open_stream(&t.model, NULL);
    fill(x_, HOPS * 160, 46u);
    wh_stream_set_update_percent(o.s, 60.0);
    CHECK(wh_stream_set_dial_cap(o.s, 20.0) == WH_OK, "cap");
    run(o.s, x_, y_, 5, 160);
    CHECK(wh_stream_hop_percent(o.s) == 20.0 && wh_stream_updated(o.s, 1) == 5 * 10, "capped");
    wh_stream_set_dial_cap(o.s, 100.0);
    run(o.s, x_, y_, 5, 160);
    CHECK(wh_stream_hop_percent(o.s) == 60.0 && wh_stream_updated(o.s, 1) == 5 * 40, "uncapped");

    wh_stream_set_dial(o.s, WH_DIAL_FLUX, 1.0, 100.0);
    owned free_one = open_stream(&t.model, NULL);
    wh_stream_set_update_percent(free_one.s, 60.0);
    wh_stream_set_dial(free_one.s, WH_DIAL_FLUX, 1.0, 100.0);
    wh_stream_reset(o.s);
    wh_stream_set_dial_cap(o.s, 5.0);
    run(o.s, x_, y_, HOPS - 1, 160);
    run(free_one.s, x_, z_, HOPS - 1, 160);
    wh_stream_set_dial_cap(o.s, 100.0);
    run(o.s, x_, y_, 1, 160);
    run(free_one.s, x_, z_, 1, 160);
    CHECK(wh_stream_hop_percent(o.s) == wh_stream_hop_percent(free_one.s), "%g",
          wh_stream_hop_percent(o.s));
    free(o.memory), free(free_one.memory);
    toy_free(&t);
}

int main(void)
{
    means_are_means_for_every_length();
    dial_keeps_its_mean_under_any_statistic();
    all_instruction_sets_turn_the_dial_alike(WH_DIAL_LEVEL);
    all_instruction_sets_turn_the_dial_alike(WH_DIAL_FLUX);
    cap_cuts_the_dial_and_is_not_made_up_for();
    printf("%d failures\n", failures);
    return failures != 0;
}
