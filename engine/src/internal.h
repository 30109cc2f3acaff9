/* What the files of the engine share: the stream's layout and the stages of a hop. */
#ifndef WH_INTERNAL_H
#define WH_INTERNAL_H

#include "dial.h"
#include "kernels/kernels.h"
#include "wheesht.h"

/* Values of `positions` positions: row k is at data + k step, its channels padded to whole chunks.
 * What lies in the padding is finite and of no meaning: weights are zero there. */
typedef struct {
    float *data;
    int32_t positions, channels, step;
} rows;

/* State, output and counters of one layer; the arrays lie in the stream's memory. */
typedef struct {
    rows output;        /* of a GRU over time, its hidden states */
    uint8_t *selected;  /* GRU: [position][direction][unit], 1 = updated in the last hop */
    uint64_t macs, updated, ticks;
} layer_state;

/* Buffers that every layer may use and none keeps. */
typedef struct {
    float *z, *r, *cx, *ch, *old;       /* of the units of a batch of steps of the widest GRU */
    int32_t *units;                     /* and which they are */
    int32_t *keys;                      /* widest GRU */
    float *h;                           /* a state for each direction within the frame */
    float *pre_z;                       /* for each direction and position, H padded to a row */
    int8_t *seen, *fine;                /* a layer's inputs as integers; of 16 bits, also the fine part */
    int8_t *seen_h;                     /* hidden states as integers */
    float *band;                        /* what one band gives in a synthesis */
    float *re, *im;                     /* spectrum, WH_SPECTRUM each */
    float *gain;                        /* of masks, (n_bins,) padded */
    float *made_re, *made_im;           /* what a filter or mapping adds, (mask_bins,) padded */
    float *statistic;                   /* what the dial follows, (feature_bins,) padded */
} scratch;

/* At the start of the stream's memory; everything else follows it. */
struct wh_stream {
    const wh_model *model;
    const wh_kernels *kernels;
    int in_pool;         /* whether others share its scratch */
    size_t bytes;        /* from this struct to the end of the last array */
    size_t own_bytes;    /* to the end of what is its own alone */
    wh_frame frame;
    layer_state *layers;
    float *numbers;      /* the first of the arrays, which hold nothing but numbers */
    rows features;       /* what the first layer sees */
    float *previous;     /* last hop of input, (hop_length,) */
    float *overlap;      /* second half of the last synthesised frame, (hop_length,) */
    float *mask;         /* (mask_bins,) as applied in the last hop */
    float *past;         /* what a filter sees of this and the last frames, this one first */
    scratch work;
    float *earlier;      /* what the dial followed in the last hop; padded */
    double update_percent;                   /* set by the caller */
    wh_dial dial;
    double dial_low, dial_high, dial_cap;    /* percent */
    wh_dial_state dial_state;
    double hop_percent;                      /* P of the last hop, as used */
    double power;        /* running mean of a scaled spectrum */
    float level;         /* its root, for this hop */
    float min_gain;
    int32_t band_first, band_count; /* bins of the mask that the band gain averages */
    wh_clock clock;
    wh_tap tap;
    void *tap_context;
    uint64_t hops, total_ticks;
};

/* Streams of one model in equal pieces of memory, so that a kernel may step from one to the next. */
struct wh_pool {
    char *streams;
    size_t stride; /* bytes */
    int32_t n_streams;
};

/* Added to powers on the scale of a spectrum's level before a root is taken. */
#define WH_ROOT_FLOOR 1e-8f

/* Steps of a GRU over time whose activations are computed together. */
enum { WH_BATCH = 16 };

static inline int32_t wh_directions(const wh_layer *la)
{
    return la->kind == WH_GRU && la->scan == WH_SCAN_BOTH ? 2 : 1;
}

static inline int32_t wh_at_most(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t wh_at_least(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline float wh_sqrt(float v)
{
    return __builtin_sqrtf(v); /* one instruction, exactly rounded; no library behind it */
}

/* Positions and channels of what layer i gives, or with i = -1 of the features. */
void wh_shape(const wh_model *m, int32_t i, int32_t *positions, int32_t *channels);

/* Values of one past frame that the head's filter keeps; 0 without one. */
int32_t wh_past_values(const wh_model *m);

/* Floats of packed panels. */
size_t wh_panel_floats(int32_t n_rows, int32_t cols);

/* First problem of a model description, or WH_OK. */
wh_status wh_model_check(const wh_model *m);

/* What the first layer sees of the spectrum in `work`, and P of this hop. */
void wh_features_run(wh_stream *s);

/* Runs layer `i`; `given` ([position][direction][unit]) replaces a GRU's gate unless NULL. */
void wh_layer_run(wh_stream *s, int32_t i, const uint8_t *given);
void wh_gru_run(wh_stream *s, int32_t i, const uint8_t *given);

/* The same for `count` streams of a pool that follow each other, `step` floats apart, of a layer with
 * one position. */
void wh_linear_run_together(wh_stream *s, int32_t step, int32_t count, int32_t i);
void wh_gru_run_together(wh_stream *s, int32_t step, int32_t count, int32_t i);

static inline wh_stream *wh_neighbour(wh_stream *s, int32_t step, int32_t k)
{
    return (wh_stream *)(void *)((float *)(void *)s + (ptrdiff_t)step * k);
}

/* Shows a layer's output to the tap. */
void wh_show(const wh_stream *s, int32_t layer, const rows *r);
void wh_band_analysis_run(wh_stream *s, int32_t i);
void wh_band_synthesis_run(wh_stream *s, int32_t i);

/* y = W x + add of a matrix of integers at every position. The inputs of layer `la` are rounded into
 * the scratch, those of the next position seen_step bytes further. */
void wh_int_product(wh_stream *s, const wh_layer *la, const wh_int_rows *w, const float *add,
                    const rows *x, const rows *y, ptrdiff_t seen_step);

/* Rounds values at every position, those of the next position `to_step` bytes further; where rows
 * have no gaps on either side, in one run. */
static inline void wh_round_rows(const wh_kernels *k, int8_t *to, ptrdiff_t to_step, const rows *from,
                                 float inverse)
{
    if (from->step == to_step) {
        k->s8_round(to, from->data, inverse, (from->positions - 1) * from->step + from->channels);
        return;
    }
    for (int32_t p = 0; p < from->positions; ++p)
        k->s8_round(to + p * to_step, from->data + (ptrdiff_t)p * from->step, inverse,
                    from->channels);
}

/* Rows of integer panels padded to whole panels, and bytes of such panels. */
static inline int32_t wh_panel_rows(int32_t n_rows)
{
    return (n_rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS * WH_PANEL_ROWS;
}

static inline size_t wh_int_panel_bytes(int32_t n_rows, int32_t cols)
{
    return (size_t)wh_panel_rows(n_rows) * (size_t)((cols + 3) / 4 * 4);
}

/* What layer i sees. */
static inline const rows *wh_input(const wh_stream *s, int32_t i)
{
    return i > 0 ? &s->layers[i - 1].output : &s->features;
}

/* Turns the spectrum in `work` into the enhanced one, scaled by `norm`, by what the last layer gave. */
void wh_head_run(wh_stream *s, float norm);

#endif
