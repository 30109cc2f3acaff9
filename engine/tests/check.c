#include "check.h"

#include "integer_toy.h"

#include <math.h>
#include <string.h>

int failures = 0;

float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1.0f;
}

float *unaligned(size_t count)
{
    float *memory = malloc((count + 1) * sizeof *memory);
    if (!memory) abort();
    return memory + 1;
}

float *noise_array(uint32_t *seed, size_t count, float size)
{
    float *array = unaligned(count);
    for (size_t i = 0; i < count; ++i) array[i] = size * noise(seed);
    return array;
}

void release(float *array)
{
    if (array) free(array - 1);
}

static int8_t *unaligned_bytes(size_t count)
{
    int8_t *memory = malloc(count + 1);
    if (!memory) abort();
    return memory + 1;
}

int8_t *noise_bytes(uint32_t *seed, size_t count)
{
    int8_t *array = unaligned_bytes(count);
    for (size_t i = 0; i < count; ++i) array[i] = (int8_t)(127.999f * noise(seed));
    return array;
}

void release_bytes(int8_t *array)
{
    if (array) free(array - 1);
}

static int32_t chunks(int32_t n)
{
    return (n + WH_LANES - 1) / WH_LANES * WH_LANES;
}

static float *zeros(size_t count)
{
    float *array = unaligned(count);
    memset(array, 0, count * sizeof *array);
    return array;
}

