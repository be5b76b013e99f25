"""How near colours are, and how vivid."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightning_dlic.imaging.bins import ab_bins, nearest_bin
from lightning_dlic.imaging.chroma import rgb_to_lab
from lightning_dlic.metrics.terms import decibels

WORST = 150.0
"""Error of ab, in CIELAB units, up to which `ab_auc` integrates."""


def lab(picture: Tensor) -> Tensor:
    """CIELAB of uint8 RGB ``[1, 3, H, W]``, float32."""
    return rgb_to_lab(picture.float() / 255.0)


def psnr_ab(output: Tensor, target: Tensor) -> float:
    """PSNR of a* and b* together, in CIELAB units of a peak of 255.

    Args:
        output: CIELAB ``[1, 3, H, W]``.
        target: The same shape.

    Returns:
        Decibels; infinite for equal planes.
    """
    error = (output[:, 1:].double() - target[:, 1:].double()).square().mean().item()
    return decibels(error, 1)


def delta_e(output: Tensor, target: Tensor) -> float:
    """Mean CIEDE2000 colour difference of two CIELAB pictures ``[1, 3, H, W]``, by scikit-image."""
    from skimage.color import deltaE_ciede2000

    first, second = (picture[0].movedim(0, -1).double().cpu().numpy() for picture in (output, target))
    difference: NDArray[np.float64] = deltaE_ciede2000(first, second)  # type: ignore[no-untyped-call]
    return float(difference.mean())


def colorfulness(picture: Tensor) -> float:
    """How vivid a picture looks (Hasler and Suesstrunk 2003): 0 for grey, about 15 slightly, 45 averagely, 82 highly.

    Args:
        picture: uint8 RGB ``[1, 3, H, W]``.
    """
    red, green, blue = picture[0].double().unbind(0)
    first, second = red - green, 0.5 * (red + green) - blue
    spread = math.hypot(first.std(correction=0).item(), second.std(correction=0).item())
    return spread + 0.3 * math.hypot(first.mean().item(), second.mean().item())


class AbErrors:
    """Area under the curve of pixels whose ab is within an error, from 0 to 150, in percent (Zhang et al. 2016).

    The rebalanced one counts each bin of true colour alike, however many pixels it has.
    """

    def __init__(self) -> None:
        """Starts with nothing counted."""
        self.areas: NDArray[np.float64] = np.zeros(len(ab_bins()))
        self.counts: NDArray[np.int64] = np.zeros(len(ab_bins()), np.int64)

    def update(self, output: Tensor, target: Tensor) -> float:
        """Counts a picture.

        Args:
            output: CIELAB ``[1, 3, H, W]``.
            target: The same shape.

        Returns:
            The area of this picture alone, not rebalanced.
        """
        error = torch.linalg.vector_norm(output[:, 1:] - target[:, 1:], dim=1).clamp(max=WORST)
        area = (1.0 - error / WORST).flatten().double().cpu().numpy()
        which = nearest_bin(target[:, 1:]).flatten().cpu().numpy()
        self.areas += np.bincount(which, area, len(self.areas))
        self.counts += np.bincount(which, minlength=len(self.counts))
        return 100.0 * float(area.mean())

    def auc(self) -> float:
        """Over all pixels counted."""
        return 100.0 * float(self.areas.sum() / max(1, self.counts.sum()))

    def rebalanced(self) -> float:
        """Mean over the bins that occurred."""
        seen = self.counts > 0
        return 100.0 * float(np.mean(self.areas[seen] / self.counts[seen])) if seen.any() else 0.0
