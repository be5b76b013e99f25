"""The stationary wavelet transform: sub-bands of a picture at full size, which no shift of it reshuffles."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

_ROOT = math.sqrt(2.0)
# Low-pass filters for analysis; sym4 is Daubechies' least asymmetric one with four vanishing moments.
_LOW = {
    "haar": (1 / _ROOT, 1 / _ROOT),
    "sym4": (
        *(-0.07576571478927333, -0.02963552764599851, 0.49761866763201545, 0.8037387518059161),
        *(0.29785779560527736, -0.09921954357684722, -0.012603967262037833, 0.0322231006040427),
    ),
}
WAVELETS = tuple(_LOW)
"""Names of the wavelets."""


def filters(wavelet: str) -> tuple[list[float], list[float]]:
    """Low-pass and high-pass filter, each scaled so that white noise leaves both with half of its power.

    Raises:
        ValueError: There is no such wavelet.
    """
    if wavelet not in _LOW:
        raise ValueError(f"wavelet must be one of {', '.join(WAVELETS)}, not {wavelet!r}")
    low = [tap / _ROOT for tap in _LOW[wavelet]]
    return low, [tap * (-1) ** n for n, tap in enumerate(reversed(low))]


def stationary_wavelets(picture: Tensor, levels: int = 1, wavelet: str = "sym4") -> tuple[Tensor, list[Tensor]]:
    """Splits a picture into sub-bands of its own size (the algorithme a trous of Holschneider et al. 1989).

    Args:
        picture: ``[B, C, H, W]``; beyond its edges it is repeated.
        levels: How often the low band is split again.
        wavelet: One of `WAVELETS`.

    Returns:
        The last low band ``[B, C, H, W]``, whose mean is the picture's, and for each level, finest first, its details
        ``[B, C, 3, H, W]``: changes along rows, along columns, and along both.

    Raises:
        ValueError: There is no such wavelet.
    """
    taps = picture.new_tensor(filters(wavelet))
    batch, channels, height, width = picture.shape
    low, details = picture.reshape(batch * channels, 1, height, width), []
    for level in range(levels):
        rows = _split(low, taps, 2**level, along_rows=True)
        bands = _split(rows.reshape(-1, 1, height, width), taps, 2**level, along_rows=False)
        # Of each plane: low and high along rows, each low and high along columns.
        bands = bands.view(batch * channels, 4, height, width)[:, [0, 2, 1, 3]]
        low = bands[:, :1]
        details.append(bands[:, 1:].reshape(batch, channels, 3, height, width))
    return low.reshape(batch, channels, height, width), details


def _split(planes: Tensor, taps: Tensor, step: int, *, along_rows: bool) -> Tensor:
    """Both filters along one direction, ``step`` pixels between their taps: ``[N, 1, H, W]`` to ``[N, 2, H, W]``."""
    span = (taps.shape[1] - 1) * step
    before, after = span // 2, span - span // 2
    margin = (before, after, 0, 0) if along_rows else (0, 0, before, after)
    kernel = taps[:, None, None, :] if along_rows else taps[:, None, :, None]
    dilation = (1, step) if along_rows else (step, 1)
    return F.conv2d(F.pad(planes, margin, mode="replicate"), kernel, dilation=dilation)
