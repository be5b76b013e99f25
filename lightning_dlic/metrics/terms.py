"""What PSNR and SSIM are made of; needs no torch, for the encoder's search has them in NumPy."""

from __future__ import annotations

import math

WINDOW, SIGMA = 11, 1.5
"""Side and deviation of the Gaussian window of SSIM."""
K1, K2 = 0.01, 0.03
"""The constants of SSIM."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's five scales, the finest first (Wang et al. 2003)."""
MOST_DB = 100.0
"""What a PSNR counts as in a mean at most, so that a picture that was met exactly leaves a mean to look at."""


def decibels(error: float, count: int, peak: float = 255.0) -> float:
    """PSNR of a sum of squared errors.

    Args:
        error: The sum.
        count: How many there are.
        peak: Largest value there is.

    Returns:
        Decibels; infinite without error.

    Example:
        >>> round(decibels(16.0, 16), 2)
        48.13
    """
    return math.inf if error == 0 else 10.0 * math.log10(peak * peak * count / error)


def counted(name: str, value: float) -> float:
    """A picture's figure as it counts in a mean: of a PSNR `MOST_DB` at most.

    Raises:
        NotFiniteError: It is not a number.
    """
    if math.isnan(value):
        # It takes torch, which nobody needs who has numbers.
        from lightning_dlic.imaging.finite import NotFiniteError

        raise NotFiniteError(f"{name} of a picture is not a number; the network's weights diverged")
    return min(value, MOST_DB) if name.startswith("psnr") else value
