"""The evaluation protocol: rounding, borders, colour, means."""

import json
import math

import pytest
import torch
from skimage import data

from lightning_dlic.imaging.finite import NotFiniteError
from lightning_dlic.metrics.protocol import Protocol, score, summarize, to_uint8, y_plane


@pytest.fixture(scope="module")
def target():
    return torch.from_numpy(data.astronaut()[:96, :128].copy()).permute(2, 0, 1)[None]


def test_outputs_are_rounded_to_eight_bits_first(target):
    output = target / 255.0 + 0.4 / 255.0
    assert math.isinf(score(output, target, 4)["psnr_y"])
    assert math.isfinite(score(target / 255.0 + 0.6 / 255.0, target, 4)["psnr_y"])


def test_values_outside_the_range_are_clipped():
    assert to_uint8(torch.tensor([-1.0, 0.0, 0.5, 1.0, 7.0])).tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_has_no_score(target, value):
    output = target / 255.0
    output[..., 50, 50] = value
    with pytest.raises(NotFiniteError, match="not finite"):
        score(output, target, 4)


def test_an_exact_picture_leaves_a_mean_to_look_at():
    rows = [{"psnr_y": math.inf, "ssim_y": 1.0}, {"psnr_y": 30.0, "ssim_y": 0.8}]
    assert summarize(rows) == {"psnr_y": 65.0, "ssim_y": 0.9}
    with pytest.raises(NotFiniteError, match="ssim_y"):
        summarize([*rows, {"ssim_y": math.nan}])


def test_the_border_does_not_count(target):
    output = target.clone()
    output[..., :4, :], output[..., -4:, :], output[..., :4], output[..., -4:] = 0, 0, 0, 0
    assert math.isinf(score(output, target, 4)["psnr_rgb"])
    assert math.isfinite(score(output, target, 3)["psnr_rgb"])


def test_y_is_studio_range():
    colors = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)
    y = y_plane(colors.T.reshape(1, 3, 5, 1)).flatten()
    assert y.tolist() == pytest.approx([16, 235, 81.481, 144.553, 40.966])
    assert y_plane(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8)).item() == pytest.approx(235)


def test_a_grey_picture_scores_as_equal_channels(target):
    grey = target[:, :1]
    output = (grey // 2).clamp(0, 255)
    single = score(output, grey, 2)
    triple = score(output.expand(-1, 3, -1, -1), grey.expand(-1, 3, -1, -1), 2)
    assert set(single) == {"psnr_y", "ssim_y"}
    assert single["psnr_y"] == pytest.approx(triple["psnr_y"], abs=1e-9)


def test_too_small_for_ssim_still_has_psnr():
    tiny = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    assert set(score(tiny, tiny, 4)) == {"psnr_y", "psnr_rgb"}
    with pytest.raises(ValueError, match="nothing inside a border"):
        score(tiny[..., :8], tiny[..., :8], 4)


def test_the_mean_is_over_pictures_not_pixels():
    rows = [{"psnr_y": 20.0, "ssim_y": 0.5}, {"psnr_y": 30.0}]
    assert summarize(rows) == {"psnr_y": 25.0, "ssim_y": 0.5}
    assert summarize([]) == {}


def test_the_protocol_is_plain_json_that_names_what_matters():
    text = json.dumps(Protocol().as_dict())
    for word in ("BT.601 studio", "crop_border", "MATLAB imresize", "sigma 1.5", "8 bits", "AlexNet v0.1"):
        assert word in text
