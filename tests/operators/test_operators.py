"""Networks at work as their kinds have them: one constructor, typed facts, refusals in a sentence."""

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn
from torch.nn import functional as F

from dlic_registry import DlicError, load
from lightning_dlic.codec.planes import Planes, downsized
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.operators.base import Facts, load_operator, open_operator
from lightning_dlic.operators.colorizer import Colorizer
from lightning_dlic.operators.enlarger import NetEnlarger
from lightning_dlic.operators.predictor import NetPredictor
from lightning_dlic.operators.reconstructor import Reconstructor
from lightning_dlic.operators.restorer import Restorer


@pytest.mark.parametrize(
    ("target", "operator", "facts"),
    [
        ("zoo:codec_y_x4", NetEnlarger, ("sr", (4,), 1, "luma")),
        ("zoo:compact_x2", NetEnlarger, ("sr", (2,), 3, "rgb")),
        ("zoo:multihypothesis_compact", Colorizer, ("colorization", (1,), 1, "cbcr")),
        ("zoo:pnns_4", NetPredictor, ("prediction", (1,), 1, "luma")),
    ],
)
def test_a_network_of_the_zoo_is_what_its_kind_says(target, operator, facts):
    found = load_operator(target)
    assert type(found) is operator
    kind, scales, channels, space = facts
    assert found.facts == Facts(kind, scales, channels, found.facts.halo, space)
    assert not found.net.training


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"kind": "sr"}, "it: kind 'sr', scale None.*not a network that enlarges pictures"),
        ({"kind": "colorization"}, "it: .*not a network for colour"),
        ({"kind": "prediction"}, "it: .*not a network that predicts blocks"),
        ({"kind": "reconstruction", "scales": [2]}, "it: .*not a network that makes pictures of base layers"),
        ({"kind": "colorisation"}, "it: unknown kind 'colorisation'. Did you mean 'colorization'"),
        ({}, "it: unknown kind 'None'"),
    ],
)
def test_what_is_not_of_its_kind_is_refused(meta, message):
    with pytest.raises(DlicError, match=message):
        open_operator("it", nn.Identity(), meta)


class _Brighter(nn.Module):
    def forward(self, x):
        return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1) + 10 / 255


def test_a_restorer_keeps_size_and_kind_of_a_picture():
    restorer = Restorer("it", _Brighter(), {"kind": "restoration"})
    assert restorer.facts == Facts("restoration", (1,), 1, 1, "luma")
    picture = data.chelsea()[:210, :230]
    luma = split(picture)[0]
    made = restorer(luma)
    whole = _Brighter()(torch.from_numpy(luma.copy())[None, None] / 255.0)[0, 0].mul(255).round().clamp(0, 255)
    assert np.array_equal(made, whole.numpy().astype(np.uint8))
    # Of a picture in colour the luma is repaired, the chroma stays.
    colored = restorer(picture)
    assert colored.shape == picture.shape
    inside = (picture.min(-1) > 30) & (picture.max(-1) < 225)
    for old, new in zip(split(picture)[1:], split(colored)[1:], strict=True):
        assert np.abs(old.astype(int) - new)[inside].max() <= 1
    with pytest.raises(DlicError, match="not a network that restores"):
        Restorer("it", nn.Identity(), {"kind": "restoration", "scale": 2})


@pytest.fixture(scope="module")
def reconstructor():
    torch.manual_seed(0)
    net = load("net", "decoder_unet")(scales=[2, 3], widths=[8, 12], blocks=1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.02)
    return Reconstructor("it", net, {"kind": "reconstruction", "scales": [2, 3]})


def test_a_reconstructor_makes_by_tiles_what_the_network_makes_of_the_whole(reconstructor):
    assert (reconstructor.facts.scales, reconstructor.facts.space, reconstructor.multiple) == ((2, 3), "ycbcr", 2)
    assert 0 < reconstructor.facts.halo < 60
    picture = data.astronaut()[:449, :511]
    planes = downsized(picture, split(picture), 2)
    made = reconstructor(planes, 2, 449, 511, quality=4.0, alpha=0.5)
    assert made.shape == picture.shape
    height, width = planes.size
    chroma = [resize_uint8(torch.from_numpy(p)[None, None], scale=2.0)[..., :height, :width] for p in planes.each()[1:]]
    levels = torch.cat((torch.from_numpy(planes.y)[None, None], *chroma), 1) / 255.0
    levels[:, 1:] -= 128 / 255.0
    with torch.no_grad():
        whole = reconstructor.net(levels, torch.tensor([4.0]), 2, torch.tensor([0.5]))
    expected = whole[0, :, :449, :511].mul(255).round().clamp(0, 255).permute(1, 2, 0).numpy()
    assert np.abs(made - expected).max() <= 1
    assert (made != expected).mean() < 1e-3


def test_its_conditions_reach_the_network(reconstructor):
    grey = Planes(np.full((9, 13), 90, np.uint8))
    made = [reconstructor(grey, 3, **told) for told in ({}, {"quality": 1.0}, {"quality": 7.0}, {"alpha": 1.0})]
    assert all(picture.shape == (27, 39, 3) for picture in made)
    assert len({picture.tobytes() for picture in made}) == len(made)
    with pytest.raises(DlicError, match=r"it: enlarges by x2, x3, not x4"):
        reconstructor(grey, 4)
