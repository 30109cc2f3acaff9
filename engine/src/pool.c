/* A hop of many streams of one model: what has one position is computed for all of them together. */
#include "internal.h"

/* Whether layer i reads its weights once for several streams; the weights of others are small, and
 * one stream passes over them at many positions. */
static int together(const wh_model *m, int32_t i)
{
    int32_t positions, channels;
    const wh_layer *la = &m->layers[i];
    wh_shape(m, i, &positions, &channels);
    return positions == 1 && (la->kind == WH_LINEAR || (la->kind == WH_GRU && la->scan == WH_SCAN_TIME));
}

/* One layer of `count` streams from `s` on, `step` floats apart. */
static void run_layer(wh_stream *s, int32_t step, int32_t count, int32_t i)
{
    const uint64_t then = s->clock ? s->clock() : 0;
    if (!together(s->model, i))
        for (int32_t k = 0; k < count; ++k) wh_layer_run(wh_neighbour(s, step, k), i, NULL);
    else if (s->model->layers[i].kind == WH_GRU)
        wh_gru_run_together(s, step, count, i);
    else
        wh_linear_run_together(s, step, count, i);
    if (s->clock) s->layers[i].ticks += s->clock() - then;
    for (int32_t k = 0; k < count; ++k) {
        const wh_stream *own = wh_neighbour(s, step, k);
        wh_show(own, i, &own->layers[i].output);
    }
}

/* A hop of `count` streams that follow each other, none of which rests. */
static void run(wh_stream *s, int32_t step, int32_t count, const float *const *in,
                float *const *out)
{
    const wh_model *m = s->model;
    const wh_front *front = s->kernels->front;
    const uint64_t start = s->clock ? s->clock() : 0;
    for (int32_t k = 0; k < count; ++k) {
        wh_stream *own = wh_neighbour(s, step, k);
        front->f32_analyse(own->work.re, own->work.im, own->previous, in[k], &own->frame);
        wh_features_run(own);
        wh_show(own, -1, &own->features);
    }
    for (int32_t i = 0; i < m->n_layers; ++i) run_layer(s, step, count, i);
    for (int32_t k = 0; k < count; ++k) {
        wh_stream *own = wh_neighbour(s, step, k);
        wh_head_run(own, 1.0f / (float)m->n_fft);
        front->f32_synthesise(out[k], own->overlap, own->work.re, own->work.im, &own->frame);
        own->hops += 1;
    }
    if (s->clock) s->total_ticks += s->clock() - start;
}

wh_status wh_pool_process(wh_pool *pool, const float *const *in, float *const *out)
{
    if (!pool || !in || !out) return WH_ERR_NULL;
    for (int32_t k = 0; k < pool->n_streams; ++k)
        if (!in[k] != !out[k]) return WH_ERR_NULL;
    const int32_t step = (int32_t)(pool->stride / sizeof(float));
    int32_t first = 0;
    while (first < pool->n_streams) {
        int32_t count = 0;
        while (first + count < pool->n_streams && in[first + count]) ++count;
        if (count) run(wh_pool_stream(pool, first), step, count, in + first, out + first);
        first += count + 1;
    }
    return WH_OK;
}
