"""Sub-bands of pictures."""

import pytest
import torch

from lightning_dlic.imaging.wavelet import WAVELETS, filters, stationary_wavelets


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_filters_are_an_orthonormal_pair(wavelet: str) -> None:
    low, high = (torch.tensor(taps, dtype=torch.float64) * 2**0.5 for taps in filters(wavelet))
    for shift in range(0, len(low), 2):
        ends = slice(shift, None), slice(None, len(low) - shift)
        assert float(low[ends[0]] @ low[ends[1]]) == pytest.approx(float(shift == 0), abs=1e-9)
        assert float(high[ends[0]] @ high[ends[1]]) == pytest.approx(float(shift == 0), abs=1e-9)
        assert float(low[ends[0]] @ high[ends[1]]) == pytest.approx(0.0, abs=1e-9)
    assert float(high.sum()) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_each_band_has_what_changes_its_way(wavelet: str) -> None:
    wave = torch.arange(48.0).mul(torch.pi).cos() * 0.5
    pictures = torch.stack((wave.expand(48, 48), wave[:, None].expand(48, 48), wave * wave[:, None] * 2))[:, None] + 0.5
    low, (details,) = stationary_wavelets(pictures, 1, wavelet)
    inside = (..., slice(8, -8), slice(8, -8))
    strength = details[inside].square().mean((1, 3, 4))
    assert strength.argmax(1).tolist() == [0, 1, 2]
    assert float(strength.diagonal().min()) > 0.9 * float(strength.sum() / 3)
    assert float((low - 0.5)[inside].abs().max()) < 1e-5


def test_a_shift_moves_bands_and_no_more() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 64)
    whole, moved = (stationary_wavelets(p, 2) for p in (picture, picture.roll((3, 5), (2, 3))))
    for one, other in zip((whole[0], *whole[1]), (moved[0], *moved[1]), strict=True):
        same = one.roll((3, 5), (-2, -1))[..., 24:-24, 24:-24]
        assert torch.allclose(same, other[..., 24:-24, 24:-24], atol=1e-5)
    assert [tuple(bands.shape) for bands in whole[1]] == [(1, 3, 3, 64, 64)] * 2
    with pytest.raises(ValueError, match="wavelet must be one of haar, sym4"):
        stationary_wavelets(picture, 1, "sym5")
