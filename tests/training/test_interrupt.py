"""Signals, wherever a training stands when they come."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlic_registry import register
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.training.fit import Result, fit
from lightning_dlic.training.provenance import read_checkpoint

Write = Callable[..., Path]
PLAN: dict[str, Any] = {}


@register("sr", "test_signalled")
class Signalled(Compact):
    """A compact stage that gets signals where PLAN says so, and counts the pictures it validates."""

    def _maybe(self, where: str) -> None:
        for number in PLAN.pop(where, ()):
            os.kill(os.getpid(), number)

    def on_fit_start(self) -> None:
        self._maybe("start")
        super().on_fit_start()

    def training_step(self, batch: Any, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        self._maybe(f"batch {self.batches}")

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        PLAN["seen"].append((self.batches, batch_idx))
        self._maybe(f"validation {self.batches}")
        super().validation_step(batch, batch_idx)


@pytest.fixture
def train(write_recipe: Write) -> Callable[..., Result]:
    def run(plan: dict[str, Any], *overrides: str, resume: Path | None = None) -> Result:
        PLAN.clear()
        PLAN.update(plan, seen=[])
        words = ["trainer.ema=0.9", "trainer.checkpoint_every=2", "trainer.val_every=3", *overrides]
        return fit(load_recipe(write_recipe(stage="test_signalled"), words), resume=resume)

    return run


@pytest.fixture(autouse=True)
def handlers_come_back() -> Any:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_validation_is_broken_off_and_made_up_for(
    train: Callable[..., Result], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    stopped = train({"validation 3": [number]})
    assert (stopped.batches, stopped.signal, stopped.figures) == (3, number, None)
    assert PLAN["seen"] == [(3, 0)]
    assert "stopping: this validation is broken off" in capfd.readouterr().err
    assert read_checkpoint(stopped.run.last)["dlic_batches"] == 3
    resumed = train({}, resume=stopped.run.folder)
    assert PLAN["seen"][:2] == [(3, 0), (3, 1)]
    whole = train({})
    for name in ("weights.safetensors", "best.safetensors", "metrics.csv"):
        assert (resumed.run.folder / name).read_bytes() == (whole.run.folder / name).read_bytes(), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_nothing_is_validated_on_the_way_out(
    train: Callable[..., Result], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    stopped = train({"batch 1": [number]})
    assert (stopped.batches, stopped.signal, PLAN["seen"]) == (1, number, [])
    assert "stopping: after this batch; a checkpoint is saved" in capfd.readouterr().err


def test_a_second_ctrl_c_leaves_at_once_with_the_checkpoints_there_are(train: Callable[..., Result]) -> None:
    stopped = train({"validation 3": [signal.SIGINT, signal.SIGINT]})
    assert (stopped.batches, stopped.signal) == (2, signal.SIGINT)
    assert train({}, resume=stopped.run.folder).figures is not None


def test_ctrl_c_before_the_first_batch_leaves_nothing(train: Callable[..., Result], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train({"start": [signal.SIGINT]})
    assert not list((tmp_path / "runs").rglob("*"))
