/* Selection of the A largest values: one C source that every kernel table compiles for itself. */
#ifndef WH_TOP_A_H
#define WH_TOP_A_H

#include <stdint.h>
#include <string.h>

/* An integer that orders as the floats do, with -0 equal to 0 (x + 0 is never -0), and that is
 * never INT32_MIN, which stands for "out". */
static inline int32_t ordered_key(float x)
{
    const float canonical = x + 0.0f;
    int32_t bits;
    memcpy(&bits, &canonical, sizeof bits);
    const int32_t key = bits ^ (bits < 0 ? INT32_MAX : 0);
    return key > INT32_MIN ? key : INT32_MIN + 1; /* one NaN among millions */
}

static inline int32_t count_reaching(const int32_t *keys, int32_t n, int32_t limit)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n; ++i) count += keys[i] >= limit;
    return count;
}

/* Finds a limit that at least `a` keys reach, and whose successor fewer than `a` reach unless
 * exactly `a` reach the limit itself: bit by bit from the top, at most 32 counts. */
static inline int32_t find_limit(const int32_t *keys, int32_t n, int32_t a, int32_t *reach)
{
    uint32_t limit = 0; /* offset by 2^31: 0 is the least key */
    *reach = n;
    for (uint32_t bit = 0x80000000u; bit != 0 && *reach != a; bit >>= 1) {
        const uint32_t probe = limit | bit;
        const int32_t count = count_reaching(keys, n, (int32_t)(probe ^ 0x80000000u));
        if (count >= a) {
            limit = probe;
            *reach = count;
        }
    }
    return (int32_t)(limit ^ 0x80000000u);
}

static void f32_top_a(int32_t *units, int32_t *keys, const float *v, int32_t n, int32_t a)
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
