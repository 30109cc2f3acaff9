/** wheesht: streaming speech enhancement, one hop at a time.
 *
 *  The whole public C interface. The engine never allocates, never prints, keeps no global
 *  state, and needs nothing but a C11 compiler: no libm, no file reader. A caller fills in a
 *  `wh_model` (sizes and pointers to packed arrays), gives memory for a stream, and calls
 *  wh_stream_process() once per hop.
 *
 *  All arrays are float32, or int8 where weights are integers, and belong to the caller; those of the model are only read, may be
 *  shared between streams and threads, and must outlive every stream made from them. Alignment
 *  to 64 bytes is recommended for speed and not required.
 *
 *  Packed matrices.
 *  - panels: groups of WH_PANEL_ROWS rows; element (row, col) of a matrix with C columns is at
 *    [row / R][col][row % R], R = WH_PANEL_ROWS; missing rows of the last group are zeros. Of an
 *    input [x | h] the columns lie side by side.
 *  - unit blocks: per unit its reset row and its candidate row, interleaved: element (gate, col)
 *    of unit j is at [j][col / L][gate][col % L], L = WH_LANES, gate 0 = reset, 1 = candidate. Both
 *    parts of [x | h] are padded with zero columns to a multiple of L, each on its own. A unit is one
 *    contiguous run of memory, and a unit that is not updated costs no memory traffic.
 *
 *  - integer panels: groups of WH_PANEL_ROWS rows; element (row, col) is at [row / R][col / 4]
 *    [row % R][col % 4]; missing rows and columns are zeros. Integer unit blocks are unit blocks of
 *    integers. All lie within +-127, and two neighbours of a row, columns 2k and 2k + 1, add up to at
 *    most 128 in size; otherwise sums may differ between instruction sets.
 *
 *  Between layers pass the values of one or several positions along frequency, so many channels at
 *  each. A layer does the same at every position, where nothing else is said.
 *
 *  The head, what the output of the last layer stands for; Y are noisy spectra, m the smallest mask
 *  value, coefficients and mapped values are limited to +-100, frames before the first are zero.
 *  - WH_MASK: one position, a gain for each of the mask_bins bins from mask_first_bin on; bins
 *    outside take the nearest gain. The enhanced spectrum is max(g, m) Y.
 *  - WH_DEEP_FILTER: one position, the gains before their sigmoid, then the coefficients of a filter
 *    over frames, laid out [tap 0..filter_order-1][real, imaginary][bin 0..filter_bins-1]:
 *        max(g, m) Y[t] + (1 - m) sum over taps k of C[k] Y[t - k],
 *    the sum on filter_bins bins from mask_first_bin on.
 *  - WH_MAGNITUDE_FILTER: a position for each bin: the gain before its sigmoid, then coefficients
 *    [frame 0..filter_order-1][bin 0..filter_width-1] on the gained magnitudes around it; the size of
 *    the sum is the enhanced magnitude.
 *  - WH_MAPPING: a position for each bin: real and imaginary part of the enhanced spectrum on the
 *    scale of the features.
 *  The last two leave m Y + (1 - m) times what they make; bins outside are zero.
 */
#ifndef WHEESHT_H
#define WHEESHT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WH_LANES 16        /* partial sums of a dot product, floats per chunk of a packed row */
#define WH_PANEL_ROWS 16   /* rows per panel */
#define WH_MAX_WIDTH 4096  /* largest input_size and output_size of a layer */
#define WH_MAX_POSITIONS 512
#define WH_MAX_STREAMS 4096 /* of a pool */
#define WH_MAX_LAYERS 64
#define WH_MAX_FILTER_ORDER 8 /* frames that a filter reaches over */
#define WH_MAX_FILTER_WIDTH 7 /* bins that a magnitude filter reaches over */
#define WH_MAX_KERNEL 15      /* positions that a convolution reaches over */

