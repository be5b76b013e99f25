"""Chroma spaces, bins of ab, and the guided filter."""

import pytest
import torch
from skimage.color import rgb2lab

from lightning_dlic.imaging.bins import ab_bins, annealed_mean, nearest_bin, rebalancing, soft_encode
from lightning_dlic.imaging.chroma import l_star, lab_to_rgb, merge, rgb_to_lab, split
from lightning_dlic.imaging.color import luma
from lightning_dlic.imaging.guided import box, guided_lines

spaces = pytest.mark.parametrize("space", ["cbcr", "lab"])


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(2, 3, 17, 23, generator=torch.Generator().manual_seed(0))


@spaces
def test_merging_undoes_splitting(picture: torch.Tensor, space: str) -> None:
    again = merge(*split(picture, space), space)
    # L* is searched for; in 8 bits that is the same colour for all but a few extreme ones.
    assert (again - picture).abs().mean() < 1e-3
    assert ((again - picture).abs() > 0.5 / 255).float().mean() < 0.02


@spaces
@pytest.mark.parametrize("gain", [-3.0, 4.0])
def test_luma_holds_however_far_the_chroma_is_out_of_gamut(picture: torch.Tensor, space: str, gain: float) -> None:
    light, chroma = split(picture, space)
    made = merge(light, gain * chroma, space)
    assert made.min() >= 0
    assert made.max() <= 1
    eight_bits = (made * 255).round() / 255
    assert (luma(eight_bits) - light).abs().max() <= 0.5 / 255 + 1e-6


def test_lab_is_scikit_images(picture: torch.Tensor) -> None:
    theirs = torch.from_numpy(rgb2lab(picture[0].movedim(0, -1).double().numpy())).movedim(-1, 0)
    torch.testing.assert_close(rgb_to_lab(picture[0].double()), theirs, atol=0.02, rtol=0)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(picture)), picture, atol=1e-4, rtol=0)
    grey = torch.linspace(0, 1, 50).view(1, 1, 50)
    torch.testing.assert_close(l_star(grey), rgb_to_lab(grey.expand(3, -1, -1))[:1], atol=0.02, rtol=0)


def test_unknown_space(picture: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="cbcr, lab"):
        split(picture, "hsv")


def test_bins_follow_their_rule() -> None:
    bins = ab_bins()
    assert len(bins) == 261
    assert (bins % 10 == 0).all()
    colors = torch.rand(1, 3, 100, 100, generator=torch.Generator().manual_seed(1))
    rounded = (rgb_to_lab(colors)[0, 1:].flatten(1).T / 10).round() * 10
    assert {tuple(pair) for pair in rounded.tolist()} <= {tuple(pair) for pair in bins.tolist()}


def test_soft_code_and_its_mean(picture: torch.Tensor) -> None:
    ab = rgb_to_lab(picture)[:, 1:]
    code = soft_encode(ab)
    torch.testing.assert_close(code.sum(1), torch.ones(2, 17, 23))
    assert ((code > 0).sum(1) == 5).all()
    assert (code.argmax(1) == nearest_bin(ab)).float().mean() > 0.99
    mean = annealed_mean(code.clamp(min=1e-9).log(), 1.0)
    assert (mean - ab).norm(dim=1).mean() < 4
    mode = annealed_mean(code.clamp(min=1e-9).log(), 0.001)
    torch.testing.assert_close(mode, ab_bins()[code.argmax(1)].movedim(-1, 1), atol=2.0, rtol=0.1)


def test_rebalancing_raises_what_is_rare() -> None:
    prior = torch.full((261,), 1e-4)
    prior[130] = 1 - 260e-4
    weight = rebalancing(prior, 0.5)
    assert float((prior * weight).sum()) == pytest.approx(1, abs=1e-4)
    assert weight[0] > 3 * weight[130]
    torch.testing.assert_close(rebalancing(prior, 1.0), torch.ones(261))


def test_box_sums() -> None:
    x = torch.rand(1, 1, 9, 7, generator=torch.Generator().manual_seed(2))
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    torch.testing.assert_close(box(x, 2), torch.nn.functional.avg_pool2d(padded, 5, 1) * 25)
    torch.testing.assert_close(box(x, 20), x.sum().expand_as(x))


def test_guided_filter_fills_up_to_the_edge() -> None:
    guide = torch.full((1, 1, 24, 24), 0.2)
    guide[..., 12:] = 0.8
    mask = torch.zeros_like(guide)
    mask[..., 4, 4] = mask[..., 20, 20] = 1
    known = torch.where(guide > 0.5, 0.3, -0.2) * mask
    slope, offset = guided_lines(guide, known, mask, 16)
    filled = slope * guide + offset
    assert (filled[..., :11] < -0.1).all()
    assert (filled[..., 13:] > 0.15).all()


def test_guided_filter_knows_nothing_of_what_is_far() -> None:
    mask = torch.zeros(1, 1, 40, 8)
    mask[..., 0, 0] = 1
    slope, offset = guided_lines(torch.rand(1, 1, 40, 8), 0.4 * mask, mask, 3)
    assert float(offset[0, 0, 1, 1]) == pytest.approx(0.4, abs=0.05)
    assert not slope[..., 20:, :].any()
    assert not offset[..., 20:, :].any()
