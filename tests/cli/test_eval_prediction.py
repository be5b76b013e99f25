"""``dlic eval`` of networks that predict blocks."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlic_registry import load
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.imaging.intra_modes import predict_modes, references
from lightning_dlic.imaging.numpy.blocks import cut_contexts
from lightning_dlic.nets.prediction.integer_fc import IntegerFullyConnected
from lightning_dlic.zoo import save_net


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A network that predicts the mean of its context."""
    record = {"name": "integer_fc", "args": {"m": 4, "widths": [8]}}
    integer = IntegerFullyConnected(4, [8])
    with torch.no_grad():
        for layer in (*integer.hidden, integer.output):
            layer.shift.fill_(4)
    save_net(tmp_path / "mean.safetensors", integer, {"kind": "prediction", "stage": "pnns_fc", "net": record})
    return tmp_path / "mean.safetensors"


def test_table_and_json(inline, net, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(40) * 3, np.arange(36) * 2)
    plane = (ramp + rng.integers(0, 20, ramp.shape)).astype(np.uint8)
    Image.fromarray(plane).save(folder / "one.png")
    report = tmp_path / "report.json"
    printed, _ = inline("eval", net, "--data", folder, "--scale", 1, "--json", report)
    assert "best35-oracle" in printed
    content = json.loads(report.read_text())
    (row,) = content["results"]
    assert content["protocol"]["psnr"].startswith("of the mean squared error over all blocks")
    assert content["targets"]["mean"]["m"] == 4
    # The same figures, block by block.
    corners = np.array([(y, x) for y in range(4, 33, 4) for x in range(4, 29, 4)])
    context, available = cut_contexts(plane, np.ones_like(plane, bool), *corners.T, 4)
    truth = np.stack([plane[y : y + 4, x : x + 4] for y, x in corners]).astype(int)
    modes = predict_modes(*references(context, available, 4)).astype(int)
    errors = ((modes - truth[:, None]) ** 2).sum(axis=(2, 3))
    mean = (context.astype(int).sum(axis=1) / 80 + 0.5).astype(int)
    own = ((mean[:, None, None] - truth) ** 2).sum(axis=(1, 2))
    assert row["blocks"] == len(truth)
    for name, error in (
        ("planar", errors[:, 0]),
        ("dc", errors[:, 1]),
        ("best35-oracle", errors.min(axis=1)),
        ("mean", own),
    ):
        assert row["psnr"][name] == pytest.approx(10 * math.log10(255**2 / (error.sum() / truth.size)))
    assert row["wins"]["planar"] == pytest.approx((own < errors[:, 0]).mean())
    assert row["sharpness"]["mean"] == 0.0
    inside = [np.abs(np.diff(blocks, axis=axis)).sum() for blocks in (modes[:, 0], truth) for axis in (1, 2)]
    assert row["sharpness"]["planar"] == pytest.approx(sum(inside[:2]) / sum(inside[2:]))
    assert row["psnr"]["dc"] <= row["psnr"]["best35-satd"] <= row["psnr"]["best35-oracle"]


def test_the_oracle_chooses_among_predictions_of_all_views(inline, tmp_path):
    rng, integer = np.random.default_rng(3), IntegerFullyConnected(4, [8], branches=2)
    with torch.no_grad():
        for layer in (*integer.hidden, integer.output):
            layer.weight8.copy_(torch.from_numpy(rng.integers(-99, 100, layer.weight8.shape)))
            layer.shift.fill_(9)
    record = {"name": "integer_fc", "args": {"m": 4, "widths": [8], "branches": 2}}
    save_net(tmp_path / "two.safetensors", integer, {"kind": "prediction", "stage": "pnns_fc", "net": record})
    plane = rng.integers(60, 200, (24, 24), np.uint8)
    (tmp_path / "set").mkdir()
    Image.fromarray(plane).save(tmp_path / "set" / "one.png")
    inline(
        "eval", tmp_path / "two.safetensors", "--data", tmp_path / "set", "--scale", 1, "--json", tmp_path / "r.json"
    )
    (row,) = json.loads((tmp_path / "r.json").read_text())["results"]
    corners = np.array([(y, x) for y in range(4, 17, 4) for x in range(4, 17, 4)])
    errors, predictor = [], IntegerPredictor.load(tmp_path / "two.safetensors")
    for seen in (plane, plane.T, 255 - plane, 255 - plane.T):
        mirrored = len(errors) % 2
        places = corners[:, ::-1] if mirrored else corners
        made = predictor.predict(*cut_contexts(seen, np.ones_like(plane, bool), *places.T, 4)).astype(int)
        truth = np.stack([seen[y : y + 4, x : x + 4] for y, x in places]).astype(int)
        errors.append(((made - truth[:, None]) ** 2).sum(axis=(2, 3)).min(axis=1))
    best = np.min(errors, axis=0)
    assert row["psnr"]["two-oracle"] == pytest.approx(10 * math.log10(255**2 / (best.sum() / (16 * len(corners)))))
    assert best.sum() < errors[0].sum()


def test_all_sizes_are_measured_and_mistakes_are_one_message(inline, net, pictures, tmp_path):
    printed, _ = inline("eval", net, "--data", pictures / "valid")
    assert [line.split()[-14] for line in printed.splitlines()[1:]] == ["1", "1/2", "1/4"]
    _, error = inline("eval", net, "bicubic", "--data", pictures / "valid", status=2)
    assert "Beside networks of kind prediction stand: none" in error
    _, error = inline("eval", net, "--data", pictures / "valid", "--scale", 8, status=2)
    assert "no picture holds a block of 4" in error
    _, error = inline("eval", net, "zoo:compact_x4", "--data", pictures / "valid", status=2)
    assert "one kind is measured at a time, and these are of several (" in error
    assert "zoo:compact_x4 of sr" in error


def test_a_trained_predictor_is_exported_in_integers(inline, tmp_path):
    torch.manual_seed(0)
    trained = load("net", "pnns_fc")(m=4, width=8, branches=2)
    record = {"name": "pnns_fc", "args": {"m": 4, "width": 8, "branches": 2}}
    save_net(tmp_path / "float.safetensors", trained, {"kind": "prediction", "stage": "pnns_fc", "net": record})
    out = tmp_path / "integers.safetensors"
    inline("export", tmp_path / "float.safetensors", "--format", "safetensors", "--int8", "--out", out)
    context = np.random.default_rng(1).integers(0, 256, (9, 80), np.uint8)
    made = IntegerPredictor.load(out).predict(context, np.ones_like(context))
    x = torch.from_numpy(np.stack([context, np.ones_like(context)], axis=1))
    with torch.no_grad():
        assert torch.equal((trained.eval()(x) * 255).round().byte(), torch.from_numpy(made))
