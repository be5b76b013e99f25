"""Whose folder is whose: no run is ever overwritten, however it was started, and none is burnt by a mistake."""

import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dlic_registry import DlicError, MachineError
from lightning_dlic.recipe import Recipe, check, load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.training.launch import agree, launched, ranks
from lightning_dlic.training.run import Run, create

Write = Callable[..., Path]
SLURM = {"SLURM_JOB_ID": "77", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "0"}


@pytest.fixture
def recipe(write_recipe: Write) -> Callable[..., Recipe]:
    return lambda *words: load_recipe(write_recipe(), words)


def used(run: Run) -> Run:
    """The run, as a training that saved a checkpoint leaves it."""
    run.checkpoints.mkdir(parents=True)
    run.last.touch()
    return run


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/../../b", "", ".", "..", "a//b", "x" * 300, "a\nb", "a\\b"])
@pytest.mark.parametrize("key", ["name", "run.name"])
def test_names_stay_below_the_root(recipe: Callable[..., Recipe], key: str, name: str) -> None:
    made = recipe()
    if key == "name":
        made.name = name
    else:
        made.run.name = name
    with pytest.raises(DlicError, match=rf"{key}: .* cannot be the name of a folder below run\.root"):
        check(made)


def test_a_training_that_failed_early_leaves_nothing_and_burns_no_name(recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(DlicError, match="typo"):
        fit(recipe("run.name=mine", "data.args.root=typo"))
    root = Path(recipe().run.root)
    assert not list(root.rglob("*"))
    # What was killed could not clean up.
    killed = root / "tiny" / "mine"
    killed.mkdir(parents=True)
    (killed / "recipe.yaml").touch()
    assert fit(recipe("run.name=mine", "trainer.max_steps=1")).run.folder == killed
    with pytest.raises(DlicError, match=r"run\.name: .* exists already"):
        fit(recipe("run.name=mine"))


def test_a_root_that_is_a_file_is_one_sentence(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DlicError, match=r"run\.root: cannot make a folder"):
        fit(recipe(f"run.root={tmp_path / 'file'}"))


@pytest.mark.parametrize(
    ("words", "environment", "names"),
    [
        ([], {"SLURM_JOB_NAME": "interactive"}, ["001", "002"]),
        (["trainer.devices=2"], {"SLURM_JOB_NAME": "interactive", "SLURM_STEP_ID": "4294967290"}, ["001", "002"]),
        ([], {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1"}, ["001", "002"]),
        (["trainer.devices=2"], {"SLURM_STEP_ID": "0"}, ["job-77.0", None]),
        (["trainer.devices=2", "run.name=mine"], {"SLURM_STEP_ID": "0"}, ["mine", None]),
        (["trainer.devices=2"], {"SLURM_STEP_ID": "0", "SLURM_RESTART_COUNT": "1"}, ["job-77.0-1", None]),
    ],
)
def test_inside_an_allocation_each_start_has_its_own_folder(
    recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environment: dict[str, str],
    names: list[str | None],
) -> None:
    for name, value in (SLURM | environment).items():
        monkeypatch.setenv(name, value)
    for name in names:
        if name is None:
            with pytest.raises(DlicError, match="exists already"):
                create(recipe(*words))
        else:
            assert used(create(recipe(*words))[0]).folder.name == name


def test_tasks_of_one_step_share_a_folder_that_is_theirs(
    recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    for task in ("1", "0"):
        for name, value in (SLURM | {"SLURM_STEP_ID": "3", "SLURM_PROCID": task}).items():
            monkeypatch.setenv(name, value)
        folders.append(create(recipe("trainer.devices=2"))[0])
    assert folders[0] == folders[1]
    used(folders[0])
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(DlicError, match="exists already"):
        create(recipe("trainer.devices=2"))


TORCHRUN = """
import sys
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.run import create
for _ in range(2):
    run, made = create(load_recipe(sys.argv[1], sys.argv[2:]))
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    run.last.touch()
    sys.stdout.write(f"{run.folder.name} {made}\\n")  # at once, as two write to one pipe
    sys.stdout.flush()
"""


@pytest.mark.slow
def test_processes_of_torchrun_agree_and_no_launch_takes_anothers_folder(write_recipe: Write, tmp_path: Path) -> None:
    (tmp_path / "ranks.py").write_text(TORCHRUN)
    # The launch is called "none", as every one is that nobody names; it takes the first port that is free.
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    launch += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    used(Run(tmp_path / "runs" / "tiny" / "001"))
    command = [*launch, str(tmp_path / "ranks.py"), str(write_recipe()), "trainer.devices=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    lines = [line for line in done.stdout.splitlines() if line[:2] == "00"]
    assert sorted(lines) == ["002 False", "002 True", "003 False", "003 True"]


def test_a_first_process_of_which_nothing_is_heard_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}
    for name, value in (launch | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("lightning_dlic.training.launch._PATIENCE", timedelta(seconds=0.5))
    with pytest.raises(MachineError, match=f"first process of this training(?s:.*)127.0.0.1:{port}"):
        agree(lambda _: Path(), 2)


@pytest.mark.parametrize(
    ("words", "processes"),
    [(["trainer.devices=2"], 2), (["trainer.devices=auto"], 1), (["trainer.devices=2", "trainer.num_nodes=3"], 6)],
)
def test_how_many_train_together(recipe: Callable[..., Recipe], words: list[str], processes: int) -> None:
    assert ranks(recipe(*words).trainer) == processes


def test_machines_that_nothing_tells_of_each_other_are_refused(
    recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MASTER_ADDR", "SLURM_NTASKS", "SLURM_JOB_ID", "TORCHELASTIC_RUN_ID", "LSB_JOBID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DlicError, match=r"trainer\.num_nodes: nothing here tells 5 .*\n.*torchrun"):
        fit(recipe("trainer.num_nodes=5", "trainer.accelerator=cpu", "trainer.devices=1"))
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    assert launched()
