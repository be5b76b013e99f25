"""Pipelines: which base codec codes the small picture, and which networks enlarge and colour it again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dlic_registry import DlicError, suggest
from lightning_dlic import bounded_yaml
from lightning_dlic.bounded_yaml import SUFFIXES, TooMuchError
from lightning_dlic.codec.container import MAX_SCALE
from lightning_dlic.zoo.cards import shipped_weights

if TYPE_CHECKING:
    from lightning_dlic.pipeline.colorizer import Colorizer
    from lightning_dlic.pipeline.luma_net import Enlarger

COLOUR = 0
"""In place of a scale: the network for colour."""
_KEYS = ("number", "base", "scale", "stages", "hints", "always")


class PipelineError(DlicError):
    """A pipeline's recipe is wrong, or a bitstream asks for a pipeline that is not here."""


@dataclass(frozen=True)
class Pipeline:
    """A codec's composition.

    Attributes:
        name: Stem of its recipe's file.
        number: Byte that names it in a bitstream; None for one that does not ship.
        base: Name of the base codec, or ``auto``.
        scale: Factor of downsizing, or None for whatever does best.
        weights: By scale, the weights of the network that enlarges by it: ``zoo:NAME`` or a path. Under `COLOUR` those
            of the network that colours.
        hints: What `lightning_dlic.pipeline.compress.compress` takes as ``hints``.
        always: Whether a network is used wherever there is one; otherwise only where it scores better than bicubic
            interpolation, which networks trained for looks rather than for fidelity do not.
    """

    name: str
    number: int | None = None
    base: str = "auto"
    scale: int | None = None
    weights: Mapping[int, str] = field(default_factory=dict)
    always: bool = False
    hints: str = "base"

    def colourist(self) -> Colorizer | None:
        """The network for colour; None where the pipeline has none.

        Raises:
            DlicError: The weights cannot be found or used.
        """
        if COLOUR not in self.weights:
            return None
        from lightning_dlic.zoo.files import locate

        locate(self.weights[COLOUR])
        from lightning_dlic.pipeline.colorizer import load_colorizer

        return load_colorizer(self.weights[COLOUR])

    def enlarger(self, scale: int) -> Enlarger | None:
        """The network for a scale; None where the pipeline has none.

        Raises:
            DlicError: The weights cannot be found or used.
        """
        if scale not in self.weights:
            return None
        from lightning_dlic.zoo.files import locate

        # Before torch is imported, which takes seconds: there may be nothing to load.
        locate(self.weights[scale])
        from lightning_dlic.pipeline.luma_net import load_enlarger

        return load_enlarger(self.weights[scale], scale)

    @cached_property
    def names(self) -> bytes:
        """What a pipeline chunk holds: by scale, the weights' name and the start of their SHA-256."""
        return b"".join(self.record(scale) for scale in sorted(self.weights) if scale != COLOUR)

    def record(self, scale: int) -> bytes:
        """A pipeline chunk's record of the network for a scale, or of that for colour."""
        return _weights_record(scale, self.weights[scale])


def _weights_record(scale: int, target: str) -> bytes:
    from lightning_dlic.zoo.files import locate

    path = locate(target)
    digest = hashlib.sha256(path.read_bytes()).digest()[:8]
    name = (target if target.startswith("zoo:") else path.stem).encode()[:255]
    return bytes([scale, len(name)]) + name + digest


@cache
def shipped_folder() -> Path | None:
    """Folder of the pipelines that ship: inside the package in a wheel, beside it in a checkout."""
    package = Path(str(files("lightning_dlic")))
    folders = (folder / "recipes" / "pipelines" for folder in (package, package.parent))
    return next((folder for folder in folders if (folder / "photo.yaml").is_file()), None)


@cache
def shipped() -> Mapping[str, Pipeline]:
    """The pipelines that ship, by name."""
    folder = shipped_folder()
    found = [read_pipeline(path) for path in sorted(folder.glob("*.yaml"))] if folder else []
    return {pipeline.name: _frozen(pipeline) for pipeline in found}


def _frozen(pipeline: Pipeline) -> Pipeline:
    """A numbered pipeline with the package's own networks, which its number means, whatever ``$DLIC_ZOO`` holds."""
    own = {scale: shipped_weights(target.removeprefix("zoo:")) for scale, target in pipeline.weights.items()}
    weights = {scale: str(own[scale] or target) for scale, target in pipeline.weights.items()}
    return pipeline if pipeline.number is None else replace(pipeline, weights=weights)


