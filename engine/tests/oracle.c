#include "oracle.h"

#include <math.h>
#include <string.h>

static double *zeros(size_t count)
{
    double *array = calloc(count, sizeof *array);
    if (!array) abort();
    return array;
}

/* What layer i sees: values, positions, channels. */
typedef struct {
    const double *x;
    int32_t positions, channels;
} seen;

static seen input_of(const oracle *o, int32_t i, const double *x)
{
    const wh_model *m = &o->model->model;
    const int32_t wide = m->features == WH_SCALED_SPECTRUM;
    if (i > 0) return (seen){o->output[i - 1], o->positions[i - 1], o->channels[i - 1]};
    return (seen){x, wide ? m->feature_bins : 1, wide ? 2 : m->feature_bins};
}

void oracle_make(oracle *o, const toy *t)
{
    memset(o, 0, sizeof *o);
    o->model = t;
    for (int32_t i = 0; i < t->model.n_layers; ++i) {
        const wh_layer *la = &t->layers[i];
        const int twice = la->kind == WH_GRU && la->scan == WH_SCAN_BOTH;
        o->positions[i] = input_of(o, i, NULL).positions;
        if (la->kind == WH_BAND_ANALYSIS) o->positions[i] = la->n_bands;
        if (la->kind == WH_BAND_SYNTHESIS) o->positions[i] = la->bounds[la->n_bands + 1];
        o->channels[i] = (twice ? 2 : 1) * la->output_size;
        o->output[i] = zeros((size_t)(o->positions[i] * o->channels[i]));
    }
}

void oracle_free(oracle *o)
{
    for (int32_t i = 0; i < o->model->model.n_layers; ++i) free(o->output[i]);
}

static double dot(const float *w, const double *x, int32_t n)
{
    double sum = 0.0;
    for (int32_t k = 0; k < n; ++k) sum += w[k] * x[k];
    return sum;
}

static double activated(double v, const wh_layer *la)
{
    switch (la->activation) {
    case WH_RELU: return v > 0.0 ? v : 0.0;
    case WH_PRELU: return v > 0.0 ? v : la->slope * v;
    case WH_SIGMOID: return 1.0 / (1.0 + exp(-v));
    case WH_TANH: return tanh(v);
    default: return v;
    }
}

/* What a matrix of integers sees of x (Q1): v times `inverse` is a float, as in the engine. */
static const double *integers(double *q, const double *x, int32_t n, float inverse, int fine)
{
    const double limit = fine ? 127.0 * 128.0 : 127.0;
    for (int32_t k = 0; k < n; ++k) {
        const float v = (float)x[k] * inverse;
        q[k] = fmin(fmax(rint(v), -limit), limit);
    }
    return q;
}

static void linear(double *y, seen in, const wh_layer *la, const plain_layer *plain)
{
    const int32_t n = la->output_size, cols = in.channels;
    double q[WH_MAX_WIDTH];
    for (int32_t k = 0; k < in.positions; ++k) {
        const double *x = in.x + k * cols;
        if (plain->scale) x = integers(q, x, cols, la->inverse, la->fine_inputs);
        for (int32_t row = 0; row < n; ++row) {
            const double scale = plain->scale ? plain->scale[row] : 1.0;
            const double sum = dot(plain->weight + row * cols, x, cols) * scale;
            y[k * n + row] = activated(sum + la->bias[row], la);
        }
    }
}

static void conv(double *y, seen in, const wh_layer *la, const float *weight)
{
    const int32_t n = la->output_size, taps = la->kernel_size;
    for (int32_t k = 0; k < in.positions; ++k)
        for (int32_t row = 0; row < n; ++row) {
            double sum = la->bias[row];
            for (int32_t b = 0; b < taps; ++b) {
                const int32_t at = k + b - taps / 2;
                if (at >= 0 && at < in.positions)
                    sum += dot(weight + (row * taps + b) * in.channels, in.x + at * in.channels,
                               in.channels);
            }
            y[k * n + row] = sum;
        }
}

static void layer_norm(double *y, seen in, const wh_layer *la)
{
    const int32_t n = in.channels;
    for (int32_t k = 0; k < in.positions; ++k) {
        const double *x = in.x + k * n;
        double mean = 0.0, variance = 0.0;
        for (int32_t c = 0; c < n; ++c) mean += x[c] / n;
        for (int32_t c = 0; c < n; ++c) variance += (x[c] - mean) * (x[c] - mean) / n;
        for (int32_t c = 0; c < n; ++c) {
            const double v = (x[c] - mean) / sqrt(variance + 1e-5);
            y[k * n + c] = la->weight_f32 ? v * la->weight_f32[c] + la->bias[c] : v;
        }
    }
}

static void band_analysis(double *y, seen in, const wh_layer *la, const float *weight)
{
    for (int32_t b = 0; b < la->n_bands; ++b) {
        const int32_t first = la->bounds[b], width = la->bounds[b + 2] - first;
        for (int32_t c = 0; c < la->output_size; ++c, weight += width)
            y[b * la->output_size + c] = dot(weight, in.x + first, width);
    }
}

