/* Selection of the A largest values: one C source that every kernel table compiles for itself. */
#ifndef WH_TOP_A_H
#define WH_TOP_A_H

#include <stdint.h>
#include <string.h>

/* An integer that orders as the floats do, with -0 equal to 0 (x + 0 is never -0). */
static inline int32_t ordered_key(float x)
{
    const float canonical = x + 0.0f;
    int32_t bits;
    memcpy(&bits, &canonical, sizeof bits);
    return bits ^ (bits < 0 ? INT32_MAX : 0);
}

static inline int32_t count_reaching(const int32_t *keys, int32_t n, int32_t limit)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n; ++i) count += keys[i] >= limit;
    return count;
}

/* The value half way between those that two keys stand for, or, where that does not lie between
 * the keys (neighbours, NaN) or `exact` is asked for, the key half way between them. */
static inline int32_t half_way(int32_t low, int32_t high, int exact)
{
    const int32_t low_bits = low ^ (low < 0 ? INT32_MAX : 0);
    const int32_t high_bits = high ^ (high < 0 ? INT32_MAX : 0);
    float a, b;
    memcpy(&a, &low_bits, sizeof a);
    memcpy(&b, &high_bits, sizeof b);
    const int32_t key = ordered_key(0.5f * a + 0.5f * b);
    if (!exact && low < key && key < high) return key;
    return (int32_t)(((int64_t)low + high) >> 1);
}

enum { QUICK_STEPS = 16 }; /* halving values needs about 10 steps; halving keys, at most 32 */

/* Finds a limit that exactly `a` keys reach or, where ties allow none, the largest that more than
 * `a` reach; `reach` is how many do. Every step halves [low, high): `low` is reached by at least
 * `a` keys, `high` by fewer. */
static inline int32_t find_limit(const int32_t *keys, int32_t n, int32_t a, int32_t *reach)
{
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (int32_t i = 0; i < n; ++i) low = keys[i] < low ? keys[i] : low;
    for (int32_t i = 0; i < n; ++i) high = keys[i] > high ? keys[i] : high;
    high += high < INT32_MAX; /* INT32_MAX is a NaN, whose place is of no interest */
    *reach = n;
    for (int step = 0; *reach != a && (int64_t)high - low > 1; ++step) {
        const int32_t probe = half_way(low, high, step >= QUICK_STEPS);
        const int32_t count = count_reaching(keys, n, probe);
        if (count >= a) {
            low = probe;
            *reach = count;
        } else {
            high = probe;
        }
    }
    return low;
}

static inline void f32_top_a(int32_t *units, int32_t *keys, const float *v, int32_t n, int32_t a)
{
    for (int32_t i = 0; i < n; ++i) keys[i] = ordered_key(v[i]);
    int32_t reach, count = 0;
    const int32_t limit = find_limit(keys, n, a, &reach);
    int32_t surplus = reach - a; /* ties at the limit; the last ones go */
    for (int32_t i = n - 1; i >= 0 && surplus > 0; --i)
        if (keys[i] == limit) {
            keys[i] = INT32_MIN;
            surplus -= 1;
        }
    for (int32_t i = 0; i < n; ++i) { /* writes one place further than it keeps: a < n */
        units[count] = i;
        count += keys[i] >= limit;
    }
}

#endif
