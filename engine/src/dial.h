/* The dial per hop: what share of the units to update, from what is known before they run. */
#ifndef WH_DIAL_H
#define WH_DIAL_H

#include "wheesht.h"

/* What a dial remembers; all zero at the start of a signal. */
typedef struct {
    double mean, deviation; /* running, of the statistic */
    double owed;            /* sum over hops of the target minus P, percent */
    uint64_t hops;
} wh_dial_state;

/* Mean of v[n], and of |v[n] - earlier[n]|; `earlier` then holds v. Sums run in WH_LANES lanes. */
double wh_mean(const float *v, int32_t n);
double wh_mean_change(const float *v, float *earlier, int32_t n);

/* P of this hop, percent: `target` on average, at most as far from it as low..high allows on both
 * sides; the higher the statistic lies above its recent mean, the higher. */
double wh_dial_turn(wh_dial_state *d, double statistic, double target, double low, double high);

#endif
