"""Two processes on one machine: both end with the same network."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

FIT = [str(Path(sys.executable).with_name("dlic-fit"))]
PLUGIN = """
import os
from pathlib import Path

import torch

from dlic_registry import register
from lightning_dlic.stages.chain import Chain
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.stages.sr.srgan import SRGAN


class Dump:
    def on_train_end(self):
        torch.save(dict(self.state_dict()), Path(os.environ["DUMP"]) / f"rank{self.global_rank}.pt")


@register("sr", "dumping_plain")
class Plain(Dump, Compact):
    "A compact net that leaves its parameters behind."


Chain.on_train_end = Dump.on_train_end


@register("sr", "dumping_gan")
class Gan(Dump, SRGAN):
    "A GAN that leaves its parameters behind."
"""
ARGS = {
    "plain": "width: 8, blocks: 1",
    "gan": "generator: {name: compact, width: 8, blocks: 1}, "
    "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "gan", "chain"])
def test_all_ranks_end_with_the_same_parameters(
    write_recipe: Callable[..., Path],
    write_chain: Callable[..., Path],
    inline: Callable[..., tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    (tmp_path / "dumping.py").write_text(PLUGIN)
    if kind == "chain":
        recipe = write_chain("two", body="plugins: [dumping]")
    else:
        recipe = write_recipe("two", stage=f"dumping_{kind}", args=ARGS[kind], body="plugins: [dumping]")
    overrides = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.ema=0.9", "data.args.workers=1"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DUMP": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [*FIT, str(recipe), *overrides]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    parameters = [name for name in first if "running_" not in name and "num_batches" not in name]
    assert parameters
    for name in parameters:
        assert torch.equal(first[name], second[name]), name
    # One run folder, whoever asked for it first.
    runs = list((tmp_path / "runs" / "two").iterdir())
    assert len(runs) == 1
    assert (runs[0] / "result.json").is_file()
    if kind != "plain":
        return
    # On another number of devices it goes on, and says what of the order of pictures that changes: nothing in the
    # order where a batch is as large as before.
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DUMP", str(tmp_path))
    alone = ("trainer.devices=1", "trainer.strategy=auto", "data.args.workers=0")
    _, told = inline("fit", "--resume", runs[0], "trainer.max_steps=7", *alone)
    assert "a batch has 2 pictures on all devices together, not 4 as before" in " ".join(told.split())
    assert "some come again" in " ".join(told.split())
    _, told = inline("fit", "--resume", f"{runs[0]}@6", "trainer.max_steps=7", "data.args.batch_size=4", *alone)
    assert "devices 2 -> 1" in " ".join(told.split())
    assert "on all devices together" not in told
