"""Pipelines as plain data: which base codec codes the small picture, and which networks stand behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from dlic_registry import DlicError, load
from lightning_dlic.codec.hints.presets import PRESETS
from lightning_dlic.codec.networks import DIGEST, Network, told_alpha
from lightning_dlic.kinds.order import in_order
from lightning_dlic.pipeline.measures import METRICS
from lightning_dlic.recipe.errors import RecipeError, nearest, show
from lightning_dlic.recipe.find import PIPELINES, shipped_folder
from lightning_dlic.recipe.pipeline import (
    AUTO,
    NONE,
    PipelineRecipe,
    check_pipeline,
    load_pipeline,
    scales_of,
)
from lightning_dlic.zoo.cards import OURS, names_card, shipped_weights
from lightning_dlic.zoo.files import inspect_net, locate


class PipelineError(DlicError):
    """A bitstream asks for a pipeline that is not here, or a pipeline cannot do what is asked of it."""


@dataclass(frozen=True)
class Place:
    """A network in a pipeline.

    Attributes:
        kind: Its kind.
        role: Scale that it serves at; 0 for every scale.
        target: Its weights: ``zoo:NAME``, ``OWNER:NAME`` or a path.
    """

    kind: str
    role: int
    target: str

    def named(self) -> Network:
        """What a bitstream says of it.

        Raises:
            DlicError: The weights are not there.
        """
        path = locate(self.target)
        ours = shipped_weights(path.stem) == path
        name = self.target if names_card(self.target) else f"{OURS}:{path.stem}" if ours else path.stem
        digest = hashlib.sha256(path.read_bytes()).digest()[:DIGEST]
        return Network(self.kind, self.role, name[:255], digest)


@dataclass(frozen=True)
class Pipeline:
    """A codec's composition.

    Attributes:
        name: What it is called in tables.
        number: Byte that names it in a bitstream; None for one that does not ship.
        base: Name of the base codec, or ``auto``.
        base_args: The base codec's arguments.
        scale: Factor of downsizing, or None for whatever does best.
        networks: Weights by kind and scale; 0 stands for every scale.
        hints: What `lightning_dlic.pipeline.compress.compress` takes as ``hints``.
        downsize: What makes the base layer small: a registered name with its arguments; None is MATLAB's bicubic.
        alpha: How much networks may make up, 0 to 1; None for whatever looks best.
        metric: What the search is best by; None for what suits how colour is made.
        always: Whether networks are used wherever there are some; otherwise only where they score better than
            interpolation, which networks trained for looks rather than for fidelity do not.
    """

    name: str
    number: int | None = None
    base: str = AUTO
    base_args: Mapping[str, Any] = field(default_factory=dict)
    scale: int | None = None
    networks: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    hints: str = "base"
    downsize: Mapping[str, Any] | None = None
    alpha: float | None = 0.0
    metric: str | None = None
    always: bool = False

    def places(self, scale: float, *, hints: bool | None = None) -> list[Place]:
        """The networks that serve at a scale, in their order; between two those of the larger one.

        Args:
            scale: The scale.
            hints: True for those alone that work on hints, False for those alone that do without; None for both.
        """
        found = []
        for kind in in_order(self.networks):
            by_role = self.networks[kind]
            role = ceil(scale) if ceil(scale) in by_role else 0
            if role in by_role and hints in (None, on_hints(kind)):
                found.append(Place(kind, role, by_role[role]))
        return found

    def loop(self) -> list[Place]:
        """The networks in the base codec's loop that are not those it brings along.

        Raises:
            DlicError: The base codec is not registered, or weights are not there.
        """
        argument = None if self.base == AUTO else load("codec", self.base).networks
        targets = self.base_args.get(argument) if argument else None
        return [Place(str(inspect_net(target).get("kind")), 0, target) for target in targets or ()]

    @property
    def scales(self) -> tuple[int, ...] | None:
        """Factors of downsizing to try first: its own, those of networks that are always used, or None for any."""
        if self.scale is not None:
            return (self.scale,)
        served = {role for roles in self.networks.values() for role in roles if role}
        return tuple(sorted(served)) if self.always and served else None

    def told(self, kinds: Iterable[str]) -> float:
        """How much networks of some kinds are told that they may make up, as a bitstream says it."""
        takes = any(load("kind", kind).alpha for kind in kinds)
        return told_alpha(1.0 if self.alpha is None else self.alpha) if takes else 0.0

    @property
    def colors(self) -> bool:
        """Whether a network makes colour of hints, or of luma alone."""
        return any(on_hints(kind) for kind in self.networks)


def on_hints(kind: str) -> bool:
    """Whether networks of a kind work on hints."""
    found: bool = load("kind", kind).hints
    return found


def numbered(number: int) -> Pipeline | None:
    """The pipeline that ships under a number; None where this version has no such."""
    name = numbers().get(number)
    return None if name is None else find_pipeline(name)


def pipeline_title(number: int) -> str:
    """What a file's pipeline is called: its name, or its number where this version has none under it."""
    return numbers().get(number, str(number))


