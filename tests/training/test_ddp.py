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
    tmp_path: Path,
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
    # On another number of devices it goes on, and says what becomes of the order of pictures.
    alone = ["--resume", str(runs[0]), "trainer.devices=1", "trainer.strategy=auto", "trainer.max_steps=7"]
    done = subprocess.run([*FIT, *alone], env=environment, capture_output=True, text=True, timeout=300)
    told = " ".join(done.stderr.split())
    assert done.returncode == 0, told
    assert "devices 2 -> 1" in told
    assert "a batch has 2 pictures on all devices together, not 4 as before" in told
    assert "some come again" in told
