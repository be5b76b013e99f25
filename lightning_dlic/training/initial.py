"""Weights to start a training from: of the zoo, of a weights file of any making, of a checkpoint, of a run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.imaging.finite import unfinite
from lightning_dlic.nets.published import PICKLES, read_published
from lightning_dlic.recipe.find import split_step
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.provenance import network_state, read_checkpoint, verify
from lightning_dlic.training.resume import Point, choose
from lightning_dlic.training.target import find_target
from lightning_dlic.zoo.cards import names_card
from lightning_dlic.zoo.files import WeightsError, locate

_SHOWN = 6


@dataclass(frozen=True)
class _Fit:
    """How given tensors fit a network."""

    target: nn.Module
    taken: Mapping[str, Tensor]
    missing: list[str]
    misshapen: list[str]
    spare: list[str]

    @property
    def whole(self) -> bool:
        return not (self.missing or self.misshapen or self.spare)

    def __str__(self) -> str:
        wanted = len(self.target.state_dict())
        kinds = (("not in it", self.missing), ("of another shape", self.misshapen), ("left over", self.spare))
        told = [f"{what}: {_few(names)}" for what, names in kinds if names]
        return "; ".join([f"{len(self.taken)} of the network's {wanted} tensors taken", *told])


def initialise(stage: Stage, source: str, where: str, *, partial: bool) -> None:
    """Gives a stage's network weights to start from.

    Args:
        stage: The stage.
        source: ``zoo:NAME``, a safetensors file with or without a record of its network, a file of PyTorch's that holds
            tensors alone, a checkpoint, a run's folder, ``RUN@STEP``.
        where: Place and key, for messages.
        partial: Whether tensors of the network may stay as they are, and tensors of the source be left over.

    Raises:
        DlicError: The source cannot be read, fits only in part where that was not asked for, or not at all, or is not
            finite.
    """
    targets = stage.init_targets()
    names = {name for target in targets for name in target.state_dict()}
    given = max(_spellings(read_tensors(source, where, stage.kind)), key=lambda named: len(names & named.keys()))
    given = stage.init_state(given)
    fit = max((_fit(target, given) for target in targets), key=lambda fit: (fit.whole, len(fit.taken)))
    if not fit.taken:
        _check_known(source, where)
        raise DlicError(f"{where}: nothing in {source} fits this network (another net, or another width?)")
    if not fit.whole and not partial:
        raise DlicError(
            f"{where}: {source} fits this network in part: {fit}\n"
            f"If that is meant, say so: {where.rpartition(': ')[2].removesuffix('init')}partial=true"
        )
    if not fit.whole:
        warnings.warn(f"{where}: {source}: {fit}", stacklevel=2)
    fit.target.load_state_dict(fit.taken, strict=False)
    if (broken := unfinite(fit.target)) is not None:
        raise DlicError(f"{where}: {broken} in {source} is not finite; take other weights to start from")


def read_tensors(source: str, where: str, kind: str) -> dict[str, Tensor]:
    """The tensors of a network by name, wherever they lie, of a chain those of a kind; nothing is unpickled."""
    path = Path(source)
    if (point := _point(source, where)) is not None:
        return network_state(point.checkpoint, kind)
    if path.suffix.lower() not in PICKLES:
        path = locate(source)
    try:
        return read_published(path)
    except (DlicError, OSError) as error:
        raise WeightsError(f"{where}: {error}") from error


def _point(source: str, where: str) -> Point | None:
    """The checkpoint that a source names, if it names one: its file, a run's folder, or ``RUN@STEP``."""
    path = Path(source)
    if path.suffix == ".ckpt":
        return Point(path, read_checkpoint(path))
    if names_card(source) or not os.path.isdir(split_step(source)[0]):
        return None
    return choose(find_target(source, key=where), where)


def _check_known(source: str, where: str) -> None:
    """Says what to install where a source that fits nothing is of a stage that nobody here knows."""
    if (point := _point(source, where)) is not None:
        verify(point.checkpoint, point.path)


def _spellings(given: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The tensors as they are named, and without what all names begin with: others save a whole module."""
    while True:
        yield given
        first = {name.partition(".")[0] for name in given if "." in name}
        if len(first) != 1 or not all("." in name for name in given):
            return
        given = {name.partition(".")[2]: tensor for name, tensor in given.items()}


def _fit(target: nn.Module, given: Mapping[str, Tensor]) -> _Fit:
    wanted = target.state_dict()
    taken = {name: value for name, value in given.items() if name in wanted and wanted[name].shape == value.shape}
    misshapen = [name for name in given if name in wanted and name not in taken]
    missing = [name for name in wanted if name not in given]
    return _Fit(target, taken, missing, misshapen, [name for name in given if name not in wanted])


def _few(names: list[str]) -> str:
    return ", ".join(name[:80] for name in names[:_SHOWN]) + " ..." * (len(names) > _SHOWN)
