#include "check.h"

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

static int32_t chunks(int32_t n)
{
    return (n + WH_LANES - 1) / WH_LANES * WH_LANES;
}

/* Column of the padded concatenation that column `col` of the plain one becomes. */
static int32_t padded_column(int32_t col, int32_t split)
{
    return col < split ? col : chunks(split) + col - split;
}

static float *zeros(size_t count)
{
    float *array = unaligned(count);
    memset(array, 0, count * sizeof *array);
    return array;
}

float *pack_panels(const float *w, int32_t rows, int32_t cols, int32_t split)
{
    const int32_t all = chunks(split) + chunks(cols - split);
    const int32_t panels = (rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS;
    float *packed = zeros((size_t)panels * WH_PANEL_ROWS * (size_t)all);
    for (int32_t row = 0; row < rows; ++row)
        for (int32_t col = 0; col < cols; ++col) {
            const int32_t at = padded_column(col, split);
            const int32_t chunk = row / WH_PANEL_ROWS * (all / WH_LANES) + at / WH_LANES;
            packed[(chunk * WH_PANEL_ROWS + row % WH_PANEL_ROWS) * WH_LANES + at % WH_LANES] =
                w[row * cols + col];
        }
    return packed;
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

static float *keep(toy *t, float *array)
{
    t->arrays[t->n_arrays++] = array;
    return array;
}

static void make_linear(toy *t, wh_layer *la, int32_t in, int32_t out, uint32_t *seed)
{
    float *w = noise_array(seed, (size_t)(in * out), 2.0f / sqrtf((float)in));
    la->kind = WH_LINEAR;
    la->input_size = in;
    la->output_size = out;
    la->weight_f32 = keep(t, pack_panels(w, out, in, in));
    la->bias = keep(t, noise_array(seed, (size_t)out, 0.5f));
    release(w);
}

static void make_gru(toy *t, wh_layer *la, int32_t in, int32_t n, uint32_t *seed)
{
    const size_t size = (size_t)(n * (in + n));
    float *rows[3];
    for (int g = 0; g < 3; ++g) rows[g] = noise_array(seed, size, 3.0f / sqrtf((float)(in + n)));
    la->kind = WH_GRU;
    la->input_size = in;
    la->output_size = n;
    la->z_f32 = keep(t, pack_panels(rows[0], n, in + n, in));
    la->rc_f32 = keep(t, pack_units(rows[1], rows[2], n, in + n, in));
    la->bias = keep(t, noise_array(seed, 4 * (size_t)n, 0.5f));
    la->threshold = keep(t, noise_array(seed, (size_t)n, 0.5f));
    for (int g = 0; g < 3; ++g) release(rows[g]);
}

void toy_make(toy *t, int32_t n_fft, int32_t hidden, wh_gate gate, uint32_t seed)
{
    const int32_t n_bins = n_fft / 2;
    const double pi = 3.14159265358979323846;
    memset(t, 0, sizeof *t);
    float *window = keep(t, unaligned((size_t)n_fft));
    float *twiddle = keep(t, unaligned(2 * (size_t)n_fft));
    for (int32_t k = 0; k < n_fft; ++k) {
        window[k] = (float)sin(pi * k / n_fft);
        twiddle[2 * k] = (float)cos(2.0 * pi * k / n_fft);
        twiddle[2 * k + 1] = (float)-sin(2.0 * pi * k / n_fft);
    }
    float *mean = keep(t, unaligned((size_t)n_bins)), *scale = keep(t, unaligned((size_t)n_bins));
    for (int32_t k = 0; k < n_bins; ++k) {
        mean[k] = -4.0f;
        scale[k] = 0.3f;
    }
    make_linear(t, &t->layers[0], n_bins, hidden, &seed);
    t->layers[0].activation = WH_PRELU;
    t->layers[0].slope = 0.25f;
    make_gru(t, &t->layers[1], hidden, hidden, &seed);
    make_gru(t, &t->layers[2], hidden, hidden + 2, &seed);
    t->layers[1].gate = t->layers[2].gate = gate;
    make_linear(t, &t->layers[3], hidden + 2, n_bins, &seed);
    t->layers[3].activation = WH_SIGMOID;
    t->model = (wh_model){n_fft, n_fft / 2, n_fft, window, twiddle, 1, 1e-8f, mean, scale, 1,
                          n_bins, 0, 0, 4, t->layers};
}

/* The bias of the last layer, to be filled in; its weights are zero. */
static float *fix_last(toy *t)
{
    wh_layer *la = &t->layers[3];
    const size_t panels = (size_t)(la->output_size + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS;
    float *bias = keep(t, zeros((size_t)la->output_size));
    la->bias = bias;
    la->weight_f32 = keep(t, zeros(panels * WH_PANEL_ROWS * (size_t)chunks(la->input_size)));
    return bias;
}

void toy_fix_mask(toy *t, float bias)
{
    float *b = fix_last(t);
    for (int32_t k = 0; k < t->layers[3].output_size; ++k) b[k] = bias;
}

void toy_add_filter(toy *t, int32_t filter_bins, int32_t order, uint32_t seed)
{
    if (order == 0) return;
    t->model.mask_first_bin = 0;
    t->model.mask_bins = t->model.n_fft / 2 + 1;
    t->model.filter_bins = filter_bins;
    t->model.filter_order = order;
    const int32_t outputs = t->model.mask_bins + 2 * order * filter_bins;
    make_linear(t, &t->layers[3], t->layers[3].input_size, outputs, &seed);
    t->layers[3].activation = WH_NONE;
}

void toy_fix_filter(toy *t, float gain_bias, int32_t tap, float re, float im)
{
    const int32_t n = t->model.filter_bins;
    float *b = fix_last(t), *coefficients = b + t->model.mask_bins + 2 * tap * n;
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
