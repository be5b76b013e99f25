"""A network in a file: safetensors, with the registered name and the arguments that rebuild it in the metadata.

Nothing in such a file is executed or unpickled: the name must be registered here, and the tensors' shapes must be
those that the arguments give.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlic_datamodules.files import write_file
from dlic_registry import DlicError, get, load, load_entry, recorded, stage_kinds
from lightning_dlic.zoo.bounded import TooLargeError, no_larger_than, without_memory
from lightning_dlic.zoo.cards import find_card, names_card
from lightning_dlic.zoo.hub import fetch, names_hub

if TYPE_CHECKING:
    from torch import nn

_KEY = "dlic"
# Far above any network's width or depth, and low enough that a forged file cannot keep us building for hours.
_MAX_ARGUMENT = 4096
_MAX_HEADER = 1 << 20


class WeightsError(DlicError):
    """A weights file that cannot be used."""


def save_net(path: str | Path, net: nn.Module, meta: Mapping[str, Any]) -> None:
    """Writes a network to a safetensors file, whole or not at all.

    Args:
        path: The file; its folder must exist.
        net: The network. Its state dict is stored without any prefix.
        meta: Plain types. ``net: {name, args}`` says how to rebuild it, ``scale`` and ``channels`` go to its
            constructor where that takes them; ``kind``, the stage's name, ``steps`` and so on are for people.

    Raises:
        UnknownNameError: ``meta["net"]["name"]`` is not a registered net.
        WeightsError: ``meta`` names no net, lacks a fact that its kind wants stated, or holds what JSON cannot.
        NotFiniteError: The weights are not finite.
    """
    from safetensors.torch import save

    from lightning_dlic.imaging.finite import NotFiniteError, unfinite

    spec = meta.get("net")
    if not isinstance(spec, Mapping) or "name" not in spec:
        raise WeightsError(f"{path}: the metadata must name its network as net: {{name, args}}")
    _check_facts(Path(path), meta)
    entry = get("net", spec["name"], own_first=True)
    owner = {"name": entry.name, "distribution": entry.distribution, "version": entry.version}
    try:
        text = json.dumps({**meta, "net": {"args": {}, **spec, **owner}}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path}: metadata must be plain types ({error})") from error
    if (broken := unfinite(net)) is not None:
        raise NotFiniteError(f"{path}: not written: {broken} of the network holds values that are not finite")
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    write_file(path, save(tensors, metadata={_KEY: text}))


def locate(target: str | Path) -> Path:
    """The file of a target.

    Args:
        target: A path, ``zoo:NAME``, ``OWNER:NAME`` or ``hf://USER/REPO``.

    Raises:
        DlicError: No such file, no such name in that zoo, or nothing such on the hub.
    """
    if isinstance(target, str) and names_hub(target):
        return fetch(target)
    path = Path(target)
    # Unlike Path.is_file, os.path.isfile bears names that no file can have.
    if isinstance(target, str) and names_card(target) and not os.path.isfile(path):
        return find_card(target).weights
    if not os.path.isfile(path):
        raise WeightsError(f"{path}: no such weights file. (Networks that ship are written zoo:NAME.)")
    return path


def inspect_net(target: str | Path) -> dict[str, Any]:
    """The metadata of a weights file; neither tensors nor torch are loaded.

    Args:
        target: A path, or ``zoo:NAME``.

    Returns:
        What `save_net` was given, with the net's distribution and version.

    Raises:
        DlicError: There is no such file or name, or it is not a weights file of ours.
    """
    path = locate(target)
    return _read_meta(path)[0]


def has_record(path: Path) -> bool:
    """Whether a safetensors file says by itself which network it is of; true of what is no such file at all."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return True


