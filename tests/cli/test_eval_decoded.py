"""Measuring networks that take decoded base layers: beside bicubic, at qualities and scales."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dlic_registry import load
from lightning_dlic.codec.planes import downsized
from lightning_dlic.imaging.numpy.color import merge, split
from lightning_dlic.imaging.numpy.resize import enlarge
from lightning_dlic.metrics.protocol import score
from lightning_dlic.zoo import save_net


@pytest.fixture
def net(tmp_path):
    """A network that adds nothing to bicubic."""
    arguments = {"scales": [2, 3], "widths": [8, 8], "blocks": 1}
    net = load("net", "decoder_unet")(**arguments)
    for tail in net.tails.values():
        torch.nn.init.zeros_(tail.weight)
    record = {"name": "decoder_unet", "args": arguments}
    save_net(tmp_path / "plain.safetensors", net, {"kind": "reconstruction", "scales": [2, 3], "net": record})
    return tmp_path / "plain.safetensors"


def test_networks_stand_beside_bicubic_of_what_was_decoded(inline, net, pictures, tmp_path):
    report = tmp_path / "report.json"
    words = ("eval", net, "decoded", "--data", pictures / "valid", "--no-lpips", "--json", report)
    words = (*words, "--metrics", "ms_ssim", "--save", tmp_path / "made")
    printed, _ = inline(*words, "--decoded", "0.3,0.7", "--option", "alpha=0.5")
    assert [line.split()[:6] for line in printed.splitlines()[:2]] == [
        ["data", "target", "codec", "quality", "scale", "bytes"],
        ["valid", "plain", "hevc", "0.3", "2", printed.splitlines()[1].split()[5]],
    ]
    content = json.loads(report.read_text())
    rows = {(r["target"], r["quality"], r["scale"]): r for r in content["results"]}
    assert len(rows) == 8
    assert rows["plain", 0.7, 2]["figures"]["bytes"] > rows["plain", 0.3, 2]["figures"]["bytes"]
    for share, scale in ((0.3, 2), (0.7, 3)):
        ours, bicubic = (rows[name, share, scale]["figures"] for name in ("plain", "decoded"))
        assert ours["psnr_rgb"] == pytest.approx(bicubic["psnr_rgb"], abs=0.3)
        assert bicubic["psnr_y"] < rows["decoded", 0.7, 2]["figures"]["psnr_y"] + 1e-9
    # The same by hand, of one picture.
    (path, *_) = sorted((pictures / "valid").glob("*.png"))
    picture = np.asarray(Image.open(path))
    codec, base = load("codec", "hevc")(), downsized(picture, split(picture), 2)
    payload = codec.encode(base, round(0.3 * (codec.steps - 1)), 3)
    luma, *chroma = codec.decode(payload, *base.size, True).each()
    size = picture.shape[:2]
    made = merge(enlarge(luma, 2, *size), *(enlarge(plane, 4, *size) for plane in chroma))
    output, target = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] for p in (made, picture))
    figures = rows["decoded", 0.3, 2]["pictures"][path.stem]
    assert figures["bytes"] == len(payload)
    assert figures["psnr_y"] == pytest.approx(score(output, target, 2)["psnr_y"])
    assert np.array_equal(Image.open(tmp_path / "made/decoded-hevc-0.3-2/valid" / path.name), made)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--decoded", "0.2,2"), "--decoded 0.2, 2: shares from 0 to 1"),
        (("--scale", 4), "plain enlarges by x2, x3, not x4 as --scale says"),
        (("--option", "codec=hevv"), "Did you mean 'hevc'"),
        (
            ("--option", "alfa=1"),
            "of kind 'reconstruction'. Did you mean 'alpha'",
        ),
        (("--option", "alpha"), "write NAME=VALUE"),
        (("--option", "alpha=2"), "--alpha 2: a number from 0 to 1"),
        (("--hints", "none"), "--hints is of no use"),
        (("bicubic",), "plain.safetensors of reconstruction, bicubic of sr"),
        (("--metrics", "ms_sim"), "Did you mean 'ms_ssim'"),
    ],
)
def test_mistakes(inline, net, pictures, words, message):
    _, error = inline("eval", net, *words, "--data", pictures / "valid", "--no-lpips", status=2)
    assert message in error
    assert len(error.splitlines()) <= 3
