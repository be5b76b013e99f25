"""Real processes, real signals: what survives."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import FIT, Program, run_forked
from safetensors.torch import save_file

from dlic_registry import load
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit

GAN = {
    "stage": "srgan",
    "args": "generator: {name: compact, width: 8, blocks: 1}, "
    "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
    "body": "optim: {generator: {name: adam, lr: 0.001, schedule: {name: multistep, milestones: [20], gamma: 0.5}}}",
}
# Six pictures in batches of two: batch 20 lies inside the seventh pass over them.
LONG = [
    "trainer.max_steps=40",
    "trainer.checkpoint_every=5",
    "trainer.val_every=15",
    "data.args.workers=2",
    "trainer.ema=0.99",
]


def launch(*arguments: object) -> Program:
    return Program(FIT, *arguments)


def complete(*arguments: object) -> str:
    done = run_forked(FIT, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def wait_for(path: Path, process: Program) -> None:
    limit = time.monotonic() + 300
    while not path.exists():
        assert process.poll() is None, process.stdout + process.stderr
        assert time.monotonic() < limit
        time.sleep(0.005)


def killed_between(runs: Path, recipe: str) -> Path:
    """The folder of a run that was killed somewhere between two checkpoints."""
    for number in range(20):
        folder = runs / f"killed{number}"
        killed = launch(recipe, *LONG, f"run.name={folder.name}")
        wait_for(folder / "checkpoints" / f"step-{random.randrange(5, 35, 5):08d}.ckpt", killed)
        time.sleep(random.uniform(0.0, 0.05))
        os.kill(killed.pid, signal.SIGKILL)
        # On a busy machine it may have come to its end meanwhile.
        if killed.wait() == -signal.SIGKILL and not list(folder.glob("weights*")):
            return folder
    raise AssertionError("always too late")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gan", "chain"])
def test_a_killed_run_resumes_to_the_very_same_weights(
    write_recipe: Callable[..., Path], write_chain: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    recipe = str(write_chain() if kind == "chain" else write_recipe(kind, **GAN))
    folder = killed_between(tmp_path / "runs" / kind, recipe)
    fit(load_recipe(recipe, [*LONG, "run.name=whole"]))
    complete("--resume", folder)
    whole = folder.with_name("whole")
    names = ["weights/sr", "weights/colorization"] if kind == "chain" else ["weights"]
    for name in names:
        assert (folder / f"{name}.safetensors").read_bytes() == (whole / f"{name}.safetensors").read_bytes()
    last = [line.split(",")[0] for line in (folder / "metrics.csv").read_text().splitlines()[1:]]
    assert last == [str(step) for step in range(1, 41)]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_in_a_checkpoint_and_says_how_to_go_on(
    write_recipe: Callable[..., Path], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    recipe = str(write_recipe())
    process = launch(
        recipe, "trainer.max_steps=100000", "trainer.checkpoint_every=5", "trainer.val_every=100000", "run.name=stopped"
    )
    folder = tmp_path / "runs" / "tiny" / "stopped"
    wait_for(folder / "checkpoints" / "last.ckpt", process)
    os.kill(process.pid, number)
    status_found, output = process.wait(), process.stdout + process.stderr
    assert status_found == status, output
    assert f"dlic-fit --resume {folder}" in output
    assert "Traceback" not in output
    stopped = int(output.split("stopped after batch ")[1].split(";")[0])
    if number == signal.SIGINT:
        complete("--resume", folder, f"trainer.max_steps={stopped + 2}")
        assert (folder / "weights.safetensors").exists()


PLUGIN = """
from dlic_registry import register
from lightning_dlic.stages.sr.compact import Compact


@register("sr", "mine")
class Mine(Compact):
    "A stage that only its module registers."
"""


@pytest.mark.slow
def test_a_run_of_a_plugin_on_relative_folders_goes_on_from_elsewhere(
    write_recipe: Callable[..., Path], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    net = load("net", "compact")(width=8, blocks=1, scale=2, channels=3)
    save_file(net.state_dict(), tmp_path / "start.safetensors")
    recipe = write_recipe("own", stage="mine", body="plugins: [mine]")
    monkeypatch.chdir(tmp_path)
    relative = os.path.relpath(pictures)
    complete(str(recipe), "run.name=a", f"data.args.root={relative}", "stages.sr.init=start.safetensors")
    # What a run has started from need not be there any more.
    (tmp_path / "start.safetensors").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    output = complete("--resume", str(tmp_path / "runs" / "own" / "a"), "trainer.max_steps=8")
    assert "from batch 7 on: trainer.max_steps: 6 -> 8" in output
    assert "weights_only" not in output


@pytest.mark.slow
def test_resuming_what_is_no_run_is_a_clear_error(tmp_path: Path) -> None:
    done = run_forked(FIT, "--resume", tmp_path)
    assert done.returncode == 2
    assert "is not a run's folder" in done.stderr
    assert "Traceback" not in done.stderr
