"""Where a checkpoint comes from, and whether what it needs is here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from dlic_registry import DlicError, get, recorded
from lightning_dlic.training.checkpoint_file import DamagedError, check_bytes, read

_CONTENT: dict[str, type] = {
    "dlic.recipe.trainer": dict,
    "dlic.stages": dict,
    "dlic_batches": int,
    "state_dict": dict,
    "callbacks": dict,
    "loops.fit_loop": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
_STAGE = ("kind", "name", "distribution", "version")


class CheckpointError(DlicError):
    """A checkpoint that cannot be used."""


def record(recipe: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its origin, as plain types.

    Args:
        recipe: The resolved recipe.

    Returns:
        ``{"recipe": ..., "stages": {kind: {"kind", "name", "distribution", "version"}}}``.
    """
    stages = {}
    for kind, spec in recipe["stages"].items():
        entry = get(kind, spec["name"])
        stages[kind] = {
            "kind": kind,
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
        }
    return {"recipe": recipe, "stages": stages}


def circumstances(trainer: pl.Trainer) -> dict[str, Any]:
    """On what a training runs: what no recipe says, or says by ``auto``, and its last bits depend on."""
    return {
        "devices": trainer.world_size,
        "device": trainer.strategy.root_device.type,
        "precision": trainer.precision,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint, its checksums first, without unpickling anything but tensors and plain types.

    Args:
        path: A ``.ckpt`` file of ours.

    Returns:
        The checkpoint, tensors on the CPU.

    Raises:
        CheckpointError: The file is missing, damaged, or not a checkpoint of ours.
    """
    try:
        check_bytes(path)
        checkpoint = read(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint") from error
    except DamagedError as error:
        raise CheckpointError(f"{path}: damaged, or no checkpoint: it cannot be read safely ({error})") from error
    if "dlic" not in checkpoint:
        raise CheckpointError(f"{path}: not a checkpoint of dlic-fit (it records no recipe)")
    if (fault := _fault(checkpoint)) is not None:
        raise CheckpointError(f"{path}: not a checkpoint of dlic-fit ({fault})")
    return checkpoint


def _fault(checkpoint: dict[str, Any]) -> str | None:
    """What is not where every checkpoint of ours has it, so that nobody else need look."""
    for name, kind in _CONTENT.items():
        value: Any = checkpoint
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            return f"{name} is missing or no {kind.__name__}"
    if not all(isinstance(key, str) and torch.is_tensor(value) for key, value in checkpoint["state_dict"].items()):
        return "state_dict holds other things than tensors"
    for stage in checkpoint["dlic"]["stages"].values():
        if not isinstance(stage, dict) or not all(isinstance(stage.get(key), str) for key in _STAGE):
            return "dlic.stages does not say which they are"
    defaults = checkpoint["dlic"].get("defaults", {})
    for was in defaults.values() if isinstance(defaults, dict) else [None]:
        if not isinstance(was, dict) or not isinstance(was.get("args"), dict):
            return "dlic.defaults does not say whose they are"
    for name, callback in checkpoint["callbacks"].items():
        if str(name).startswith("EMA") and not (
            isinstance(callback, dict) and isinstance(callback.get("shadow"), dict)
        ):
            return "an average without its tensors"
    return None


def verify(checkpoint: dict[str, Any], path: Path) -> None:
    """Checks that every stage of a checkpoint is installed.

    Args:
        checkpoint: From `read_checkpoint`.
        path: Its file, for messages.

    Raises:
        UnknownNameError: A stage is not registered here; the message says what to install.
    """
    for kind, made in checkpoint["dlic"]["stages"].items():
        entry = recorded(kind, made["name"], made["distribution"], made["version"], needed_by=str(path))
        if entry.version != made["version"]:
            warnings.warn(
                f"{path}: made by {made['distribution']} {made['version']}, read by {entry.version}", stacklevel=2
            )


def network_state(checkpoint: dict[str, Any], kind: str | None = None) -> dict[str, torch.Tensor]:
    """The network's tensors in a checkpoint, averaged where the run kept an average.

    Args:
        checkpoint: From `read_checkpoint`.
        kind: Of which stage, where it is a chain's; None takes all.

    Returns:
        State dict of the stage's `net`.

    Raises:
        CheckpointError: It is a chain's, without a stage of that kind.
    """
    state = {k.removeprefix("net."): v for k, v in checkpoint["state_dict"].items() if k.startswith("net.")}
    for callback in checkpoint.get("callbacks", {}).values():
        if "shadow" in callback:
            state.update(callback["shadow"])
    stages = checkpoint["dlic"]["recipe"]["stages"]
    if kind is None or len(stages) < 2:
        return state
    if kind not in stages:
        raise CheckpointError(f"a chain of {', '.join(stages)} has no stage of kind {kind!r}")
    inside = f"{kind}.net."
    return {name.removeprefix(inside): value for name, value in state.items() if name.startswith(inside)}
