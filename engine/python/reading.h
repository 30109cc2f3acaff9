// How long a plain read of so many bytes takes: what kernels that stream weights are compared with.
#ifndef WHEESHT_PYTHON_READING_H
#define WHEESHT_PYTHON_READING_H

#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>

#include "arrays.h"

typedef uint64_t ReadVector __attribute__((vector_size(32)));

inline __attribute__((always_inline)) uint64_t read_all(const ReadVector *p, size_t count)
{
    ReadVector a{}, b{}, c{}, d{};
    for (size_t i = 0; i + 4 <= count; i += 4) {
        a ^= p[i];
        b ^= p[i + 1];
        c ^= p[i + 2];
        d ^= p[i + 3];
    }
    const ReadVector all = (a ^ b) ^ (c ^ d);
    return (all[0] ^ all[1]) ^ (all[2] ^ all[3]);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) inline uint64_t read_avx2(const ReadVector *p, size_t count)
{
    return read_all(p, count);
}
#endif

inline uint64_t read_fastest(const ReadVector *p, size_t count)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return read_avx2(p, count);
#endif
    return read_all(p, count);
}

// Nanoseconds of one pass over a block that is kept for this size, so that it stays in the caches.
inline uint64_t read_nanoseconds(size_t bytes)
{
    static std::map<size_t, Block<ReadVector>> blocks;
    static volatile uint64_t sink;
    const size_t count = padded(bytes, 4 * sizeof(ReadVector)) / sizeof(ReadVector);
    Block<ReadVector> &block = blocks[count];
    if (!block) {
        block = allocate<ReadVector>(count);
        std::memset(static_cast<void *>(block.get()), 1, count * sizeof(ReadVector));
    }
    const auto start = std::chrono::steady_clock::now();
    sink = read_fastest(block.get(), count);
    const auto took = std::chrono::steady_clock::now() - start;
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
}

#endif
