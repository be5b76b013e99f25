from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from real_data import real_data

from lightning_dlic.imaging.resize import BicubicDownsize, resize, resize_uint8


def read(path: Path) -> torch.Tensor:
    pixels = np.array(Image.open(path))
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)


def test_equals_matlab_on_every_pixel_of_the_reference_pairs() -> None:
    pairs = sorted(real_data("benchmarks/set5_lr_x4_matlab").glob("*.HR.png"))
    assert pairs
    for high in pairs:
        low = read(high.with_name(high.name.replace(".HR.", ".LR.")))
        assert torch.equal(resize_uint8(read(high), scale=1 / 4), low), high.name


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos", "bilinear", "nearest"])
@pytest.mark.parametrize("scale", [0.25, 1 / 3, 0.5, 0.7, 1.0, 2.0, 3.0, 4.0])
def test_a_flat_picture_stays_flat_and_has_matlabs_size(kernel: str, scale: float) -> None:
    out = resize(torch.full((2, 3, 25, 18), 0.3), scale=scale, kernel=kernel)
    # 25/3 is 8.33: MATLAB rounds up.
    assert out.shape == (2, 3, int(np.ceil(25 * scale - 1e-9)), int(np.ceil(18 * scale - 1e-9)))
    torch.testing.assert_close(out, torch.full_like(out, 0.3))


def test_known_values_of_keys_kernel() -> None:
    # MATLAB: imresize([0 0 100 0 0 0], 2) along one row, the cubic kernel with a = -0.5 at quarter samples.
    row = torch.zeros(1, 1, 6)
    row[..., 2] = 100.0
    expected = torch.tensor([0.0, -2.34375, -7.03125, 22.65625, 86.71875, 86.71875, 22.65625, -7.03125, -2.34375])
    torch.testing.assert_close(resize(row.double(), size=(1, 12))[0, 0, :9], expected.double())


def test_large_pictures_take_another_path_to_the_same_values() -> None:
    torch.manual_seed(0)
    wide = torch.randint(0, 256, (1, 2, 2400), dtype=torch.uint8)
    whole = resize_uint8(wide, size=(2, 600))
    part = resize_uint8(wide[..., :1200], size=(2, 300))
    assert 2400 * 600 > (1 << 20) > 1200 * 300
    assert torch.equal(whole[..., :290], part[..., :290])


def test_gradients_flow_through_it() -> None:
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: resize(t, scale=0.5), (x,))


def test_a_matrix_cached_in_inference_mode_serves_training() -> None:
    with torch.inference_mode():
        resize(torch.rand(1, 1, 22, 22), scale=0.5)
    x = torch.rand(1, 1, 22, 22, requires_grad=True)
    resize(x, scale=0.5).sum().backward()
    assert x.grad is not None


def test_enlarging_then_shrinking_by_nearest_gives_the_picture_back() -> None:
    picture = torch.randint(0, 256, (3, 7, 5), dtype=torch.uint8)
    large = resize_uint8(picture, scale=3.0, kernel="nearest")
    assert torch.equal(large[..., 1::3, 1::3], picture)
    assert torch.equal(resize_uint8(large, scale=1 / 3, kernel="nearest"), picture)


def test_the_downsizing_operator_stays_on_the_8_bit_grid() -> None:
    image = torch.randint(0, 256, (2, 3, 24, 36), dtype=torch.uint8)
    small = BicubicDownsize(3)(image)
    assert small.shape == (2, 3, 8, 12)
    torch.testing.assert_close(small * 255, (small * 255).round())


@pytest.mark.parametrize("arguments", [{}, {"scale": 0.5, "size": (1, 1)}, {"scale": 0.0}, {"size": (0, 4)}])
def test_impossible_sizes_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"resize|scale"):
        resize(torch.rand(1, 4, 4), **arguments)


def test_only_8_bit_pictures_are_exact() -> None:
    with pytest.raises(TypeError, match="uint8"):
        resize_uint8(torch.rand(1, 4, 4), scale=0.5)
