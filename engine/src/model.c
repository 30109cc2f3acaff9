/* Checks of a model description, so that nothing behind them has to look again. */
#include "internal.h"

static int in_range(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static int odd_in_range(int32_t value, int32_t high)
{
    return in_range(value, 1, high) && value % 2 == 1;
}

void wh_shape(const wh_model *m, int32_t i, int32_t *positions, int32_t *channels)
{
    const int32_t spectrum = m->features == WH_SCALED_SPECTRUM;
    *positions = spectrum ? m->feature_bins : 1;
    *channels = spectrum ? 2 : m->feature_bins;
    for (int32_t k = 0; k <= i; ++k) {
        const wh_layer *la = &m->layers[k];
        if (la->kind == WH_BAND_ANALYSIS) *positions = la->n_bands;
        if (la->kind == WH_BAND_SYNTHESIS) *positions = la->bounds[la->n_bands + 1];
        if (la->kind != WH_LAYER_NORM && la->kind != WH_RECTIFIER && la->kind != WH_RESIDUAL)
            *channels = wh_directions(la) * la->output_size;
    }
}

int32_t wh_past_values(const wh_model *m)
{
    if (m->head == WH_DEEP_FILTER) return 2 * m->filter_bins;
    return m->head == WH_MAGNITUDE_FILTER ? m->mask_bins : 0;
}

size_t wh_panel_floats(int32_t n_rows, int32_t cols)
{
    const size_t panels = (size_t)(n_rows + WH_PANEL_ROWS - 1) / WH_PANEL_ROWS;
    return panels * WH_PANEL_ROWS * (size_t)cols;
}

static wh_status check_front_end(const wh_model *m)
{
    if ((m->n_fft != 320 && m->n_fft != 512) || m->win_length != m->n_fft ||
        m->hop_length * 2 != m->win_length)
        return WH_ERR_FRONT_END;
    return WH_OK;
}

static wh_status check_features(const wh_model *m)
{
    const int32_t n_bins = m->n_fft / 2 + 1;
    if (!in_range((int32_t)m->features, WH_LOG_POWER, WH_SCALED_SPECTRUM) ||
        !in_range(m->feature_bins, 1, n_bins) ||
        !in_range(m->first_bin, 0, n_bins - m->feature_bins) ||
        !(m->floor >= 1e-20f && m->floor <= 1.0f))
        return WH_ERR_FEATURES;
    return m->features == WH_LOG_POWER && (!m->mean || !m->scale) ? WH_ERR_NULL : WH_OK;
}

/* What weights of integers need beside them. */
static wh_status check_integers(const wh_layer *la)
{
    if (!la->scale || !la->offset) return WH_ERR_NULL;
    return la->inverse > 0.0f && la->inverse <= 1e20f ? WH_OK : WH_ERR_LAYER;
}

/* The weights and bias of a linear layer or a synthesis. */
static wh_status check_weights(const wh_layer *la)
{
    if (!la->bias || (!la->weight_s8 && !la->weight_f32)) return WH_ERR_NULL;
    return la->weight_s8 ? check_integers(la) : WH_OK;
}

static wh_status check_gru(const wh_layer *la)
{
    const int integers = la->z_s8 && la->rc_s8;
    if (!la->bias || !la->z_s8 != !la->rc_s8) return WH_ERR_NULL;
    if (integers && !la->unit_numbers) return WH_ERR_NULL;
    if (!integers && (!la->z_f32 || !la->rc_f32)) return WH_ERR_NULL;
    if (integers && check_integers(la) != WH_OK) return check_integers(la);
    if (!in_range((int32_t)la->gate, WH_GATE_NONE, WH_GATE_THRESHOLD) ||
        !in_range((int32_t)la->scan, WH_SCAN_TIME, WH_SCAN_BOTH) ||
        wh_directions(la) * la->output_size > WH_MAX_WIDTH)
        return WH_ERR_LAYER;
    return la->gate == WH_GATE_THRESHOLD && !la->threshold ? WH_ERR_NULL : WH_OK;
}

static wh_status check_bands(const wh_layer *la, int32_t positions)
{
    const int32_t synthesis = la->kind == WH_BAND_SYNTHESIS;
    if (!la->bounds || (!synthesis && !la->weight_f32)) return WH_ERR_NULL;
    if (synthesis && check_weights(la) != WH_OK) return check_weights(la);
    if (!in_range(la->n_bands, 2, WH_MAX_POSITIONS - 2) || la->bounds[0] != 0) return WH_ERR_LAYER;
    for (int32_t i = 0; i <= la->n_bands; ++i)
        if (la->bounds[i + 1] <= la->bounds[i]) return WH_ERR_LAYER;
    const int32_t n_bins = la->bounds[la->n_bands + 1];
    if (synthesis)
        return positions == la->n_bands && n_bins <= WH_MAX_POSITIONS ? WH_OK : WH_ERR_LAYER;
    return positions == 1 && n_bins == la->input_size ? WH_OK : WH_ERR_LAYER;
}

static wh_status check_residual(const wh_model *m, int32_t i, int32_t positions, int32_t channels)
{
    int32_t source_positions, source_channels;
    if (!in_range(m->layers[i].source, 0, i - 1)) return WH_ERR_LAYER;
    wh_shape(m, m->layers[i].source, &source_positions, &source_channels);
    return source_positions == positions && source_channels == channels ? WH_OK : WH_ERR_LAYER;
}

/* Layer i, when those before it are known to be right. */
static wh_status check_layer(const wh_model *m, int32_t i)
{
    const wh_layer *la = &m->layers[i];
    int32_t positions, channels;
    wh_shape(m, i - 1, &positions, &channels);
    if (!in_range(la->input_size, 1, WH_MAX_WIDTH) || la->input_size != channels ||
        !in_range(la->output_size, 1, WH_MAX_WIDTH))
        return WH_ERR_LAYER;
    switch (la->kind) {
    case WH_LINEAR:
        if (check_weights(la) != WH_OK) return check_weights(la);
        return in_range((int32_t)la->activation, WH_NONE, WH_TANH) ? WH_OK : WH_ERR_LAYER;
    case WH_GRU: return check_gru(la);
    case WH_CONV:
        if (!la->weight_f32 || !la->bias) return WH_ERR_NULL;
        return odd_in_range(la->kernel_size, WH_MAX_KERNEL) ? WH_OK : WH_ERR_LAYER;
    case WH_LAYER_NORM:
        if (la->output_size != channels) return WH_ERR_LAYER;
        return !la->weight_f32 == !la->bias ? WH_OK : WH_ERR_NULL;
    case WH_RECTIFIER: return la->output_size == channels ? WH_OK : WH_ERR_LAYER;
    case WH_RESIDUAL:
        if (la->output_size != channels) return WH_ERR_LAYER;
        return check_residual(m, i, positions, channels);
    case WH_BAND_ANALYSIS:
    case WH_BAND_SYNTHESIS: return check_bands(la, positions);
    }
    return WH_ERR_LAYER;
}

static wh_status check_layers(const wh_model *m)
{
    for (int32_t i = 0; i < m->n_layers; ++i) {
        const wh_status status = check_layer(m, i);
        if (status != WH_OK) return status;
    }
    const wh_layer *last = &m->layers[m->n_layers - 1];
    const wh_activation needed = m->head == WH_MASK ? WH_SIGMOID : WH_NONE;
    return last->kind == WH_LINEAR && last->activation == needed ? WH_OK : WH_ERR_LAYER;
}

static wh_status check_filter(const wh_model *m)
{
    const int32_t deep = m->head == WH_DEEP_FILTER, wide = m->head == WH_MAGNITUDE_FILTER;
    const int fits = (deep ? in_range(m->filter_bins, 1, m->mask_bins) : m->filter_bins == 0) &&
                     (deep || wide ? in_range(m->filter_order, 1, WH_MAX_FILTER_ORDER)
                                   : m->filter_order == 0) &&
                     (wide ? odd_in_range(m->filter_width, WH_MAX_FILTER_WIDTH)
                           : m->filter_width == 0);
    return fits ? WH_OK : WH_ERR_FILTER;
}

/* What the last layer gives is what the head takes. */
static wh_status check_head(const wh_model *m)
{
    int32_t positions, channels, needed = 2;
    wh_shape(m, m->n_layers - 1, &positions, &channels);
    if (m->head == WH_MASK || m->head == WH_DEEP_FILTER)
        return positions == 1 &&
                       channels == m->mask_bins + 2 * m->filter_order * m->filter_bins
                   ? WH_OK : WH_ERR_MASK;
    if (m->head == WH_MAGNITUDE_FILTER)
        needed = 1 + m->filter_order * m->filter_width;
    else if (m->features != WH_SCALED_SPECTRUM || m->mask_bins != m->feature_bins ||
             m->mask_first_bin != m->first_bin)
        return WH_ERR_MASK;
    return positions == m->mask_bins && channels == needed ? WH_OK : WH_ERR_MASK;
}

static wh_status check_mask(const wh_model *m)
{
    const int32_t n_bins = m->n_fft / 2 + 1;
    if (!in_range((int32_t)m->head, WH_MASK, WH_MAPPING) ||
        !in_range(m->mask_bins, 1, n_bins) ||
        !in_range(m->mask_first_bin, 0, n_bins - m->mask_bins))
        return WH_ERR_MASK;
    return check_filter(m);
}

wh_status wh_model_check(const wh_model *m)
{
    if (!m) return WH_ERR_NULL;
    if (!in_range(m->n_layers, 1, WH_MAX_LAYERS)) return WH_ERR_LAYER;
    if (!m->window || !m->twiddle || !m->layers) return WH_ERR_NULL;
    wh_status status = check_front_end(m);
    if (status == WH_OK) status = check_features(m);
    if (status == WH_OK) status = check_mask(m);
    if (status == WH_OK) status = check_layers(m);
    return status == WH_OK ? check_head(m) : status;
}

const char *wh_strerror(wh_status status)
{
    switch (status) {
    case WH_OK: return "no error";
    case WH_ERR_NULL: return "a required pointer is NULL";
    case WH_ERR_FRONT_END: return "win_length, hop_length, n_fft are neither 320, 160, 320 nor 512, 256, 512";
    case WH_ERR_FEATURES: return "the features reach outside the spectrum, or their floor outside 1e-20..1";
    case WH_ERR_MASK: return "the mask reaches outside the spectrum or differs in shape from the last layer";
    case WH_ERR_FILTER: return "the filter's bins are outside 1 to those of the mask, or its order outside 1 to 8, "
                               "or its width outside 1 to 7 or even";
    case WH_ERR_LAYER: return "a layer has a kind, size, activation, gate, scan, source, bands or scale that are not "
                              "supported, or the last layer is not linear with the activation that the head needs";
    case WH_ERR_MEMORY: return "the memory given is smaller than wh_stream_bytes() or wh_pool_bytes()";
    case WH_ERR_RANGE: return "a setting is outside its range";
    case WH_ERR_ISA: return "the instruction set is unknown or not usable on this CPU";
    }
    return "unknown status";
}
