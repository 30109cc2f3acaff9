// The Python extension: owns memory, checks what Python hands over, frees the interpreter lock.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model.h"

namespace {

const char *const kDials[] = {"fixed", "level", "flux"};

uint64_t now_nanoseconds()
{
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now().time_since_epoch()).count());
}

}  // namespace

// What a tap saw, layer by layer, hop after hop.
class Trace {
public:
    explicit Trace(size_t layers) : seen_(layers) {}

    static void see(void *self, int32_t layer, const float *values, int32_t positions,
                    int32_t channels, int32_t step)
    {
        Layer &here = static_cast<Trace *>(self)->seen_[static_cast<size_t>(layer + 1)];
        here.positions = static_cast<size_t>(positions);
        here.channels = static_cast<size_t>(channels);
        for (int32_t k = 0; k < positions; ++k)
            here.values.insert(here.values.end(), values + k * step, values + k * step + channels);
    }

    nb::list give_all(size_t hops) const
    {
        nb::list arrays;
        for (const Layer &layer : seen_) {
            Block<float> copy = allocate<float>(layer.values.size());
            std::memcpy(copy.get(), layer.values.data(), layer.values.size() * sizeof(float));
            float *data = copy.release();
            nb::capsule owner(data, [](void *p) noexcept { std::free(p); });
            arrays.append(nb::ndarray<nb::numpy, float, nb::ndim<3>>(
                data, {hops, layer.positions, layer.channels}, owner));
        }
        return arrays;
    }

private:
    struct Layer {
        std::vector<float> values;
        size_t positions = 0, channels = 0;
    };
    std::vector<Layer> seen_;
};

// One stream in memory of its own. Calls from two threads at once are refused, not mixed up.
class Stream {
public:
    Stream(std::shared_ptr<Model> model, const std::string &isa) : model_(std::move(model))
    {
        const wh_model *description = model_->freeze();
        bytes_ = wh_stream_bytes(description);
        memory_ = allocate<char>(bytes_);
        check(wh_stream_init(memory_.get(), bytes_, description, isa.empty() ? nullptr : isa.c_str(),
                             &stream_), "Stream");
        for (int32_t i = 0; i < description->n_layers; ++i)
            units_ += static_cast<size_t>(wh_stream_units(stream_, i));
    }

    std::unique_ptr<Stream> clone()
    {
        Busy busy(*this);
        std::unique_ptr<Stream> copy(new Stream());
        copy->model_ = model_;
        copy->bytes_ = bytes_;
        copy->units_ = units_;
        copy->memory_ = allocate<char>(bytes_);
        check(wh_stream_clone(copy->memory_.get(), bytes_, stream_, &copy->stream_), "clone");
        return copy;
    }

    std::pair<FloatsOut, FloatsOut> process(Floats x) { return run(x, nullptr); }

    std::pair<FloatsOut, FloatsOut> process_given(Floats x, ByteRows masks)
    {
        if (masks.shape(1) != units_ || masks.shape(0) * hop() != x.size())
            refuse("masks", "needs one row per hop and " + std::to_string(units_) + " columns");
        return run(x, masks.data());
    }

    // What every layer saw and gave while whole hops were processed: features first.
    nb::list trace(Floats x)
    {
        Trace seen(static_cast<size_t>(n_layers()) + 1);
        {
            Busy busy(*this);
            wh_stream_set_tap(stream_, Trace::see, &seen);
        }
        const auto stop = [this](void *) noexcept { wh_stream_set_tap(stream_, nullptr, nullptr); };
        std::unique_ptr<void, decltype(stop)> at_end(&seen, stop);
        run(x, nullptr);
        return seen.give_all(x.size() / hop());
    }

    void reset() { Busy busy(*this); check(wh_stream_reset(stream_), "reset"); }
    void set_update_percent(double percent)
    {
        Busy busy(*this);
        check(wh_stream_set_update_percent(stream_, percent), "update_percent");
    }
    void set_dial(const std::string &name, double low, double high)
    {
        Busy busy(*this);
        const wh_dial dial = named<wh_dial>(name, kDials, 3, "dial");
        check(wh_stream_set_dial(stream_, dial, low, high), "dial");
    }
    void set_dial_cap(double percent)
    {
        Busy busy(*this);
        check(wh_stream_set_dial_cap(stream_, percent), "dial_cap");
    }
    void set_min_gain(float gain)
    {
        Busy busy(*this);
        check(wh_stream_set_min_gain(stream_, gain), "min_gain");
    }
    void set_gain_band(int32_t first, int32_t count)
    {
        Busy busy(*this);
        check(wh_stream_set_gain_band(stream_, first, count), "gain_band");
    }
    void set_profiling(bool on)
    {
        Busy busy(*this);
        check(wh_stream_set_clock(stream_, on ? now_nanoseconds : nullptr), "profiling");
    }

