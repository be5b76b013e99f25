"""What may be added to a batch in the loader's workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dlic_registry import Component, load

__all__ = ["BatchTransform", "Several", "TransformSpec", "build_transform"]

TransformSpec = Annotated[Mapping[str, Any] | None, Component("transform", several=True)]
"""One by name with its arguments, or several by their names, each with its arguments (null switches one off), in the
order they act in."""


class BatchTransform(ABC):
    """Adds to a batch, in the loader's workers. Picklable, and draws from nothing but the keys.

    Batch number s of a run is then the same in every worker, on every rank and after resuming. What cannot be pickled
    (an encoder, a model) is opened when it is first needed, in the process that needs it. Names that stages look for:
    ``base``, the decoded small picture, uint8 ``[B, 1 or 3, h, w]``, with ``quality`` float32 ``[B]``; ``luma`` and
    ``hints``, what a colour network is shown. ``image`` may be cropped, and is otherwise left as it is.

    Attributes:
        dlic_api: Version of this interface.
    """

    dlic_api: ClassVar[int] = 1

    @abstractmethod
    def __call__(self, batch: dict[str, Tensor], keys: NDArray[np.uint64]) -> dict[str, Tensor]:
        """Transforms a batch.

        Args:
            batch: ``image`` uint8 ``[B, C, H, W]``.
            keys: What to draw from, one 64-bit word a picture, uint64 ``[B]``.

        Returns:
            The batch, usually with a tensor added.
        """


class Several(BatchTransform):
    """Transforms one after another, each on what the one before gives; all draw from the same keys.

    Args:
        transforms: In their order.
    """

    def __init__(self, transforms: Sequence[BatchTransform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, batch: dict[str, Tensor], keys: NDArray[np.uint64]) -> dict[str, Tensor]:
        """Applies all."""
        for transform in self.transforms:
            batch = transform(batch, keys)
        return batch


def build_transform(spec: Mapping[str, Any] | None) -> BatchTransform | None:
    """Builds a transform from its registered name and arguments, or several.

    Args:
        spec: ``{"name": "degrade", "scale": 2}``, or ``{"degrade": {"scale": 2}, "hinted": {}}``.

    Raises:
        DlicError: There is no such transform, or it refuses an argument.
    """
    if not spec:
        return None
    if isinstance(spec.get("name"), str):
        return _built(spec["name"], spec)
    built = [_built(name, arguments) for name, arguments in spec.items() if arguments is not None]
    return Several(built) if built else None


def _built(name: str, arguments: Mapping[str, Any]) -> BatchTransform:
    others = {key: value for key, value in arguments.items() if key != "name"}
    transform: BatchTransform = load("transform", arguments.get("name", name), own_first=True)(**others)
    return transform
