// Arrays between numpy and the engine: checked sizes, aligned copies, names as numbers.
#ifndef WHEESHT_PYTHON_ARRAYS_H
#define WHEESHT_PYTHON_ARRAYS_H

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include "wheesht.h"

namespace nb = nanobind;

using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Ints = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const int8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using FloatRows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using ByteRows = nb::ndarray<const uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using FloatsOut = nb::ndarray<nb::numpy, float, nb::ndim<1>>;
using BytesOut = nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>;

constexpr size_t kCacheLine = 64;

[[noreturn]] inline void refuse(const std::string &where, const std::string &what)
{
    throw nb::value_error((where + ": " + what).c_str());
}

inline void check(wh_status status, const char *where)
{
    if (status != WH_OK) refuse(where, wh_strerror(status));
}

inline void need_size(size_t got, size_t needed, const char *what)
{
    if (got != needed)
        refuse(what, "got " + std::to_string(got) + " numbers, needs " + std::to_string(needed));
}

inline size_t padded(size_t n, size_t to) { return (n + to - 1) / to * to; }

struct Free {
    void operator()(void *p) const noexcept { std::free(p); }
};
template <class T> using Block = std::unique_ptr<T[], Free>;

template <class T> Block<T> allocate(size_t count)
{
    void *p = std::aligned_alloc(kCacheLine, padded(count * sizeof(T) + 1, kCacheLine));
    if (!p) throw std::bad_alloc();
    return Block<T>(static_cast<T *>(p));
}

template <class T> nb::ndarray<nb::numpy, T, nb::ndim<1>> give(Block<T> block, size_t count)
{
    T *data = block.release();
    nb::capsule owner(data, [](void *p) noexcept { std::free(p); });
    return nb::ndarray<nb::numpy, T, nb::ndim<1>>(data, {count}, owner);
}

template <class E> E named(const std::string &name, const char *const *names, int count,
                           const char *where)
{
    for (int i = 0; i < count; ++i)
        if (name == names[i]) return static_cast<E>(i);
    refuse(where, "unknown name '" + name + "'");
}

#endif
