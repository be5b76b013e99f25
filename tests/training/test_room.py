"""Values far beyond a machine are refused in a sentence before anything is allocated, started or written."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dlic_registry import DlicError
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training import room
from lightning_dlic.training.fit import fit

Write = Callable[..., Path]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("seed=5000000000", r"seed: 5000000000 is too large"),
        ("trainer.threads=100000", r"trainer\.threads: 100000 is too large"),
        ("trainer.max_steps=100000000000000000000", r"trainer\.max_steps: .* is too large"),
        ("stages.sr.args.width=1000000", r"stages\.sr\.args: this network's parameters do not fit"),
        ("stages.sr.args.width=6000", r"stages\.sr\.args: this network has over 1 GB .* this machine has 1 GB"),
        ("stages.sr.args.blocks=100000", r"stages\.sr\.args: .* over 20000 tensors"),
        ("trainer.devices=1000", r"trainer\.devices: 1000 processes are too many"),
    ],
)
def test_values_far_beyond_the_machine_are_refused(
    write_recipe: Write, override: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "memory", lambda: 1 << 30)
    with pytest.raises(DlicError, match=complaint):
        fit(load_recipe(write_recipe(), [override]))


def test_lightning_gives_no_advice(
    write_recipe: Write, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with caplog.at_level(logging.INFO):
        fit(load_recipe(write_recipe(), ["trainer.max_steps=1", "trainer.log_every=50"]))
    assert not [record for record in caplog.records if "lightning" in record.name]
    assert not [str(warning.message) for warning in recwarn if "lightning" in warning.filename]
