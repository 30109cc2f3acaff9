/* The dial per hop. Only additions, products, quotients and comparisons, all exactly rounded and in
 * a fixed order: one source, compiled once, so every instruction set turns the dial alike. */
#include "dial.h"

static const double MEMORY = 0.01;        /* share of a new hop in the running means: about 1 s */
static const double SWING = 10.0;         /* points of P per mean deviation of the statistic */
static const double MAX_SWING = 25.0;     /* most that P may lie from its target, points */
static const double REPAYMENT = 0.02;     /* share of what is owed that is paid back per hop */
static const double LEAST_DEVIATION = 1e-3; /* of a statistic of normalised values; silence has 0 */

static double fold(const float *lanes)
{
    double sum = 0.0;
    for (int32_t k = 0; k < WH_LANES; ++k) sum += lanes[k];
    return sum;
}

double wh_mean(const float *v, int32_t n)
{
    float lanes[WH_LANES] = {0};
    int32_t i = 0;
    for (; i + WH_LANES <= n; i += WH_LANES)
        for (int32_t k = 0; k < WH_LANES; ++k) lanes[k] += v[i + k];
    for (int32_t k = 0; i + k < n; ++k) lanes[k] += v[i + k];
    return fold(lanes) / n;
}

static float distance(float a, float b)
{
    return a > b ? a - b : b - a;
}

double wh_mean_change(const float *restrict v, float *restrict earlier, int32_t n)
{
    float lanes[WH_LANES] = {0};
    int32_t i = 0;
    for (; i + WH_LANES <= n; i += WH_LANES)
        for (int32_t k = 0; k < WH_LANES; ++k) lanes[k] += distance(v[i + k], earlier[i + k]);
    for (int32_t k = 0; i + k < n; ++k) lanes[k] += distance(v[i + k], earlier[i + k]);
    for (i = 0; i < n; ++i) earlier[i] = v[i];
    return fold(lanes) / n;
}

static double limit(double value, double low, double high)
{
    const double raised = value > low ? value : low;
    return raised < high ? raised : high;
}

double wh_dial_turn(wh_dial_state *d, double statistic, double target, double low, double high)
{
    d->hops += 1;
    const double share = 1.0 / (double)d->hops > MEMORY ? 1.0 / (double)d->hops : MEMORY;
    d->mean += share * (statistic - d->mean);
    const double above = statistic - d->mean;
    d->deviation += share * ((above < 0.0 ? -above : above) - d->deviation);

    /* As far up as down: then the mean can be kept, and what is owed stays bounded. */
    const double room = limit(target - low < high - target ? target - low : high - target, 0.0,
                              MAX_SWING);
    const double swing = SWING * limit(above / (d->deviation + LEAST_DEVIATION), -2.0, 2.0);
    const double change = limit(swing * (room / MAX_SWING) + REPAYMENT * d->owed, -room, room);
    d->owed -= change;
    return target + change;
}
