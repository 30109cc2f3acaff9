/* A stream: its memory and its settings. */
#include <string.h>

#include "internal.h"

enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector */

/* Hands out aligned pieces of memory; with base 0 it only adds up the sizes. */
typedef struct {
    uintptr_t base;
    size_t used;
} arena;

static void *take(arena *a, size_t count, size_t size)
{
    void *piece = a->base ? (void *)(a->base + a->used) : NULL;
    a->used += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return piece;
}

static float *take_floats(arena *a, int32_t count)
{
    return take(a, (size_t)wh_padded(count), sizeof(float));
}

/* Sizes of what layers share. */
typedef struct {
    int32_t units;   /* of the widest GRU */
    int32_t batch;   /* most units that wait for their new values together */
    int32_t values;  /* most directions times positions times padded units of a GRU */
    int32_t frame_h; /* most directions times padded units of a scan within the frame */
    int32_t seen, fine, seen_h; /* most inputs as integers, positions times padded channels */
} widths;

static void widen(widths *w, const wh_model *m, int32_t i)
{
    const wh_layer *la = &m->layers[i];
    const int32_t n = la->output_size;
    int32_t positions, channels;
    wh_shape(m, i - 1, &positions, &channels);
    const int32_t seen = positions * wh_padded(channels);
    if (la->weight_s8 || la->rc_s8) w->seen = wh_at_least(w->seen, seen);
    if (la->weight_s8 && la->fine_inputs) w->fine = wh_at_least(w->fine, seen);
    if (la->kind != WH_GRU) return;
    const int32_t steps = la->scan == WH_SCAN_TIME ? wh_at_most(WH_BATCH, positions)
                                                   : wh_directions(la);
    w->units = wh_at_least(w->units, n);
    w->batch = wh_at_least(w->batch, steps * n);
    w->values = wh_at_least(w->values, wh_directions(la) * positions * wh_padded(n));
    if (la->scan != WH_SCAN_TIME)
        w->frame_h = wh_at_least(w->frame_h, wh_directions(la) * wh_padded(n));
    const int32_t states = la->scan == WH_SCAN_TIME ? positions : wh_directions(la);
    if (la->rc_s8) w->seen_h = wh_at_least(w->seen_h, states * wh_padded(n));
}

static widths widest(const wh_model *m)
{
    widths most = {1, 1, 1, 0, 0, 0, 0};
    for (int32_t i = 0; i < m->n_layers; ++i) widen(&most, m, i);
    return most;
}

/* Most values that one band gives in a synthesis. */
static int32_t widest_band(const wh_model *m)
{
    int32_t most = 0;
    for (int32_t i = 0; i < m->n_layers; ++i) {
        const wh_layer *la = &m->layers[i];
        for (int32_t b = 0; la->kind == WH_BAND_SYNTHESIS && b < la->n_bands; ++b)
            most = wh_at_least(most, (la->bounds[b + 2] - la->bounds[b]) * la->output_size);
    }
    return most;
}

/* What lasts through a hop. */
static void place_work(arena *a, const wh_model *m, scratch *w)
{
    const widths most = widest(m);
    w->pre_z = take_floats(a, most.values);
    w->seen = take(a, (size_t)most.seen, 1);
    w->fine = take(a, (size_t)most.fine, 1);
    w->seen_h = take(a, (size_t)most.seen_h, 1);
    w->re = take_floats(a, WH_SPECTRUM);
    w->im = take_floats(a, WH_SPECTRUM);
}

/* What several streams may have together: tables, and what is needed for one stage of a hop only. */
static void place_shared(arena *a, const wh_model *m, wh_stream *s)
{
    scratch *w = &s->work;
    const int32_t n_bins = m->n_fft / 2 + 1;
    s->frame = (wh_frame){m->n_fft, m->window, NULL, NULL};
    s->frame.turns = take_floats(a, WH_TURNS);
    s->frame.scratch = take_floats(a, WH_FRAME_SCRATCH);
    const widths most = widest(m);
    float **const wide[] = {&w->z, &w->r, &w->cx, &w->ch, &w->old};
    const int32_t batch = most.batch + WH_LANES; /* kernels write whole chunks */
    for (size_t k = 0; k < sizeof wide / sizeof wide[0]; ++k) *wide[k] = take_floats(a, batch);
    w->units = take(a, (size_t)batch, sizeof(int32_t));
    w->keys = take(a, (size_t)most.units, sizeof(int32_t));
    w->h = take_floats(a, most.frame_h);
    w->band = take_floats(a, widest_band(m));
    w->gain = take_floats(a, n_bins);
    w->made_re = take_floats(a, m->mask_bins);
    w->made_im = take_floats(a, m->mask_bins);
    w->statistic = take_floats(a, m->feature_bins);
}