typedef enum {
    WH_OK = 0,
    WH_ERR_NULL,      /* a required pointer is NULL */
    WH_ERR_FRONT_END, /* win_length, hop_length, n_fft: not 320/160/320 or 512/256/512 */
    WH_ERR_FEATURES,  /* bins outside the spectrum, or floor outside 1e-20..1 */
    WH_ERR_MASK,      /* bins outside the spectrum, or not what the last layer gives */
    WH_ERR_FILTER,    /* sizes of the head's filter: filter_bins outside 1..mask_bins, filter_order
                       * outside 1..8, filter_width not odd or outside 1..7, or set without need */
    WH_ERR_LAYER,     /* kind, sizes, activation, gate, scan, source, bands or inverse of a layer; or
                       * the last is not what the head needs: linear, with WH_SIGMOID for a mask, WH_NONE
                       * otherwise */
    WH_ERR_MEMORY,    /* the memory given is smaller than wh_stream_bytes(), wh_pool_bytes() */
    WH_ERR_RANGE,     /* a setting is outside its range */
    WH_ERR_ISA        /* unknown instruction set, or not usable on this CPU */
} wh_status;

typedef enum {
    WH_LINEAR = 0,
    WH_GRU,
    WH_CONV,
    WH_LAYER_NORM,
    WH_RECTIFIER,
    WH_RESIDUAL,
    WH_BAND_ANALYSIS,
    WH_BAND_SYNTHESIS
} wh_kind;

typedef enum { WH_NONE = 0, WH_RELU, WH_PRELU, WH_SIGMOID, WH_TANH } wh_activation;

/* Which units a GRU step recomputes: all; the A with the largest update gate (ties: lowest
 * index); those whose update gate exceeds a threshold. */
typedef enum { WH_GATE_NONE = 0, WH_GATE_TOP_A, WH_GATE_THRESHOLD } wh_gate;

/* The way of a GRU's steps: over time at every position; within the frame from the lowest position
 * up, from the highest down, or both ways with the two states side by side. */
typedef enum { WH_SCAN_TIME = 0, WH_SCAN_UP, WH_SCAN_DOWN, WH_SCAN_BOTH } wh_scan;

typedef enum { WH_LOG_POWER = 0, WH_SCALED_SPECTRUM } wh_features;

typedef enum { WH_MASK = 0, WH_DEEP_FILTER, WH_MAGNITUDE_FILTER, WH_MAPPING } wh_head;

/* What the dial follows from hop to hop: nothing; the mean of the normalised log powers; their mean
 * change since the last hop. For a scaled spectrum, of the log powers on its scale. */
typedef enum { WH_DIAL_FIXED = 0, WH_DIAL_LEVEL, WH_DIAL_FLUX } wh_dial;

/** One layer. Which pointers are set decides the variant of a matrix; those that the kind does
 *  not use are ignored. Where weights of integers are set, those of floats are not looked at: inputs
 *  are then rounded to integers too, and the hidden states of a GRU to 1/127 where a matrix
 *  multiplies them.
 *
 *  WH_LINEAR: y = activation(weight x + bias).
 *  WH_GRU, z = 1 replaces: with a_g = W_g x + U_g h + b_g for g in z, r,
 *      c = tanh((W_c x + b_cx) + sigmoid(a_r) (U_c h + b_ch)),
 *      h' = sigmoid(a_z) c + (1 - sigmoid(a_z)) h for updated units, h' = h for the others.
 *      With WH_SCAN_BOTH every array has two parts, up and then down.
 *  WH_CONV: y[k] = sum over b of weight[b] x[k + b - kernel_size / 2] + bias, x zero outside.
 *  WH_LAYER_NORM: (x - mean) / sqrt(variance + 1e-5) over channels, then weight and bias if set.
 *  WH_RECTIFIER: max(x, 0). WH_RESIDUAL: x plus what layer `source` gave.
 *  WH_BAND_ANALYSIS: from the channels of one position to n_bands positions: band i maps channels
 *      bounds[i]..bounds[i + 2] - 1 by a matrix of its own.
 *  WH_BAND_SYNTHESIS: from n_bands positions to bounds[n_bands + 1]: band i maps its channels to
 *      output_size values for each of its bins; added up, halved where two bands meet, tanh.
 */
