// A stream of the engine in memory of its own, and what a tap saw of it.
#ifndef WHEESHT_PYTHON_STREAM_H
#define WHEESHT_PYTHON_STREAM_H

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "busy.h"
#include "model.h"

constexpr const char *kDials[] = {"fixed", "level", "flux"};

inline uint64_t now_nanoseconds()
{
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now().time_since_epoch()).count());
}

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
        Busy busy(in_use_);
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
            Busy busy(in_use_);
            wh_stream_set_tap(stream_, Trace::see, &seen);
        }
        const auto stop = [this](void *) noexcept { wh_stream_set_tap(stream_, nullptr, nullptr); };
        std::unique_ptr<void, decltype(stop)> at_end(&seen, stop);
        run(x, nullptr);
        return seen.give_all(x.size() / hop());
    }

    void reset() { Busy busy(in_use_); check(wh_stream_reset(stream_), "reset"); }
    void set_update_percent(double percent)
    {
        Busy busy(in_use_);
        check(wh_stream_set_update_percent(stream_, percent), "update_percent");
    }
    void set_dial(const std::string &name, double low, double high)
    {
        Busy busy(in_use_);
        const wh_dial dial = named<wh_dial>(name, kDials, 3, "dial");
        check(wh_stream_set_dial(stream_, dial, low, high), "dial");
    }
    void set_dial_cap(double percent)
    {
        Busy busy(in_use_);
        check(wh_stream_set_dial_cap(stream_, percent), "dial_cap");
    }
    void set_min_gain(float gain)
    {
        Busy busy(in_use_);
        check(wh_stream_set_min_gain(stream_, gain), "min_gain");
    }
    void set_gain_band(int32_t first, int32_t count)
    {
        Busy busy(in_use_);
        check(wh_stream_set_gain_band(stream_, first, count), "gain_band");
    }
    void set_profiling(bool on)
    {
        Busy busy(in_use_);
        check(wh_stream_set_clock(stream_, on ? now_nanoseconds : nullptr), "profiling");
    }

    std::vector<double> hop_percents() { Busy busy(in_use_); return hop_percents_; }
    BytesOut selected()
    {
        Busy busy(in_use_);
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
        Busy busy(in_use_);
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
            Busy busy(in_use_);
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
    InUse in_use_{"Stream"};
};

#endif
