"""What an operator is: a network at work on 8-bit pictures, with the facts that its callers need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import nn

from dlic_registry import DlicError, load
from lightning_dlic.kinds.base import part
from lightning_dlic.operators.layers import Layers
from lightning_dlic.zoo import load_net
from lightning_dlic.zoo.files import WeightsError


@dataclass(frozen=True)
class Facts:
    """What is known of a network at work.

    Attributes:
        kind: Kind of the stage that trained it.
        scales: Whole factors by which its output is larger than its input; 1 where it keeps the size.
        channels: Planes that it takes: 1 for luma, 3 for a picture in colour.
        halo: Input pixels around its place that an output pixel depends on; None: all of them.
        space: What its planes are: ``luma``, ``rgb``, ``ycbcr``; of a network for colour the chroma that it gives.
    """

    kind: str
    scales: tuple[int, ...] = (1,)
    channels: int = 3
    halo: int | None = None
    space: str = "rgb"

    @property
    def scale(self) -> int:
        """The factor, or the first of several."""
        return self.scales[0]


class Operator(ABC):
    """A network at work on 8-bit pictures.

    A kind names its operator (`kinds.base.Kind.operator`); whoever has a network and what its file says builds it by
    this one constructor. A subclass reads the facts (`_facts`), has a call with arguments of its own, and says by
    `advance` what it does behind a base codec, if anything.

    Attributes:
        plain: Whether the network is a function of a picture alone, ``[B, C, h, w]`` in [0, 1] to
            ``[B, C, h*scale, w*scale]``, which other programs can call.
        noun: What its networks are called in messages.
        name: What it is called in tables.
        net: The network, in evaluation mode, on its device.
        meta: What its file says of it.
        device: Where it computes.
        facts: What is known of it.
    """

    plain: ClassVar[bool] = False
    noun: ClassVar[str] = "a network for this"

    def __init__(self, name: str, net: nn.Module, meta: Mapping[str, Any], device: torch.device | None = None) -> None:
        """Prepares the network.

        Args:
            name: What it is called in tables and messages.
            net: The network; it is put into evaluation mode and moved.
            meta: As `zoo.load_net` gives it.
            device: Where it computes; the CPU by default.

        Raises:
            WeightsError: The network, or what its file says, is not for this operator.
        """
        self.name, self.net, self.meta = name, net.eval(), dict(meta)
        self.device = device or torch.device("cpu")
        self.facts = self._facts()
        self.net.to(self.device)

    @abstractmethod
    def _facts(self) -> Facts:
        """Reads the facts of `net` and `meta`.

        Raises:
            WeightsError: They are not those of a network for this; `refusal` makes it.
        """

    def advance(self, layers: Layers) -> Layers:
        """Takes a picture a step further in the decoder; gives it back as it is where there is nothing to do.

        Raises:
            WeightsError: This operator has no place behind a base codec.
        """
        raise WeightsError(f"{self.name}: networks of the kind {self.kind!r} have no place behind a base codec")

    @property
    def kind(self) -> str:
        """Kind of the stage that trained it, as its file says."""
        return str(self.meta.get("kind"))

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.net.parameters())

    def shipped(self) -> tuple[nn.Module, dict[str, Any]]:
        """Network and metadata in the form in which they go into the zoo and into files; the default is as they are."""
        return self.net, self.meta

    def refusal(self, why: str) -> WeightsError:
        """The error that says why a network is not for this operator."""
        return WeightsError(f"{self.name}: {why}: not {self.noun}")


def operator_of(kind: str) -> type[Operator]:
    """The operator of a kind.

    Raises:
        DlicError: The kind is not registered, or has no operator.
    """
    found = part(load("kind", kind), "operator")
    if not (isinstance(found, type) and issubclass(found, Operator)):
        raise DlicError(f"kind {kind!r}: its operator is not derived from {Operator.__module__}:{Operator.__name__}")
    return found


def open_operator(name: str, net: nn.Module, meta: Mapping[str, Any], device: torch.device | None = None) -> Operator:
    """A network at work, as its kind has it.

    Args:
        name: What it is called in tables and messages.
        net: The network.
        meta: As `zoo.load_net` gives it.
        device: Where it computes; the CPU by default.

    Raises:
        DlicError: The kind that it states is not registered or has no operator, or the operator refuses it.
    """
    try:
        found = operator_of(str(meta.get("kind")))
    except DlicError as error:
        raise WeightsError(f"{name}: {error}") from error
    return found(name, net, meta, device)


@lru_cache(maxsize=8)
def load_operator(target: str) -> Operator:
    """A network at work on the CPU.

    Args:
        target: ``zoo:NAME`` or the path of a weights file.

    Raises:
        DlicError: The weights cannot be found or used, or their kind has no operator.
    """
    return open_operator(target, *load_net(target))
