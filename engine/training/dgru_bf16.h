/** A batch of D-GRUs over a whole sequence in mixed precision, for training on a CPU: products of
 *  bfloat16 summed in float32, state, gates and their derivatives in float32.
 *  Equations G1 to G5 of docs/equations.md; layouts as in dgru_steps.h, steps outermost. */
#ifndef WH_DGRU_BF16_H
#define WH_DGRU_BF16_H

#include "bf16_matrix.h"
#include "dgru_steps.h"

typedef struct {
    int32_t steps;         /**< T */
    const float *gates_x;  /**< (T, B, 3H) W_x x + b_x */
    const wh_bf16 *w_h;    /**< packed, (3H, H) */
    const float *b_h;      /**< (3H) */
    float *gates_h;        /**< (B, 3H) scratch */
    float *h;              /**< (T + 1, B, H), the first step given */
    wh_bf16 *h_rounded;    /**< (T + 1, B, H) */
    float *saved;          /**< (T, B, 4H) */
    uint8_t *update_mask;  /**< (T, B, H) */
} wh_dgru_bf16_forward_args;

typedef struct {
    int32_t steps;
    const float *grad_h;   /**< (T, B, H) */
    const wh_bf16 *w_h;    /**< packed transpose, (H, 3H) */
    const float *h, *saved;
    const uint8_t *update_mask;
    float *row;            /**< (6H) scratch */
    float *carry;          /**< (B, H) in: zeros or the gradient of the last state; out: of the first */
    wh_bf16 *grad_gates_x; /**< (T, B, 3H) */
    wh_bf16 *grad_gates_h; /**< (T, B, 3H) */
    float *grad_b;         /**< (2, 3H) of b_x and of b_h, zeros before */
} wh_dgru_bf16_backward_args;

/** H must be even. */
void wh_dgru_bf16_forward(const wh_dgru_shape *shape, const wh_dgru_bf16_forward_args *p);
void wh_dgru_bf16_backward(const wh_dgru_shape *shape, const wh_dgru_bf16_backward_args *p);

#endif
