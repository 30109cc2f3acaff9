"""Losses: zero for equal spectra, blind to what they should be blind to."""

import pytest

torch = pytest.importorskip("torch")

from wheesht.losses import LOSSES, compressed_spectral, magnitude_mse  # noqa: E402


@pytest.fixture
def spectrum():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 9, 5, dtype=torch.complex128, generator=generator)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_equal_spectra_have_no_loss(name, spectrum):
    assert LOSSES[name](spectrum, spectrum).item() == 0.0


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradient_is_finite_where_both_spectra_are_zero(name):
    enhanced = torch.zeros(1, 3, 4, dtype=torch.complex64, requires_grad=True)
    LOSSES[name](enhanced, torch.zeros(1, 3, 4, dtype=torch.complex64)).backward()
    assert torch.isfinite(torch.view_as_real(enhanced.grad)).all()


def test_magnitude_mse_of_known_values():
    enhanced = torch.tensor([[[3 + 4j, 0j]]])
    clean = torch.tensor([[[1j, 2 + 0j]]])
    assert magnitude_mse(enhanced, clean).item() == pytest.approx((4**2 + 2**2) / 2)


def test_compressed_loss_of_one_loud_bin_follows_the_formula():
    clean = torch.tensor([[[2.0 + 0j]]], dtype=torch.complex128)
    enhanced = torch.tensor([[[0.0 + 6.0j]]], dtype=torch.complex128)  # level 2: ratio 3j to 1
    big, small = 3.0**0.3, 1.0  # c = 0.3, a = 0.3 as in the paper
    expected = 0.3 * (big**2 + small**2) + 0.7 * (big - small) ** 2
    # The power floor of 1e-6 changes |S|^0.3 by less than 1e-6.
    assert compressed_spectral(enhanced, clean).item() == pytest.approx(expected, abs=1e-5)


def test_compressed_loss_does_not_depend_on_the_common_level(spectrum):
    other = spectrum * (1 + 0.3j) + 0.1
    quiet = compressed_spectral(other * 1e-2, spectrum * 1e-2)
    assert quiet.item() == pytest.approx(compressed_spectral(other, spectrum).item(), rel=1e-9)


def test_magnitude_mse_ignores_the_phase_and_the_compressed_loss_sees_it(spectrum):
    turned = spectrum * 1j
    # The floor under the root of |S|^2 aside, only rounding is left.
    assert magnitude_mse(turned, spectrum).item() < 1e-24
    assert compressed_spectral(turned, spectrum).item() > 0.1