/* Whether a convolution reads what layer i gives, in windows of whole rows. */
static int feeds_conv(const wh_model *m, int32_t i)
{
    return i + 1 < m->n_layers && m->layers[i + 1].kind == WH_CONV;
}

/* Shape and spacing of what layer i gives. */
static rows shape_rows(const wh_model *m, int32_t i)
{
    rows r = {NULL, 0, 0, 0};
    wh_shape(m, i, &r.positions, &r.channels);
    r.step = feeds_conv(m, i) ? r.channels : wh_padded(r.channels);
    return r;
}

/* Takes memory for rows, `floats` in all; before a convolution with margins, which are zero. */
static float *take_rows(arena *a, const wh_model *m, int32_t i, const rows *r, int32_t floats)
{
    const int32_t margin = feeds_conv(m, i) ? m->layers[i + 1].kernel_size / 2 : 0;
    float *piece = take_floats(a, floats);
    return piece ? piece + margin * r->step : NULL;
}

/* Whether what layer i gives needs memory of its own: states, and margins that must stay zero. */
static int keeps_output(const wh_model *m, int32_t i)
{
    const wh_layer *la = &m->layers[i];
    return (la->kind == WH_GRU && la->scan == WH_SCAN_TIME) || feeds_conv(m, i);
}

/* The last layer that reads what layer i gives; behind the last comes the head. */
static int32_t last_reader(const wh_model *m, int32_t i)
{
    int32_t last = i + 1;
    for (int32_t k = i + 1; k < m->n_layers; ++k)
        if (m->layers[k].kind == WH_RESIDUAL && m->layers[k].source == i) last = k;
    return last;
}

/* The layer whose memory layer i writes to: its own, or that of one whose outputs nobody reads any
 * more. Layers that work value by value may so write over their input. */
static int32_t find_home(const wh_model *m, int32_t i, const int32_t *homes)
{
    const wh_kind kind = m->layers[i].kind;
    const int in_place = kind == WH_RECTIFIER || kind == WH_RESIDUAL || kind == WH_LAYER_NORM;
    for (int32_t k = 0; k < i && !keeps_output(m, i); ++k) {
        int free = homes[k] == k && !keeps_output(m, k);
        for (int32_t user = k; free && user < i; ++user)
            free = homes[user] != k || last_reader(m, user) < i + in_place;
        if (free) return k;
    }
    return i;
}

/* Rows with margins where a convolution reads them, or without. */
static int32_t row_floats(const wh_model *m, int32_t i, const rows *r)
{
    const int32_t margin = feeds_conv(m, i) ? m->layers[i + 1].kernel_size / 2 : 0;
    return (r->positions + 2 * margin) * r->step;
}

static void place_outputs(arena *a, const wh_model *m, layer_state *layers)
{
    rows given[WH_MAX_LAYERS];
    int32_t homes[WH_MAX_LAYERS], floats[WH_MAX_LAYERS];
    for (int32_t i = 0; i < m->n_layers; ++i) { /* a home is as large as the largest of its users */
        given[i] = shape_rows(m, i);
        homes[i] = find_home(m, i, homes);
        floats[i] = row_floats(m, i, &given[i]);
        floats[homes[i]] = wh_at_least(floats[homes[i]], floats[i]);
    }
    for (int32_t i = 0; i < m->n_layers; ++i) {
        if (homes[i] == i)
            given[i].data = take_rows(a, m, i, &given[i], floats[i]);
        else
            given[i].data = given[homes[i]].data;
        uint8_t *selected = NULL;
        if (m->layers[i].kind == WH_GRU)
            selected = take(a, (size_t)given[i].positions * (size_t)given[i].channels, 1);
        if (layers) {
            layers[i].output = given[i];
            layers[i].selected = selected;
        }
    }
}

/* Fills in all pointers of `s` (its model and layers must be set when the arena is real). */
static void place(arena *a, const wh_model *m, wh_stream *s)
{
    layer_state *layers = take(a, (size_t)m->n_layers, sizeof(layer_state));
    s->layers = layers;
    s->features = shape_rows(m, -1);
    s->features.data = take_rows(a, m, -1, &s->features, row_floats(m, -1, &s->features));
    s->numbers = s->features.data;
    place_outputs(a, m, layers);
    s->previous = take_floats(a, m->hop_length);
    s->overlap = take_floats(a, m->hop_length);
    s->mask = take_floats(a, m->mask_bins);
    s->past = take_floats(a, m->filter_order * wh_past_values(m));
    s->earlier = take_floats(a, m->feature_bins);
    place_work(a, m, &s->work);
}

