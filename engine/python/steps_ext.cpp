// Binding of the training steps (engine/training); see wheesht/cells/kernels/dgru_sequence.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <cmath>
#include <optional>
#include <vector>

extern "C" {
#include "dgru_bf16.h"
#include "dgru_steps.h"
}

namespace nb = nanobind;

namespace {

template <typename T, int N>
using Array = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char *message)
{
    if (!condition) throw nb::value_error(message);
}

// Which units are updated: A per row of the batch, or a limit per unit. Keeps copies.
struct Gate {
    Gate(const Array<const int32_t, 1> &selected_per_row,
         const std::optional<Array<const float, 1>> &limit_per_unit, size_t batch, size_t hidden)
        : selected(selected_per_row.data(), selected_per_row.data() + selected_per_row.size())
    {
        require(hidden >= 1 && hidden <= MAX_HIDDEN, "Gate: hidden size must be 1 to 4096");
        require(selected.size() == batch, "Gate: selected must be (B,)");
        for (const int32_t a : selected)
            require(a >= 1 && a <= static_cast<int32_t>(hidden), "Gate: selected must be 1 to H");
        if (limit_per_unit) {
            require(limit_per_unit->size() == hidden, "Gate: limit must be (H,)");
            limit.assign(limit_per_unit->data(), limit_per_unit->data() + hidden);
        }
        shape = {static_cast<int32_t>(batch), static_cast<int32_t>(hidden), selected.data(),
                 limit.empty() ? nullptr : limit.data()};
    }
    Gate(const Gate &) = delete;
    Gate &operator=(const Gate &) = delete;

    std::vector<int32_t> selected;
    std::vector<float> limit;
    wh_dgru_shape shape{};
};

// Buffers of one sequence of T steps. Holds references to them; the caller fills gates_h before
// every forward(t) and reads grad_gates_h after every backward(t).
class Sequence {
public:
    Sequence(Array<const float, 3> gates_x, Array<float, 2> gates_h, Array<float, 3> h,
             Array<float, 3> saved, Array<uint8_t, 3> update_mask,
             const Array<const int32_t, 1> &selected,
             const std::optional<Array<const float, 1>> &limit)
        : gates_x_(gates_x), gates_h_(gates_h), h_(h), saved_(saved), mask_(update_mask),
          gate_(selected, limit, update_mask.shape(1), update_mask.shape(2)),
          table_(wh_dgru_steps_select())
    {
        const size_t steps = mask_.shape(0), batch = mask_.shape(1), hidden = mask_.shape(2);
        require(gates_x_.shape(0) == steps && gates_x_.shape(1) == batch &&
                    gates_x_.shape(2) == 3 * hidden, "Sequence: gates_x must be (T, B, 3H)");
        require(gates_h_.shape(0) == batch && gates_h_.shape(1) == 3 * hidden,
                "Sequence: gates_h must be (B, 3H)");
        require(h_.shape(0) == steps + 1 && h_.shape(1) == batch && h_.shape(2) == hidden,
                "Sequence: h must be (T + 1, B, H)");
        require(saved_.shape(0) == steps && saved_.shape(1) == batch &&
                    saved_.shape(2) == 4 * hidden, "Sequence: saved must be (T, B, 4H)");
    }

    void forward(size_t t)
    {
        check(t);
        const size_t rows = rows_per_step(), n = hidden();
        wh_dgru_forward step = {gates_x_.data() + t * rows * 3 * n, gates_h_.data(),
                                h_.data() + t * rows * n, h_.data() + (t + 1) * rows * n,
                                saved_.data() + t * rows * 4 * n, mask_.data() + t * rows * n};
        table_->forward(&gate_.shape, &step);
    }