@cache
def numbers() -> Mapping[int, str]:
    """Names of the pipelines that ship under a number, past ones included."""
    found: dict[int, str] = {}
    for name in shipped():
        number = _load(name, ()).number
        if number is not None:
            found[number] = name
    return found


@cache
def shipped() -> tuple[str, ...]:
    """Names of the pipelines that ship, such as ``photo``, or ``past/photo_1`` of one that is decoded only."""
    folder = shipped_folder()
    if folder is None:
        return ()
    room = folder / PIPELINES
    return tuple(sorted(path.relative_to(room).with_suffix("").as_posix() for path in room.rglob("*.yaml")))


def find_pipeline(source: str | Path, overrides: Sequence[str] = ()) -> Pipeline:
    """A pipeline by the name of one that ships, by its file, or by the folder of the run that trained it.

    Args:
        source: Name or path.
        overrides: ``key=value`` texts that win over the file.

    Raises:
        RecipeError: There is none, or something in it is wrong.
    """
    recipe = _load(str(source), tuple(overrides))
    check_pipeline(recipe, lambda: [NONE, *PRESETS])
    if recipe.metric not in (AUTO, *METRICS):
        hint = nearest(recipe.metric, (AUTO, *METRICS), "It may be")
        raise recipe.error("metric", f"no metric {show(recipe.metric)}", hint)
    made = _made(recipe)
    if recipe.number is not None and not _ships(made, recipe):
        made = Pipeline(**{**vars(made), "number": None})
    return made


def _load(source: str, overrides: tuple[str, ...]) -> PipelineRecipe:
    return load_pipeline(source, overrides)


def _made(recipe: PipelineRecipe) -> Pipeline:
    networks = {kind: _by_scale(kind, roles) for kind, roles in recipe.networks.items()}
    budget = recipe.hints.args.get("budget", AUTO)
    hints = recipe.hints.name if budget == AUTO else f"{recipe.hints.name},{budget}"
    downsize = {"name": recipe.downsize.name, **recipe.arguments(recipe.downsize)}
    return Pipeline(
        recipe.name,
        recipe.number,
        recipe.base.name,
        recipe.arguments(recipe.base),
        None if isinstance(recipe.scale, str) else recipe.scale,
        networks,
        hints,
        None if downsize == {"name": "bicubic"} else downsize,
        None if isinstance(recipe.alpha, str) else float(recipe.alpha),
        None if recipe.metric == AUTO else recipe.metric,
        recipe.always,
    )


def _by_scale(kind: str, roles: Mapping[int, str]) -> dict[int, str]:
    """Weights that name no scale serve at the scales that their file states, where the kind has such."""
    if set(roles) != {0} or not {"scale", "scales"} & set(load("kind", kind).facts):
        return dict(roles)
    return dict.fromkeys(scales_of(inspect_net(roles[0])), roles[0])


def _ships(pipeline: Pipeline, recipe: PipelineRecipe) -> bool:
    """Whether all that decoding depends on is that of the pipeline that ships under this number.

    Raises:
        RecipeError: No pipeline ships under it.
    """
    name = numbers().get(pipeline.number or 0)
    if name is None or not recipe.ships:
        hint = "Remove the line: bitstreams then name each network, with a digest of its weights."
        raise recipe.error("number", "only pipelines that ship have one", hint)
    return _made(_load(name, ())).networks == pipeline.networks


def named_in_stream(
    pipeline: Pipeline, codec: str, scale: float, used: Iterable[str], *, hints: bool
) -> tuple[int | None, list[Network]]:
    """How a bitstream says which networks it was made with.

    Args:
        pipeline: The pipeline.
        codec: The bitstream's base codec.
        scale: Its scale.
        used: Kinds of the networks that make its picture.
        hints: Whether its hints leave its colour to a network; otherwise networks that work on hints do nothing.

    Returns:
        The pipeline's number where that says it all, and else the networks one by one.
    """
    kinds = set(used)
    loop = [place.named() for place in pipeline.loop()] if codec == pipeline.base else []
    if not kinds:
        return None, loop
    places = pipeline.places(scale)
    busy = {place.kind for place in places if hints or not on_hints(place.kind)}
    if pipeline.number is not None and busy == kinds and not loop:
        return pipeline.number, []
    return None, [*loop, *(place.named() for place in places if place.kind in kinds)]


__all__ = [
    "Pipeline",
    "PipelineError",
    "Place",
    "RecipeError",
    "find_pipeline",
    "named_in_stream",
    "numbered",
    "numbers",
    "on_hints",
    "shipped",
]
