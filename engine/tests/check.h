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

/* Packed copies of row-major matrices; see wheesht.h. `split` is the width of the first part of
 * the columns (equal to `cols` for one part). */
float *pack_panels(const float *w, int32_t rows, int32_t cols, int32_t split);
float *pack_units(const float *reset, const float *candidate, int32_t rows, int32_t cols,
                  int32_t split);

/* features -> linear (prelu) -> GRU of `hidden` -> GRU of `hidden` + 2 -> linear (sigmoid). */
typedef struct {
    wh_model model;
    wh_layer layers[4];
    float *arrays[32];
    int n_arrays;
} toy;

void toy_make(toy *t, int32_t n_fft, int32_t hidden, wh_gate gate, uint32_t seed);
void toy_free(toy *t);

/* Gives the model a deep filter over `order` frames (0: none) of the lowest bins, from DC on, and a
 * last layer with random weights to go with it. */
void toy_add_filter(toy *t, int32_t filter_bins, int32_t order, uint32_t seed);

/* Sets the last layer of a model with a filter so that the gains are the sigmoid of `gain_bias`
 * and the coefficients zero, but those of `tap` re + i im. */
void toy_fix_filter(toy *t, float gain_bias, int32_t tap, float re, float im);

/* Sets the last layer so that the mask is the sigmoid of `bias` everywhere. */
void toy_fix_mask(toy *t, float bias);

#endif