float *pack_panels(const float *w, int32_t rows, int32_t cols)
{
    const int32_t panels = (rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS;
    float *packed = zeros((size_t)panels * WH_PANEL_ROWS * (size_t)cols);
    for (int32_t row = 0; row < rows; ++row)
        for (int32_t col = 0; col < cols; ++col)
            packed[(row / WH_PANEL_ROWS * cols + col) * WH_PANEL_ROWS + row % WH_PANEL_ROWS] =
                w[row * cols + col];
    return packed;
}

/* Column of the padded concatenation that column `col` of the plain one becomes. */
static int32_t padded_column(int32_t col, int32_t split)
{
    return col < split ? col : chunks(split) + col - split;
}

float *pack_units(const float *reset, const float *candidate, int32_t rows, int32_t cols,
                  int32_t split)
{
    const int32_t all = chunks(split) + chunks(cols - split);
    float *packed = zeros(2 * (size_t)rows * (size_t)all);
    for (int32_t row = 0; row < rows; ++row)
        for (int32_t col = 0; col < cols; ++col) {
            const int32_t at = padded_column(col, split);
            float *chunk = packed + (row * (all / WH_LANES) + at / WH_LANES) * 2 * WH_LANES;
            chunk[at % WH_LANES] = reset[row * cols + col];
            chunk[WH_LANES + at % WH_LANES] = candidate[row * cols + col];
        }
    return packed;
}

int8_t *pack_int_panels(const float *w, int32_t rows, int32_t cols)
{
    const int32_t panels = (rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS, fours = (cols + 3) / 4;
    const size_t size = (size_t)panels * WH_PANEL_ROWS * 4 * (size_t)fours;
    int8_t *packed = unaligned_bytes(size);
    memset(packed, 0, size);
    for (int32_t row = 0; row < rows; ++row)
        for (int32_t col = 0; col < cols; ++col) {
            const int32_t four = row / WH_PANEL_ROWS * fours + col / 4;
            packed[(four * WH_PANEL_ROWS + row % WH_PANEL_ROWS) * 4 + col % 4] =
                (int8_t)w[row * cols + col];
        }
    return packed;
}

int8_t *pack_int_units(const float *reset, const float *candidate, int32_t rows, int32_t cols,
                       int32_t split)
{
    const size_t size = 2 * (size_t)rows * (size_t)(chunks(split) + chunks(cols - split));
    float *blocks = pack_units(reset, candidate, rows, cols, split);
    int8_t *packed = unaligned_bytes(size);
    for (size_t k = 0; k < size; ++k) packed[k] = (int8_t)blocks[k];
    release(blocks);
    return packed;
}

float *toy_keep(toy *t, float *array)
{
    if (t->n_arrays == TOY_ARRAYS) abort();
    t->arrays[t->n_arrays++] = array;
    return array;
}

static float *random_array(toy *t, size_t count, float size)
{
    return toy_keep(t, noise_array(&t->seed, count, size));
}

/* Packed arrays one behind the other, which are released. */
static float *joined(toy *t, float *const *parts, const size_t *sizes, int count)
{
    size_t total = 0, at = 0;
    for (int k = 0; k < count; ++k) total += sizes[k];
    float *all = toy_keep(t, unaligned(total));
    for (int k = 0; k < count; ++k) {
        memcpy(all + at, parts[k], sizes[k] * sizeof *all);
        at += sizes[k];
        release(parts[k]);
    }
    return all;
}

static size_t panel_floats(int32_t rows, int32_t cols)
{
    return (size_t)(rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS * WH_PANEL_ROWS * (size_t)cols;
}

void toy_start(toy *t, int32_t n_fft, wh_features features, int32_t first_bin, int32_t n_bins,
               uint32_t seed)
{
    const double pi = 3.14159265358979323846;
    memset(t, 0, sizeof *t);
    t->seed = seed;
    float *window = toy_keep(t, unaligned((size_t)n_fft));
    float *twiddle = toy_keep(t, unaligned(2 * (size_t)n_fft));
    for (int32_t k = 0; k < n_fft; ++k) {
        window[k] = (float)sin(pi * k / n_fft);
        twiddle[2 * k] = (float)cos(2.0 * pi * k / n_fft);
        twiddle[2 * k + 1] = (float)-sin(2.0 * pi * k / n_fft);
    }
    t->model = (wh_model){.win_length = n_fft, .hop_length = n_fft / 2, .n_fft = n_fft,
                          .window = window, .twiddle = twiddle, .features = features,
                          .first_bin = first_bin, .feature_bins = n_bins, .floor = 1e-8f,
                          .layers = t->layers};
    t->positions = features == WH_SCALED_SPECTRUM ? n_bins : 1;
    t->channels = features == WH_SCALED_SPECTRUM ? 2 : n_bins;
    if (features == WH_SCALED_SPECTRUM) return;
    float *mean = toy_keep(t, unaligned((size_t)n_bins)), *scale = toy_keep(t, unaligned((size_t)n_bins));
    for (int32_t k = 0; k < n_bins; ++k) {
        mean[k] = -4.0f;
        scale[k] = 0.3f;
    }
    t->model.mean = mean;
    t->model.scale = scale;
}

/* The next layer, from the channels of the last one to so many. */
static wh_layer *add_layer(toy *t, wh_kind kind, int32_t channels)
{
    if (t->model.n_layers == TOY_LAYERS) abort();
    wh_layer *la = &t->layers[t->model.n_layers++];
    *la = (wh_layer){.kind = kind, .input_size = t->channels, .output_size = channels};
    t->channels = channels;
    return la;
}

static plain_layer *plain_of(toy *t)
{
    return &t->plain[t->model.n_layers - 1];
}

/* Random weights and a bias. */
static void set_weights(toy *t, wh_layer *la, int32_t cols)
{
    const int32_t rows = la->output_size;
    plain_of(t)->weight = random_array(t, (size_t)(rows * cols), 2.0f / sqrtf((float)cols));
    la->weight_f32 = toy_keep(t, pack_panels(plain_of(t)->weight, rows, cols));
    la->bias = random_array(t, (size_t)rows, 0.5f);
}

void toy_linear(toy *t, int32_t channels, wh_activation activation)
{
    wh_layer *la = add_layer(t, WH_LINEAR, channels);
    la->activation = activation;
    la->slope = 0.25f;
    set_weights(t, la, la->input_size);
}

void toy_conv(toy *t, int32_t channels, int32_t kernel_size)
{
    wh_layer *la = add_layer(t, WH_CONV, channels);
    la->kernel_size = kernel_size;
    set_weights(t, la, kernel_size * la->input_size);
}

void toy_gru(toy *t, int32_t units, wh_gate gate, wh_scan scan)
{
    wh_layer *la = add_layer(t, WH_GRU, units);
    const int32_t in = la->input_size, cols = in + units;
    const int directions = scan == WH_SCAN_BOTH ? 2 : 1;
    const size_t unit_floats = 2 * (size_t)units * (size_t)(chunks(in) + chunks(units));
    float *z[4], *rc[2];
    size_t z_sizes[4], rc_sizes[2];
    int n_z = 0;
    for (int d = 0; d < directions; ++d) {
        const float **gates = plain_of(t)->gates[d];
        for (int g = 0; g < 3; ++g)
            gates[g] = random_array(t, (size_t)(units * cols), 3.0f / sqrtf((float)cols));
        const int32_t cut[3] = {0, scan == WH_SCAN_TIME ? cols : in, cols};
        for (int part = 0; part < 2 && cut[part] < cols; ++part) {
            const int32_t first = cut[part], width = cut[part + 1] - first;
            float *some = unaligned((size_t)(units * width));
            for (int32_t k = 0; k < units * width; ++k)
                some[k] = gates[0][k / width * cols + first + k % width];
            z_sizes[n_z] = panel_floats(units, width);
            z[n_z++] = pack_panels(some, units, width);
            release(some);
        }
        rc_sizes[d] = unit_floats;
        rc[d] = pack_units(gates[1], gates[2], units, cols, in);
    }
    la->gate = gate;
    la->scan = scan;
    la->z_f32 = joined(t, z, z_sizes, n_z);
    la->rc_f32 = joined(t, rc, rc_sizes, directions);
    la->bias = random_array(t, (size_t)(4 * directions * units), 0.5f);
    la->threshold = random_array(t, (size_t)(directions * units), 0.5f);
    t->channels = directions * units;
}

void toy_layer_norm(toy *t, int affine)
{
    wh_layer *la = add_layer(t, WH_LAYER_NORM, t->channels);
    if (!affine) return;
    la->weight_f32 = plain_of(t)->weight = random_array(t, (size_t)t->channels, 1.5f);
    la->bias = random_array(t, (size_t)t->channels, 0.5f);
}

void toy_rectifier(toy *t)
{
    add_layer(t, WH_RECTIFIER, t->channels);
}

void toy_residual(toy *t, int32_t source)
{
    add_layer(t, WH_RESIDUAL, t->channels)->source = source;
}

/* Bands that get wider upwards, each with a matrix. */
static void set_bands(toy *t, wh_layer *la, int32_t n_bands, int32_t n_bins)
{
    int32_t *bounds = t->bounds[t->model.n_layers - 1];
    for (int32_t i = 1; i <= n_bands + 1; ++i) {
        const int32_t even = n_bins * i * i / ((n_bands + 1) * (n_bands + 1));
        bounds[i] = even > bounds[i - 1] ? even : bounds[i - 1] + 1;
    }
    la->n_bands = n_bands;
    la->bounds = bounds;
    const int32_t synthesis = la->kind == WH_BAND_SYNTHESIS;
    int32_t bins = 0;
    for (int32_t b = 0; b < n_bands; ++b) bins += bounds[b + 2] - bounds[b];
    const int32_t all = synthesis ? bins * la->output_size * la->input_size : bins * la->output_size;
    const float *plain = random_array(t, (size_t)all, 0.5f);
    plain_of(t)->weight = plain;
    float *parts[WH_MAX_POSITIONS];
    size_t sizes[WH_MAX_POSITIONS];
    for (int32_t b = 0; b < n_bands; ++b) {
        const int32_t width = bounds[b + 2] - bounds[b];
        const int32_t rows = synthesis ? width * la->output_size : la->output_size;
        const int32_t cols = synthesis ? la->input_size : width;
        parts[b] = pack_panels(plain, rows, cols);
        sizes[b] = panel_floats(rows, cols);
        plain += rows * cols;
    }
    la->weight_f32 = joined(t, parts, sizes, n_bands);
    if (synthesis) la->bias = random_array(t, (size_t)(bins * la->output_size), 0.3f);
}

void toy_band_analysis(toy *t, int32_t n_bands, int32_t channels)
{
    wh_layer *la = add_layer(t, WH_BAND_ANALYSIS, channels);
    set_bands(t, la, n_bands, la->input_size);
    t->positions = n_bands;
}

void toy_band_synthesis(toy *t, int32_t n_bins, int32_t channels)
{
    wh_layer *la = add_layer(t, WH_BAND_SYNTHESIS, channels);
    set_bands(t, la, t->positions, n_bins);
    t->positions = n_bins;
}

void toy_magnitude_filter(toy *t, int32_t first_bin, int32_t n_bins, int32_t order, int32_t width)
{
    t->model.head = WH_MAGNITUDE_FILTER;
    t->model.mask_first_bin = first_bin;
    t->model.mask_bins = n_bins;
    t->model.filter_order = order;
    t->model.filter_width = width;
    toy_linear(t, 1 + order * width, WH_NONE);
}

void toy_mapping(toy *t)
{
    t->model.head = WH_MAPPING;
    t->model.mask_first_bin = t->model.first_bin;
    t->model.mask_bins = t->model.feature_bins;
    toy_linear(t, 2, WH_NONE);
}

void toy_make(toy *t, int32_t n_fft, int32_t hidden, wh_gate gate, uint32_t seed)
{
    toy_start(t, n_fft, WH_LOG_POWER, 1, n_fft / 2, seed);
    toy_linear(t, hidden, WH_PRELU);
    toy_gru(t, hidden, gate, WH_SCAN_TIME);
    toy_gru(t, hidden + 2, gate, WH_SCAN_TIME);
    toy_linear(t, n_fft / 2, WH_SIGMOID);
    t->model.mask_first_bin = 1;
    t->model.mask_bins = n_fft / 2;
}

void toy_make_bands(toy *t, int32_t n_fft, wh_gate gate, uint32_t seed)
{
    static const wh_scan scans[] = {WH_SCAN_BOTH, WH_SCAN_TIME, WH_SCAN_DOWN, WH_SCAN_UP};
    const int32_t n_bins = n_fft / 2 + 1;
    toy_start(t, n_fft, WH_LOG_POWER, 0, n_bins, seed);
    toy_band_analysis(t, 11, 5);
    for (int32_t path = 0; path < 4; ++path) {
        const int32_t source = t->model.n_layers - 1;
        toy_gru(t, 4 + 3 * path, gate, scans[path]);
        toy_rectifier(t);
        toy_linear(t, 5, WH_NONE);
        toy_residual(t, source);
        toy_layer_norm(t, path % 2);
    }
    toy_band_synthesis(t, n_bins, 4);
    toy_magnitude_filter(t, 0, n_bins, 3, 3);
}

void toy_make_bins(toy *t, int32_t n_fft, wh_gate gate, int32_t root, uint32_t seed)
{
    static const wh_scan scans[] = {WH_SCAN_BOTH, WH_SCAN_TIME};
    toy_start(t, n_fft, WH_SCALED_SPECTRUM, 1, 41, seed);
    t->model.root = root;
    toy_conv(t, 6, 3);
    for (int32_t path = 0; path < 2; ++path) {
        const int32_t source = t->model.n_layers - 1;
        toy_gru(t, 5 + path, gate, scans[path]);
        toy_linear(t, 6, WH_NONE);
        toy_layer_norm(t, 1);
        toy_residual(t, source);
    }
    toy_conv(t, 5, 5);
    toy_mapping(t);
}

void toy_make_kind(toy *t, toy_kind kind, int32_t n_fft, int32_t hidden, wh_gate gate,
                   uint32_t seed)
{
    if (kind >= INT_MASKED) {
        toy_make_kind(t, (toy_kind)(kind - INT_MASKED), n_fft, hidden, gate, seed);
        toy_all_to_integers(t);
    } else if (kind == BANDS) {
        toy_make_bands(t, n_fft, gate, seed);
    } else if (kind == BINS) {
        toy_make_bins(t, n_fft, gate, 1, seed);
    } else {
        toy_make(t, n_fft, hidden, gate, seed);
        if (kind == FILTERED) toy_add_filter(t, 101, 5, 41u);
    }
}

float *toy_fix_last(toy *t)
{
    wh_layer *la = &t->layers[t->model.n_layers - 1];
    float *bias = toy_keep(t, zeros((size_t)la->output_size));
    la->bias = bias;
    la->weight_f32 = toy_keep(t, zeros(panel_floats(la->output_size, la->input_size)));
    return bias;
}

void toy_fix_mask(toy *t, float bias)
{
    float *b = toy_fix_last(t);
    for (int32_t k = 0; k < t->channels; ++k) b[k] = bias;
}

void toy_add_filter(toy *t, int32_t filter_bins, int32_t order, uint32_t seed)
{
    if (order == 0) return;
    t->seed = seed;
    t->model.head = WH_DEEP_FILTER;
    t->model.mask_first_bin = 0;
    t->model.mask_bins = t->model.n_fft / 2 + 1;
    t->model.filter_bins = filter_bins;
    t->model.filter_order = order;
    t->model.n_layers -= 1;
    t->channels = t->layers[t->model.n_layers].input_size;
    toy_linear(t, t->model.mask_bins + 2 * order * filter_bins, WH_NONE);
}

void toy_fix_filter(toy *t, float gain_bias, int32_t tap, float re, float im)
{
    const int32_t n = t->model.filter_bins;
    float *b = toy_fix_last(t), *coefficients = b + t->model.mask_bins + 2 * tap * n;
    for (int32_t k = 0; k < t->model.mask_bins; ++k) b[k] = gain_bias;
    for (int32_t k = 0; k < n; ++k) {
        coefficients[k] = re;
        coefficients[n + k] = im;
    }
}

void toy_free(toy *t)
{
    for (int i = 0; i < t->n_arrays; ++i) release(t->arrays[i]);
}
