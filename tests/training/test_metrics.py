"""Registered metrics in trainings: validations have them, and the best weights follow the one that is named."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from torch import Tensor, nn

from dlic_registry import DlicError, local, register
from lightning_dlic.recipe import check, load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.training.metrics_file import MetricsFile
from lightning_dlic.zoo.files import inspect_net


class Acme(nn.Module):
    """A figure of a third party's: the worst pixel, less of which is better."""

    higher_is_better: ClassVar[bool] = False

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.power = power

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs().amax() ** self.power


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    register("metric", "acme_dists")(Acme)


def test_the_best_follows_the_metric_that_is_named(write_recipe: Callable[..., Path]) -> None:
    body = "metrics: {acme_dists: {power: 2.0}, ms_ssim: null, psnr_y: {}}\nmonitor: acme_dists"
    recipe = load_recipe(write_recipe(body=body), ["trainer.val_every=1", "optim.net={name: adam, lr: 0.05}"])
    check(recipe)
    result = fit(recipe)
    with result.run.metrics.open() as stream:
        seen = {int(row["step"]): row for row in csv.DictReader(stream)}
    values = {step: float(row["val/acme_dists"]) for step, row in seen.items()}
    assert len(values) == 6
    best = inspect_net(result.run.best)
    assert best["steps"] == min(values, key=lambda step: values[step])
    assert best["acme_dists"] == pytest.approx(min(values.values()))
    written = json.loads(result.run.result.read_text())["figures"]
    for figures in written["net"], written["baseline"]:
        assert set(figures) == {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "acme_dists"}
    # A figure that the protocol has is the protocol's.
    assert float(seen[6]["val/psnr_y"]) == pytest.approx(written["net"]["psnr_y"], abs=1e-4)


def test_a_figure_that_no_validation_gives_is_told(write_recipe: Callable[..., Path]) -> None:
    recipe = load_recipe(write_recipe(body="monitor: psnr_z"))
    with pytest.raises(DlicError, match="monitor: no validation gives 'psnr_z'\nDid you mean 'psnr_y'"):
        fit(recipe)
    grey = load_recipe(write_recipe(body="monitor: psnr_rgb"), ["stages.sr.args.channels=1"])
    with pytest.raises(DlicError, match="monitor: no validation gives 'psnr_rgb'\nFigures: psnr_y, ssim_y"):
        fit(grey)


@pytest.mark.parametrize(
    "content", [b"step,loss\n1,\xff\n", b"a,b\n1,2\n", b"step\nx\n", b"step\n1,2\n", b'step,loss\n1,"2\n', b"\0" * 9]
)
def test_a_damaged_file_of_metrics_is_told_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(DlicError, match=r"metrics\.csv: is damaged\.\n.*Move it away"):
        MetricsFile(path, start=3)
    assert path.read_bytes() == content