typedef struct {
    wh_kind kind;
    int32_t input_size;  /* I, channels, 1..WH_MAX_WIDTH */
    int32_t output_size; /* channels; H of a GRU in one direction; 1..WH_MAX_WIDTH */

    wh_activation activation;  /* linear */
    float slope;               /* linear with WH_PRELU: factor for negative values */
    const float *weight_f32;   /* linear: panels, output_size x I; conv: panels, output_size x
                                * [I | I | ...] tap by tap; norm: (I,) or NULL; analysis: panels,
                                * output_size x width, band by band; synthesis: panels, width
                                * output_size x I, band by band, rows [bin][channel] */
    const float *bias;         /* linear, conv: (output_size,); norm: (I,) or NULL; synthesis:
                                * (width output_size,) band by band; GRU: for each direction (4, H), rows z, r, cx,
                                * ch; of integers only row z is read */

    wh_gate gate;              /* GRU */
    wh_scan scan;              /* GRU */
    const float *z_f32;        /* GRU: panels, H x [I | H]; of scans within the frame panels, H x I,
                                * and then panels, H x H */
    const float *rc_f32;       /* GRU: unit blocks, H units over [I | H] */
    const float *threshold;    /* GRU with WH_GATE_THRESHOLD: (H,), logit of the update gate */

    const int8_t *weight_s8;   /* linear: integer panels; synthesis: the same band by band */
    const int8_t *z_s8;        /* GRU: integer panels, H x I, and then integer panels, H x H */
    const int8_t *rc_s8;       /* GRU: integer unit blocks, H units over [I | H] */
    const float *scale;        /* of integers, for every row its scale times that of its inputs.
                                * Linear: (output_size,) padded to panels; synthesis: the same band
                                * by band; GRU: z of x and z of h, each (H,) padded to panels */
    const float *unit_numbers; /* GRU of integers: (H, 8): such scales of r of x, r of h, c of x, c of
                                * h; biases r, 0, cx, ch */
    const int32_t *offset;     /* 128 times the sum of a row's integers, laid out like `scale`; of a
                                * GRU then (H, 4), as the scales of `unit_numbers` */
    float inverse;             /* of integers: one over the scale of the layer's inputs, above 0 */
    int32_t fine_inputs;       /* linear, synthesis of integers: not 0 = inputs of 16 bits, limited
                                * to 127 128 times their scale */

    int32_t kernel_size;       /* conv: odd, 1..WH_MAX_KERNEL */
    int32_t source;            /* residual: an earlier layer that gives the same shape */
    int32_t n_bands;           /* bands, 2 or more */
    const int32_t *bounds;     /* bands: (n_bands + 2,), rising from 0 */
} wh_layer;

/** A model: front end, features, layers in order, head. Checked by wh_stream_init(). */
typedef struct {
    int32_t win_length;     /* samples; 320 or 512 */
    int32_t hop_length;     /* samples; win_length / 2 */
    int32_t n_fft;          /* samples; win_length */
    const float *window;    /* (win_length,): analysis and synthesis; its square overlap-adds to 1 */
    const float *twiddle;   /* (2 n_fft,): cos, -sin of 2 pi k / n_fft for k = 0..n_fft-1 */

    wh_features features;   /* log power: one position, a channel a bin; scaled spectrum: a
                             * position a bin, 2 channels */
    int32_t first_bin;      /* first bin that the features cover */
    int32_t feature_bins;   /* and how many */
    float floor;            /* power added before the logarithm, or to the level's, 1e-20..1 */
    const float *mean;      /* log power: (feature_bins,): (log(|Y|^2 + floor) - mean) scale */
    const float *scale;     /* log power: (feature_bins,) */
    int32_t root;           /* scaled spectrum: not 0 = magnitudes are replaced by their roots */

    wh_head head;
    int32_t mask_first_bin; /* first bin that the head covers */
    int32_t mask_bins;      /* and how many */
    int32_t filter_bins;    /* deep filter: its bins, 1..mask_bins; else 0 */
    int32_t filter_order;   /* filters: frames, 1..WH_MAX_FILTER_ORDER; else 0 */
    int32_t filter_width;   /* magnitude filter: bins, odd, 1..WH_MAX_FILTER_WIDTH; else 0 */

    int32_t n_layers;       /* 1..WH_MAX_LAYERS */
    const wh_layer *layers;
} wh_model;

typedef struct wh_stream wh_stream;
typedef struct wh_pool wh_pool;

/** Monotonic time in ticks of the caller's choice. */
typedef uint64_t (*wh_clock)(void);

/** Sees what a layer gave, or with layer -1 what the features are: `channels` values at each of
 *  `positions` positions, each `step` floats after the last; valid during the call only. */
typedef void (*wh_tap)(void *context, int32_t layer, const float *values, int32_t positions,
                       int32_t channels, int32_t step);

