/** One time step of a batch of D-GRUs, forwards and backwards, for training on a CPU.
 *
 *  The matrix products stay with the caller's linear algebra library; this is all that lies
 *  between them: selection, gates, blend, and their derivatives, in one pass over memory.
 *  Equations G1 to G5 of docs/equations.md. Layouts are row-major, B batch, H hidden, gates
 *  stacked r, z, c. Every row of the batch is independent. float32 only.
 */
#ifndef WH_DGRU_STEPS_H
#define WH_DGRU_STEPS_H

#include <stdint.h>

enum { MAX_HIDDEN = 4096 }; /* the widest layer of a model */

typedef struct {
    int32_t batch, hidden;
    const int32_t *selected; /**< (B,) A of each row, 1 to `hidden`; unused where `limit` is set */
    const float *limit;      /**< (H) least z pre-activation that is NOT updated, or NULL */
} wh_dgru_shape;

typedef struct {
    const float *gates_x;   /**< (B, 3H) W_x x + b_x */
    const float *gates_h;   /**< (B, 3H) W_h h + b_h */
    const float *h_old;     /**< (B, H) */
    float *h_new;           /**< (B, H) */
    float *saved;           /**< (B, 4H) r, z, c and the recurrent part of c, for backwards */
    uint8_t *update_mask;   /**< (B, H) 1 = recomputed */
} wh_dgru_forward;

typedef struct {
    const float *grad_h;    /**< (B, H) gradient of this step's output from above */
    const float *h_old;     /**< (B, H) */
    const float *saved;     /**< (B, 4H) */
    const uint8_t *update_mask;
    float *carry;           /**< (B, H) in: gradient of h_new from later; out: of h_old, direct part */
    float *grad_gates_x;    /**< (B, 3H) */
    float *grad_gates_h;    /**< (B, 3H) */
} wh_dgru_backward;

typedef struct {
    const char *name;
    void (*forward)(const wh_dgru_shape *shape, const wh_dgru_forward *step);
    void (*backward)(const wh_dgru_shape *shape, const wh_dgru_backward *step);
} wh_dgru_steps;

extern const wh_dgru_steps wh_dgru_steps_baseline;
#if defined(__x86_64__)
extern const wh_dgru_steps wh_dgru_steps_avx2;
extern const wh_dgru_steps wh_dgru_steps_avx512;
#endif

/** Best table for this CPU. */
const wh_dgru_steps *wh_dgru_steps_select(void);

#endif
