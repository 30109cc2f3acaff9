// How long a plain read of the matrices of a hop takes: what kernels that stream them are compared
// with.
#ifndef WHEESHT_PYTHON_READING_H
#define WHEESHT_PYTHON_READING_H

#include <chrono>
#include <cstdint>
#include <vector>

// Bytes that lie one behind the other.
struct Piece {
    const char *data;
    size_t bytes;
};

typedef uint64_t ReadVector __attribute__((vector_size(32), aligned(1), may_alias));

inline __attribute__((always_inline)) void read_all(const std::vector<Piece> &pieces,
                                                    volatile uint64_t *found)
{
    ReadVector a{}, b{}, c{}, d{};
    for (const Piece &piece : pieces) {
        const ReadVector *p = reinterpret_cast<const ReadVector *>(piece.data);
        const ReadVector *end = p + piece.bytes / sizeof *p;
        for (; end - p >= 4; p += 4) {
            a ^= p[0];
            b ^= p[1];
            c ^= p[2];
            d ^= p[3];
        }
        for (; p != end; ++p) a ^= *p;
    }
    const ReadVector all = (a ^ b) ^ (c ^ d);
    for (int k = 0; k < 4; ++k) found[k] = all[k];
}

#if defined(__x86_64__)
// Upper halves of registers that stay in use would make SSE code of others slow from here on, and
// GCC does not see to it in a function with a target of its own.
__attribute__((target("avx2"))) inline void read_avx2(const std::vector<Piece> &pieces,
                                                      volatile uint64_t *found)
{
    read_all(pieces, found);
    __asm__ volatile("vzeroupper" : : : "memory");
}
#endif

inline void read_fastest(const std::vector<Piece> &pieces, volatile uint64_t *found)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return read_avx2(pieces, found);
#endif
    read_all(pieces, found);
}

inline uint64_t read_nanoseconds(const std::vector<Piece> &pieces)
{
    static volatile uint64_t found[4];
    const auto start = std::chrono::steady_clock::now();
    read_fastest(pieces, found);
    const auto took = std::chrono::steady_clock::now() - start;
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
}

#endif