def find_pipeline(name: str | Path) -> Pipeline:
    """A pipeline by the name of one that ships, or by its file.

    Raises:
        PipelineError: There is none, or its recipe is wrong.
    """
    text = str(name)
    if text in shipped():
        return shipped()[text]
    if os.path.isfile(text):
        if Path(text).resolve().suffix.lower() not in SUFFIXES:
            raise PipelineError(f"{text}: no recipe of a pipeline: it does not end in .yaml")
        given = read_pipeline(Path(text))
        if given.number is not None:
            raise PipelineError(f"{text}: number: only pipelines that ship have one. Remove the line.")
        return given
    near = suggest(text, shipped())
    hint = f" Did you mean {near!r}?" if near else ""
    raise PipelineError(f"no pipeline {text!r}.{hint} Shipped: {', '.join(shipped())}; or give a recipe's path.")


def numbered_pipeline(number: int) -> Pipeline | None:
    """The pipeline that ships under a number; None where this version has no such."""
    return next((pipeline for pipeline in shipped().values() if pipeline.number == number), None)


def read_pipeline(path: Path) -> Pipeline:
    """Reads a pipeline's recipe.

    Raises:
        PipelineError: The file is no YAML, or a key or value is wrong; the message names both.
    """
    try:
        tree = bounded_yaml.load(bounded_yaml.read_text(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TooMuchError) as error:
        raise PipelineError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    tree = _mapping(path, "", tree, _KEYS)
    number, scale = tree.get("number"), tree.get("scale", "auto")
    if number is not None and not (isinstance(number, int) and 0 <= number <= 255):
        raise PipelineError(f"{path}: number: {_shown(number)} is not a number from 0 to 255")
    if scale != "auto" and not (isinstance(scale, int) and 1 <= scale <= MAX_SCALE):
        raise PipelineError(f"{path}: scale: {_shown(scale)} is neither auto nor a number from 1 to {MAX_SCALE}")
    base = _mapping(path, "base", tree.get("base"), ("name",)).get("name", "auto")
    stages = _mapping(path, "stages", tree.get("stages"), ("sr", "colorization"))
    weights = _weights(path, stages.get("sr"), None if scale == "auto" else scale)
    if stages.get("colorization") is not None:
        weights[COLOUR] = _target(path, "stages.colorization", stages["colorization"])
    hints = _hints(path, tree.get("hints"))
    always = tree.get("always", False)
    if not isinstance(always, bool):
        raise PipelineError(f"{path}: always: {_shown(always)} is neither true nor false")
    return Pipeline(path.stem, number, str(base), None if scale == "auto" else scale, weights, always, hints)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _hints(path: Path, value: Any) -> str:
    """``NAME`` or ``NAME,BUDGET`` of ``{name: ..., args: {budget: ...}}``."""
    stated = _mapping(path, "hints", value, ("name", "args"))
    budget = _mapping(path, "hints.args", stated.get("args"), ("budget",)).get("budget", "auto")
    if budget != "auto" and not (isinstance(budget, int) and budget > 0):
        raise PipelineError(f"{path}: hints.args.budget: {_shown(budget)} is neither auto nor a number of bytes")
    name = str(stated.get("name", "base"))
    return name if budget == "auto" else f"{name},{budget}"


def _mapping(path: Path, key: str, value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PipelineError(f"{path}: {key or 'the recipe'} must be a mapping, not {type(value).__name__}")
    for name in value:
        if name not in known:
            near = suggest(str(name), known)
            hint = f" Did you mean {near!r}?" if near else ""
            inside = f"{key}." if key else ""
            raise PipelineError(f"{path}: unknown key {inside}{str(name)[:60]}.{hint} Known: {', '.join(known)}.")
    return value


def _weights(path: Path, value: Any, scale: int | None) -> dict[int, str]:
    """Weights by scale: ``{x2: {weights: ...}, ...}``, or ``{weights: ...}`` where the pipeline has one scale."""
    if value is None:
        return {}
    if isinstance(value, dict) and "weights" in value and scale is not None:
        value = {f"x{scale}": value}
    scales = {f"x{factor}": factor for factor in range(2, MAX_SCALE + 1)}
    found = {}
    for key, stage in _mapping(path, "stages.sr", value, tuple(scales)).items():
        found[scales[key]] = _target(path, f"stages.sr.{key}", stage)
    return found


def _target(path: Path, key: str, stage: Any) -> str:
    target = _mapping(path, key, stage, ("name", "weights")).get("weights")
    if not isinstance(target, str):
        raise PipelineError(f"{path}: {key}.weights must be zoo:NAME or a path, not {_shown(target)}")
    local = path.parent / target
    return str(local) if os.path.isfile(local) else target
