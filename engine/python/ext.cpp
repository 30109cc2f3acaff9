// The Python extension: owns memory, checks what Python hands over, frees the interpreter lock.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "model.h"
#include "pool.h"
#include "stream.h"

static std::vector<std::string> isa_names()
{
    std::vector<std::string> names;
    for (int32_t i = 0; wh_isa_name(i); ++i) names.emplace_back(wh_isa_name(i));
    return names;
}

static void bind_model(nb::module_ &m)
{
    nb::class_<Model>(m, "Model", "A model description with copies of its packed arrays.")
        .def(nb::init<int32_t, int32_t, int32_t, Floats, Floats>(), nb::arg("win_length"),
             nb::arg("hop_length"), nb::arg("n_fft"), nb::arg("window").noconvert(),
             nb::arg("twiddle").noconvert())
        .def("set_features", &Model::set_features, nb::arg("kind"), nb::arg("first_bin"),
             nb::arg("n_bins"), nb::arg("floor"), nb::arg("mean").noconvert() = nb::none(),
             nb::arg("scale").noconvert() = nb::none(), nb::arg("root") = false,
             "Set what the first layer sees: 'log_power' (with `mean`, `scale`) or 'scaled_spectrum'.")
        .def("set_head", &Model::set_head, nb::arg("kind"), nb::arg("first_bin"),
             nb::arg("n_bins"), nb::arg("filter_bins") = 0, nb::arg("filter_order") = 0,
             nb::arg("filter_width") = 0,
             "Set what the last layer gives: 'magnitude', 'deep_filter', 'magnitude_filter' or "
             "'mapping'.")
        .def("add_linear", &Model::add_linear, nb::arg("input_size"), nb::arg("output_size"),
             nb::arg("weight").noconvert(), nb::arg("bias").noconvert(), nb::arg("activation"),
             nb::arg("slope") = 0.0f, "Append a fully connected layer; `weight` in panels.")
        .def("add_conv", &Model::add_conv, nb::arg("input_size"), nb::arg("output_size"),
             nb::arg("kernel_size"), nb::arg("weight").noconvert(), nb::arg("bias").noconvert(),
             "Append a convolution along positions; `weight` in panels, tap by tap.")
        .def("add_gru", &Model::add_gru, nb::arg("input_size"), nb::arg("hidden_size"),
             nb::arg("z").noconvert(), nb::arg("rc").noconvert(), nb::arg("bias").noconvert(),
             nb::arg("gate"), nb::arg("threshold").noconvert() = nb::none(),
             nb::arg("scan") = "time",
             "Append a GRU; `z` in panels, `rc` in unit blocks, `bias` (4, H), `threshold` (H,); for "
             "both directions, up and then down.")
        .def("add_int_linear", &Model::add_int_linear, nb::arg("input_size"),
             nb::arg("output_size"), nb::arg("weight").noconvert(), nb::arg("scale").noconvert(),
             nb::arg("offset").noconvert(), nb::arg("inverse"), nb::arg("fine_inputs"),
             nb::arg("bias").noconvert(), nb::arg("activation"), nb::arg("slope") = 0.0f,
             "Append a fully connected layer of integers; `weight` in integer panels.")
        .def("add_int_gru", &Model::add_int_gru, nb::arg("input_size"), nb::arg("hidden_size"),
             nb::arg("z").noconvert(), nb::arg("rc").noconvert(), nb::arg("scale").noconvert(),
             nb::arg("unit_numbers").noconvert(), nb::arg("offset").noconvert(),
             nb::arg("inverse"), nb::arg("bias").noconvert(),
             nb::arg("gate"), nb::arg("threshold").noconvert() = nb::none(),
             nb::arg("scan") = "time",
             "Append a GRU of integers; `z` in integer panels, x apart from h, `rc` in integer unit "
             "blocks, `scale`, `unit_numbers` and `offset` as in wheesht.h.")
        .def("add_int_band_synthesis", &Model::add_int_band_synthesis, nb::arg("input_size"),
             nb::arg("bounds").noconvert(), nb::arg("output_size"), nb::arg("weight").noconvert(),
             nb::arg("scale").noconvert(), nb::arg("offset").noconvert(), nb::arg("inverse"),
             nb::arg("fine_inputs"), nb::arg("bias").noconvert(),
             "Append the way from bands to bins of integers; `weight` in integer panels, band by "
             "band.")
        .def("add_layer_norm", &Model::add_layer_norm, nb::arg("size"),
             nb::arg("weight").noconvert() = nb::none(), nb::arg("bias").noconvert() = nb::none(),
             "Append a layer norm over channels.")
        .def("add_rectifier", &Model::add_rectifier, nb::arg("size"), "Append a ReLU.")
        .def("add_residual", &Model::add_residual, nb::arg("size"), nb::arg("source"),
             "Append the addition of what layer `source` gave.")
        .def("add_band_analysis", &Model::add_band_analysis, nb::arg("bounds").noconvert(),
             nb::arg("output_size"), nb::arg("weight").noconvert(),
             "Append the way from bins to bands; `weight` in panels, band by band.")
        .def("add_band_synthesis", &Model::add_band_synthesis, nb::arg("input_size"),
             nb::arg("bounds").noconvert(), nb::arg("output_size"), nb::arg("weight").noconvert(),
             nb::arg("bias").noconvert(),
             "Append the way from bands to bins; `weight` in panels, band by band.");
}