def _read_meta(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Metadata, and the shapes of all tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as head:
            if int.from_bytes(head.read(8), "little") > _MAX_HEADER:
                raise WeightsError(f"{path}: not a safetensors file (its header is over {_MAX_HEADER >> 20} MiB)")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a safetensors file ({str(error).splitlines()[0][:160]})") from error
    if _KEY not in metadata:
        raise WeightsError(
            f"{path}: has no record of its network (metadata key {_KEY!r}).\n"
            "Only files that dlic-fit, dlic export or zoo.save_net wrote can be loaded."
        )
    try:
        meta = json.loads(metadata[_KEY], parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata is not JSON ({error})") from error
    _check_meta(path, meta)
    return meta, shapes


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _check_meta(path: Path, meta: Any) -> None:
    """Refuses metadata of another shape, before anything is built from it."""
    spec = meta.get("net") if isinstance(meta, dict) else None
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str) or not isinstance(spec.get("args"), dict):
        raise WeightsError(f"{path}: its metadata does not name a network as net: {{name, args}}")
    pending: list[Any] = [spec["args"], meta.get("scale"), meta.get("channels")]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, int | float) and not -_MAX_ARGUMENT <= value <= _MAX_ARGUMENT:
            raise WeightsError(f"{path}: an argument of its network is {value}; at most {_MAX_ARGUMENT} is accepted")
    _check_facts(path, meta)


def _check_facts(path: Path, meta: Mapping[str, Any]) -> None:
    """Refuses a network that does not state what its kind wants stated; a kind that is not registered wants nothing."""
    kind = meta.get("kind")
    if kind not in stage_kinds():
        return
    for fact, wanted in load("kind", kind).facts.items():
        value = meta.get(fact)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            stated = f"it is {str(value)[:40]!r}" if fact in meta else "it is missing"
            raise WeightsError(f"{path}: networks of kind {kind!r} must state {fact} ({wanted.__name__}); {stated}")


def load_net(target: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuilds a network and loads its weights.

    Args:
        target: A path, or ``zoo:NAME``.

    Returns:
        The network in evaluation mode on the CPU, and the file's metadata.

    Raises:
        DlicError: There is no such file or name, its network is not registered here, or its tensors do not fit or
            are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from lightning_dlic.imaging.finite import unfinite

    path = locate(target)
    meta, shapes = _read_meta(path)
    net = build_net(meta, path, shapes)
    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise WeightsError(f"{path}: weights cannot be loaded ({str(error).splitlines()[0][:200]})") from error
    if (broken := unfinite(net)) is not None:
        raise WeightsError(f"{path}: {broken[:80]} is not finite: the training diverged, or the file is damaged")
    return net.eval(), meta


def build_net(meta: Mapping[str, Any], path: Path, shapes: Mapping[str, tuple[int, ...]]) -> nn.Module:
    """Builds the network that metadata names, with fresh weights.

    Args:
        meta: Metadata as in `save_net`.
        path: The file it came from, for messages.
        shapes: The shapes that its tensors must have.

    Raises:
        DlicError: The network is not registered here, refuses its arguments, or has other tensors.
    """
    spec = meta["net"]
    if spec.get("distribution"):
        # A file's own text ends up in messages: keep it short.
        owner = [str(spec.get(key, ""))[:80] for key in ("distribution", "version")]
        cls = load_entry(recorded("net", spec["name"][:80], *owner, needed_by=str(path)))
    else:
        cls = load("net", spec["name"][:80], own_first=True)
    arguments = _arguments(cls, meta)
    # First without memory: a forged argument must not make us allocate what the file's own size does not warrant.
    with without_memory(), no_larger_than(shapes.values()):
        _check_shapes(path, _construct(cls, arguments, path), shapes)
    return _construct(cls, arguments, path)


def _arguments(cls: type[Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    taken = inspect.signature(cls).parameters
    provided = {key: meta[key] for key in ("scale", "channels") if key in meta and key in taken}
    return provided | dict(meta["net"]["args"])


def _construct(cls: type[Any], arguments: Mapping[str, Any], path: Path) -> nn.Module:
    try:
        net: nn.Module = cls(**arguments)
    except TooLargeError as error:
        raise WeightsError(f"{path}: {error}: forged, or of another version") from error
    except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: its network cannot be built from {dict(arguments)} ({reason})"[:600]) from error
    return net


def _check_shapes(path: Path, net: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> None:
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    if wanted == dict(shapes):
        return
    odd = sorted(name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name))
    name = odd[0]
    raise WeightsError(
        f"{path}: {len(odd)} tensors do not fit its network; {name[:80]} is {shapes.get(name, 'missing')} "
        f"in the file, {wanted.get(name, 'missing')} in the network"
    )
