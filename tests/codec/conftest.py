"""Pictures that the codec's tests share."""

from collections.abc import Callable

import numpy as np
import pytest

from lightning_dlic.codec import Planes
from lightning_dlic.pipeline.source import Source


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """A colour photograph, uint8 ``[192, 256, 3]``."""
    from skimage import data

    return np.ascontiguousarray(data.chelsea()[20:212, 100:356])


@pytest.fixture(scope="session")
def make_planes(photograph: np.ndarray) -> Callable[[int, int, bool], Planes]:
    """Base layers of a size, cut from the photograph."""

    def make(height: int, width: int, color: bool) -> Planes:
        picture = np.ascontiguousarray(photograph[:height, :width])
        return Source(picture if color else np.ascontiguousarray(picture[..., 1])).small(1)

    return make
