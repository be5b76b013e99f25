"""Figures picture by picture: reports compared, broken pictures left out, metrics of sets and without reference."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from dlic_registry import local, register
from lightning_dlic.measure.compare import interval


class Levels(nn.Module):
    """Features of a picture: its channels' means."""

    num_features = 3

    def forward(self, x):
        return x.double().mean((-2, -1))


class Distance(FrechetInceptionDistance):
    def __init__(self):
        super().__init__(feature=Levels(), input_img_size=(3, 64, 72))


class Roughness(nn.Module):
    def forward(self, output):
        return output.diff(dim=-1).abs().mean()


class Box(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, image):
        return nn.functional.avg_pool2d(image.float(), self.scale).round() / 255.0


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    register("metric", "distance")(Distance)
    register("metric", "roughness")(Roughness)
    register("downsize", "box")(Box)


@pytest.fixture
def folder(pictures, tmp_path):
    copy = tmp_path / "set"
    shutil.copytree(pictures / "train", copy)
    return copy


def test_reports_are_compared_picture_by_picture(inline, folder, registered, tmp_path):
    a, b, out = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    words = ("--data", folder, "--no-lpips", "--scale", 2)
    inline("eval", "bicubic", "nearest", *words, "--json", a)
    inline("eval", "bicubic", *words, "--downsize", "box", "--json", b)
    assert json.loads(b.read_text())["targets"]["bicubic"]["downsize"] == "box"
    printed, _ = inline("eval", "bicubic", "nearest", "--compare", a, a, "--json", out)
    assert printed.startswith("first: bicubic, second: nearest")
    rows = {row["target"]: row["pictures"] for row in json.loads(a.read_text())["results"]}
    (psnr,) = (d for d in json.loads(out.read_text())["differences"] if d["figure"] == "psnr_y")
    apart = [rows["nearest"][name]["psnr_y"] - rows["bicubic"][name]["psnr_y"] for name in rows["bicubic"]]
    assert psnr["difference"] == pytest.approx(np.mean(apart))
    assert min(apart) <= psnr["low"] < psnr["difference"] < psnr["high"] <= max(apart)
    assert (psnr["pictures"], psnr["above"]) == (6, 0.0)
    inline("eval", "--compare", a, b, "--json", out)
    assert {(d["first"], d["second"]) for d in json.loads(out.read_text())["differences"]} == {("bicubic", "bicubic")}
    assert "Did you mean 'nearest'" in inline("eval", "neares", "--compare", a, b, status=2)[1]
    assert "which targets?" in inline("eval", "--compare", a, a, status=2)[1]
    assert "not a report" in inline("eval", "--compare", a, out, status=2)[1]
    (folder / "0-60.png").unlink()
    inline("eval", "bicubic", *words, "--json", b)
    assert "measured other pictures as set" in inline("eval", "--compare", a, b, status=2)[1]


def test_a_result_names_the_downsize_of_its_stage(inline, registered, write_recipe, tmp_path):
    recipe = write_recipe("boxed", "metrics: {roughness: {}}")
    inline("fit", recipe, "stages.sr.args.downsize.name=box", "trainer.max_steps=1", "trainer.progress=false")
    (result,) = (tmp_path / "runs").rglob("result.json")
    assert json.loads(result.read_text())["protocol"]["resizer"] == "the registered downsize box: {'name': 'box'}"
    _, error = inline("fit", recipe, "metrics={distance: {}}", status=2)
    assert "metric 'distance' judges a set as a whole" in error


def test_the_interval_covers_as_often_as_it_says():
    draw = np.random.default_rng(1)
    inside = [low < 0.5 < high for low, high in (interval(draw.normal(0.5, 1, 40), resamples=400) for _ in range(300))]
    assert 0.9 < np.mean(inside) < 0.98


def test_a_broken_picture_is_named_and_the_rest_is_measured(inline, folder, tmp_path):
    (folder / "0-160.png").write_bytes(b"\x89PNG, but no more than that")
    report = tmp_path / "report.json"
    for target in ("bicubic", "grey", "decoded"):
        kind = ("--kind", "reconstruction") if target == "decoded" else ()
        printed, error = inline("eval", target, *kind, "--data", folder, "--no-lpips", "--json", report, status=1)
        assert target in printed
        assert "1 of 6 pictures could not be measured" in error
        assert "0-160.png: not a picture in any format read here" in error
        content = json.loads(report.read_text())
        assert all(len(row["pictures"]) == 5 for row in content["results"])
        assert list(content["failed"]) == [str(folder / "0-160.png")]
    for path in folder.iterdir():
        path.write_bytes(b"none")
    assert "not a picture" in inline("eval", "bicubic", "--data", folder, "--no-lpips", status=2)[1]


def test_metrics_of_whole_sets_and_of_made_pictures_alone(inline, folder, registered, tmp_path):
    report = tmp_path / "report.json"
    words = ("--data", folder, "--no-lpips", "--scale", 4, "--json", report)
    printed, _ = inline("eval", "bicubic", "nearest", *words, "--metrics", "distance,roughness")
    assert "DISTANCE" in printed
    rows = json.loads(report.read_text())["results"]
    for row in rows:
        assert "distance" not in row["pictures"]["0-60"]
        assert 0 <= row["figures"]["distance"] < 10
        assert row["figures"]["roughness"] == pytest.approx(
            np.mean([figures["roughness"] for figures in row["pictures"].values()])
        )
    # Nearest neighbours leave steps; and each row has gathered its own pictures alone.
    assert rows[0]["figures"]["distance"] != rows[1]["figures"]["distance"]
    alone = tmp_path / "alone.json"
    inline("eval", "nearest", *words[:-1], alone, "--metrics", "{distance: {}}")
    assert json.loads(alone.read_text())["results"][0]["figures"]["distance"] == rows[1]["figures"]["distance"]
    assert torch.is_grad_enabled()


def test_metrics_of_a_library_are_named_by_module_and_class(inline, folder, tmp_path):
    report = tmp_path / "report.json"
    names = "{torchmetrics.image:TotalVariation: {}, torchmetrics.image:PeakSignalNoiseRatio: {data_range: 1.0}}"
    printed, _ = inline("eval", "nearest", "--data", folder, "--no-lpips", "--metrics", names, "--json", report)
    assert "TOTALVARIATION" in printed
    figures = json.loads(report.read_text())["results"][0]["figures"]
    # Theirs has no border that does not count.
    assert figures["torchmetrics.image:PeakSignalNoiseRatio"] == pytest.approx(figures["psnr_rgb"], abs=1.5)
    wrong = ("eval", "nearest", "--data", folder, "--metrics", "torchmetrics.image:TotalVariaton")
    assert "Did you mean 'TotalVariation'" in inline(*wrong, status=2)[1]
