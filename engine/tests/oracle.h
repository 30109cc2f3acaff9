/* The layers of a model once more: in double, from the plain matrices, every layer with memory of
 * its own. */
#ifndef WH_ORACLE_H
#define WH_ORACLE_H

#include "check.h"

typedef struct {
    const toy *model;
    int32_t positions[TOY_LAYERS], channels[TOY_LAYERS];
    double *output[TOY_LAYERS]; /* [position][channel]; of a GRU over time its states */
} oracle;

void oracle_make(oracle *o, const toy *t);
void oracle_free(oracle *o);

/* One hop of layer i, after those before it; `x` is what the first sees, [position][channel], and
 * `given` says which units of layer i are updated. Unless `states` is NULL, every step of a scan within
 * the frame goes on from the state there, laid out as the output, instead of its own. */
void oracle_layer(oracle *o, int32_t i, const double *x, const uint8_t *given,
                  const double *states);

#endif
