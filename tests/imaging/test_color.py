import numpy as np
import torch
from PIL import Image

from lightning_dlic.imaging.color import luma, luma_uint8, rgb_to_y, rgb_to_ycbcr, ycbcr_to_rgb


def test_studio_luma_has_matlabs_end_points() -> None:
    white, black = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
    assert abs(float(rgb_to_y(white)) - 235.0) < 1e-4
    assert float(rgb_to_y(black)) == 16.0
    torch.testing.assert_close(rgb_to_y(torch.tensor([1.0, 0, 0]).view(3, 1, 1)), torch.full((1, 1, 1), 81.481))


def test_grey_is_read_as_full_range_luma() -> None:
    grey = torch.rand(1, 4, 4)
    torch.testing.assert_close(rgb_to_y(grey), rgb_to_y(grey.expand(3, -1, -1)))
    assert luma(grey) is grey


def test_8_bit_luma_is_pillows() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    pillow = np.array(Image.fromarray(rgb).convert("L"))
    assert np.array_equal(luma_uint8(torch.from_numpy(rgb).permute(2, 0, 1))[0].numpy(), pillow)


def test_grey_pictures_keep_their_luma_exactly() -> None:
    ramp = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    assert torch.equal(luma_uint8(ramp.expand(3, -1, -1)), ramp)


def test_ycbcr_there_and_back() -> None:
    rgb = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    ycbcr = rgb_to_ycbcr(rgb)
    assert float(ycbcr[:, 1:].abs().max()) <= 0.5
    torch.testing.assert_close(ycbcr_to_rgb(ycbcr), rgb)
