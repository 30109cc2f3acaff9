// Streams of one model that the engine steps together.
#ifndef WHEESHT_PYTHON_POOL_H
#define WHEESHT_PYTHON_POOL_H

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "busy.h"
#include "model.h"

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
            Busy busy(in_use_);
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

    void reset(int32_t index) { Busy busy(in_use_); check(wh_stream_reset(stream(index)), "reset"); }
    void set_update_percent(int32_t index, double percent)
    {
        Busy busy(in_use_);
        check(wh_stream_set_update_percent(stream(index), percent), "update_percent");
    }
    void set_min_gain(int32_t index, float gain)
    {
        Busy busy(in_use_);
        check(wh_stream_set_min_gain(stream(index), gain), "min_gain");
    }
    std::vector<uint64_t> executed_macs(int32_t index) { return per_layer(index, wh_stream_macs); }
    std::vector<uint64_t> updated_units(int32_t index) { return per_layer(index, wh_stream_updated); }
    uint64_t hops(int32_t index) { Busy busy(in_use_); return wh_stream_hops(stream(index)); }
    std::string isa() const { return wh_stream_isa(wh_pool_stream(pool_, 0)); }
    size_t bytes() const { return bytes_; }

private:
    wh_stream *stream(int32_t index)
    {
        wh_stream *s = wh_pool_stream(pool_, index);
        if (!s) refuse("index", "got " + std::to_string(index) + ", needs 0 to " +
                                std::to_string(n_streams_ - 1));
        return s;
    }

    template <class Get> std::vector<uint64_t> per_layer(int32_t index, Get get)
    {
        Busy busy(in_use_);
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
    InUse in_use_{"Pool"};
};

#endif
