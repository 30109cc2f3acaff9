/* A stream in memory of its own, driven over signals that tests share. */
#ifndef WH_DRIVEN_H
#define WH_DRIVEN_H

#include "check.h"

enum { HOPS = 40, MAX_HOP = 256 };

/* With a mask of ones the output is the input one hop later; measured 2e-7 of full scale. */
static const float RECONSTRUCTION_BOUND = 1e-6f;

/* Room for signals. */
extern float x_[HOPS * MAX_HOP], y_[HOPS * MAX_HOP], z_[HOPS * MAX_HOP];

/* A stream in memory of exactly the size asked for; free() the memory. */
typedef struct {
    void *memory;
    wh_stream *s;
} owned;

owned open_stream(const wh_model *model, const char *isa);

/* Noise with a peak of 0.3. */
void fill(float *x, int32_t count, uint32_t seed);

/* `hops` hops of `hop` samples, from x to y. */
void run(wh_stream *s, const float *x, float *y, int32_t hops, int32_t hop);

/* Whether all bits are equal. */
int same(const float *a, const float *b, int32_t count);

#endif