    std::vector<double> hop_percents() { Busy busy(*this); return hop_percents_; }
    BytesOut selected()
    {
        Busy busy(*this);
        Block<uint8_t> out = allocate<uint8_t>(units_);
        size_t at = 0;
        for (int32_t i = 0; i < n_layers(); ++i) {
            const size_t n = static_cast<size_t>(wh_stream_units(stream_, i));
            if (n) std::memcpy(out.get() + at, wh_stream_selected(stream_, i), n);
            at += n;
        }
        return give(std::move(out), units_);
    }
    FloatsOut hidden()
    {
        Busy busy(*this);
        Block<float> out = allocate<float>(units_);
        size_t at = 0;
        for (int32_t i = 0; i < n_layers(); ++i) {
            if (model_->layers()[static_cast<size_t>(i)].scan != WH_SCAN_TIME) continue;
            wh_stream_hidden(stream_, i, out.get() + at);
            at += static_cast<size_t>(wh_stream_units(stream_, i));
        }
        return give(std::move(out), at);
    }
    FloatsOut mask()
    {
        const size_t n = static_cast<size_t>(model_->description().mask_bins);
        Block<float> out = allocate<float>(n);
        std::memcpy(out.get(), wh_stream_mask(stream_), n * sizeof(float));
        return give(std::move(out), n);
    }

    std::vector<uint64_t> executed_macs() const { return per_layer(wh_stream_macs, false); }
    std::vector<uint64_t> updated_units() const { return per_layer(wh_stream_updated, true); }
    std::vector<uint64_t> layer_nanoseconds() const
    {
        return per_layer(wh_stream_layer_ticks, false);
    }
    uint64_t total_nanoseconds() const { return wh_stream_total_ticks(stream_); }
    uint64_t hops() const { return wh_stream_hops(stream_); }
    std::string isa() const { return wh_stream_isa(stream_); }
    size_t bytes() const { return bytes_; }

    // How many bytes the matrices have that a hop with these units reads, and the nanoseconds of a
    // plain read of them.
    std::pair<size_t, uint64_t> read_weights(Bytes selected) const
    {
        need_size(selected.size(), units_, "selected");
        std::vector<Piece> pieces;
        const uint8_t *at = selected.data();
        for (int32_t i = 0; i < n_layers(); ++i) {
            const wh_layer &layer = model_->layers()[static_cast<size_t>(i)];
            const int32_t units = wh_stream_units(stream_, i);
            const bool one_step = units == layer.output_size;
            model_->add_matrices(pieces, static_cast<size_t>(i), one_step ? at : nullptr);
            at += units;
        }
        size_t bytes = 0;
        for (const Piece &piece : pieces) bytes += piece.bytes;
        return {bytes, read_nanoseconds(pieces)};
    }

private:
    struct Busy {
        explicit Busy(Stream &s) : stream(s)
        {
            if (stream.busy_.test_and_set(std::memory_order_acquire))
                throw std::runtime_error("Stream: in use by another thread; give each its own");
        }
        ~Busy() { stream.busy_.clear(std::memory_order_release); }
        Stream &stream;
    };

    Stream() = default;
    int32_t n_layers() const { return model_->description().n_layers; }
    size_t hop() const { return static_cast<size_t>(model_->description().hop_length); }

    std::pair<FloatsOut, FloatsOut> run(const Floats &x, const uint8_t *given)
    {
        const size_t n = x.size() / hop();
        if (n * hop() != x.size())
            refuse("x", "got " + std::to_string(x.size()) + " samples, needs a multiple of " +
                        std::to_string(hop()));
        Block<float> y = allocate<float>(x.size()), band_gain = allocate<float>(n);
        {
            Busy busy(*this);
            hop_percents_.resize(n);
            nb::gil_scoped_release unlocked;
            for (size_t t = 0; t < n; ++t) {
                const float *in = x.data() + t * hop();
                float *out = y.get() + t * hop();
                if (given)
                    wh_stream_process_given(stream_, in, given + t * units_, out);
                else
                    wh_stream_process(stream_, in, out);
                band_gain[t] = wh_stream_band_gain(stream_);
                hop_percents_[t] = wh_stream_hop_percent(stream_);
            }
        }
        return {give(std::move(y), x.size()), give(std::move(band_gain), n)};
    }

