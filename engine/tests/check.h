/* What the tests of the engine share: a counter of failures, noise, and a model with random
 * weights. */
#ifndef WH_CHECK_H
#define WH_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wheesht.h"

extern int failures;

/* Counts and reports a failed condition; the rest of the test goes on. */
#define CHECK(condition, ...)                                      \
    do {                                                           \
        if (!(condition)) {                                        \
            if (++failures <= 20) {                                \
                printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
                printf(__VA_ARGS__);                               \
                printf("\n");                                      \
            }                                                      \
        }                                                          \
    } while (0)

/* Uniform in [-1, 1), the same on every machine. */
float noise(uint32_t *seed);

/* `count` floats of noise times `size` in memory of exactly that length, 4 bytes past alignment,
 * so that sanitizers see a read past the end and nothing may rely on alignment. */
float *noise_array(uint32_t *seed, size_t count, float size);
float *unaligned(size_t count);
void release(float *array);

/* The same of bytes within +-127, one past alignment. */
int8_t *noise_bytes(uint32_t *seed, size_t count);
void release_bytes(int8_t *array);

/* Packed copies of row-major matrices; see wheesht.h. `split` is the width of the first part of
 * the columns of unit blocks. */
float *pack_panels(const float *w, int32_t rows, int32_t cols);
float *pack_units(const float *reset, const float *candidate, int32_t rows, int32_t cols,
                  int32_t split);

/* The same of integers, which come as floats; release_bytes() what comes back. */
int8_t *pack_int_panels(const float *w, int32_t rows, int32_t cols);
int8_t *pack_int_units(const float *reset, const float *candidate, int32_t rows, int32_t cols,
                       int32_t split);

enum { TOY_LAYERS = 24, TOY_ARRAYS = 1600 };

/* What a layer was packed from, row by row. */
typedef struct {
    const float *weight;      /* of bands: one after the other */
    const float *gates[2][3]; /* GRU: per direction those of z, r, c, H x [I | H] */
    /* Where those are integers: for each row its scale times that of its inputs; of a GRU per
     * direction and gate for x, then for h. */
    const float *scale, *gate_scales[2][3][2];
} plain_layer;

/* A model with random weights, and the shape of what its last layer gives. */
typedef struct {
    wh_model model;
    wh_layer layers[TOY_LAYERS];
    plain_layer plain[TOY_LAYERS];
    int32_t positions, channels;
    uint32_t seed;
    float *arrays[TOY_ARRAYS];
    int n_arrays;
    int32_t bounds[TOY_LAYERS][WH_MAX_POSITIONS];
} toy;

/* Starts a model; then come its layers, each on what the last one gives, and its head. */
void toy_start(toy *t, int32_t n_fft, wh_features features, int32_t first_bin, int32_t n_bins,
               uint32_t seed);
void toy_linear(toy *t, int32_t channels, wh_activation activation);
void toy_gru(toy *t, int32_t units, wh_gate gate, wh_scan scan);
void toy_conv(toy *t, int32_t channels, int32_t kernel_size);
void toy_layer_norm(toy *t, int affine);
void toy_rectifier(toy *t);
void toy_residual(toy *t, int32_t source);
void toy_band_analysis(toy *t, int32_t n_bands, int32_t channels);
void toy_band_synthesis(toy *t, int32_t n_bins, int32_t channels);
/* A head on those bins, or on those of the features, with its last layer. */
void toy_magnitude_filter(toy *t, int32_t first_bin, int32_t n_bins, int32_t order, int32_t width);
void toy_mapping(toy *t);
void toy_free(toy *t);

/* Frees the array with the model. */
float *toy_keep(toy *t, float *array);

/* features -> linear (prelu) -> GRU of `hidden` -> GRU of `hidden` + 2 -> linear (sigmoid). */
void toy_make(toy *t, int32_t n_fft, int32_t hidden, wh_gate gate, uint32_t seed);

/* Bands, scans of every way with rectifiers, residuals and norms, back to bins, magnitude filter. */
void toy_make_bands(toy *t, int32_t n_fft, wh_gate gate, uint32_t seed);

/* Convolution, scans, norms and residuals on bins, mapping; `root` compresses. */
void toy_make_bins(toy *t, int32_t n_fft, wh_gate gate, int32_t root, uint32_t seed);

/* One model of each kind; `hidden` is for the first two. */
typedef enum {
    MASKED = 0, FILTERED, BANDS, BINS,
    INT_MASKED, INT_FILTERED, INT_BANDS, INT_BINS /* the same of integers */
} toy_kind;
void toy_make_kind(toy *t, toy_kind kind, int32_t n_fft, int32_t hidden, wh_gate gate,
                   uint32_t seed);

/* Gives the model a deep filter over `order` frames (0: none) of the lowest bins, from DC on, and a
 * last layer with random weights to go with it. */
void toy_add_filter(toy *t, int32_t filter_bins, int32_t order, uint32_t seed);

/* Sets the last layer's weights to zero and returns its bias, of zeros, to be filled in. */
float *toy_fix_last(toy *t);

/* Sets the last layer of a model with a filter so that the gains are the sigmoid of `gain_bias`
 * and the coefficients zero, but those of `tap` re + i im. */
void toy_fix_filter(toy *t, float gain_bias, int32_t tap, float re, float im);

/* Sets the last layer so that the mask is the sigmoid of `bias` everywhere. */
void toy_fix_mask(toy *t, float bias);

#endif
