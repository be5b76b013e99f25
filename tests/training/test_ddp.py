"""Two processes on one machine: both end with the same network."""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

FIT = [str(Path(sys.executable).with_name("dlic-fit"))]
# Seconds after which two processes are taken to wait for each other for ever, and to say before where they do.
_HUNG, _TELL = 400, 300
PLUGIN = f"""
import faulthandler
import os
from pathlib import Path

import torch

from dlic_registry import register
from lightning_dlic.stages.chain import Chain
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.stages.sr.srgan import SRGAN

faulthandler.dump_traceback_later({_TELL})


class Dump:
    def on_train_end(self):
        torch.save(dict(self.state_dict()), Path(os.environ["DUMP"]) / f"rank{{self.global_rank}}.pt")


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


def _train(command: list[str], environment: dict[str, str], out: Path) -> subprocess.CompletedProcess[str]:
    """Runs a training to its end; once more, with a warning of what it was at, where its processes hung."""
    for last in (False, True):
        with (
            out.open("w+") as told,
            subprocess.Popen(command, env=environment, stdout=told, stderr=told, process_group=0) as process,
        ):
            try:
                process.wait(_HUNG)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            told.seek(0)
            text = told.read()
        if process.returncode != -signal.SIGKILL or last:
            break
        warnings.warn(f"the processes of a training waited for each other:\n{text}", stacklevel=1)
    return subprocess.CompletedProcess(command, process.returncode, text, "")


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
    done = _train(command, environment, tmp_path / "told")
    assert done.returncode == 0, done.stdout
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
    done = _train([*FIT, *alone], environment, tmp_path / "told")
    told = " ".join(done.stdout.split())
    assert done.returncode == 0, told
    assert "devices 2 -> 1" in told
    assert "a batch has 2 pictures on all devices together, not 4 as before" in told
    assert "some come again" in told