    void backward(size_t t, Array<const float, 3> grad_h, Array<float, 2> carry,
                  Array<float, 3> grad_gates_x, Array<float, 3> grad_gates_h)
    {
        check(t);
        const size_t rows = rows_per_step(), n = hidden();
        require(grad_h.size() == mask_.size(), "Sequence.backward: grad_h must be (T, B, H)");
        require(carry.size() == rows * n, "Sequence.backward: carry must be (B, H)");
        require(grad_gates_x.size() == 3 * mask_.size() && grad_gates_h.size() == 3 * mask_.size(),
                "Sequence.backward: gate gradients must be (T, B, 3H)");
        wh_dgru_backward step = {grad_h.data() + t * rows * n, h_.data() + t * rows * n,
                                 saved_.data() + t * rows * 4 * n, mask_.data() + t * rows * n,
                                 carry.data(), grad_gates_x.data() + t * rows * 3 * n,
                                 grad_gates_h.data() + t * rows * 3 * n};
        table_->backward(&gate_.shape, &step);
    }

private:
    void check(size_t t) const { require(t < mask_.shape(0), "Sequence: no such step"); }
    size_t rows_per_step() const { return mask_.shape(1); }
    size_t hidden() const { return mask_.shape(2); }

    Array<const float, 3> gates_x_;
    Array<float, 2> gates_h_;
    Array<float, 3> h_, saved_;
    Array<uint8_t, 3> mask_;
    Gate gate_;
    const wh_dgru_steps *table_;
};

#if defined(WH_BF16)
using Bf16 = int16_t;  // bfloat16 tensors arrive viewed as 16-bit integers

wh_bf16 *bits(Bf16 *x) { return reinterpret_cast<wh_bf16 *>(x); }
const wh_bf16 *bits(const Bf16 *x) { return reinterpret_cast<const wh_bf16 *>(x); }

// A matrix W (N, K), packed for products with it.
class Bf16Matrix {
public:
    Bf16Matrix(const Array<const float, 2> &w, bool transposed)
        : rows_(w.shape(transposed ? 1 : 0)), columns_(w.shape(transposed ? 0 : 1))
    {
        require(wh_bf16_usable(), "Bf16Matrix: this CPU has no AVX-512 BF16 instructions");
        packed_.resize(wh_bf16_packed_size(rows_, columns_));
        const size_t stride = w.shape(1);
        wh_bf16_pack(packed_.data(), w.data(), rows_, columns_, transposed ? 1 : stride,
                     transposed ? stride : 1);
    }

    void times(const Array<const Bf16, 2> &x, const std::optional<Array<const float, 1>> &bias,
               const Array<float, 2> &y) const
    {
        require(columns_ % 2 == 0 && x.shape(1) == columns_, "Bf16Matrix.times: x must be (M, K)");
        require(y.shape(0) == x.shape(0) && y.shape(1) == rows_,
                "Bf16Matrix.times: y must be (M, N)");
        require(!bias || bias->size() == rows_, "Bf16Matrix.times: bias must be (N,)");
        wh_bf16_times(y.data(), bits(x.data()), packed_.data(), bias ? bias->data() : nullptr,
                      x.shape(0), rows_, columns_, 0);
    }

    const wh_bf16 *data(size_t rows, size_t columns) const
    {
        require(rows == rows_ && columns == columns_, "Bf16Matrix: has the wrong shape");
        return packed_.data();
    }

private:
    size_t rows_, columns_;
    std::vector<wh_bf16> packed_;
};

void forward_bf16(const Array<const float, 3> &gates_x, const Bf16Matrix &w_h,
                  const Array<const float, 1> &b_h, const Array<float, 3> &h,
                  const Array<Bf16, 3> &h_rounded, const Array<float, 3> &saved,
                  const Array<uint8_t, 3> &mask, const Array<const int32_t, 1> &selected,
                  const std::optional<Array<const float, 1>> &limit)
{
    const size_t steps = mask.shape(0), batch = mask.shape(1), n = mask.shape(2);
    const Gate gate(selected, limit, batch, n);
    require(n % 2 == 0, "forward_bf16: H must be even");
    require(gates_x.size() == 3 * mask.size() && saved.size() == 4 * mask.size() &&
                b_h.size() == 3 * n, "forward_bf16: shapes do not fit");
    require(h.size() == mask.size() + batch * n && h_rounded.size() == h.size(),
            "forward_bf16: h must be (T + 1, B, H)");
    std::vector<float> gates_h(batch * 3 * n);
    const wh_dgru_bf16_forward_args args = {
        static_cast<int32_t>(steps), gates_x.data(), w_h.data(3 * n, n), b_h.data(),
        gates_h.data(), h.data(), bits(h_rounded.data()), saved.data(), mask.data()};
    wh_dgru_bf16_forward(&gate.shape, &args);
}

