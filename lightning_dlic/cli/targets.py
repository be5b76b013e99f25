"""What a TARGET on the command line stands for: a network of the zoo, a file, a run's folder, or a baseline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlic_registry import DlicError, suggest
from lightning_dlic.zoo import cards, find_card, inspect_net, load_net, sha256
from lightning_dlic.zoo.bounded import TooLargeError, no_larger_than

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lightning_dlic.pipeline.enlargers import Enlarger
    from lightning_dlic.pipeline.shrink import Downsizer

COLOR_BASELINES = ("grey", "mean", "palette", "floor")
BASELINES = ("bicubic", "nearest", "lanczos", *COLOR_BASELINES)


@dataclass(frozen=True)
class Target:
    """What is meant.

    Attributes:
        text: As the user wrote it.
        name: Short name for tables and folders.
        file: Weights file or checkpoint; None for a baseline.
    """

    text: str
    name: str
    file: Path | None


def is_run(path: Path) -> bool:
    """Whether a folder is a run's."""
    return path.is_dir() and ((path / "recipe.yaml").is_file() or (path / "weights.safetensors").is_file())


def find_target(text: str) -> Target:
    """Finds what a target means; loads nothing.

    Args:
        text: Baseline, ``NAME`` or ``zoo:NAME``, a file, or a run's folder.

    Raises:
        DlicError: It is none of these; the message suggests the nearest name.
    """
    path = Path(text)
    if text in BASELINES:
        return Target(text, text, None)
    if text.startswith("zoo:") or text in cards():
        name = text.removeprefix("zoo:")
        return Target(text, name, find_card(name).weights)
    if is_run(path):
        return Target(text, _run_name(path), _run_file(path))
    if path.is_file():
        if path.suffix not in (".ckpt", ".safetensors"):
            raise DlicError(f"{text}: neither a checkpoint (.ckpt) nor a weights file (.safetensors)")
        return Target(text, path.stem, path)
    if path.is_dir():
        raise DlicError(f"{text}: not a run's folder (it has no recipe.yaml)")
    known = [*BASELINES, *cards()]
    nearest = suggest(text, known)
    hint = f" Did you mean {nearest!r}?" if nearest else ""
    raise DlicError(f"unknown target {text!r}: no file, no run's folder, no baseline, not in the zoo.{hint}")


def _run_name(folder: Path) -> str:
    full = folder.resolve()
    # Numbered runs lie in a folder of their recipe's name.
    return f"{full.parent.name}-{full.name}" if full.name.isdigit() else full.name


def _run_file(folder: Path) -> Path:
    for name in ("weights.safetensors", "checkpoints/last.ckpt"):
        if (folder / name).is_file():
            return folder / name
    raise DlicError(f"{folder}: this run has neither weights nor a checkpoint yet")


def find_targets(texts: Iterable[str]) -> list[Target]:
    """Finds several; names that would be equal get numbers.

    Raises:
        DlicError: As `find_target`.
    """
    found: list[Target] = []
    for text in texts:
        target = find_target(text)
        same = sum(other.name == target.name or other.name.startswith(f"{target.name}-") for other in found)
        taken = any(other.name == target.name for other in found)
        found.append(replace(target, name=f"{target.name}-{same + 1}") if taken else target)
    return found


def kinds(targets: Iterable[Target]) -> set[str]:
    """Kinds of the networks among targets; loads weights of checkpoints only."""
    files = [target for target in targets if target.file is not None]
    return {
        str((load_target_net(t)[1] if t.file.suffix == ".ckpt" else inspect_net(t.file)).get("kind"))
        for t in files
        if t.file is not None
    }


def load_target_net(target: Target) -> tuple[nn.Module, dict[str, Any]]:
    """Loads a target's network.

    Args:
        target: Any but a baseline.

    Returns:
        The network in evaluation mode, and what its file says of it.

    Raises:
        DlicError: It is a baseline, or its file cannot be loaded.
    """
    if target.file is None:
        raise DlicError(f"{target.text} is a baseline, not a network")
    if target.file.suffix == ".ckpt":
        return _load_checkpoint(target.file)
    return load_net(target.file)


