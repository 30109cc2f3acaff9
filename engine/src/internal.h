/* What the files of the engine share: the stream's layout and the stages of a hop. */
#ifndef WH_INTERNAL_H
#define WH_INTERNAL_H

#include "dial.h"
#include "kernels/kernels.h"
#include "wheesht.h"

/* State, scratch and counters of one layer; the arrays lie in the stream's memory. */
typedef struct {
    float *input;       /* padded input; for a GRU [x | h], each part padded on its own */
    float *hidden;      /* GRU: the h part of `input` */
    uint8_t *selected;  /* GRU: (H,), 1 = updated in the last hop */
    uint64_t macs, updated, ticks;
} layer_state;

/* Buffers that every layer may use and none keeps. */
typedef struct {
    float *pre_z, *z, *r, *cx, *ch, *h; /* widest GRU each, padded */
    int32_t *units, *keys;
    float *frame, *fft;                 /* (n_fft,), wh_fft_scratch(n_fft) */
    float *re, *im, *gain;              /* spectrum and its gain, n_bins each, padded */
    float *filter_re, *filter_im;       /* what a deep filter adds, (filter_bins,) each, padded */
} scratch;

/* At the start of the stream's memory; everything else follows it. */
struct wh_stream {
    const wh_model *model;
    const wh_kernels *kernels;
    size_t bytes;        /* from this struct to the end of the last array */
    layer_state *layers;
    float *previous;     /* last hop of input, (hop_length,) */
    float *overlap;      /* second half of the last synthesised frame, (hop_length,) */
    float *mask;         /* (mask_bins,), and behind it the coefficients of a deep filter */
    float *past;         /* spectra of this and the last frames, laid out as the coefficients */
    scratch work;
    float *earlier;      /* features of the last hop, for the dial; padded */
    double update_percent;                   /* set by the caller */
    wh_dial dial;
    double dial_low, dial_high, dial_cap;    /* percent */
    wh_dial_state dial_state;
    double hop_percent;                      /* P of the last hop, as used */
    float min_gain;
    int32_t band_first, band_count; /* bins of the mask that the band gain averages */
    wh_clock clock;
    uint64_t hops, total_ticks;
};

/* Real and imaginary parts of the coefficients of a deep filter; 0 without one. */
static inline int32_t wh_coefficients(const wh_model *m)
{
    return 2 * m->filter_order * m->filter_bins;
}

/* First problem of a model description, or WH_OK. */
wh_status wh_model_check(const wh_model *m);

/* Runs layer `i` from its `input` to `y`; `given` (H bytes) replaces the gate unless NULL. */
void wh_layer_run(wh_stream *s, int32_t i, const uint8_t *given, float *y);

#endif
