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

/* Widest GRU in units, and in directions times positions times padded units. */
static void widest_gru(const wh_model *m, int32_t *units, int32_t *values)
{
    *units = *values = 1;
    for (int32_t i = 0; i < m->n_layers; ++i) {
        int32_t positions, channels;
        if (m->layers[i].kind != WH_GRU) continue;
        wh_shape(m, i, &positions, &channels);
        const int32_t n = m->layers[i].output_size;
        *units = wh_at_least(*units, n);
        *values = wh_at_least(*values, wh_directions(&m->layers[i]) * positions * wh_padded(n));
    }
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

static void place_scratch(arena *a, const wh_model *m, scratch *w)
{
    const int32_t n_bins = m->n_fft / 2 + 1;
    int32_t units, values;
    widest_gru(m, &units, &values);
    float **const wide[] = {&w->z, &w->r, &w->cx, &w->ch, &w->old};
    const int32_t batch = WH_BATCH * units + WH_LANES; /* kernels write whole chunks */
    for (size_t k = 0; k < sizeof wide / sizeof wide[0]; ++k) *wide[k] = take_floats(a, batch);
    w->units = take(a, (size_t)batch, sizeof(int32_t));
    w->keys = take(a, (size_t)units, sizeof(int32_t));
    w->h = take_floats(a, 2 * wh_padded(units));
    w->pre_z = take_floats(a, values);
    w->band = take_floats(a, widest_band(m));
    w->re = take_floats(a, WH_SPECTRUM);
    w->im = take_floats(a, WH_SPECTRUM);
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

/* Takes memory for rows; before a convolution with margins, which are zero. */
static float *take_rows(arena *a, const wh_model *m, int32_t i, const rows *r)
{
    const int32_t margin = feeds_conv(m, i) ? m->layers[i + 1].kernel_size / 2 : 0;
    float *piece = take_floats(a, (r->positions + 2 * margin) * r->step);
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

/* The layer whose memory layer i writes to: its own or, if it is large enough, that of one whose
 * outputs nobody reads any more. Layers that work value by value may so write over their input. */
static int32_t find_home(const wh_model *m, int32_t i, const int32_t *homes, const rows *given,
                         int32_t floats)
{
    const wh_kind kind = m->layers[i].kind;
    const int in_place = kind == WH_RECTIFIER || kind == WH_RESIDUAL || kind == WH_LAYER_NORM;
    for (int32_t k = 0; k < i && !keeps_output(m, i); ++k) {
        int free = homes[k] == k && !keeps_output(m, k) &&
                   given[k].positions * given[k].step >= floats;
        for (int32_t user = k; free && user < i; ++user)
            free = homes[user] != k || last_reader(m, user) < i + in_place;
        if (free) return k;
    }
    return i;
}

static void place_outputs(arena *a, const wh_model *m, layer_state *layers)
{
    rows given[WH_MAX_LAYERS];
    int32_t homes[WH_MAX_LAYERS];
    for (int32_t i = 0; i < m->n_layers; ++i) {
        rows r = shape_rows(m, i);
        homes[i] = find_home(m, i, homes, given, r.positions * r.step);
        r.data = homes[i] == i ? take_rows(a, m, i, &r) : given[homes[i]].data;
        given[i] = r;
        uint8_t *selected = NULL;
        if (m->layers[i].kind == WH_GRU)
            selected = take(a, (size_t)r.positions * (size_t)r.channels, 1);
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
    s->frame = (wh_frame){m->n_fft, m->window, NULL, NULL};
    s->frame.turns = take_floats(a, WH_TURNS);
    s->features = shape_rows(m, -1);
    s->features.data = take_rows(a, m, -1, &s->features);
    s->numbers = s->features.data;
    place_outputs(a, m, layers);
    s->previous = take_floats(a, m->hop_length);
    s->overlap = take_floats(a, m->hop_length);
    s->mask = take_floats(a, m->mask_bins);
    s->past = take_floats(a, m->filter_order * wh_past_values(m));
    s->earlier = take_floats(a, m->feature_bins);
    s->frame.scratch = take_floats(a, WH_FRAME_SCRATCH);
    place_scratch(a, m, &s->work);
}

/* Bytes of a stream from its aligned start to its end. */
static size_t stream_size(const wh_model *m)
{
    wh_stream unused;
    arena a = {0, 0};
    take(&a, 1, sizeof(wh_stream));
    place(&a, m, &unused);
    return a.used;
}

static void *align(void *mem)
{
    return (void *)(((uintptr_t)mem + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

size_t wh_stream_bytes(const wh_model *model)
{
    return wh_model_check(model) == WH_OK ? stream_size(model) + ALIGNMENT - 1 : 0;
}

/* Lays a stream out in memory that is large enough; everything but its layout is zero. */
static wh_stream *lay_out(void *mem, const wh_model *model, size_t size)
{
    wh_stream *s = align(mem);
    memset(s, 0, size);
    arena a = {(uintptr_t)s, 0};
    take(&a, 1, sizeof(wh_stream));
    place(&a, model, s);
    wh_turns_fill(s->frame.turns, model->twiddle, model->n_fft);
    s->model = model;
    s->bytes = size;
    return s;
}

wh_status wh_stream_init(void *mem, size_t bytes, const wh_model *model, const char *isa,
                         wh_stream **out)
{
    if (!mem || !out) return WH_ERR_NULL;
    const wh_status status = wh_model_check(model);
    if (status != WH_OK) return status;
    const wh_kernels *kernels = wh_kernels_find(isa);
    if (!kernels) return WH_ERR_ISA;
    const size_t size = stream_size(model);
    if (bytes < size + ALIGNMENT - 1) return WH_ERR_MEMORY;
    wh_stream *s = lay_out(mem, model, size);
    s->kernels = kernels;
    s->update_percent = s->dial_low = s->dial_high = s->dial_cap = 100.0;
    s->band_count = model->mask_bins / 8 > 0 ? model->mask_bins / 8 : 1;
    s->band_first = model->mask_bins - s->band_count;
    *out = s;
    return WH_OK;
}

wh_status wh_stream_clone(void *mem, size_t bytes, const wh_stream *source, wh_stream **out)
{
    if (!mem || !source || !out) return WH_ERR_NULL;
    if (bytes < source->bytes + ALIGNMENT - 1) return WH_ERR_MEMORY;
    wh_stream *s = lay_out(mem, source->model, source->bytes);
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
    memset((char *)s + start, 0, s->bytes - start);
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