/** Return one sentence for a status; never NULL. */
const char *wh_strerror(wh_status status);

/** Names of the instruction sets usable on this CPU, slowest first, "scalar" always the first;
 *  NULL for an index past the last. All give bit-identical results. */
const char *wh_isa_name(int32_t index);

/** Bytes that wh_stream_init() needs for this model, 0 if the model is not valid. */
size_t wh_stream_bytes(const wh_model *model);

/** Build a stream inside caller memory, with state zero, all units updated, no gain floor and the
 *  default gain band.
 *
 *  @param mem    at least wh_stream_bytes() bytes, any alignment; must outlive the stream and is
 *                not freed here
 *  @param bytes  size of `mem`
 *  @param model  checked here; must outlive the stream, as must all that it points to
 *  @param isa    one of wh_isa_name(), or NULL for the fastest
 *  @param out    set on WH_OK, untouched otherwise
 *  @return any status
 */
wh_status wh_stream_init(void *mem, size_t bytes, const wh_model *model, const char *isa,
                         wh_stream **out);

/** Copy a stream, state, settings and counters, into other caller memory; the two are then
 *  independent. Same conditions as wh_stream_init().
 *  @return WH_OK, WH_ERR_NULL, WH_ERR_MEMORY, WH_ERR_RANGE for a stream of a pool */
wh_status wh_stream_clone(void *mem, size_t bytes, const wh_stream *source, wh_stream **out);

/** Return to the state after wh_stream_init(): signal, hidden states and counters are zero;
 *  settings stay. Real-time safe. @return WH_OK, WH_ERR_NULL */
wh_status wh_stream_reset(wh_stream *s);

/** Enhance one hop.
 *
 *  @param in   hop_length samples, linear, full scale = 1.0. A sample that is not finite counts
 *              as 0, and samples are limited to +-1e6
 *  @param out  hop_length samples; may be the same pointer as `in`; always finite
 *  @return WH_OK, WH_ERR_NULL
 *
 *  The output is the input enhanced and delayed by win_length - hop_length samples. Real-time
 *  safe: no allocation, no lock, no I/O, and a bounded run time. One stream must stay in one
 *  thread at a time; different streams are independent.
 */
wh_status wh_stream_process(wh_stream *s, const float *in, float *out);

/** The same, with the updated units given instead of chosen.
 *  @param given  one byte per unit of every GRU in order, [position][direction][unit], non-zero =
 *                update */
wh_status wh_stream_process_given(wh_stream *s, const float *in, const uint8_t *given, float *out);

/** Bytes that wh_pool_init() needs, 0 if the model is not valid, n_streams outside
 *  1..WH_MAX_STREAMS or so much memory cannot be. What a hop needs beside its state is there once
 *  for all streams. */
size_t wh_pool_bytes(const wh_model *model, int32_t n_streams);

/** Build a pool: streams of one model that are stepped together, so that a weight is read once for
 *  all of them. Conditions as wh_stream_init(); every stream begins as one of its own does.
 *  @return any status */
wh_status wh_pool_init(void *mem, size_t bytes, const wh_model *model, int32_t n_streams,
                       const char *isa, wh_pool **out);

/** One stream of a pool, for its settings, its reset and what it reports; NULL if there is none.
 *  All functions take it but wh_stream_clone(). Of all streams of a pool only one may be in use at a
 *  time, in one thread. */
wh_stream *wh_pool_stream(wh_pool *pool, int32_t index);

/** Enhance one hop of every stream; what a stream gives are the bits that it gives alone.
 *
 *  @param in, out  for every stream as for wh_stream_process(), or both NULL for a stream that rests;
 *                  out of a stream may be its own in, not that of another
 *  @return WH_OK, WH_ERR_NULL
 *
 *  Real-time safe. */
wh_status wh_pool_process(wh_pool *pool, const float *const *in, float *const *out);

/** Set the share of units that layers with WH_GATE_TOP_A update from the next hop on.
 *  @param percent  above 0, at most 100; A = floor(percent H / 100 + 0.5), at least 1
 *  @return WH_OK, WH_ERR_NULL, WH_ERR_RANGE. Real-time safe. */
wh_status wh_stream_set_update_percent(wh_stream *s, double percent);