static void band_synthesis(double *y, seen in, const wh_layer *la, const plain_layer *plain)
{
    const int32_t n = la->output_size, n_bins = la->bounds[la->n_bands + 1], cols = in.channels;
    double q[WH_MAX_WIDTH];
    memset(y, 0, (size_t)(n_bins * n) * sizeof *y);
    for (int32_t b = 0, row = 0; b < la->n_bands; ++b) {
        const double *x = in.x + b * cols;
        if (plain->scale) x = integers(q, x, cols, la->inverse, la->fine_inputs);
        for (int32_t v = la->bounds[b] * n; v < la->bounds[b + 2] * n; ++v, ++row) {
            const double scale = plain->scale ? plain->scale[row] : 1.0;
            y[v] += dot(plain->weight + row * cols, x, cols) * scale + la->bias[row];
        }
    }
    for (int32_t f = 0; f < n_bins; ++f) {
        int bands = 0; /* that reach this bin */
        for (int32_t b = 0; b < la->n_bands; ++b) bands += f >= la->bounds[b] && f < la->bounds[b + 2];
        for (int32_t c = 0; c < n; ++c) y[f * n + c] = tanh(y[f * n + c] / bands);
    }
}

/* One step: `h` becomes the new state. */
static void step(double *h, const double *x, const wh_layer *la, const plain_layer *plain,
                 int32_t direction, const uint8_t *given)
{
    const int32_t n = la->output_size, in = la->input_size, cols = in + n;
    const float *bias = la->bias + 4 * n * direction;
    const float *const *gates = plain->gates[direction];
    const float *const (*scales)[2] = plain->gate_scales[direction];
    double old[WH_MAX_WIDTH], q_x[WH_MAX_WIDTH], q_h[WH_MAX_WIDTH];
    memcpy(old, h, (size_t)n * sizeof *old);
    const double *seen_h = old;
    if (scales[0][0]) {
        x = integers(q_x, x, in, la->inverse, 0);
        seen_h = integers(q_h, old, n, 127.0f, 0);
    }
    for (int32_t j = 0; j < n; ++j) {
        double of_x[3], of_h[3];
        for (int g = 0; g < 3; ++g) {
            of_x[g] = dot(gates[g] + j * cols, x, in) * (scales[g][0] ? scales[g][0][j] : 1.0);
            of_h[g] = dot(gates[g] + j * cols + in, seen_h, n) * (scales[g][1] ? scales[g][1][j] : 1.0);
        }
        const double z = 1.0 / (1.0 + exp(-(of_x[0] + of_h[0] + bias[j])));
        const double r = 1.0 / (1.0 + exp(-(of_x[1] + of_h[1] + bias[n + j])));
        const double c = tanh(of_x[2] + bias[2 * n + j] + r * (of_h[2] + bias[3 * n + j]));
        if (given[j]) h[j] = z * c + (1.0 - z) * old[j];
    }
}

static void gru(double *y, seen in, const wh_layer *la, const plain_layer *plain,
                const uint8_t *given, const double *states)
{
    const int32_t n = la->output_size, places = in.positions;
    if (la->scan == WH_SCAN_TIME) {
        for (int32_t k = 0; k < places; ++k)
            step(y + k * n, in.x + k * in.channels, la, plain, 0, given + k * n);
        return;
    }
    const int32_t directions = la->scan == WH_SCAN_BOTH ? 2 : 1;
    for (int32_t d = 0; d < directions; ++d) {
        double h[WH_MAX_WIDTH] = {0};
        for (int32_t t = 0; t < places; ++t) {
            const int32_t k = la->scan == WH_SCAN_DOWN || d == 1 ? places - 1 - t : t;
            const int32_t at = (k * directions + d) * n;
            step(h, in.x + k * in.channels, la, plain, d, given + at);
            memcpy(y + at, h, (size_t)n * sizeof *y);
            if (states) memcpy(h, states + at, (size_t)n * sizeof *y);
        }
    }
}

void oracle_layer(oracle *o, int32_t i, const double *x, const uint8_t *given, const double *states)
{
    const wh_layer *la = &o->model->layers[i];
    const plain_layer *plain = &o->model->plain[i];
    const seen in = input_of(o, i, x);
    const int32_t values = in.positions * in.channels;
    double *y = o->output[i];
    switch (la->kind) {
    case WH_LINEAR: linear(y, in, la, plain); break;
    case WH_GRU: gru(y, in, la, plain, given, states); break;
    case WH_CONV: conv(y, in, la, plain->weight); break;
    case WH_LAYER_NORM: layer_norm(y, in, la); break;
    case WH_RECTIFIER:
        for (int32_t k = 0; k < values; ++k) y[k] = in.x[k] > 0.0 ? in.x[k] : 0.0;
        break;
    case WH_RESIDUAL:
        for (int32_t k = 0; k < values; ++k) y[k] = in.x[k] + o->output[la->source][k];
        break;
    case WH_BAND_ANALYSIS: band_analysis(y, in, la, plain->weight); break;
    case WH_BAND_SYNTHESIS: band_synthesis(y, in, la, plain); break;
    }
}
