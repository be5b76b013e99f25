"""A folder goes on, whatever becomes of one of its files."""

import os
import signal
from pathlib import Path

import pytest

from dlic_datamodules.folder_work import run
from dlic_datamodules.work_processes import cores, run_jobs
from dlic_registry import DlicError


def fragile(source: Path, target: Path) -> str:
    """Does what the source's name says."""
    if source.name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if source.name == "left":
        os._exit(3)
    if source.name == "runtime":
        raise RuntimeError("an odd\nfile")
    if source.name == "unimplemented":
        raise NotImplementedError
    if source.name == "memory":
        raise MemoryError
    if source.name == "ours":
        raise DlicError("cannot be read")
    target.write_bytes(source.name.encode())
    return "made"


def pairs(tmp_path: Path, names: list[str]) -> list[tuple[Path, Path]]:
    return [(tmp_path / name, tmp_path / "out" / f"{name}.dlic") for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_other_file_is_made(tmp_path: Path, workers: int) -> None:
    apart = workers > 0
    deadly = ["killed", "left"] if apart else []
    broken = {"runtime": "RuntimeError: an odd file", "unimplemented": "NotImpl", "memory": "Memory", "ours": "cannot"}
    names = [*deadly, *broken, *"abcd", "n" * 300]
    outcomes = {one.source.name: one for one in run(pairs(tmp_path, names), fragile, workers, apart=apart)}
    assert outcomes.keys() == set(names)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{name}.dlic" for name in "abcd"}
    assert {name for name, one in outcomes.items() if one.failed} == {*deadly, *broken, "n" * 300}
    for name, words in broken.items():
        assert outcomes[name].message.startswith(words)
    if apart:
        assert "killed by signal 9" in outcomes["killed"].message
        assert "its process ended (3)" in outcomes["left"].message
    # Again: what is there is left alone, unless asked otherwise.
    again = list(run(pairs(tmp_path, ["a", "b"]), fragile, workers, apart=False))
    assert [one.message for one in again] == ["exists, skipped"] * 2
    assert [one.message for one in run(pairs(tmp_path, ["a", "b"]), fragile, 1, overwrite=True, apart=False)] == [
        "made"
    ] * 2


def test_a_result_older_than_its_source_is_said(tmp_path: Path) -> None:
    ((source, target),) = pairs(tmp_path, ["a"])
    target.parent.mkdir()
    target.write_bytes(b"")
    source.write_bytes(b"")
    os.utime(target, (1, 1))
    (outcome,) = run([(source, target)], fragile, 1)
    assert "older than its source (--overwrite" in outcome.message


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    monkeypatch.delenv(names[0], raising=False)
    monkeypatch.setenv(names[1], "7")
    told = dict(run_jobs(os.getenv, names, 2))
    # What the user says stands.
    assert told == {0: str(max(1, cores() // 2)), 1: "7"}
    assert names[0] not in os.environ