    template <class Get> std::vector<uint64_t> per_layer(Get get, bool recurrent_only) const
    {
        std::vector<uint64_t> values;
        for (size_t i = 0; i < model_->layers().size(); ++i)
            if (!recurrent_only || model_->layers()[i].kind == WH_GRU)
                values.push_back(get(stream_, static_cast<int32_t>(i)));
        return values;
    }

    std::shared_ptr<Model> model_;
    Block<char> memory_;
    size_t bytes_ = 0, units_ = 0;
    std::vector<double> hop_percents_; // of the last call
    wh_stream *stream_ = nullptr;
    std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

// Streams of one model that are stepped together. Calls from two threads at once are refused.
class Pool {
public:
    Pool(std::shared_ptr<Model> model, int32_t n_streams, const std::string &isa)
        : model_(std::move(model)), n_streams_(n_streams)
    {
        const wh_model *description = model_->freeze();
        if (n_streams < 1 || n_streams > WH_MAX_STREAMS) check(WH_ERR_RANGE, "Pool");
        bytes_ = wh_pool_bytes(description, n_streams);
        memory_ = allocate<char>(bytes_);
        check(wh_pool_init(memory_.get(), bytes_, description, n_streams,
                           isa.empty() ? nullptr : isa.c_str(), &pool_), "Pool");
    }

    // Whole hops of every stream, (streams, n hops); streams whose `active` is 0 rest.
    nb::ndarray<nb::numpy, float, nb::ndim<2>> process(FloatRows x, Bytes active)
    {
        const size_t streams = static_cast<size_t>(n_streams_), samples = x.shape(1);
        const size_t hop = static_cast<size_t>(model_->description().hop_length);
        if (x.shape(0) != streams) refuse("x", "needs one row for each stream");
        need_size(active.size(), streams, "active");
        if (samples % hop != 0) refuse("x", "needs whole hops");
        Block<float> y = allocate<float>(streams * samples);
        std::memset(y.get(), 0, streams * samples * sizeof(float));
        {
            Busy busy(*this);
            nb::gil_scoped_release unlocked;
            std::vector<const float *> in(streams, nullptr);
            std::vector<float *> out(streams, nullptr);
            for (size_t start = 0; start < samples; start += hop) {
                for (size_t k = 0; k < streams; ++k)
                    if (active.data()[k]) {
                        in[k] = x.data() + k * samples + start;
                        out[k] = y.get() + k * samples + start;
                    }
                wh_pool_process(pool_, in.data(), out.data());
            }
        }
        float *data = y.release();
        nb::capsule owner(data, [](void *p) noexcept { std::free(p); });
        return nb::ndarray<nb::numpy, float, nb::ndim<2>>(data, {streams, samples}, owner);
    }

    void reset(int32_t index) { Busy busy(*this); check(wh_stream_reset(stream(index)), "reset"); }
    void set_update_percent(int32_t index, double percent)
    {
        Busy busy(*this);
        check(wh_stream_set_update_percent(stream(index), percent), "update_percent");
    }
    void set_min_gain(int32_t index, float gain)
    {
        Busy busy(*this);
        check(wh_stream_set_min_gain(stream(index), gain), "min_gain");
    }
    std::vector<uint64_t> executed_macs(int32_t index) { return per_layer(index, wh_stream_macs); }
    std::vector<uint64_t> updated_units(int32_t index) { return per_layer(index, wh_stream_updated); }
    uint64_t hops(int32_t index) { Busy busy(*this); return wh_stream_hops(stream(index)); }
    std::string isa() const { return wh_stream_isa(wh_pool_stream(pool_, 0)); }
    size_t bytes() const { return bytes_; }

private:
    struct Busy {
        explicit Busy(Pool &p) : pool(p)
        {
            if (pool.busy_.test_and_set(std::memory_order_acquire))
                throw std::runtime_error("Pool: in use by another thread; give each its own");
        }
        ~Busy() { pool.busy_.clear(std::memory_order_release); }
        Pool &pool;
    };

    wh_stream *stream(int32_t index)
    {
        wh_stream *s = wh_pool_stream(pool_, index);
        if (!s) refuse("index", "got " + std::to_string(index) + ", needs 0 to " +
                                std::to_string(n_streams_ - 1));
        return s;
    }

    template <class Get> std::vector<uint64_t> per_layer(int32_t index, Get get)
    {
        Busy busy(*this);
        std::vector<uint64_t> values;
        const wh_stream *s = stream(index);
        for (size_t i = 0; i < model_->layers().size(); ++i)
            values.push_back(get(s, static_cast<int32_t>(i)));
        return values;
    }

    std::shared_ptr<Model> model_;
    int32_t n_streams_;
    Block<char> memory_;
    size_t bytes_ = 0;
    wh_pool *pool_ = nullptr;
    std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

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
