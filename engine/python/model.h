// A model as the engine reads it, built layer by layer from packed arrays.
#ifndef WHEESHT_PYTHON_MODEL_H
#define WHEESHT_PYTHON_MODEL_H

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arrays.h"
#include "reading.h"

const char *const kActivations[] = {"none", "relu", "prelu", "sigmoid", "tanh"};
const char *const kGates[] = {"none", "top_a", "threshold"};
const char *const kScans[] = {"time", "up", "down", "both"};
const char *const kFeatures[] = {"log_power", "scaled_spectrum"};
const char *const kHeads[] = {"magnitude", "deep_filter", "magnitude_filter", "mapping"};

inline int32_t width(long long n, const char *where)
{
    if (n < 1 || n > WH_MAX_WIDTH)
        refuse(where, "got " + std::to_string(n) + ", needs 1 to " + std::to_string(WH_MAX_WIDTH));
    return static_cast<int32_t>(n);
}

// A model description and aligned copies of its arrays. Fixed once a stream uses it.
class Model {
public:
    Model(int32_t win_length, int32_t hop_length, int32_t n_fft, Floats window, Floats twiddle)
    {
        if (win_length < 1 || n_fft < 1) check(WH_ERR_FRONT_END, "Model");
        need_size(window.size(), static_cast<size_t>(win_length), "window");
        need_size(twiddle.size(), 2 * static_cast<size_t>(n_fft), "twiddle");
        description_.win_length = win_length;
        description_.hop_length = hop_length;
        description_.n_fft = n_fft;
        description_.window = keep(window);
        description_.twiddle = keep(twiddle);
    }

    Model(const Model &) = delete;
    Model &operator=(const Model &) = delete;

    void set_features(const std::string &kind, int32_t first_bin, int32_t n_bins, float floor,
                      std::optional<Floats> mean, std::optional<Floats> scale, bool root)
    {
        require_open();
        description_.features = named<wh_features>(kind, kFeatures, 2, "features");
        description_.first_bin = first_bin;
        description_.feature_bins = width(n_bins, "features");
        description_.floor = floor;
        description_.root = root;
        description_.mean = kept_if_set(mean, static_cast<size_t>(n_bins), "mean");
        description_.scale = kept_if_set(scale, static_cast<size_t>(n_bins), "scale");
    }

    void set_head(const std::string &kind, int32_t first_bin, int32_t n_bins, int32_t filter_bins,
                  int32_t filter_order, int32_t filter_width)
    {
        require_open();
        description_.head = named<wh_head>(kind, kHeads, 4, "head");
        description_.mask_first_bin = first_bin;
        description_.mask_bins = n_bins;
        description_.filter_bins = filter_bins;
        description_.filter_order = filter_order;
        description_.filter_width = filter_width;
    }

    void add_linear(long long input_size, long long output_size, Floats weight, Floats bias,
                    const std::string &activation, float slope)
    {
        wh_layer layer = sized(WH_LINEAR, input_size, output_size);
        layer.activation = named<wh_activation>(activation, kActivations, 5, "activation");
        layer.slope = slope;
        need_size(weight.size(), panel_size(output_size, input_size), "weight");
        need_size(bias.size(), static_cast<size_t>(output_size), "bias");
        layer.weight_f32 = keep(weight);
        layer.bias = keep(bias);
        append(layer);
    }

    // The same of integers; of 16 bits where `fine_inputs`.
    void add_int_linear(long long input_size, long long output_size, Integers weight, Floats scale,
                        Ints offset, float inverse, bool fine_inputs, Floats bias,
                        const std::string &activation, float slope)
    {
        wh_layer layer = sized(WH_LINEAR, input_size, output_size);
        layer.activation = named<wh_activation>(activation, kActivations, 5, "activation");
        layer.slope = slope;
        need_size(weight.size(), int_panel_size(output_size, input_size), "weight");
        need_size(bias.size(), static_cast<size_t>(output_size), "bias");
        set_scales(layer, scale, offset, padded_rows(output_size), inverse);
        layer.fine_inputs = fine_inputs;
        layer.weight_s8 = keep(weight);
        layer.bias = keep(bias);
        append(layer);
    }