def _load_checkpoint(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network inside a training's checkpoint, averaged where the run kept an average. This imports Lightning."""
    from dlic_registry import load
    from lightning_dlic.imaging.finite import unfinite
    from lightning_dlic.training.provenance import CheckpointError, network_state, read_checkpoint, verify

    checkpoint = read_checkpoint(path)
    try:
        recipe = checkpoint["dlic"]["recipe"]
        verify(checkpoint, path)
        kind, made = next(iter(checkpoint["dlic"]["stages"].items()))
        args = recipe["stages"][kind].get("args") or {}
        steps = int(checkpoint["dlic_batches"])
    except (KeyError, TypeError, AttributeError, StopIteration, ValueError) as error:
        raise CheckpointError(f"{path}: its record of recipe and stages is damaged ({error!r})") from error
    try:
        stage = _build_stage(load(kind, f"{made['distribution']}:{made['name']}"), args, checkpoint["state_dict"], path)
        stage.net.load_state_dict(network_state(checkpoint))
    except TooLargeError as error:
        raise CheckpointError(f"{path}: {error}: forged, or of another version") from error
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise CheckpointError(f"{path}: its network cannot be loaded ({reason})") from error
    if (broken := unfinite(stage.net)) is not None:
        raise CheckpointError(f"{path}: {broken} of its network is not finite: the training diverged")
    origin = {"kind": kind, "stage": made["name"], "steps": steps}
    return stage.net.eval(), {**stage.describe_net(), **origin}


def _build_stage(cls: type[Any], args: dict[str, Any], state: dict[str, torch.Tensor], path: Path) -> Any:
    """A stage no larger than its state, which in turn is no larger than its file."""
    import torch

    shapes = [value.shape for value in state.values()]
    if sum(value.numel() for value in state.values()) > path.stat().st_size:
        raise TooLargeError("its tensors would be larger than the file")
    # First without memory; a stage that needs some is built under the same limit.
    with contextlib.suppress(RuntimeError, NotImplementedError), torch.device("meta"), no_larger_than(shapes):
        cls(**args)
    with no_larger_than(shapes):
        return cls(**args)


def open_downsizer(text: str) -> Callable[[int], Downsizer]:
    """Finds what shrinks pictures.

    Args:
        text: ``bicubic``, or a network that brings its own downsizing, written like a target.

    Returns:
        The operator of a scale; it raises DlicError for another than the network's.

    Raises:
        DlicError: It is neither.
    """
    from lightning_dlic.pipeline.shrink import bicubic, learned

    if text == "bicubic":
        return bicubic
    target = find_target(text)
    net, meta = load_target_net(target)
    operator = learned(target.name, net, int(meta.get("scale", 1)), int(meta.get("channels", 3)))
    if operator is None:
        raise DlicError(f"--downsize {text}: this network does not downsize; only what learned_downsize trained does")

    def of(scale: int) -> Downsizer:
        if scale != operator.scale:
            raise DlicError(f"--downsize {text}: shrinks by {operator.scale}, but a target enlarges by {scale}")
        return operator

    return of


def open_targets(targets: list[Target], scale: int | None, device: torch.device | None = None) -> list[Enlarger]:
    """Makes enlargers of targets.

    Args:
        targets: From `find_targets`.
        scale: Factor of the baselines, and the one that every network must have; None takes the networks' own, and
            for baselines theirs, or 4 without any network.
        device: Where networks compute.

    Returns:
        Enlargers in the order of the targets; a baseline once for each scale that occurs.

    Raises:
        DlicError: A target cannot be loaded, or has another scale.
    """
    from lightning_dlic.pipeline.enlargers import NetEnlarger, kernel_enlarger

    nets = {
        target.name: NetEnlarger(target.name, *load_target_net(target), device=device)
        for target in targets
        if target.file is not None
    }
    for enlarger in nets.values():
        if scale is not None and enlarger.scale != scale:
            raise DlicError(f"{enlarger.name} enlarges x{enlarger.scale}, not x{scale} as --scale says")
    scales = [scale] if scale is not None else sorted({net.scale for net in nets.values()}) or [4]
    opened: list[Enlarger] = []
    for target in targets:
        if target.name in nets:
            opened.append(nets[target.name])
            continue
        for factor in scales:
            kernel = kernel_enlarger(target.text, factor)
            # With several scales the names must still differ.
            kernel.name = target.name if len(scales) == 1 else f"{target.name}-x{factor}"
            opened.append(kernel)
    return opened


def identity(target: Target) -> dict[str, Any]:
    """What a result says of a target: its file and that file's sha256."""
    if target.file is None:
        return {"target": target.text}
    return {"target": target.text, "file": str(target.file), "sha256": sha256(target.file)}
