"""``dlic eval`` of networks for colour."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from dlic_registry import load
from lightning_dlic.zoo import save_net

Dlic = Callable[..., tuple[str, str]]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    arguments = {"branches": 3, "widths": [8, 8], "blocks": 1}
    record = {"name": "multihypothesis_compact", "args": arguments}
    path = tmp_path / "mine.safetensors"
    save_net(path, load("net", "multihypothesis_compact")(**arguments), {"kind": "colorization", "net": record})
    return path


@pytest.mark.slow
def test_table_json_and_panel(inline: Dlic, pictures: Path, net: Path, tmp_path: Path) -> None:
    report, panel = tmp_path / "report.json", tmp_path / "panel.png"
    words = ("eval", net, "grey", "mean", "palette", "floor", "--data", pictures / "valid", "--no-lpips")
    printed, _ = inline(*words, "--hints", "none,oracle,segmentation,60", "--json", report, "--panel", panel)
    lines = [line.split() for line in printed.splitlines()]
    assert [line[0] for line in lines[2:]] == ["mine", "mine", "grey", "mean", "palette", "floor"]
    found = json.loads(report.read_text())
    rows = {(row["target"], row["hints"]): row for row in found["results"]}
    assert list(rows) == [
        ("mine", "none"),
        ("mine", "oracle"),
        ("mine", "segmentation,60"),
        ("grey", "none"),
        ("mean", "none"),
        ("palette", "none"),
        ("floor", "segmentation,60"),
    ]
    figures = {key: row["figures"] for key, row in rows.items()}
    for key in (("mine", "segmentation,60"), ("floor", "segmentation,60")):
        assert all(0 < row["bytes"] <= 60 for row in rows[key]["pictures"].values())
        assert figures[key]["psnr_rgb"] > figures["grey", "none"]["psnr_rgb"] + 3
    grey, mean, palette = (figures[name, "none"] for name in ("grey", "mean", "palette"))
    assert grey["psnr_rgb"] < mean["psnr_rgb"] < palette["psnr_rgb"]
    assert grey["psnr_rgb_decoded"] < grey["psnr_rgb"]
    assert (grey["bytes"], mean["bytes"], palette["bytes"]) == (0, 2, 10)
    assert grey["colorfulness"] == 0
    assert grey["colorfulness_difference"] == pytest.approx(grey["colorfulness_original"])
    assert figures["mine", "oracle"]["bytes"] > 60
    assert figures["mine", "oracle"]["psnr_rgb"] >= figures["mine", "none"]["psnr_rgb"]
    assert found["protocol"]["psnr_ab"]
    assert found["targets"]["mine"]["sha256"]
    with Image.open(panel) as drawn:
        # Original, grey, three of the network, mean, palette, floor; two pictures.
        assert drawn.width == 8 * 262 + 6
        assert drawn.height > 2 * 200


def test_temperature_reaches_the_network(inline: Dlic, pictures: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    arguments = {"widths": [8, 8], "blocks": 1}
    bins = load("net", "colorful_compact")(**arguments)
    with torch.no_grad():
        bins.classifier.bias.copy_(torch.randn(261))
    path = tmp_path / "bins.safetensors"
    save_net(path, bins, {"kind": "colorization", "net": {"name": "colorful_compact", "args": arguments}})
    vivid = []
    for extra in ((), ("--temperature", 0.1)):
        report = tmp_path / "report.json"
        inline("eval", path, "--data", pictures / "valid", "--no-lpips", "--decoded", 0, "--json", report, *extra)
        (row,) = json.loads(report.read_text())["results"]
        assert "psnr_rgb_decoded" not in row["figures"]
        vivid.append(row["figures"]["colorfulness"])
    assert vivid[1] > vivid[0] + 3


def test_pictures_without_color_are_left_out(inline: Dlic, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    Image.new("L", (40, 40), 90).save(tmp_path / "set" / "a.png")
    words = ("eval", "grey", "--data", tmp_path / "set", "--no-lpips", "--decoded", 0)
    _, error = inline(*words, status=2)
    assert "no picture in it has any colour" in error
    (colored, *_) = (pictures / "valid").glob("*.png")
    (tmp_path / "set" / "b.png").write_bytes(colored.read_bytes())
    inline(*words, "--json", tmp_path / "report.json")
    (row,) = json.loads((tmp_path / "report.json").read_text())["results"]
    assert list(row["pictures"]) == ["b"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("grey", "bicubic"), "grey of colorization, bicubic of sr"),
        (("bicubic", "--temperature", "1"), "--temperature is of no use in measuring networks of kind 'sr'"),
        (("floor", "--temperature", "2"), "--temperature 2.0: a number from .01 to 1"),
        (("floor", "--decoded", "fine"), "--decoded fine: must be a number"),
        (("floor", "--option", "codec=avif"), "--codec is of no use"),
        (("floor", "--hints", "grid"), "how many bytes? Write grid,300"),
        (("floor", "--hints", "grid=60"), "a name, a comma and a number of bytes from 8"),
        (("floor", "--hints", "oracle,60"), "oracle takes no bytes"),
        (("floor", "--hints", "gird,100"), "Did you mean 'grid'"),
        (("floor", "--hints", "none"), "none of them is of use"),
        (("floor", "--hints", "segmentation,9999999"), "a number of bytes from 8 to 65536"),
    ],
)
def test_mistakes(inline: Dlic, pictures: Path, words: tuple[str, ...], message: str) -> None:
    _, error = inline("eval", *words, "--data", pictures / "valid", status=2)
    assert message in error
