"""What may be added to a batch in the loader's workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dlic_registry import Component, load

__all__ = ["BatchTransform", "TransformSpec", "build_transform"]

TransformSpec = Annotated[Mapping[str, Any] | None, Component("transform")]


class BatchTransform(ABC):
    """Adds to a batch, in the loader's workers. Picklable, and draws from nothing but the keys."""

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


def build_transform(spec: Mapping[str, Any] | None) -> BatchTransform | None:
    """Builds a transform from its registered name and arguments.

    Raises:
        DlicError: There is no such transform, or it refuses an argument.
    """
    if spec is None:
        return None
    transform: BatchTransform = load("transform", spec["name"], own_first=True)(
        **{k: v for k, v in spec.items() if k != "name"}
    )
    return transform