/* Bytes of a stream from its aligned start to its end, with or without what it may share. */
static size_t stream_size(const wh_model *m, int with_shared)
{
    wh_stream unused;
    arena a = {0, 0};
    take(&a, 1, sizeof(wh_stream));
    place(&a, m, &unused);
    if (with_shared) place_shared(&a, m, &unused);
    return a.used;
}

static void *align(void *mem)
{
    return (void *)(((uintptr_t)mem + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

size_t wh_stream_bytes(const wh_model *model)
{
    return wh_model_check(model) == WH_OK ? stream_size(model, 1) + ALIGNMENT - 1 : 0;
}

/* Lays a stream out in aligned memory that is large enough, with what it may share in there too or,
 * unless NULL, in `shared`; everything but its layout is zero. */
static wh_stream *lay_out(void *mem, const wh_model *model, size_t size, void *shared)
{
    wh_stream *s = mem;
    memset(s, 0, size);
    arena a = {(uintptr_t)s, 0}, b = {(uintptr_t)shared, 0};
    take(&a, 1, sizeof(wh_stream));
    place(&a, model, s);
    s->own_bytes = a.used;
    arena *with_others = shared ? &b : &a;
    place_shared(with_others, model, s);
    wh_turns_fill(s->frame.turns, model->twiddle, model->n_fft);
    s->model = model;
    s->bytes = size;
    s->in_pool = shared != NULL;
    return s;
}

static void set_defaults(wh_stream *s, const wh_kernels *kernels)
{
    const int32_t n = s->model->mask_bins;
    s->kernels = kernels;
    s->update_percent = s->dial_low = s->dial_high = s->dial_cap = 100.0;
    s->band_count = n / 8 > 0 ? n / 8 : 1;
    s->band_first = n - s->band_count;
}

wh_status wh_stream_init(void *mem, size_t bytes, const wh_model *model, const char *isa,
                         wh_stream **out)
{
    if (!mem || !out) return WH_ERR_NULL;
    const wh_status status = wh_model_check(model);
    if (status != WH_OK) return status;
    const wh_kernels *kernels = wh_kernels_find(isa);
    if (!kernels) return WH_ERR_ISA;
    const size_t size = stream_size(model, 1);
    if (bytes < size + ALIGNMENT - 1) return WH_ERR_MEMORY;
    wh_stream *s = lay_out(align(mem), model, size, NULL);
    set_defaults(s, kernels);
    *out = s;
    return WH_OK;
}

/* Bytes from one stream of a pool to the next: an odd number of cache lines, so that equal places of
 * many streams do not fall into one set of a cache. */
static size_t pool_stride(const wh_model *m)
{
    const size_t lines = stream_size(m, 0) / ALIGNMENT;
    return (lines | 1) * ALIGNMENT;
}

static size_t shared_size(const wh_model *m)
{
    return stream_size(m, 1) - stream_size(m, 0);
}

size_t wh_pool_bytes(const wh_model *model, int32_t n_streams)
{
    if (wh_model_check(model) != WH_OK || n_streams < 1 || n_streams > WH_MAX_STREAMS) return 0;
    const size_t head = sizeof(wh_pool) + 2 * ALIGNMENT - 1 + shared_size(model);
    const size_t stride = pool_stride(model), most = (SIZE_MAX - head) / (size_t)n_streams;
    if (stride > most || stride / sizeof(float) > INT32_MAX) return 0; /* no such memory is there */
    return head + (size_t)n_streams * stride;
}

wh_status wh_pool_init(void *mem, size_t bytes, const wh_model *model, int32_t n_streams,
                       const char *isa, wh_pool **out)
{
    if (!mem || !out) return WH_ERR_NULL;
    const wh_status status = wh_model_check(model);
    if (status != WH_OK) return status;
    if (n_streams < 1 || n_streams > WH_MAX_STREAMS) return WH_ERR_RANGE;
    const wh_kernels *kernels = wh_kernels_find(isa);
    if (!kernels) return WH_ERR_ISA;
    const size_t needed = wh_pool_bytes(model, n_streams);
    if (needed == 0 || bytes < needed) return WH_ERR_MEMORY;
    wh_pool *pool = align(mem);
    char *shared = align(pool + 1);
    pool->streams = shared + shared_size(model);
    pool->stride = pool_stride(model);
    pool->n_streams = n_streams;
    for (int32_t k = 0; k < n_streams; ++k)
        set_defaults(lay_out(wh_pool_stream(pool, k), model, stream_size(model, 0), shared), kernels);
    *out = pool;
    return WH_OK;
}

wh_stream *wh_pool_stream(wh_pool *pool, int32_t index)
{
    if (!pool || index < 0 || index >= pool->n_streams) return NULL;
    return (wh_stream *)(void *)(pool->streams + (size_t)index * pool->stride);
}

wh_status wh_stream_clone(void *mem, size_t bytes, const wh_stream *source, wh_stream **out)
{
    if (!mem || !source || !out) return WH_ERR_NULL;
    if (source->in_pool) return WH_ERR_RANGE;
    if (bytes < source->bytes + ALIGNMENT - 1) return WH_ERR_MEMORY;
    wh_stream *s = lay_out(align(mem), source->model, source->bytes, NULL);
    s->kernels = source->kernels;
    s->update_percent = source->update_percent;
    s->dial = source->dial;
    s->dial_low = source->dial_low;
    s->dial_high = source->dial_high;
    s->dial_cap = source->dial_cap;
    s->dial_state = source->dial_state;
    s->hop_percent = source->hop_percent;
    s->power = source->power;
    s->level = source->level;
    s->min_gain = source->min_gain;
    s->band_first = source->band_first;
    s->band_count = source->band_count;
    s->clock = source->clock;
    s->tap = source->tap;
    s->tap_context = source->tap_context;
    s->hops = source->hops;
    s->total_ticks = source->total_ticks;
    for (int32_t i = 0; i < s->model->n_layers; ++i) {
        s->layers[i].macs = source->layers[i].macs;
        s->layers[i].updated = source->layers[i].updated;
        s->layers[i].ticks = source->layers[i].ticks;
    }
    /* Everything behind the layer table is plain numbers in the same order. */
    const size_t start = (size_t)((const char *)source->numbers - (const char *)source);
    memcpy((char *)s + start, (const char *)source + start, source->bytes - start);
    *out = s;
    return WH_OK;
}

wh_status wh_stream_reset(wh_stream *s)
{
    if (!s) return WH_ERR_NULL;
    const size_t start = (size_t)((char *)s->numbers - (char *)s);
    memset((char *)s + start, 0, s->own_bytes - start);
    for (int32_t i = 0; i < s->model->n_layers; ++i)
        s->layers[i].macs = s->layers[i].updated = s->layers[i].ticks = 0;
    s->hops = s->total_ticks = 0;
    s->dial_state = (wh_dial_state){0};
    s->hop_percent = s->power = 0.0;
    return WH_OK;
}

wh_status wh_stream_set_update_percent(wh_stream *s, double percent)
{
    if (!s) return WH_ERR_NULL;
    if (!(percent > 0.0 && percent <= 100.0)) return WH_ERR_RANGE;
    s->update_percent = percent;
    return WH_OK;
}

wh_status wh_stream_set_dial(wh_stream *s, wh_dial dial, double low, double high)
{
    if (!s) return WH_ERR_NULL;
    if ((uint32_t)dial > WH_DIAL_FLUX || !(low > 0.0 && low <= high && high <= 100.0))
        return WH_ERR_RANGE;
    if (dial != s->dial) {
        s->dial_state = (wh_dial_state){0};
        memset(s->earlier, 0, (size_t)s->model->feature_bins * sizeof *s->earlier);
    }
    s->dial = dial;
    s->dial_low = low;
    s->dial_high = high;
    return WH_OK;
}

wh_status wh_stream_set_dial_cap(wh_stream *s, double percent)
{
    if (!s) return WH_ERR_NULL;
    if (!(percent > 0.0 && percent <= 100.0)) return WH_ERR_RANGE;
    s->dial_cap = percent;
    return WH_OK;
}

wh_status wh_stream_set_min_gain(wh_stream *s, float gain)
{
    if (!s) return WH_ERR_NULL;
    if (!(gain >= 0.0f && gain <= 1.0f)) return WH_ERR_RANGE;
    s->min_gain = gain;
    return WH_OK;
}

wh_status wh_stream_set_gain_band(wh_stream *s, int32_t first, int32_t count)
{
    if (!s) return WH_ERR_NULL;
    const int32_t n = s->model->mask_bins;
    if (first < 0 || count < 1 || count > n - first) return WH_ERR_RANGE;
    s->band_first = first;
    s->band_count = count;
    return WH_OK;
}

wh_status wh_stream_set_clock(wh_stream *s, wh_clock clock)
{
    if (!s) return WH_ERR_NULL;
    s->clock = clock;
    return WH_OK;
}

wh_status wh_stream_set_tap(wh_stream *s, wh_tap tap, void *context)
{
    if (!s) return WH_ERR_NULL;
    s->tap = tap;
    s->tap_context = context;
    return WH_OK;
}
