// Binding of the training steps (engine/training); see wheesht/cells/kernels/dgru_sequence.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <cmath>
#include <optional>
#include <vector>

extern "C" {
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

// Buffers of one sequence of T steps. Holds references to them; the caller fills gates_h before
// every forward(t) and reads grad_gates_h after every backward(t).
class Sequence {
public:
    Sequence(Array<const float, 3> gates_x, Array<float, 2> gates_h, Array<float, 3> h,
             Array<float, 3> saved, Array<uint8_t, 3> update_mask, int selected,
             const std::optional<Array<const float, 1>> &limit)
        : gates_x_(gates_x), gates_h_(gates_h), h_(h), saved_(saved), mask_(update_mask),
          table_(wh_dgru_steps_select())
    {
        const size_t steps = mask_.shape(0), batch = mask_.shape(1), hidden = mask_.shape(2);
        require(hidden >= 1 && hidden <= MAX_HIDDEN, "Sequence: hidden size must be 1 to 4096");
        require(gates_x_.shape(0) == steps && gates_x_.shape(1) == batch &&
                    gates_x_.shape(2) == 3 * hidden, "Sequence: gates_x must be (T, B, 3H)");
        require(gates_h_.shape(0) == batch && gates_h_.shape(1) == 3 * hidden,
                "Sequence: gates_h must be (B, 3H)");
        require(h_.shape(0) == steps + 1 && h_.shape(1) == batch && h_.shape(2) == hidden,
                "Sequence: h must be (T + 1, B, H)");
        require(saved_.shape(0) == steps && saved_.shape(1) == batch &&
                    saved_.shape(2) == 4 * hidden, "Sequence: saved must be (T, B, 4H)");
        require(limit || (selected >= 1 && selected <= static_cast<int>(hidden)),
                "Sequence: selected must be 1 to H");
        if (limit) {
            require(limit->shape(0) == hidden, "Sequence: limit must be (H,)");
            limit_.assign(limit->data(), limit->data() + hidden);
        }
        shape_ = {static_cast<int32_t>(batch), static_cast<int32_t>(hidden), selected,
                  limit_.empty() ? nullptr : limit_.data()};
    }

    void forward(size_t t)
    {
        check(t);
        const size_t rows = rows_per_step(), n = hidden();
        wh_dgru_forward step = {gates_x_.data() + t * rows * 3 * n, gates_h_.data(),
                                h_.data() + t * rows * n, h_.data() + (t + 1) * rows * n,
                                saved_.data() + t * rows * 4 * n, mask_.data() + t * rows * n};
        table_->forward(&shape_, &step);
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
        table_->backward(&shape_, &step);
    }

private:
    void check(size_t t) const { require(t < mask_.shape(0), "Sequence: no such step"); }
    size_t rows_per_step() const { return mask_.shape(1); }
    size_t hidden() const { return mask_.shape(2); }

    Array<const float, 3> gates_x_;
    Array<float, 2> gates_h_;
    Array<float, 3> h_, saved_;
    Array<uint8_t, 3> mask_;
    std::vector<float> limit_;
    wh_dgru_shape shape_{};
    const wh_dgru_steps *table_;
};

}  // namespace

NB_MODULE(_steps, m)
{
    nb::class_<Sequence>(m, "Sequence")
        .def(nb::init<Array<const float, 3>, Array<float, 2>, Array<float, 3>, Array<float, 3>,
                      Array<uint8_t, 3>, int, std::optional<Array<const float, 1>>>(),
             nb::arg("gates_x").noconvert(), nb::arg("gates_h").noconvert(),
             nb::arg("h").noconvert(), nb::arg("saved").noconvert(),
             nb::arg("update_mask").noconvert(), nb::arg("selected"), nb::arg("limit").none())
        .def("forward", &Sequence::forward, nb::arg("t"))
        .def("backward", &Sequence::backward, nb::arg("t"), nb::arg("grad_h").noconvert(),
             nb::arg("carry").noconvert(), nb::arg("grad_gates_x").noconvert(),
             nb::arg("grad_gates_h").noconvert());
    nb::set_leak_warnings(false); // autograd may keep a sequence until the interpreter ends
    m.attr("isa") = wh_dgru_steps_select()->name;
}
