"""Many files on many machines: Ray hands them out, ``fsspec`` reads and writes them wherever they lie."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from dlic_datamodules.files import write_file
from dlic_datamodules.folder_work import Outcome, Work, guarded
from dlic_datamodules.walk import target_names
from dlic_registry import DlicError, MachineError, import_plugins, imported_plugins

__all__ = ["RemotePlan", "engine_address", "plan_remote", "run_on_ray"]

# Files handed out for each processor of the cluster: enough that none waits for the next.
_AHEAD = 3
# Seconds to wait for a cluster to answer.
_PATIENCE = 10.0
_RETRIES = 1
_STORE = 100 << 20


class EngineError(MachineError):
    """The engine cannot be started or reached."""


@dataclass(frozen=True)
class RemotePlan:
    """What to do with a folder that lies anywhere.

    Attributes:
        pairs: Address of each file and of the one that it becomes, in the order of the paths.
        target: The folder of results.
        others: How many files were left alone, by suffix.
    """

    pairs: list[tuple[str, str]]
    target: str
    others: Counter[str]


def engine_address(text: str) -> str | None:
    """The address in ``ray`` or ``ray:ADDRESS``; None for a Ray of this machine's own.

    Raises:
        DlicError: It names another engine.
    """
    name, _, address = text.partition(":")
    if name != "ray":
        raise DlicError(f"--on {text}: the one engine is ray: write ray, or ray:ADDRESS of a cluster that runs")
    return address or None


def plan_remote(source: str, target: str, suffixes: frozenset[str], ending: str) -> RemotePlan:
    """Pairs each file of a folder with the file that it becomes; no two become one.

    Args:
        source: A folder, or the address of one as ``fsspec`` takes it; searched with its subfolders.
        target: Another; the same tree is made in it.
        suffixes: Endings of the files to take, in lower case.
        ending: Of the files to make.

    Raises:
        DlicError: There are no such files, or a folder cannot be read.
    """
    files, root = _open(source)
    _, goal = _open(target)
    try:
        paths = sorted(files.find(root))
    except OSError as error:
        raise DlicError(f"{source}: cannot be listed ({error.strerror or error})") from error
    names = [PurePosixPath(path[len(root.rstrip("/")) :].lstrip("/")) for path in paths]
    inside = f"{goal.rstrip('/')}/"
    seen = [
        (path, name)
        for path, name in zip(paths, names, strict=True)
        if not any(part.startswith(".") for part in name.parts) and not path.startswith(inside)
    ]
    chosen = [(path, name) for path, name in seen if name.suffix.lower() in suffixes]
    if not chosen:
        raise DlicError(f"{source}: no such folder, or no picture in it")
    others = Counter(name.suffix.lower() for _, name in seen if name.suffix.lower() not in suffixes)
    made = target_names([name for _, name in chosen], lambda _: ending)
    start = target.rstrip("/")
    pairs = [(files.unstrip_protocol(path), f"{start}/{name}") for (path, _), name in zip(chosen, made, strict=True)]
    return RemotePlan(pairs, start, others)


def run_on_ray(
    plan: RemotePlan, work: Work, address: str | None, workers: int = 0, overwrite: bool = False
) -> Iterator[Outcome]:
    """Does the work for every pair whose target is not there yet, as they get done; nothing ends it early.

    Args:
        plan: Files to read and to write.
        work: Makes one local file of another; picklable.
        address: Of a cluster; None starts a Ray on this machine, and ends it.
        workers: Processors of the Ray that is started here; 0 for all.
        overwrite: Whether to make again what is there.

    Raises:
        EngineError: Ray is not installed, or cannot be started or reached.
    """
    there = set() if overwrite else _existing(plan)
    left = []
    for source, target in plan.pairs:
        if target in there:
            yield Outcome(source, target, "exists, skipped")
        else:
            left.append((source, target))
    if left:
        yield from _hand_out(left, work, address, workers)


def _hand_out(left: list[tuple[str, str]], work: Work, address: str | None, workers: int) -> Iterator[Outcome]:
    ray = _start(address, workers)
    try:
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_at)
        # Once for all tasks, rather than with each.
        shared = ray.put((work, imported_plugins()))
        most = max(1, int(ray.cluster_resources().get("CPU", 1))) * _AHEAD
        waiting = list(reversed(left))
        busy: dict[Any, tuple[str, str]] = {}
        while waiting or busy:
            while waiting and len(busy) < most:
                pair = waiting.pop()
                busy[task.remote(shared, *pair)] = pair
            done, _ = ray.wait(list(busy), num_returns=1)
            for reference in done:
                yield _outcome(ray, reference, busy.pop(reference))
    finally:
        ray.shutdown()


def _outcome(ray: Any, reference: Any, pair: tuple[str, str]) -> Outcome:
    try:
        found: Outcome = ray.get(reference)
    except ray.exceptions.RayError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        return Outcome(*pair, f"its worker was lost ({reason}); run the command again", failed=True)
    return found


def _reach(address: str) -> None:
    """Refuses the address of a cluster at which nobody answers: Ray would knock for many minutes."""
    match = re.fullmatch(r"(?:ray://)?\[?([^/\]]+?)\]?:([0-9]{1,5})", address)
    if match is None:
        if address == "auto":
            return
        raise DlicError(f"--on ray:{address}: write ray:HOST:PORT, or ray:auto for the cluster of this machine")
    try:
        socket.create_connection((match[1], int(match[2])), timeout=_PATIENCE).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise EngineError(f"--on ray:{address}: nobody answers there ({error})") from error


def _start(address: str | None, workers: int) -> Any:
    if address is not None:
        _reach(address)
    # It would tell its makers of each use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise DlicError("--on ray: Ray is not installed\nInstall it: pip install 'lightning-dlic[ray]'") from error
    own = {"num_cpus": workers or os.cpu_count(), "include_dashboard": False, "object_store_memory": _STORE}
    try:
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **({} if address else own))
    except Exception as error:  # Which errors these are, Ray does not say.
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise EngineError(f"--on ray{f':{address}' if address else ''}: {reason}") from error
    return ray


def _at(shared: tuple[Work, list[str]], source: str, target: str) -> Outcome:
    """Does one file's work, on whatever machine."""
    work, plugins = shared
    import_plugins(plugins)
    with tempfile.TemporaryDirectory(prefix="dlic-") as folder:
        given = Path(folder) / PurePosixPath(source).name
        made = Path(folder) / "made" / PurePosixPath(target).name
        made.parent.mkdir()
        try:
            files, path = _open(source)
            files.get_file(path, str(given))
        except (OSError, ValueError) as error:
            return Outcome(source, target, f"cannot be read ({str(error)[:200]})", failed=True)
        outcome = guarded(work, (given, made))
        if not outcome.failed:
            try:
                _put(target, made.read_bytes())
            except (OSError, ValueError, DlicError) as error:
                return Outcome(source, target, f"cannot be written ({str(error)[:200]})", failed=True)
    said = outcome.message.replace(str(made), target).replace(str(given), source)
    notes = tuple(note.replace(str(given), source) for note in outcome.notes)
    return replace(outcome, source=source, target=target, message=said, notes=notes)


def _put(target: str, data: bytes) -> None:
    files, path = _open(target)
    if "file" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data)
        return
    # What keeps objects rather than files puts each in place whole.
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    files.pipe_file(path, data)


def _existing(plan: RemotePlan) -> set[str]:
    """Which targets are there already: by one listing, rather than a question each."""
    files, root = _open(plan.target)
    try:
        found = set(files.find(root))
    except (OSError, ValueError):
        return set()
    return {target for _, target in plan.pairs if _open(target)[1] in found}


def _open(address: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(address)
    except (ValueError, ImportError) as error:
        raise DlicError(f"{address}: {str(error).splitlines()[0][:200]}") from error
    return files, str(path)
