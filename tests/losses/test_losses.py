"""Losses: zero for equal signals, blind where they should be, equal to their formulas."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from wheesht.dsp.stft import istft, sqrt_hann, stft  # noqa: E402
from wheesht.losses import (  # noqa: E402
    LOSSES,
    Signal,
    compressed_spectral,
    intelligibility,
    loss_terms,
    magnitude,
    multi_resolution,
    perceptual,
    si_sdr,
)
from wheesht.metrics import estoi, pesq_wb  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "examples"
WINDOW = torch.from_numpy(sqrt_hann(10))


def of_spectrum(spectrum, n_samples=40):
    """A `Signal` of a spectrum (B, T, 6)."""
    return Signal.from_spectrum(spectrum, WINDOW.to(spectrum.real.dtype), n_samples)


def of_waveform(x):
    """A `Signal` of waveforms (B, N)."""
    return Signal.from_waveform(x, WINDOW.to(x.dtype))


@pytest.fixture
def spectrum():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 9, 6, dtype=torch.complex128, generator=generator)


@pytest.fixture
def waveforms():
    """Clean speech-like signals (2, 3001) and the same with noise, float64."""
    rng = np.random.default_rng(1)
    clean = np.sin(np.cumsum(rng.uniform(0.01, 1.0, (2, 3001)), axis=-1))
    clean *= np.linspace(0.0, 0.3, 3001)
    noisy = 0.7 * clean + 0.05 * rng.standard_normal(clean.shape)
    return torch.from_numpy(noisy), torch.from_numpy(clean)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_equal_signals_have_no_loss(name, waveforms):
    _, clean = waveforms
    # SI-SDR ends at 40 dB: float64 rounding moves it by less. The perceptual roots are rounded.
    allowed = {"perceptual": 1e-3, "intelligibility": 1e-3}.get(name, 1e-9)
    loss = LOSSES[name](of_waveform(clean), of_waveform(clean)).item()
    assert loss == pytest.approx(0, abs=allowed)


@pytest.mark.parametrize("clean_is_silent", [True, False])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_value_and_gradient_are_finite_on_silence(name, clean_is_silent):
    enhanced = torch.zeros(1, 9, 6, dtype=torch.complex64, requires_grad=True)
    clean = torch.zeros(1, 40) if clean_is_silent else torch.linspace(-1, 1, 40)[None]
    loss = LOSSES[name](of_spectrum(enhanced), of_waveform(clean))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(torch.view_as_real(enhanced.grad)).all()


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_batch_is_the_mean_of_its_clips(name, waveforms):
    noisy, clean = waveforms
    whole = LOSSES[name](of_waveform(noisy), of_waveform(clean)).item()
    parts = [
        LOSSES[name](of_waveform(noisy[i : i + 1]), of_waveform(clean[i : i + 1])) for i in (0, 1)
    ]
    assert whole == pytest.approx(sum(p.item() for p in parts) / 2, rel=1e-12)


def test_magnitude_of_known_values():
    enhanced = torch.tensor([[[3 + 4j, 0j]]])
    clean = torch.tensor([[[1j, 2 + 0j]]])
    assert magnitude(of_spectrum(enhanced), of_spectrum(clean)).item() == pytest.approx(10.0)


def test_spectrum_of_known_values():
    enhanced = torch.tensor([[[3 + 4j, 0j]]])
    clean = torch.tensor([[[1j, 2 + 0j]]])
    # Both parts of both bins: (9 + 9 + 4 + 0) / 4.
    assert LOSSES["spectrum"](of_spectrum(enhanced), of_spectrum(clean)).item() == pytest.approx(
        5.5
    )


def test_spectrum_is_half_the_power_of_the_difference_and_sees_the_phase(spectrum):
    turned = spectrum * 1j
    loss = LOSSES["spectrum"](of_spectrum(turned), of_spectrum(spectrum)).item()
    assert loss == pytest.approx(np.mean(np.abs((turned - spectrum).numpy()) ** 2) / 2, rel=1e-12)
    assert loss == pytest.approx(
        np.mean(np.abs(spectrum.numpy()) ** 2), rel=1e-12
    )  # |1j - 1|^2 = 2


def test_spectrum_pulls_towards_the_clean_one(spectrum):
    enhanced = torch.zeros_like(spectrum, requires_grad=True)
    LOSSES["spectrum"](of_spectrum(enhanced), of_spectrum(spectrum)).backward()
    # d/dS of a mean over 2 T F parts of each clip; torch gives both parts' as one complex number.
    assert torch.allclose(enhanced.grad, -spectrum.detach() * 2 / (2 * spectrum.numel()))


def test_compressed_loss_of_one_loud_bin_follows_the_formula():
    clean = torch.tensor([[[2.0 + 0j]]], dtype=torch.complex128)
    enhanced = torch.tensor([[[0.0 + 6.0j]]], dtype=torch.complex128)  # level 2: ratio 3j to 1
    big, small = 3.0**0.3, 1.0  # c = 0.3, a = 0.3 as in the paper
    expected = 0.3 * (big**2 + small**2) + 0.7 * (big - small) ** 2
    got = compressed_spectral(of_spectrum(enhanced), of_spectrum(clean)).item()
    # The power floor of 1e-6 changes |S|^0.3 by less than 1e-6.
    assert got == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["compressed_spectral", "multi_resolution", "si_sdr"])
def test_loss_does_not_depend_on_the_common_level(name, waveforms):
    noisy, clean = waveforms
    loud = LOSSES[name](of_waveform(noisy), of_waveform(clean)).item()
    quiet = LOSSES[name](of_waveform(noisy * 1e-2), of_waveform(clean * 1e-2)).item()
    assert quiet == pytest.approx(loud, rel=1e-8)  # floors of energies, as silence needs them


def test_magnitude_ignores_the_phase_and_the_compressed_loss_sees_it(spectrum):
    turned = of_spectrum(spectrum * 1j)
    # The floor under the root of |S|^2 aside, only rounding is left.
    assert magnitude(turned, of_spectrum(spectrum)).item() < 1e-24
    assert compressed_spectral(turned, of_spectrum(spectrum)).item() > 0.1


def compressed_of_numpy(enhanced, clean):
    """L2 of one clip, (T, F) complex, frame by frame as the formula reads."""
    energy = np.mean(np.abs(clean) ** 2, axis=1)
    level = np.sqrt(np.mean(energy[energy > 1e-4 * energy.max()]))
    e, c = enhanced / level, clean / level
    size_e, size_c = np.sqrt(np.abs(e) ** 2 + 1e-6), np.sqrt(np.abs(c) ** 2 + 1e-6)
    with_phase = np.mean(np.abs(e / size_e * size_e**0.3 - c / size_c * size_c**0.3) ** 2)
    return 0.3 * with_phase + 0.7 * np.mean((size_e**0.3 - size_c**0.3) ** 2)


def test_multi_resolution_is_the_mean_of_the_compressed_loss_over_three_windows(spectrum):
    enhanced, n = spectrum[:1], 37
    made = istft(enhanced[0].numpy(), sqrt_hann(10), n)
    clean = np.cos(np.arange(n) ** 1.5)
    windows = [sqrt_hann(w) for w in (256, 512, 1024)]
    want = np.mean([compressed_of_numpy(stft(made, w), stft(clean, w)) for w in windows])
    got = multi_resolution(of_spectrum(enhanced, n), of_waveform(torch.from_numpy(clean)[None]))
    assert got.item() == pytest.approx(want, rel=1e-10)


def test_multi_resolution_does_not_see_what_overlap_add_cancels(waveforms):
    _, clean = waveforms
    signal = of_waveform(clean)
    frames = signal.spectrum.clone()
    # The difference of two neighbours' halves: window times the other's window, opposite signs.
    window = sqrt_hann(10)
    left, right = np.zeros(10), np.zeros(10)
    left[5:], right[:5] = 0.1 * window[:5], -0.1 * window[5:]
    frames[0, 7] += torch.from_numpy(np.fft.rfft(left))
    frames[0, 8] += torch.from_numpy(np.fft.rfft(right))
    changed = of_spectrum(frames, clean.shape[-1])
    assert compressed_spectral(changed, signal).item() > 1e-6
    assert multi_resolution(changed, signal).item() < 1e-20


@pytest.mark.parametrize("gain", [1.0, 0.01, 7.0])
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 12.5])
def test_si_sdr_in_its_range_is_the_measure_of_that_name(gain, snr_db):
    from wheesht.metrics import METRICS

    rng = np.random.default_rng(3)
    clean, noise = rng.standard_normal((2, 8000))
    estimate = gain * (clean + noise * 10 ** (-snr_db / 20))
    want = METRICS["si_sdr"](clean, estimate, 16000)
    got = si_sdr(
        of_waveform(torch.from_numpy(estimate)[None]), of_waveform(torch.from_numpy(clean)[None])
    )
    # The bends add 10^-3 of the error and 10^-4 of the speech: below 0.08 dB here.
    assert 40 - 70 * got.item() == pytest.approx(want, abs=0.08)


@pytest.mark.parametrize(("snr_db", "limit"), [(-80.0, 1.0), (90.0, 0.0)])
def test_si_sdr_is_bounded_at_both_ends(snr_db, limit):
    rng = np.random.default_rng(3)
    clean, noise = rng.standard_normal((2, 8000))
    noise -= clean * (clean @ noise) / (clean @ clean)
    estimate = clean + noise * 10 ** (-snr_db / 20)
    got = si_sdr(
        of_waveform(torch.from_numpy(estimate)[None]), of_waveform(torch.from_numpy(clean)[None])
    )
    assert got.item() == pytest.approx(limit, abs=1e-3)


def test_the_sum_weighs_its_terms(waveforms):
    noisy, clean = (of_waveform(x) for x in waveforms)
    loss, terms = loss_terms({"si_sdr": 0.5, "magnitude": 3.0}, noisy, clean)
    want = 0.5 * si_sdr(noisy, clean) + 3.0 * magnitude(noisy, clean)
    assert loss.item() == pytest.approx(want.item(), rel=1e-12)
    assert terms == {"si_sdr": si_sdr(noisy, clean), "magnitude": magnitude(noisy, clean)}


@pytest.fixture(scope="module")
def degraded_speech():
    """The shipped example with more or less of its noise, and low-passed: (name, clean, other)."""
    clean, rate = soundfile.read(EXAMPLES / "clean.wav", dtype="float32")
    noisy, _ = soundfile.read(EXAMPLES / "noisy.wav", dtype="float32")
    assert rate == 16000
    clean, noise = clean[: 6 * rate], (noisy - clean)[: 6 * rate]
    pairs = [(f"noise {g}", clean, clean + g * noise) for g in (0.03, 0.1, 0.3, 0.6, 1.0, 2.0)]
    for edge in (1000, 2000, 3000):
        spectrum = np.fft.rfft(clean)
        spectrum[int(edge * len(clean) / rate) :] *= 0.05
        pairs.append((f"below {edge} Hz", clean, np.fft.irfft(spectrum).astype(np.float32)))
    return pairs


def disturbance(clean, other):
    """The perceptual loss of one pair of waveforms (N,)."""
    signals = (of_waveform(torch.as_tensor(x, dtype=torch.float64)[None]) for x in (other, clean))
    return perceptual(*signals).item()


def test_perceptual_follows_pesq(degraded_speech):
    # PESQ's own disturbance: its mapping to MOS (P.862.2) undone.
    def undone(mos):
        return 4.5 - (3.8224 - np.log(4 / (mos - 0.999) - 1)) / 1.3669

    pesq = [undone(pesq_wb(clean, other)) for _, clean, other in degraded_speech]
    ours = [disturbance(clean, other) for _, clean, other in degraded_speech]
    assert np.corrcoef(pesq, ours)[0, 1] > 0.97
    assert np.abs(np.subtract(pesq, ours)).max() < 1.0  # measured 0.86, of up to 5.4


def test_perceptual_hears_neither_level_nor_nothing(degraded_speech):
    _, clean, noisy = degraded_speech[3]
    assert disturbance(clean, clean) < 1e-3
    assert disturbance(clean, 0.2 * noisy) == pytest.approx(disturbance(clean, noisy), rel=1e-3)


def test_intelligibility_follows_estoi(degraded_speech):
    measured = [estoi(clean, other, 16000) for _, clean, other in degraded_speech]
    ours = [
        1 - intelligibility(*(of_waveform(torch.as_tensor(x)[None]) for x in (other, clean))).item()
        for _, clean, other in degraded_speech
    ]
    assert np.corrcoef(measured, ours)[0, 1] > 0.98
    assert np.abs(np.subtract(measured, ours)).max() < 0.1


@pytest.mark.parametrize("loss", [perceptual, intelligibility])
@pytest.mark.parametrize("silent", ["enhanced", "clean", "both", "neither, but equal"])
def test_gradient_of_models_of_hearing_is_finite_where_roots_are_steep(silent, loss):
    generator = torch.Generator().manual_seed(1)
    enhanced, clean = torch.randn(2, 2, 8000, generator=generator).unbind(0)
    if silent in ("enhanced", "both"):
        enhanced = torch.zeros_like(enhanced)
    if silent in ("clean", "both"):
        clean = torch.zeros_like(clean)
    if silent == "neither, but equal":
        enhanced = clean.clone()
    enhanced.requires_grad_()
    loss(of_waveform(enhanced), of_waveform(clean)).backward()
    assert enhanced.grad.isfinite().all()


def test_gradient_of_the_compressed_loss_is_that_of_its_formula(spectrum):
    clean = torch.randn(2, 9, 6, dtype=torch.complex128, generator=torch.Generator().manual_seed(2))
    clean[0, 3] = 0.0  # bins at the floor
    enhanced = spectrum.clone().requires_grad_()
    compressed_spectral(of_spectrum(enhanced), of_spectrum(clean)).backward()

    plain = spectrum.clone().requires_grad_()
    energy = clean.abs().square().mean(-1)
    active = energy > 1e-4 * energy.amax(-1, keepdim=True)
    level = ((energy * active).sum(-1) / active.sum(-1)).sqrt()[:, None, None]
    p_e, p_c = ((x / level).abs().square() + 1e-6 for x in (plain, clean))
    with_phase = (plain / level * p_e**-0.35 - clean / level * p_c**-0.35).abs().square().mean()
    (0.3 * with_phase + 0.7 * (p_e**0.15 - p_c**0.15).square().mean()).backward()
    assert (enhanced.grad - plain.grad).abs().max() < 1e-12
