"""What a TARGET on the command line stands for: a network of the zoo, a file, a run's folder, or a kind's rival."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlic_registry import DlicError, did_you_mean, get
from lightning_dlic.kinds.lookup import rivals
from lightning_dlic.zoo import find_card, inspect_net, load_net, sha256
from lightning_dlic.zoo.bounded import TooLargeError, no_larger_than, without_memory
from lightning_dlic.zoo.cards import card_names, names_card
from lightning_dlic.zoo.files import has_record
from lightning_dlic.zoo.hub import fetch, names_hub, pinned, repository_name

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lightning_dlic.measure.base import Subject

# PyTorch's own files, of which tensors alone are read.
PICKLES = (".pt", ".pth", ".bin")


@dataclass(frozen=True)
class Target:
    """What is meant.

    Attributes:
        text: As the user wrote it.
        name: Short name for tables and folders.
        file: Weights file or checkpoint; None for what does the task without a network.
    """

    text: str
    name: str
    file: Path | None


def is_run(path: Path) -> bool:
    """Whether a folder is a run's."""
    return os.path.isdir(path) and any(os.path.isfile(path / name) for name in ("recipe.yaml", "weights.safetensors"))


def find_target(text: str) -> Target:
    """Finds what a target means; loads nothing.

    Args:
        text: A kind's rival, ``NAME``, ``zoo:NAME`` or ``OWNER:NAME``, ``hf://USER/REPO``, a file, or a run's folder.

    Raises:
        DlicError: It is none of these; the message suggests the nearest name.
    """
    path = Path(text)
    if text in rivals():
        return Target(text, text, None)
    if names_hub(text):
        return Target(text, repository_name(text), fetch(text))
    if text in card_names() or (names_card(text) and not os.path.isfile(path)):
        return Target(text, text.rpartition(":")[2], find_card(text).weights)
    if is_run(path):
        return Target(text, _run_name(path), _run_file(path))
    if os.path.isfile(path):
        if path.suffix not in (".ckpt", ".safetensors", *PICKLES):
            raise DlicError(f"{text}: neither a checkpoint (.ckpt) nor a weights file (.safetensors, .pth)")
        return Target(text, path.stem, path)
    if os.path.isdir(path):
        raise DlicError(f"{text}: not a run's folder (it has no recipe.yaml)")
    known = [*rivals(), *card_names()]
    hint = did_you_mean(text, known)
    raise DlicError(f"unknown target {text!r}: no file, no run's folder, no rival, not in the zoo.{hint}")


def _run_name(folder: Path) -> str:
    full = folder.resolve()
    # Numbered runs lie in a folder of their recipe's name.
    return f"{full.parent.name}-{full.name}" if full.name.isdigit() else full.name


def _run_file(folder: Path) -> Path:
    parts = sorted(folder.glob("weights/*.safetensors"))
    if len(parts) > 1:
        raise DlicError(f"{folder}: this run trained several networks; name one: {', '.join(map(str, parts))}")
    if parts:
        return parts[0]
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


def kind_of(target: Target) -> str:
    """Kind of a target's network; loads the weights of checkpoints only."""
    assert target.file is not None
    if target.file.suffix == ".safetensors" and has_record(target.file):
        return str(inspect_net(target.file).get("kind"))
    return str(load_target_net(target)[1].get("kind"))


def one_kind(targets: Sequence[Target], wanted: str | None = None) -> str:
    """The kind by whose measure targets are measured.

    Args:
        targets: Networks and rivals.
        wanted: The kind that the user named.

    Raises:
        DlicError: They are of several kinds, or rivals alone leave the kind open.
    """
    found = {target.text: [kind_of(target)] for target in targets if target.file is not None}
    networks = {kind for kinds in found.values() for kind in kinds}
    found |= {target.text: rivals()[target.text] for target in targets if target.file is None}
    shared = set.intersection(*map(set, found.values()))
    if wanted is not None:
        shared &= {get("kind", wanted).name}
    if len(shared) == 1:
        return shared.pop()
    told = ", ".join(f"{text} of {' and '.join(kinds)}" for text, kinds in found.items())
    if shared:
        raise DlicError(f"these stand beside networks of several kinds ({told}): name a network too, or say --kind")
    kind = wanted or (networks.pop() if len(networks) == 1 else None)
    beside = [name for name, kinds in rivals().items() if kind in kinds]
    hint = f" Beside networks of kind {kind} stand: {', '.join(beside) or 'none'}." if kind else ""
    raise DlicError(f"one kind is measured at a time, and these are of several ({told}).{hint}")


def load_target_net(target: Target) -> tuple[nn.Module, dict[str, Any]]:
    """Loads a target's network.

    Args:
        target: Any with a network.

    Returns:
        The network in evaluation mode, and what its file says of it.

    Raises:
        DlicError: It has no network, or its file cannot be loaded.
    """
    if target.file is None:
        raise DlicError(f"{target.text} does the task without a network")
    if target.file.suffix == ".ckpt":
        return _load_checkpoint(target.file)
    if target.file.suffix in PICKLES or not has_record(target.file):
        return _load_published(target.file)
    return load_net(target.file)


def _load_published(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of somebody else's weights, whose architecture is known by its tensors."""
    from lightning_dlic.imaging.finite import unfinite
    from lightning_dlic.nets.spandrel import open_published

    net, meta = open_published(path)
    if (broken := unfinite(net)) is not None:
        raise DlicError(f"{path}: {broken[:80]} is not finite: the file is damaged")
    return net, meta


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
        several = list(recipe["stages"])
    except (KeyError, TypeError, AttributeError, StopIteration, ValueError) as error:
        raise CheckpointError(f"{path}: its record of recipe and stages is damaged ({error!r})") from error
    if len(several) > 1:
        hint = "Name the weights file of one, which its run leaves at its end: RUN/weights/KIND.safetensors"
        raise CheckpointError(f"{path}: a chain's, of {' and '.join(map(str, several))}\n{hint}")
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
    shapes = [value.shape for value in state.values()]
    if sum(value.numel() for value in state.values()) > path.stat().st_size:
        raise TooLargeError("its tensors would be larger than the file")
    # First without memory; a stage that needs some is built under the same limit.
    with contextlib.suppress(RuntimeError, NotImplementedError), without_memory(), no_larger_than(shapes):
        cls(**args)
    with no_larger_than(shapes):
        return cls(**args)


def identity(target: Target) -> dict[str, Any]:
    """What a result says of a target: its file and that file's sha256."""
    if target.file is None:
        return {"target": target.text}
    told = {"target": target.text, "file": str(target.file), "sha256": sha256(target.file)}
    return {**told, "pinned": pinned(target.text)} if names_hub(target.text) else told


def subject(target: Target) -> Subject:
    """A target as measures take it, its network loaded.

    Raises:
        DlicError: Its file cannot be loaded.
    """
    from lightning_dlic.measure.base import Subject

    if target.file is None:
        return Subject(target.name, target.text, identity=identity(target))
    net, meta = load_target_net(target)
    return Subject(target.name, target.text, net, meta, identity(target))
