/* Layers of a model with random weights made layers of integers. */
#ifndef WH_INTEGER_TOY_H
#define WH_INTEGER_TOY_H

#include "check.h"

/* Rounds the matrices of layer i, a linear layer, a GRU or a synthesis; its inputs are limited to
 * `reach`, and of 16 bits with `fine`. The floats are taken away. */
void toy_to_integers(toy *t, int32_t i, float reach, int fine);

/* All layers that can be of integers, the last with inputs of 16 bits. */
void toy_all_to_integers(toy *t);

int toy_can_be_of_integers(const wh_layer *la);

#endif
