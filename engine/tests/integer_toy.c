#include "integer_toy.h"

#include <math.h>
#include <string.h>

static int32_t padded(int32_t rows)
{
    return (rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS * WH_PANEL_ROWS;
}

static float *zeros(toy *t, size_t count)
{
    float *array = toy_keep(t, unaligned(count));
    memset(array, 0, count * sizeof *array);
    return array;
}

/* Some columns of a matrix of rows with `stride`, rounded row by row: integers, and for each row what
 * they are to be multiplied by. */
static float *rounded(toy *t, const float *w, int32_t rows, int32_t cols, int32_t stride,
                      float input_scale, float *scale)
{
    float *integers = zeros(t, (size_t)(rows * cols));
    for (int32_t row = 0; row < rows; ++row) {
        float largest = 0.0f;
        for (int32_t k = 0; k < cols; k += 2) {
            const float next = k + 1 < cols ? fabsf(w[row * stride + k + 1]) : 0.0f;
            largest = fmaxf(largest, fabsf(w[row * stride + k]) + next);
        }
        const float one = largest > 0.0f ? largest / 127.0f : 1.0f;
        for (int32_t k = 0; k < cols; ++k)
            integers[row * cols + k] = rintf(w[row * stride + k] / one);
        scale[row] = one * input_scale;
    }
    return integers;
}

static int32_t offset_of(const float *row, int32_t cols)
{
    float sum = 0.0f;
    for (int32_t k = 0; k < cols; ++k) sum += row[k];
    return 128 * (int32_t)sum;
}

/* A matrix packed behind what lies at weights, scale and offset, which move on. */
typedef struct {
    int8_t *weights;
    float *scale;
    int32_t *offset;
} cursor;

static void append(cursor *at, const float *integers, const float *scale, int32_t rows, int32_t cols)
{
    const size_t size = (size_t)padded(rows) * (size_t)((cols + 3) / 4 * 4);
    int8_t *packed = pack_int_panels(integers, rows, cols);
    memcpy(at->weights, packed, size);
    release_bytes(packed);
    for (int32_t row = 0; row < rows; ++row) {
        at->scale[row] = scale[row];
        at->offset[row] = offset_of(integers + row * cols, cols);
    }
    at->weights += size;
    at->scale += padded(rows);
    at->offset += padded(rows);
}

/* Rows of a linear layer, or of band b of a synthesis. */
static int32_t rows_of(const wh_layer *la, int32_t b)
{
    if (la->kind == WH_LINEAR) return la->output_size;
    return (la->bounds[b + 2] - la->bounds[b]) * la->output_size;
}

static void plain_to_integers(toy *t, wh_layer *la, plain_layer *plain, float input_scale)
{
    const int32_t cols = la->input_size, parts = la->kind == WH_LINEAR ? 1 : la->n_bands;
    int32_t rows = 0, padded_rows = 0;
    for (int32_t b = 0; b < parts; ++b) {
        rows += rows_of(la, b);
        padded_rows += padded(rows_of(la, b));
    }
    float *scale = zeros(t, (size_t)rows);
    const float *integers = rounded(t, plain->weight, rows, cols, cols, input_scale, scale);
    const size_t size = (size_t)padded_rows * (size_t)((cols + 3) / 4 * 4);
    cursor at = {(int8_t *)zeros(t, size / sizeof(float)), zeros(t, (size_t)padded_rows),
                 (int32_t *)zeros(t, (size_t)padded_rows)};
    la->weight_s8 = at.weights, la->scale = at.scale, la->offset = at.offset;
    plain->weight = integers, plain->scale = scale;
    for (int32_t b = 0; b < parts; ++b) {
        append(&at, integers, scale, rows_of(la, b), cols);
        integers += rows_of(la, b) * cols;
        scale += rows_of(la, b);
    }
}

/* One direction: its matrices, the units' numbers and the offsets of their rows. */
static void direction_to_integers(toy *t, wh_layer *la, plain_layer *plain, int d, float input_scale,
                                  cursor *at, float *numbers)
{
    const int32_t n = la->output_size, in = la->input_size, cols = in + n;
    const float *parts[3][2], *bias = la->bias + 4 * n * d;
    for (int g = 0; g < 3; ++g) {
        float *both = zeros(t, (size_t)(n * cols));
        for (int part = 0; part < 2; ++part) {
            const int32_t first = part ? in : 0, width = part ? n : in;
            float *scale = zeros(t, (size_t)n);
            parts[g][part] = rounded(t, plain->gates[d][g] + first, n, width, cols,
                                     part ? 1.0f / 127.0f : input_scale, scale);
            plain->gate_scales[d][g][part] = scale;
            for (int32_t k = 0; k < n * width; ++k)
                both[k / width * cols + first + k % width] = parts[g][part][k];
        }
        plain->gates[d][g] = both;
    }
    append(at, parts[0][0], plain->gate_scales[d][0][0], n, in);
    append(at, parts[0][1], plain->gate_scales[d][0][1], n, n);
    for (int32_t j = 0; j < n; ++j)
        for (int k = 0; k < 4; ++k) {
            const int g = 1 + k / 2, part = k % 2, width = part ? n : in;
            numbers[8 * j + k] = plain->gate_scales[d][g][part][j];
            numbers[8 * j + 4 + k] = k == 1 ? 0.0f : bias[(k ? k : 1) * n + j];
            at->offset[4 * j + k] = offset_of(parts[g][part] + j * width, width);
        }
    at->offset += 4 * n;
}

static void gru_to_integers(toy *t, wh_layer *la, plain_layer *plain, float input_scale)
{
    const int32_t n = la->output_size, in = la->input_size, directions = la->scan == WH_SCAN_BOTH ? 2 : 1;
    const size_t rows = (size_t)padded(n), ways = (size_t)directions;
    const size_t of_z = rows * (size_t)((in + 3) / 4 * 4 + (n + 3) / 4 * 4);
    const size_t of_rc = 2 * (size_t)n * (size_t)(padded(in) + padded(n)); /* chunks are as wide */
    cursor at = {(int8_t *)zeros(t, ways * of_z / sizeof(float)), zeros(t, ways * 2 * rows),
                 (int32_t *)zeros(t, ways * (2 * rows + 4 * (size_t)n))};
    float *numbers = zeros(t, ways * 8 * (size_t)n);
    int8_t *rc = (int8_t *)zeros(t, ways * of_rc / sizeof(float));
    la->z_s8 = at.weights, la->scale = at.scale, la->offset = at.offset;
    la->rc_s8 = rc, la->unit_numbers = numbers;
    for (int d = 0; d < directions; ++d) {
        direction_to_integers(t, la, plain, d, input_scale, &at, numbers + 8 * n * d);
        const float *const *gates = plain->gates[d];
        int8_t *blocks = pack_int_units(gates[1], gates[2], n, in + n, in);
        memcpy(rc + (size_t)d * of_rc, blocks, of_rc);
        release_bytes(blocks);
    }
}

int toy_can_be_of_integers(const wh_layer *la)
{
    return la->kind == WH_LINEAR || la->kind == WH_GRU || la->kind == WH_BAND_SYNTHESIS;
}

void toy_to_integers(toy *t, int32_t i, float reach, int fine)
{
    wh_layer *la = &t->layers[i];
    const float input_scale = reach / (fine ? 127.0f * 128.0f : 127.0f);
    if (!toy_can_be_of_integers(la)) abort();
    if (la->kind == WH_GRU)
        gru_to_integers(t, la, &t->plain[i], input_scale);
    else
        plain_to_integers(t, la, &t->plain[i], input_scale);
    la->inverse = 1.0f / input_scale;
    la->fine_inputs = fine;
    la->weight_f32 = la->z_f32 = la->rc_f32 = NULL;
}

void toy_all_to_integers(toy *t)
{
    const int32_t last = t->model.n_layers - 1;
    for (int32_t i = 0; i <= last; ++i)
        if (toy_can_be_of_integers(&t->layers[i])) toy_to_integers(t, i, 2.0f, i == last);
}
