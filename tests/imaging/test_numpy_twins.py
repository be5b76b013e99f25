"""The codec's NumPy resizer and colours against the torch ones, to which everything else is held."""

import numpy as np
import pytest
import torch

from lightning_dlic.imaging import color, guided, resize
from lightning_dlic.imaging.numpy import color as color_np
from lightning_dlic.imaging.numpy import guided as guided_np
from lightning_dlic.imaging.numpy import resize as resize_np


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (64, 48), (131, 97)])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 6, 8])
def test_shrink_equals_the_exact_resizer(size: tuple[int, int], factor: int) -> None:
    plane = noise(*size)
    wanted = resize.resize_uint8(torch.from_numpy(plane)[None], scale=1 / factor)[0].numpy()
    np.testing.assert_array_equal(resize_np.shrink(plane, factor), wanted)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (64, 48)])
@pytest.mark.parametrize("factor", [2, 3])
def test_enlarging_8_bits_equals_the_exact_resizer(size: tuple[int, int], factor: int) -> None:
    plane = noise(*size)
    wanted = resize.resize_uint8(torch.from_numpy(plane)[None], scale=float(factor))[0].numpy()
    np.testing.assert_array_equal(resize_np.resize_uint8(plane, factor), wanted)


def test_the_guided_filters_lines_are_torchs() -> None:
    guide, known = (noise(count, 40, 31).astype(np.float32) / 255 for count in (1, 2))
    mask = torch.ones(1, 1, 40, 31)
    wanted = guided.guided_lines(torch.from_numpy(guide)[None], torch.from_numpy(known)[None], mask, 1, 1e-4)
    for one, other in zip(guided_np.guided_lines(guide, known, 1, 1e-4), wanted, strict=True):
        np.testing.assert_allclose(one, other[0].numpy(), atol=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_enlarge_is_within_a_level_of_float64(factor: int) -> None:
    plane = noise(37, 52)
    exact = resize.resize(torch.from_numpy(plane)[None].double(), scale=float(factor))[0].numpy()
    wanted = np.clip(np.floor(exact + 0.5), 0, 255)
    found = resize_np.enlarge(plane, factor, 37 * factor - 1, 52 * factor)
    difference = np.abs(found - wanted[: 37 * factor - 1])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_strips_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = noise(70, 50)
    small, large = resize_np.shrink(plane, 3), resize_np.enlarge(plane, 2, 140, 99)
    monkeypatch.setattr(resize_np, "_STRIP", 200)
    np.testing.assert_array_equal(resize_np.shrink(plane, 3), small)
    np.testing.assert_array_equal(resize_np.enlarge(plane, 2, 140, 99), large)


def test_luma_equals_torchs() -> None:
    rgb = noise(40, 30, 3)
    wanted = color.luma_uint8(torch.from_numpy(rgb).permute(2, 0, 1))[0].numpy()
    np.testing.assert_array_equal(color_np.luma(rgb), wanted)


def test_colors_survive_within_two_levels() -> None:
    rgb = noise(60, 50, 3)
    planes = color_np.split(rgb)
    assert np.abs(color_np.merge(*planes).astype(int) - rgb).max() <= 2
    wanted = color.rgb_to_ycbcr(torch.from_numpy(rgb).permute(2, 0, 1).double() / 255)
    for plane, exact in zip(planes[1:], wanted[1:], strict=True):
        assert np.abs(plane - (255 * exact.numpy() + 128)).max() <= 0.51


def test_grey_stays_grey() -> None:
    gray = np.repeat(noise(20, 20)[..., None], 3, axis=2)
    y, cb, cr = color_np.split(gray)
    assert set(np.unique(cb)) == set(np.unique(cr)) == {128}
    np.testing.assert_array_equal(color_np.merge(y, cb, cr), gray)