/** Let P follow the signal from the next hop on, or with WH_DIAL_FIXED (the default) not. P then
 *  lies between low and high and on average where wh_stream_set_update_percent() put it; see
 *  docs/equations.md. Another dial than before starts with an empty past.
 *  @param low, high  percent, 0 < low <= high <= 100
 *  @return WH_OK, WH_ERR_NULL, WH_ERR_RANGE (nothing changes). Real-time safe. */
wh_status wh_stream_set_dial(wh_stream *s, wh_dial dial, double low, double high);

/** Set the largest P that a hop may have, from the next hop on, whatever the dial says; at first
 *  100. What the cap takes away is not made up for later.
 *  @param percent  above 0, at most 100
 *  @return WH_OK, WH_ERR_NULL, WH_ERR_RANGE. Real-time safe. */
wh_status wh_stream_set_dial_cap(wh_stream *s, double percent);

/** Set the smallest mask value, 0..1 (linear): limits the attenuation. Real-time safe. A deep
 *  filter is weakened with it; 1 passes the input through.
 *  @return WH_OK, WH_ERR_NULL, WH_ERR_RANGE */
wh_status wh_stream_set_min_gain(wh_stream *s, float gain);

/** Set the bins of the mask that wh_stream_band_gain() averages, from the next reading on; the
 *  default is the highest eighth of them, at least one.
 *  @param first  bin of the mask, 0..mask_bins-1: the mask's own counting, in which 0 stands for
 *                bin mask_first_bin of the spectrum
 *  @param count  at least 1, and first + count at most mask_bins
 *  @return WH_OK, WH_ERR_NULL, WH_ERR_RANGE (the old band stays). Real-time safe. */
wh_status wh_stream_set_gain_band(wh_stream *s, int32_t first, int32_t count);

/** Set the clock for wh_stream_layer_ticks() and wh_stream_total_ticks(), or NULL (the default): no
 *  timing and no cost. @return WH_OK, WH_ERR_NULL */
wh_status wh_stream_set_clock(wh_stream *s, wh_clock clock);

/** Set what sees every layer's output in every hop, or NULL (the default).
 *  @return WH_OK, WH_ERR_NULL */
wh_status wh_stream_set_tap(wh_stream *s, wh_tap tap, void *context);

/* What a stream has done since it was built or reset. `s` must not be NULL; `layer` counts from
 * 0, and a layer that does not exist gives 0. */

/** Name of the instruction set in use. */
const char *wh_stream_isa(const wh_stream *s);
/** Hops processed. */
uint64_t wh_stream_hops(const wh_stream *s);
/** P of the last hop, percent, as the dial and its cap put it; 0 before the first. */
double wh_stream_hop_percent(const wh_stream *s);
/** Multiply-accumulates of matrix work that were executed, counted beside each product; those of
 *  a filter belong to the last layer. */
uint64_t wh_stream_macs(const wh_stream *s, int32_t layer);
/** Units updated, summed over hops; 0 for other layers. */
uint64_t wh_stream_updated(const wh_stream *s, int32_t layer);
/** Ticks spent in a layer, and in wh_stream_process() as a whole, while a clock was set. In a pool the
 *  first stream of those that were stepped together has the ticks of all of them, by its clock. */
uint64_t wh_stream_layer_ticks(const wh_stream *s, int32_t layer);
uint64_t wh_stream_total_ticks(const wh_stream *s);
/** Units of a GRU, positions x directions x H; 0 for other layers. */
int32_t wh_stream_units(const wh_stream *s, int32_t layer);
/** Copy the hidden states that a GRU over time carries to out[wh_stream_units()], laid out
 *  [position][unit]; writes nothing for other layers. */
void wh_stream_hidden(const wh_stream *s, int32_t layer, float *out);
/** Units that the last hop updated, one byte each, laid out
 *  [position][direction][unit]; NULL for other layers. Valid until the next call with `s`. */
const uint8_t *wh_stream_selected(const wh_stream *s, int32_t layer);
/** Mask of the last hop as applied, (mask_bins,): the gains, without a deep filter's part; of heads
 *  that are no mask, the share of the magnitude that they left, at most 1. */
const float *wh_stream_mask(const wh_stream *s);
/** Mean of the mask in the last hop over the bins of wh_stream_set_gain_band(), 0..1. */
float wh_stream_band_gain(const wh_stream *s);

#ifdef __cplusplus
}
#endif

#endif
