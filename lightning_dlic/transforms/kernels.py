"""Kernels by which pictures blur: Gaussians, their generalised and flat-topped kin, and the ideal low pass that rings.

After Real-ESRGAN (Wang et al., ICCVW 2021): which families there are, how often each is drawn, and of what shapes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from scipy.special import j1

F32 = NDArray[np.float32]
_SIDES = tuple(range(7, 22, 2))
# Gaussian, generalised Gaussian and plateau: round or stretched.
_FAMILIES = ("gaussian", "gaussian", "general", "general", "plateau", "plateau")
_ROUND = (True, False, True, False, True, False)
_SHARES = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
_SINC_SHARE = 0.1


def draw_kernel(draw: np.random.Generator, least: float, most: float) -> F32:
    """A kernel of a drawn family, size and shape.

    Args:
        draw: Where numbers come from.
        least: Least standard deviation, in pixels.
        most: Greatest.

    Returns:
        float32 ``[k, k]``, k odd, 7 to 21; sums to 1.
    """
    side = int(draw.choice(_SIDES))
    if draw.random() < _SINC_SHARE:
        low = math.pi / 3 if side < 13 else math.pi / 5
        return sinc(side, draw.uniform(low, math.pi))
    which = int(draw.choice(len(_FAMILIES), p=_SHARES))
    first = draw.uniform(least, most)
    second, angle = (first, 0.0) if _ROUND[which] else (draw.uniform(least, most), draw.uniform(-math.pi, math.pi))
    shape = 1.0
    if _FAMILIES[which] != "gaussian":
        low, high = (0.5, 4.0) if _FAMILIES[which] == "general" else (1.0, 2.0)
        shape = draw.uniform(low, 1.0) if draw.random() < 0.5 else draw.uniform(1.0, high)
    return bell(side, first, second, angle, shape, plateau=_FAMILIES[which] == "plateau")


def bell(
    side: int, first: float, second: float, angle: float = 0.0, shape: float = 1.0, *, plateau: bool = False
) -> F32:
    """A bell with elliptic contours.

    Args:
        side: Of the kernel, odd.
        first: Standard deviation along the first axis of the ellipse.
        second: Along the second.
        angle: Of the first axis, in radians.
        shape: Exponent of the squared distance; 1 is a Gaussian.
        plateau: Whether the top is flat: 1 / (1 + d^2) rather than exp(-d^2 / 2).

    Returns:
        float32 ``[side, side]``; sums to 1.
    """
    place = np.arange(side, dtype=np.float64) - side // 2
    x, y = place[None, :], place[:, None]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    distance = ((along / first) ** 2 + (across / second) ** 2) ** shape
    weight = 1.0 / (1.0 + distance) if plateau else np.exp(-0.5 * distance)
    return np.asarray(weight / weight.sum(), np.float32)


def sinc(side: int, cutoff: float) -> F32:
    """The round ideal low pass, cut off at the kernel's border: what leaves ringing around edges.

    Args:
        side: Of the kernel, odd.
        cutoff: Highest frequency that passes, radians a pixel, up to pi.

    Returns:
        float32 ``[side, side]``; sums to 1.
    """
    place = np.arange(side, dtype=np.float64) - side // 2
    radius = np.hypot(place[None, :], place[:, None])
    middle = radius == 0
    safe = np.where(middle, 1.0, radius)
    weight = np.where(middle, cutoff**2 / (4 * math.pi), cutoff * j1(cutoff * safe) / (2 * math.pi * safe))
    return np.asarray(weight / weight.sum(), np.float32)


def blurred(picture: F32, kernel: F32) -> F32:
    """A picture ``[h, w, C]`` under a kernel; borders are mirrored."""
    reach = kernel.shape[0] // 2
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), "symmetric")
    return np.asarray(fftconvolve(padded, kernel[..., None], "valid", axes=(0, 1)), np.float32)
