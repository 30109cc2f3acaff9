/* Vectors of the width WH_VECTOR_BYTES, and what moves values within and between two of them. At a
 * width of 4 bytes a vector is a single float, and code in these terms is plain C. */
#ifndef WH_VECTORS_H
#define WH_VECTORS_H

#include <stdint.h>

#define PASTE(a, b) a##b
#define EXPAND(a, b) PASTE(a, b)
#define TEXT(a) #a
#define EXPAND_TEXT(a) TEXT(a)
#define PAIR(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define INLINE static inline __attribute__((always_inline))
#define NO_INLINE __attribute__((noinline))

/* Before a loop that must not be unrolled. */
#if defined(__clang__)
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ROLLED _Pragma("GCC unroll 1")
#endif

enum { WIDTH = WH_VECTOR_BYTES / 4 };

#if WH_VECTOR_BYTES == 4
typedef float vec;
typedef float vec_memory __attribute__((may_alias));
#else
typedef float vec __attribute__((vector_size(WH_VECTOR_BYTES)));
typedef float vec_memory __attribute__((vector_size(WH_VECTOR_BYTES), aligned(4), may_alias));
#endif

INLINE vec load(const float *p)
{
    return *(const vec_memory *)p;
}

INLINE void store(float *p, vec v)
{
    *(vec_memory *)p = v;
}

/* The values of a and b taken in turns: ZIP_LOW the first half of them, ZIP_HIGH the second. UNZIP
 * is the way back: of a and then b every other value, from the first or from the second on. */
#if WH_VECTOR_BYTES == 64
#define ZIP_LOW(a, b) PAIR(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HIGH(a, b) PAIR(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define UNZIP_EVEN(a, b) PAIR(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define UNZIP_ODD(a, b) PAIR(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define REVERSED(a) PAIR(a, a, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#elif WH_VECTOR_BYTES == 32
#define ZIP_LOW(a, b) PAIR(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_HIGH(a, b) PAIR(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define UNZIP_EVEN(a, b) PAIR(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define UNZIP_ODD(a, b) PAIR(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define REVERSED(a) PAIR(a, a, 7, 6, 5, 4, 3, 2, 1, 0)
#elif WH_VECTOR_BYTES == 16
#define ZIP_LOW(a, b) PAIR(a, b, 0, 4, 1, 5)
#define ZIP_HIGH(a, b) PAIR(a, b, 2, 6, 3, 7)
#define UNZIP_EVEN(a, b) PAIR(a, b, 0, 2, 4, 6)
#define UNZIP_ODD(a, b) PAIR(a, b, 1, 3, 5, 7)
#define REVERSED(a) PAIR(a, a, 3, 2, 1, 0)
#else
#define ZIP_LOW(a, b) (a)
#define ZIP_HIGH(a, b) (b)
#define UNZIP_EVEN(a, b) (a)
#define UNZIP_ODD(a, b) (b)
#define REVERSED(a) (a)
#endif

/* Transposes WIDTH vectors of WIDTH values: each round doubles the run of values, one of each row,
 * that lie side by side. */
INLINE void transpose(vec rows[WIDTH])
{
    for (int run = 1; run < WIDTH; run *= 2) {
        vec last[WIDTH];
        for (int k = 0; k < WIDTH; ++k) last[k] = rows[k];
        for (int k = 0; k < WIDTH / 2; ++k) {
            rows[2 * k] = ZIP_LOW(last[k], last[k + WIDTH / 2]);
            rows[2 * k + 1] = ZIP_HIGH(last[k], last[k + WIDTH / 2]);
        }
    }
}

#endif
