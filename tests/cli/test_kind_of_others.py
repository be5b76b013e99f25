"""A kind of another package: what it registers is all that the verbs need."""

import json

import pytest
import torch
from PIL import Image
from torch import nn

from dlic_registry import local, register
from lightning_dlic.api.targets import find_targets, one_kind
from lightning_dlic.kinds.base import Kind, Slot
from lightning_dlic.zoo import load_net, save_net


class RestorationKind(Kind):
    """Made for a test."""

    operator = "lightning_dlic.operators.restorer:Restorer"
    measure = "lightning_dlic.measure.decoded:DecodedMeasure"
    rivals = ("decoded", "undone")
    slot = Slot(before=("sr", "reconstruction"))


class Smooth(nn.Module):
    """A blend with the mean of the neighbours."""

    halo = 1

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return x + self.share * (nn.functional.avg_pool2d(nn.functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1) - x)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    register("kind", "restoration")(RestorationKind)
    register("net", "smooth")(Smooth)
    meta = {"kind": "restoration", "stage": "smooth", "steps": 0, "net": {"name": "smooth", "args": {}}}
    save_net(tmp_path / "smooth.safetensors", Smooth(), meta)
    return tmp_path / "smooth.safetensors"


def test_it_is_measured_beside_what_was_decoded(weights, inline, pictures, tmp_path):
    report = tmp_path / "report.json"
    words = ("eval", weights, "decoded", "--data", pictures / "valid", "--no-lpips", "--decoded", "0.1")
    inline(*words, "--json", report)
    content = json.loads(report.read_text())
    assert content["kind"] == "restoration"
    ours, plain = content["results"]
    assert (ours["target"], ours["scale"], plain["target"]) == ("smooth", 1, "decoded")
    assert ours["figures"]["bytes"] == plain["figures"]["bytes"]
    assert 0 < abs(ours["figures"]["psnr_y"] - plain["figures"]["psnr_y"]) < 3
    # At half the size too, for it keeps the size whatever that is.
    inline(*words, "--scale", 2, "--json", report)
    assert [row["scale"] for row in json.loads(report.read_text())["results"]] == [2, 2]


def test_rivals_of_two_kinds_ask_which_is_meant(weights, inline, pictures, tmp_path):
    words = ("eval", "decoded", "--data", pictures / "valid", "--decoded", "0.1", "--no-lpips")
    assert "decoded of reconstruction and restoration" in inline(*words, status=2)[1]
    assert one_kind(find_targets(["decoded", "undone"])) == "restoration"
    assert "valid" in inline(*words, "--kind", "restoration")[0]
    assert (
        "unknown kind 'restoratoin'. Did you mean 'restoration'" in inline(*words, "--kind", "restoratoin", status=2)[1]
    )


def test_it_is_exported_and_shown(weights, inline, tmp_path):
    half = tmp_path / "half.safetensors"
    inline("export", weights, "--format", "safetensors", "--fp16", "--out", half)
    assert load_net(half)[1]["kind"] == "restoration"
    assert json.loads(inline("info", weights, "--json")[0])["kind"] == "restoration"
    Image.new("RGB", (12, 10)).save(tmp_path / "a.png")
    _, error = inline("upscale", tmp_path / "a.png", tmp_path / "b.png", "--model", weights, status=2)
    assert "of kind 'restoration': not a network that enlarges pictures" in error
