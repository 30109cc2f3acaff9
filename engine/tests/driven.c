#include "driven.h"

#include <string.h>

float x_[HOPS * MAX_HOP], y_[HOPS * MAX_HOP], z_[HOPS * MAX_HOP];

owned open_stream(const wh_model *model, const char *isa)
{
    owned o = {NULL, NULL};
    const size_t bytes = wh_stream_bytes(model);
    o.memory = malloc(bytes);
    const wh_status status = wh_stream_init(o.memory, bytes, model, isa, &o.s);
    CHECK(status == WH_OK, "%s", wh_strerror(status));
    if (!o.s) abort();
    return o;
}

void fill(float *x, int32_t count, uint32_t seed)
{
    for (int32_t i = 0; i < count; ++i) x[i] = 0.3f * noise(&seed);
}

void run(wh_stream *s, const float *x, float *y, int32_t hops, int32_t hop)
{
    for (int32_t t = 0; t < hops; ++t) {
        const wh_status status = wh_stream_process(s, x + t * hop, y + t * hop);
        CHECK(status == WH_OK, "%s", wh_strerror(status));
    }
}

int same(const float *a, const float *b, int32_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}
