/* Checks of a model description, so that nothing behind them has to look again. */
#include "internal.h"

static int in_range(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static wh_status check_front_end(const wh_model *m)
{
    if ((m->n_fft != 320 && m->n_fft != 512) || m->win_length != m->n_fft ||
        m->hop_length * 2 != m->win_length)
        return WH_ERR_FRONT_END;
    return WH_OK;
}

static wh_status check_linear(const wh_layer *la)
{
    if (!la->weight_f32 || !la->bias) return WH_ERR_NULL;
    return in_range((int32_t)la->activation, WH_NONE, WH_TANH) ? WH_OK : WH_ERR_LAYER;
}

static wh_status check_gru(const wh_layer *la)
{
    if (!la->z_f32 || !la->rc_f32 || !la->bias) return WH_ERR_NULL;
    if (!in_range((int32_t)la->gate, WH_GATE_NONE, WH_GATE_THRESHOLD)) return WH_ERR_LAYER;
    return la->gate == WH_GATE_THRESHOLD && !la->threshold ? WH_ERR_NULL : WH_OK;
}

static wh_status check_layers(const wh_model *m)
{
    for (int32_t i = 0; i < m->n_layers; ++i) {
        const wh_layer *la = &m->layers[i];
        if (!in_range(la->input_size, 1, WH_MAX_WIDTH) ||
            !in_range(la->output_size, 1, WH_MAX_WIDTH) ||
            (la->kind != WH_LINEAR && la->kind != WH_GRU) ||
            (i > 0 && la->input_size != la[-1].output_size))
            return WH_ERR_LAYER;
        wh_status status = la->kind == WH_GRU ? check_gru(la) : check_linear(la);
        if (status != WH_OK) return status;
    }
    const wh_layer *last = &m->layers[m->n_layers - 1];
    const wh_activation needed = m->filter_bins ? WH_NONE : WH_SIGMOID;
    return last->kind == WH_LINEAR && last->activation == needed ? WH_OK : WH_ERR_LAYER;
}

static wh_status check_filter(const wh_model *m)
{
    if (m->filter_bins == 0 && m->filter_order == 0) return WH_OK;
    return in_range(m->filter_bins, 1, m->mask_bins) &&
                   in_range(m->filter_order, 1, WH_MAX_FILTER_ORDER)
               ? WH_OK : WH_ERR_FILTER;
}

static wh_status check_mask(const wh_model *m)
{
    const int32_t n_bins = m->n_fft / 2 + 1;
    if (!in_range(m->mask_bins, 1, n_bins) ||
        !in_range(m->mask_first_bin, 0, n_bins - m->mask_bins))
        return WH_ERR_MASK;
    const int32_t width = m->layers[m->n_layers - 1].output_size;
    return width == m->mask_bins + wh_coefficients(m) ? WH_OK : WH_ERR_MASK;
}

wh_status wh_model_check(const wh_model *m)
{
    if (!m) return WH_ERR_NULL;
    if (!in_range(m->n_layers, 1, WH_MAX_LAYERS)) return WH_ERR_LAYER;
    if (!m->window || !m->twiddle || !m->mean || !m->scale || !m->layers) return WH_ERR_NULL;
    wh_status status = check_front_end(m);
    if (status != WH_OK) return status;
    status = check_filter(m);
    if (status != WH_OK) return status;
    status = check_layers(m);
    if (status != WH_OK) return status;
    const int32_t n_bins = m->n_fft / 2 + 1;
    if (!in_range(m->first_bin, 0, n_bins - m->layers[0].input_size) ||
        !(m->floor >= 1e-20f && m->floor <= 1.0f))
        return WH_ERR_FEATURES;
    return check_mask(m);
}

const char *wh_strerror(wh_status status)
{
    switch (status) {
    case WH_OK: return "no error";
    case WH_ERR_NULL: return "a required pointer is NULL";
    case WH_ERR_FRONT_END: return "win_length, hop_length, n_fft are neither 320, 160, 320 nor 512, 256, 512";
    case WH_ERR_FEATURES: return "the features reach outside the spectrum, or their floor outside 1e-20..1";
    case WH_ERR_MASK: return "the mask reaches outside the spectrum or differs in width from the last layer";
    case WH_ERR_FILTER: return "the filter's bins are outside 1 to those of the mask, or its order outside 1 to 8";
    case WH_ERR_LAYER: return "a layer has a kind, size, activation or gate that is not supported, "
                              "or the last layer is not linear with the activation that the mask needs";
    case WH_ERR_MEMORY: return "the memory given is smaller than wh_stream_bytes()";
    case WH_ERR_RANGE: return "a setting is outside its range";
    case WH_ERR_ISA: return "the instruction set is unknown or not usable on this CPU";
    }
    return "unknown status";
}
