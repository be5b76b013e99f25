"""What frozen networks have seen of a batch's pictures, so that losses and a discriminator need not look twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Activations = dict[int, Tensor]


@dataclass
class _Seen:
    """A picture, kept so that its memory is nobody else's meanwhile, and activations by their places."""

    picture: Tensor
    graph: bool
    activations: Activations = field(default_factory=dict)


_MEMORY: ContextVar[dict[Any, _Seen] | None] = ContextVar("frozen_memory", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Remembers activations for as long as the context lasts: of one batch.

    Its end is the end of all of it, so that a generator may hold it while it waits for backward passes.
    """
    outer = _MEMORY.get()
    _MEMORY.set({})
    try:
        yield
    finally:
        _MEMORY.set(outer)


def recall(network: type, picture: Tensor) -> Activations:
    """Activations that are known of a picture, to be added to.

    A tensor that shares its memory with one seen before is the same picture: detached from its graph, it gets what was
    seen without one. One that now wants gradients, where none were wanted, is looked at anew.

    Args:
        network: Whose instance looks at it; all of a class have the same weights.
        picture: ``[B, C, H, W]``.
    """
    memory = _MEMORY.get()
    if memory is None:
        return {}
    graph = picture.requires_grad and torch.is_grad_enabled()
    place = picture.data_ptr(), tuple(picture.shape), picture.stride(), picture.dtype, picture._version
    seen = memory.get((network, place))
    if seen is None or (graph and not seen.graph):
        seen = memory[network, place] = _Seen(picture, graph)
    if seen.graph and not graph:
        return {where: each.detach() for where, each in seen.activations.items()}
    return seen.activations