    void add_conv(long long input_size, long long output_size, int32_t kernel_size, Floats weight,
                  Floats bias)
    {
        wh_layer layer = sized(WH_CONV, input_size, output_size);
        if (kernel_size < 1 || kernel_size > WH_MAX_KERNEL) check(WH_ERR_LAYER, "kernel_size");
        layer.kernel_size = kernel_size;
        need_size(weight.size(), panel_size(output_size, kernel_size * input_size), "weight");
        need_size(bias.size(), static_cast<size_t>(output_size), "bias");
        layer.weight_f32 = keep(weight);
        layer.bias = keep(bias);
        append(layer);
    }

    void add_gru(long long input_size, long long hidden_size, Floats z, Floats rc, FloatRows bias,
                 const std::string &gate, std::optional<Floats> threshold, const std::string &scan)
    {
        wh_layer layer = sized(WH_GRU, input_size, hidden_size);
        layer.gate = named<wh_gate>(gate, kGates, 3, "gate");
        layer.scan = named<wh_scan>(scan, kScans, 4, "scan");
        const size_t n = static_cast<size_t>(hidden_size);
        const size_t directions = layer.scan == WH_SCAN_BOTH ? 2 : 1;
        const size_t columns = chunks(input_size) + chunks(hidden_size);
        need_size(z.size(), directions * panel_size(hidden_size, input_size + hidden_size), "z");
        need_size(rc.size(), directions * 2 * n * columns, "rc");
        layer.z_f32 = keep(z);
        layer.rc_f32 = keep(rc);
        set_bias(layer, bias, directions, n);
        layer.threshold = kept_if_set(threshold, directions * n, "threshold");
        append(layer);
    }

    // The same of integers.
    void add_int_gru(long long input_size, long long hidden_size, Integers z, Integers rc,
                     Floats scale, Floats unit_numbers, Ints offset, float inverse, FloatRows bias,
                     const std::string &gate, std::optional<Floats> threshold,
                     const std::string &scan)
    {
        wh_layer layer = sized(WH_GRU, input_size, hidden_size);
        layer.gate = named<wh_gate>(gate, kGates, 3, "gate");
        layer.scan = named<wh_scan>(scan, kScans, 4, "scan");
        const size_t n = static_cast<size_t>(hidden_size);
        const size_t directions = layer.scan == WH_SCAN_BOTH ? 2 : 1;
        const size_t columns = chunks(input_size) + chunks(hidden_size);
        const size_t gates = int_panel_size(hidden_size, input_size) +
                             int_panel_size(hidden_size, hidden_size);
        need_size(z.size(), directions * gates, "z");
        need_size(rc.size(), directions * 2 * n * columns, "rc");
        need_size(unit_numbers.size(), directions * 8 * n, "unit_numbers");
        need_size(offset.size(), directions * (2 * padded_rows(hidden_size) + 4 * n), "offset");
        need_size(scale.size(), directions * 2 * padded_rows(hidden_size), "scale");
        layer.scale = keep(scale);
        layer.unit_numbers = keep(unit_numbers);
        layer.offset = keep(offset);
        layer.inverse = inverse;
        layer.z_s8 = keep(z);
        layer.rc_s8 = keep(rc);
        set_bias(layer, bias, directions, n);
        layer.threshold = kept_if_set(threshold, directions * n, "threshold");
        append(layer);
    }

    void add_layer_norm(long long size, std::optional<Floats> weight, std::optional<Floats> bias)
    {
        wh_layer layer = sized(WH_LAYER_NORM, size, size);
        layer.weight_f32 = kept_if_set(weight, static_cast<size_t>(size), "weight");
        layer.bias = kept_if_set(bias, static_cast<size_t>(size), "bias");
        append(layer);
    }