void backward_bf16(const Array<const float, 3> &grad_h, const Bf16Matrix &w_h_transposed,
                   const Array<const float, 3> &h, const Array<const float, 3> &saved,
                   const Array<const uint8_t, 3> &mask, const Array<float, 2> &carry,
                   const Array<Bf16, 3> &grad_gates_x, const Array<Bf16, 3> &grad_gates_h,
                   const Array<float, 2> &grad_b)
{
    const size_t steps = mask.shape(0), batch = mask.shape(1), n = mask.shape(2);
    const wh_dgru_shape shape = {static_cast<int32_t>(batch), static_cast<int32_t>(n), nullptr,
                                 nullptr};
    require(grad_h.size() == mask.size() && h.size() == mask.size() + batch * n &&
                saved.size() == 4 * mask.size() && carry.size() == batch * n &&
                grad_gates_x.size() == 3 * mask.size() &&
                grad_gates_h.size() == 3 * mask.size() && grad_b.size() == 6 * n,
            "backward_bf16: shapes do not fit");
    std::vector<float> row(6 * n);
    const wh_dgru_bf16_backward_args args = {
        static_cast<int32_t>(steps), grad_h.data(), w_h_transposed.data(n, 3 * n), h.data(),
        saved.data(), mask.data(), row.data(), carry.data(), bits(grad_gates_x.data()),
        bits(grad_gates_h.data()), grad_b.data()};
    wh_dgru_bf16_backward(&shape, &args);
}
#endif

}  // namespace

NB_MODULE(_steps, m)
{
#if defined(WH_BF16)
    nb::class_<Bf16Matrix>(m, "Bf16Matrix")
        .def(nb::init<const Array<const float, 2> &, bool>(), nb::arg("w").noconvert(),
             nb::arg("transposed") = false)
        .def("times", &Bf16Matrix::times, nb::arg("x").noconvert(), nb::arg("bias").none(),
             nb::arg("y").noconvert());
    m.def("forward_bf16", &forward_bf16, nb::arg("gates_x").noconvert(), nb::arg("w_h"),
          nb::arg("b_h").noconvert(), nb::arg("h").noconvert(), nb::arg("h_rounded").noconvert(),
          nb::arg("saved").noconvert(), nb::arg("update_mask").noconvert(),
          nb::arg("selected").noconvert(), nb::arg("limit").none());
    m.def("backward_bf16", &backward_bf16, nb::arg("grad_h").noconvert(),
          nb::arg("w_h_transposed"), nb::arg("h").noconvert(), nb::arg("saved").noconvert(),
          nb::arg("update_mask").noconvert(), nb::arg("carry").noconvert(),
          nb::arg("grad_gates_x").noconvert(), nb::arg("grad_gates_h").noconvert(),
          nb::arg("grad_b").noconvert());
#endif
    m.attr("has_bf16") = wh_bf16_usable() != 0;
    nb::class_<Sequence>(m, "Sequence")
        .def(nb::init<Array<const float, 3>, Array<float, 2>, Array<float, 3>, Array<float, 3>,
                      Array<uint8_t, 3>, const Array<const int32_t, 1> &,
                      std::optional<Array<const float, 1>>>(),
             nb::arg("gates_x").noconvert(), nb::arg("gates_h").noconvert(),
             nb::arg("h").noconvert(), nb::arg("saved").noconvert(),
             nb::arg("update_mask").noconvert(), nb::arg("selected").noconvert(), nb::arg("limit").none())
        .def("forward", &Sequence::forward, nb::arg("t"))
        .def("backward", &Sequence::backward, nb::arg("t"), nb::arg("grad_h").noconvert(),
             nb::arg("carry").noconvert(), nb::arg("grad_gates_x").noconvert(),
             nb::arg("grad_gates_h").noconvert());
    nb::set_leak_warnings(false); // autograd may keep a sequence until the interpreter ends
    m.attr("isa") = wh_dgru_steps_select()->name;
}
