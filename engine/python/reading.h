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

inline __attribute__((always_inline)) uint64_t read_all(const std::vector<Piece> &pieces)
{
    ReadVector a{}, b{}, c{}, d{};
    for (const Piece &piece : pieces) {
        const ReadVector *p = reinterpret_cast<const ReadVector *>(piece.data);
        const ReadVector *end = p + piece.bytes / (4 * sizeof *p) * 4;
        for (; p != end; p += 4) {
            a ^= p[0];
            b ^= p[1];
            c ^= p[2];
            d ^= p[3];
        }
    }
    const ReadVector all = (a ^ b) ^ (c ^ d);
    return (all[0] ^ all[1]) ^ (all[2] ^ all[3]);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) inline uint64_t read_avx2(const std::vector<Piece> &pieces)
{
    const uint64_t found = read_all(pieces);
    __builtin_ia32_vzeroupper(); // or SSE code of others would be slow from here on
    return found;
}
#endif

inline uint64_t read_fastest(const std::vector<Piece> &pieces)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return read_avx2(pieces);
#endif
    return read_all(pieces);
}

inline uint64_t read_nanoseconds(const std::vector<Piece> &pieces)
{
    static volatile uint64_t sink;
    const auto start = std::chrono::steady_clock::now();
    sink = read_fastest(pieces);
    const auto took = std::chrono::steady_clock::now() - start;
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
}

#endif