    void add_rectifier(long long size) { append(sized(WH_RECTIFIER, size, size)); }

    void add_residual(long long size, int32_t source)
    {
        wh_layer layer = sized(WH_RESIDUAL, size, size);
        layer.source = source;
        append(layer);
    }

    void add_band_analysis(Ints bounds, long long output_size, Floats weight)
    {
        size_t needed = 0;
        for (size_t i = 0; i + 2 < checked(bounds).size(); ++i)
            needed += panel_size(output_size, bounds.data()[i + 2] - bounds.data()[i]);
        wh_layer layer = sized(WH_BAND_ANALYSIS, bounds.data()[bounds.size() - 1], output_size);
        need_size(weight.size(), needed, "weight");
        set_bounds(layer, bounds);
        layer.weight_f32 = keep(weight);
        append(layer);
    }

    void add_band_synthesis(long long input_size, Ints bounds, long long output_size,
                            Floats weight, Floats bias)
    {
        wh_layer layer = synthesis(input_size, bounds, output_size, bias);
        need_size(weight.size(), synthesis_rows(layer) * static_cast<size_t>(input_size), "weight");
        layer.weight_f32 = keep(weight);
        append(layer);
    }

    // The same of integers; of 16 bits where `fine_inputs`.
    void add_int_band_synthesis(long long input_size, Ints bounds, long long output_size,
                                Integers weight, Floats scale, Ints offset, float inverse,
                                bool fine_inputs, Floats bias)
    {
        wh_layer layer = synthesis(input_size, bounds, output_size, bias);
        const size_t rows = synthesis_rows(layer);
        need_size(weight.size(), rows * padded(static_cast<size_t>(input_size), 4), "weight");
        set_scales(layer, scale, offset, rows, inverse);
        layer.fine_inputs = fine_inputs;
        layer.weight_s8 = keep(weight);
        append(layer);
    }

    const wh_model *freeze()
    {
        frozen_ = true;
        description_.n_layers = static_cast<int32_t>(layers_.size());
        description_.layers = layers_.data();
        return &description_;
    }

    const std::vector<wh_layer> &layers() const { return layers_; }
    const wh_model &description() const { return description_; }

    // The matrices that a hop reads in layer i; of a GRU's reset and candidate rows those of the
    // selected units, or all of them where that is NULL.
    void add_matrices(std::vector<Piece> &pieces, size_t i, const uint8_t *selected) const
    {
        const wh_layer &layer = layers_[i];
        if (layer.kind == WH_LAYER_NORM) return;
        const void *const all[] = {layer.weight_s8, layer.weight_f32, layer.z_s8, layer.z_f32};
        for (const void *matrix : all)
            if (matrix) pieces.push_back(kept(matrix));
        if (layer.kind != WH_GRU) return;
        const Piece units = kept(layer.rc_s8 ? static_cast<const void *>(layer.rc_s8) : layer.rc_f32);
        if (!selected) return pieces.push_back(units);
        const size_t n = static_cast<size_t>(layer.output_size), bytes = units.bytes / n;
        for (size_t j = 0; j < n; ++j)
            if (selected[j]) pieces.push_back({units.data + j * bytes, bytes});
    }

private:
    static size_t chunks(long long n) { return padded(static_cast<size_t>(n), WH_LANES); }
    static size_t panel_size(long long rows, long long columns)
    {
        return padded(static_cast<size_t>(rows), WH_PANEL_ROWS) * static_cast<size_t>(columns);
    }

    static size_t padded_rows(long long rows)
    {
        return padded(static_cast<size_t>(rows), WH_PANEL_ROWS);
    }
    static size_t int_panel_size(long long rows, long long columns)
    {
        return padded_rows(rows) * padded(static_cast<size_t>(columns), 4);
    }