static void bind_stream(nb::module_ &m)
{
    nb::class_<Stream>(m, "Stream", "One running instance of a model; one thread at a time.")
        .def(nb::init<std::shared_ptr<Model>, const std::string &>(), nb::arg("model"),
             nb::arg("isa") = "")
        .def("process", &Stream::process, nb::arg("x").noconvert(),
             "Enhance whole hops: returns the delayed output and, per hop, the mean mask of the "
             "gain band.")
        .def("process_given", &Stream::process_given, nb::arg("x").noconvert(),
             nb::arg("masks").noconvert(),
             "The same with the updated units given: one row per hop, non-zero = update.")
        .def("trace", &Stream::trace, nb::arg("x").noconvert(),
             "Enhance whole hops and return what passed between the layers instead: the features and "
             "what each layer gave, (hops, positions, channels) each.")
        .def("hop_percents", &Stream::hop_percents, "Return P of each hop of the last call.")
        .def("selected", &Stream::selected, "Return the units updated in the last hop.")
        .def("hidden", &Stream::hidden, "Return the hidden states of all GRUs over time.")
        .def("mask", &Stream::mask, "Return the mask of the last hop as applied.")
        .def("reset", &Stream::reset, "Return to the initial state; settings stay.")
        .def("clone", &Stream::clone, "Return an independent copy with state and settings.")
        .def("set_update_percent", &Stream::set_update_percent, nb::arg("percent"),
             "Set the share of units that top-A layers update, above 0 to 100.")
        .def("set_dial", &Stream::set_dial, nb::arg("dial"), nb::arg("low"), nb::arg("high"),
             "Let P follow the signal within low to high percent: 'level' or 'flux'; or not: 'fixed'.")
        .def("set_dial_cap", &Stream::set_dial_cap, nb::arg("percent"),
             "Set the largest P that a hop may have, above 0 to 100.")
        .def("set_min_gain", &Stream::set_min_gain, nb::arg("gain"),
             "Set the smallest mask value, 0 to 1.")
        .def("set_gain_band", &Stream::set_gain_band, nb::arg("first"), nb::arg("count"),
             "Set the bins of the mask whose mean is the band gain; at first the highest eighth.")
        .def("set_profiling", &Stream::set_profiling, nb::arg("on"),
             "Start or stop measuring time per layer.")
        .def("executed_macs", &Stream::executed_macs,
             "Return the MACs executed since reset, per layer.")
        .def("updated_units", &Stream::updated_units,
             "Return the units updated since reset, per GRU.")
        .def("layer_nanoseconds", &Stream::layer_nanoseconds,
             "Return the time since reset while profiling, per layer.")
        .def("total_nanoseconds", &Stream::total_nanoseconds,
             "Return the time since reset while profiling, whole hops.")
        .def("read_weights", &Stream::read_weights, nb::arg("selected"),
             "Return the bytes of the matrices that a hop with these units reads, and the "
             "nanoseconds of a plain read of them.")
        .def("hops", &Stream::hops, "Return the hops since reset.")
        .def_prop_ro("isa", &Stream::isa, "Instruction set in use.")
        .def_prop_ro("bytes", &Stream::bytes, "Bytes of state and scratch.");
}

static void bind_pool(nb::module_ &m)
{
    nb::class_<Pool>(m, "Pool", "Streams of one model that are stepped together.")
        .def(nb::init<std::shared_ptr<Model>, int32_t, const std::string &>(), nb::arg("model"),
             nb::arg("n_streams"), nb::arg("isa") = "")
        .def("process", &Pool::process, nb::arg("x").noconvert(), nb::arg("active").noconvert(),
             "Enhance whole hops, (streams, n hops), of the streams whose `active` is not 0; returns "
             "the delayed output, zeros for those that rest.")
        .def("reset", &Pool::reset, nb::arg("index"),
             "Return a stream to its initial state; settings stay.")
        .def("set_update_percent", &Pool::set_update_percent, nb::arg("index"), nb::arg("percent"),
             "Set the share of units that top-A layers of a stream update, above 0 to 100.")
        .def("set_min_gain", &Pool::set_min_gain, nb::arg("index"), nb::arg("gain"),
             "Set the smallest mask value of a stream, 0 to 1.")
        .def("executed_macs", &Pool::executed_macs, nb::arg("index"),
             "Return the MACs that a stream executed since its reset, per layer.")
        .def("updated_units", &Pool::updated_units, nb::arg("index"),
             "Return the units that a stream updated since its reset, per layer.")
        .def("hops", &Pool::hops, nb::arg("index"), "Return the hops of a stream since its reset.")
        .def_prop_ro("isa", &Pool::isa, "Instruction set in use.")
        .def_prop_ro("bytes", &Pool::bytes, "Bytes of all states and of the scratch.");
}

NB_MODULE(_ext, m)
{
    m.doc() = "The C engine. Arrays are packed by wheesht.engine.pack; layouts: wheesht.h.";
    m.attr("LANES") = WH_LANES;
    m.attr("PANEL_ROWS") = WH_PANEL_ROWS;
    m.def("isa_names", &isa_names,
          "Return the instruction sets usable on this CPU, slowest first, from 'scalar' on.");
    bind_model(m);
    bind_stream(m);
    bind_pool(m);
}
