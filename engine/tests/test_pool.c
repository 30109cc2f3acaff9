/* Pools: every stream gives the bits that it gives alone, beside streams that rest, are reset, or have
 * other settings; and what a pool refuses. */
#include <stdlib.h>
#include <string.h>

#include "driven.h"
#include "integer_toy.h"

enum { STREAMS = 5, STEPS = 6 };

static const double PERCENTS[STREAMS] = {100.0, 50.0, 1.0, 33.0, 80.0};

typedef struct {
    void *memory;
    wh_pool *pool;
} owned_pool;

/* In memory of exactly the bytes that it asks for. */
static owned_pool open_pool(const wh_model *model, int32_t n_streams, const char *isa)
{
    const size_t bytes = wh_pool_bytes(model, n_streams);
    owned_pool own = {malloc(bytes), NULL};
    const wh_status status = wh_pool_init(own.memory, bytes, model, n_streams, isa, &own.pool);
    CHECK(status == WH_OK, "%s", wh_strerror(status));
    return own;
}

static int rests(int32_t stream, int32_t hop)
{
    return hop == 2 ? stream == 0 || stream == 3 : hop == 3 && stream != 4;
}

static void compare(const toy *t, const char *isa, const char *what)
{
    static float x[STEPS][STREAMS][MAX_HOP], y[STREAMS][MAX_HOP], want[MAX_HOP];
    const int32_t hop = t->model.hop_length;
    owned_pool own = open_pool(&t->model, STREAMS, isa);
    owned alone[STREAMS];
    for (int32_t k = 0; k < STREAMS; ++k) {
        alone[k] = open_stream(&t->model, isa);
        wh_stream_set_update_percent(alone[k].s, PERCENTS[k]);
        wh_stream_set_update_percent(wh_pool_stream(own.pool, k), PERCENTS[k]);
        wh_stream_set_min_gain(alone[k].s, 0.1f * (float)k);
        wh_stream_set_min_gain(wh_pool_stream(own.pool, k), 0.1f * (float)k);
    }
    for (int32_t h = 0; h < STEPS; ++h) {
        const float *in[STREAMS];
        float *out[STREAMS];
        if (h == 4) {
            wh_stream_reset(alone[1].s);
            wh_stream_reset(wh_pool_stream(own.pool, 1));
        }
        for (int32_t k = 0; k < STREAMS; ++k) {
            fill(x[h][k], hop, (uint32_t)(100 * h + k));
            in[k] = rests(k, h) ? NULL : x[h][k];
            out[k] = rests(k, h) ? NULL : y[k];
        }
        CHECK(wh_pool_process(own.pool, in, out) == WH_OK, "%s", what);
        for (int32_t k = 0; k < STREAMS; ++k) {
            if (rests(k, h)) continue;
            wh_stream_process(alone[k].s, x[h][k], want);
            CHECK(same(y[k], want, hop), "%s on %s: stream %d, hop %d", what, isa, k, h);
        }
    }
    for (int32_t k = 0; k < STREAMS; ++k)
        for (int32_t i = 0; i < t->model.n_layers; ++i) {
            const wh_stream *s = wh_pool_stream(own.pool, k);
            CHECK(wh_stream_macs(s, i) == wh_stream_macs(alone[k].s, i), "%s: MACs of layer %d", what, i);
            CHECK(wh_stream_updated(s, i) == wh_stream_updated(alone[k].s, i), "%s: units", what);
        }
    for (int32_t k = 0; k < STREAMS; ++k) free(alone[k].memory);
    free(own.memory);
}

/* Of floats, then the same network of integers. */
static void compare_both(toy *t, const char *isa, const char *what)
{
    compare(t, isa, what);
    toy_all_to_integers(t);
    compare(t, isa, what);
    toy_free(t);
}

/* The widest one's rows do not all fit into the near cache: they are taken in parts. */
static void test_all_kinds(void)
{
    static const wh_gate gates[] = {WH_GATE_NONE, WH_GATE_TOP_A, WH_GATE_THRESHOLD};
    static const int32_t hidden[] = {1, 16, 37, 300};
    for (int32_t n = 0; wh_isa_name(n); ++n)
        for (int g = 0; g < 3; ++g) {
            toy t;
            for (int k = 0; k < 4; ++k) {
                toy_make(&t, k % 2 ? 320 : 512, hidden[k], gates[g], 7u);
                compare_both(&t, wh_isa_name(n), "one position");
            }
            toy_make_bands(&t, 320, gates[g], 8u);
            compare_both(&t, wh_isa_name(n), "bands");
        }
}

static void test_refusals(void)
{
    toy t;
    toy_make(&t, 320, 8, WH_GATE_TOP_A, 1u);
    const size_t bytes = wh_pool_bytes(&t.model, 2);
    char *memory = malloc(bytes);
    wh_pool *pool = NULL;
    const float *in[2] = {NULL, NULL};
    float y[160], *out[2] = {y, NULL};
    CHECK(wh_pool_bytes(&t.model, 0) == 0 && wh_pool_bytes(&t.model, WH_MAX_STREAMS + 1) == 0, "sizes");
    CHECK(wh_pool_bytes(NULL, 1) == 0, "no model");
    CHECK(wh_pool_init(NULL, bytes, &t.model, 2, NULL, &pool) == WH_ERR_NULL, "no memory");
    CHECK(wh_pool_init(memory, bytes, &t.model, 0, NULL, &pool) == WH_ERR_RANGE, "no streams");
    CHECK(wh_pool_init(memory, bytes, &t.model, 2, "none", &pool) == WH_ERR_ISA, "isa");
    CHECK(wh_pool_init(memory, bytes - 1, &t.model, 2, NULL, &pool) == WH_ERR_MEMORY, "bytes");
    CHECK(pool == NULL, "a pool that was refused");
    CHECK(wh_pool_init(memory, bytes, &t.model, 2, NULL, &pool) == WH_OK, "pool");
    CHECK(!wh_pool_stream(pool, -1) && !wh_pool_stream(pool, 2) && !wh_pool_stream(NULL, 0), "index");
    CHECK(wh_pool_process(pool, in, out) == WH_ERR_NULL, "output without input");
    CHECK(wh_pool_process(NULL, in, out) == WH_ERR_NULL, "no pool");
    wh_stream *copy = NULL;
    char *more = malloc(wh_stream_bytes(&t.model));
    CHECK(wh_stream_clone(more, wh_stream_bytes(&t.model), wh_pool_stream(pool, 0), &copy) == WH_ERR_RANGE,
          "clone");
    free(more);
    free(memory);
    toy_free(&t);
}

int main(void)
{
    test_all_kinds();
    test_refusals();
    printf("%d failures\n", failures);
    return failures != 0;
}
