/* Pools: every stream gives the bits that it gives alone, beside streams that rest, are reset, or have
 * other settings; and what a pool refuses. */
#include <stdlib.h>
#include <string.h>

#include "driven.h"

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

static void compare_kind(toy_kind kind, int32_t n_fft, int32_t hidden, wh_gate gate, const char *isa)
{
    static const char *names[] = {"masked", "filtered", "bands", "bins", "integers, masked",
                                  "integers, filtered", "integers, bands", "integers, bins"};
    toy t;
    toy_make_kind(&t, kind, n_fft, hidden, gate, 7u);
    compare(&t, isa, names[kind]);
    toy_free(&t);
}

static void test_all_kinds(void)
{
    static const wh_gate gates[] = {WH_GATE_NONE, WH_GATE_TOP_A, WH_GATE_THRESHOLD};
    for (int32_t n = 0; wh_isa_name(n); ++n)
        for (int g = 0; g < 3; ++g)
            for (int kind = MASKED; kind <= INT_BINS; ++kind)
                compare_kind((toy_kind)kind, kind % 2 ? 320 : 512, 16 + 21 * g, gates[g], wh_isa_name(n));
}

/* One unit, and so many that their rows do not all fit into the near cache: they go in parts. */
static void test_sizes(void)
{
    for (int32_t n = 0; wh_isa_name(n); ++n)
        for (int k = 0; k < 2; ++k) {
            compare_kind(k ? INT_MASKED : MASKED, 320, 1, WH_GATE_TOP_A, wh_isa_name(n));
            compare_kind(k ? INT_MASKED : MASKED, 512, 300, WH_GATE_TOP_A, wh_isa_name(n));
        }
}

/* At every alignment the bytes asked for are enough, and none beside them are touched. */
static void test_memory(void)
{
    enum { GUARD = 64, FILL = 0xa5 };
    static float x[3][MAX_HOP], y[3][MAX_HOP];
    const float *const in[] = {x[0], x[1], x[2]};
    float *const out[] = {y[0], y[1], y[2]};
    for (int kind = MASKED; kind <= INT_BINS; ++kind) {
        toy t;
        toy_make_kind(&t, (toy_kind)kind, 320, 17, WH_GATE_TOP_A, 3u);
        const size_t bytes = wh_pool_bytes(&t.model, 3);
        unsigned char *memory = malloc(bytes + 2 * GUARD + 64);
        unsigned char *first = memory + 64 - (uintptr_t)memory % 64;
        for (size_t offset = 0; offset < GUARD; ++offset) {
            wh_pool *pool;
            memset(first, FILL, bytes + 2 * GUARD - 1);
            CHECK(wh_pool_init(first + offset, bytes, &t.model, 3, NULL, &pool) == WH_OK, "pool");
            for (int h = 0; h < 2; ++h) wh_pool_process(pool, in, out);
            int32_t touched = 0;
            for (size_t k = 0; k < bytes + 2 * GUARD - 1; ++k)
                touched += (k < offset || k >= offset + bytes) && first[k] != FILL;
            CHECK(touched == 0, "kind %d at %d: %d bytes", kind, (int)offset, touched);
        }
        free(memory);
        toy_free(&t);
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
    test_sizes();
    test_memory();
    test_refusals();
    printf("%d failures\n", failures);
    return failures != 0;
}