    static wh_layer sized(wh_kind kind, long long input_size, long long output_size)
    {
        wh_layer layer{};
        layer.kind = kind;
        layer.input_size = width(input_size, "input_size");
        layer.output_size = width(output_size, "output_size");
        return layer;
    }

    // A synthesis but for its weights.
    wh_layer synthesis(long long input_size, const Ints &bounds, long long output_size,
                       const Floats &bias)
    {
        wh_layer layer = sized(WH_BAND_SYNTHESIS, input_size, output_size);
        set_bounds(layer, checked(bounds));
        size_t values = 0;
        for (int32_t i = 0; i < layer.n_bands; ++i) values += static_cast<size_t>(band_rows(layer, i));
        need_size(bias.size(), values, "bias");
        layer.bias = keep(bias);
        return layer;
    }
    static long long band_rows(const wh_layer &layer, int32_t band)
    {
        return static_cast<long long>(layer.bounds[band + 2] - layer.bounds[band]) *
               layer.output_size;
    }
    // Rows of a synthesis, those of each band padded to whole panels.
    static size_t synthesis_rows(const wh_layer &layer)
    {
        size_t rows = 0;
        for (int32_t i = 0; i < layer.n_bands; ++i) rows += padded_rows(band_rows(layer, i));
        return rows;
    }

    void set_bias(wh_layer &layer, const FloatRows &bias, size_t directions, size_t n)
    {
        if (bias.shape(0) != 4 * directions)
            refuse("bias", "needs 4 rows for each direction: z, r, c of x, c of h");
        need_size(bias.shape(1), n, "bias rows");
        layer.bias = keep(bias);
    }

    void set_scales(wh_layer &layer, const Floats &scale, const Ints &offset, size_t size,
                    float inverse)
    {
        need_size(scale.size(), size, "scale");
        need_size(offset.size(), size, "offset");
        layer.scale = keep(scale);
        layer.offset = keep(offset);
        layer.inverse = inverse;
    }

    // Bounds of bands: rising, so that every band has bins and sizes can be added up.
    static const Ints &checked(const Ints &bounds)
    {
        if (bounds.size() < 4) refuse("bounds", "needs 4 numbers or more");
        width(bounds.data()[bounds.size() - 1], "bounds");
        for (size_t i = 0; i + 1 < bounds.size(); ++i)
            if (bounds.data()[i + 1] <= bounds.data()[i] || bounds.data()[0] != 0)
                refuse("bounds", "need to rise from 0");
        return bounds;
    }

    void set_bounds(wh_layer &layer, const Ints &bounds)
    {
        layer.n_bands = static_cast<int32_t>(bounds.size()) - 2;
        layer.bounds = keep(bounds);
    }

    // An aligned copy that lives as long as the model.
    template <class T, class... Kind> const T *keep(const nb::ndarray<const T, Kind...> &array)
    {
        const size_t bytes = array.size() * sizeof(T);
        arrays_.push_back(allocate<char>(bytes));
        char *copy = arrays_.back().get();
        std::memcpy(copy, array.data(), bytes);
        bytes_of_[copy] = bytes;
        return reinterpret_cast<const T *>(copy);
    }

    Piece kept(const void *copy) const
    {
        return {static_cast<const char *>(copy), bytes_of_.at(copy)};
    }

    const float *kept_if_set(const std::optional<Floats> &array, size_t size, const char *what)
    {
        if (!array) return nullptr;
        need_size(array->size(), size, what);
        return keep(*array);
    }

    void require_open() const
    {
        if (frozen_) throw std::runtime_error("Model: a stream uses it, so nothing can change");
    }

    void append(const wh_layer &layer)
    {
        require_open();
        if (layers_.size() >= WH_MAX_LAYERS) check(WH_ERR_LAYER, "Model");
        layers_.push_back(layer);
    }

    wh_model description_{};
    std::vector<wh_layer> layers_;
    std::vector<Block<char>> arrays_;
    std::map<const void *, size_t> bytes_of_;
    bool frozen_ = false;
};

#endif
