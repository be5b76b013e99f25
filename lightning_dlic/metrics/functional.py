"""PSNR, SSIM and MS-SSIM of single pictures, as the papers compute them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_dlic.metrics.terms import K1, K2, SCALE_WEIGHTS, SIGMA, WINDOW, decibels

# Side of what is in double precision at one time: pictures of any size fit into memory, and blocks into the cache.
_BLOCK = 320
# The coarsest of five scales must still hold one window.
MS_SSIM_MIN_SIDE = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)


def _check(x: Tensor, y: Tensor, smallest: int = 1) -> None:
    if x.shape != y.shape:
        raise ValueError(f"pictures differ in shape: {tuple(x.shape)} and {tuple(y.shape)}")
    if x.dim() != 4 or x.shape[0] != 1:
        raise ValueError(f"one picture [1, C, H, W] at a time, not {tuple(x.shape)}")
    if min(x.shape[-2:]) < smallest:
        raise ValueError(f"picture of {x.shape[-2]}x{x.shape[-1]}: both sides must be at least {smallest}")


def _double(picture: Tensor) -> Tensor:
    return picture.double()


def _blocks(x: Tensor, y: Tensor, overlap: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Both pictures block by block, each with the first ``overlap`` rows and columns of its neighbours."""
    for top in range(0, x.shape[-2] - overlap, _BLOCK):
        for left in range(0, x.shape[-1] - overlap, _BLOCK):
            place = (..., slice(top, top + _BLOCK + overlap), slice(left, left + _BLOCK + overlap))
            yield x[place], y[place]


def psnr(x: Tensor, y: Tensor, peak: float = 255.0, plane: Callable[[Tensor], Tensor] = _double) -> float:
    """Peak signal-to-noise ratio of one picture.

    Args:
        x: ``[1, C, H, W]`` in [0, peak].
        y: The same shape.
        peak: Largest value there is.
        plane: Applied to blocks of both pictures first: what is compared, in float64.

    Returns:
        Decibels over all channels together; infinite for equal pictures.

    Raises:
        ValueError: The shapes differ or are not one picture.

    Example:
        >>> import torch
        >>> round(psnr(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)), 2)
        48.13
    """
    _check(x, y)
    total, count = 0.0, 0
    for a, b in _blocks(x, y):
        error = (plane(a) - plane(b)).square_()
        total, count = total + error.sum().item(), count + error.numel()
    return decibels(total, count, peak)


def _weights() -> list[float]:
    """One dimension of the Gaussian window from its middle outwards; with both sides its sum is 1."""
    half = [math.exp(-(offset**2) / (2.0 * SIGMA**2)) for offset in range(WINDOW // 2 + 1)]
    total = 2.0 * sum(half) - half[0]
    return [weight / total for weight in half]


def _blur(x: Tensor) -> Tensor:
    """Gaussian means of every window that lies inside the picture, ``[..., H-10, W-10]``.

    Sums of shifted copies: in float64 several times faster than a convolution, which no library optimises.
    """
    middle, *weights = _weights()
    for dim in (-1, -2):
        length = x.shape[dim] - WINDOW + 1
        centre = WINDOW // 2
        total = x.narrow(dim, centre, length) * middle
        for offset, weight in enumerate(weights, 1):
            total.add_(x.narrow(dim, centre - offset, length) + x.narrow(dim, centre + offset, length), alpha=weight)
        x = total
    return x


def _ssim_means(x: Tensor, y: Tensor, peak: float, plane: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Means over all windows of SSIM and of its contrast-structure part, by channel ``[C]``."""
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    total = torch.zeros(2, x.shape[1], dtype=torch.float64)
    count = 0
    for a, b in _blocks(x, y, WINDOW - 1):
        # Channels as a batch.
        a, b = plane(a).transpose(0, 1), plane(b).transpose(0, 1)
        mean_a, mean_b, aa, bb, ab = _blur(torch.cat((a, b, a * a, b * b, a * b))).chunk(5)
        contrast = (2.0 * (ab - mean_a * mean_b) + c2) / (aa - mean_a**2 + bb - mean_b**2 + c2)
        luminance = (2.0 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        # Kept in place: small tensors left among large freed ones would tear the heap apart.
        total += torch.stack((luminance * contrast, contrast)).sum((2, 3, 4)).cpu()
        count += contrast[0].numel()
    full, structure = total / count
    return full, structure


def ssim(x: Tensor, y: Tensor, peak: float = 255.0, plane: Callable[[Tensor], Tensor] = _double) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian window 11x11 of sigma 1.5, whole windows only, in float64.

    Args:
        x: ``[1, C, H, W]`` in [0, peak], both sides at least 11.
        y: The same shape.
        peak: Largest value there is.
        plane: Applied to blocks of both pictures first: what is compared, in float64.

    Returns:
        Mean over windows and channels, at most 1.

    Raises:
        ValueError: The shapes differ, are not one picture, or hold no window.

    Example:
        >>> import torch
        >>> picture = torch.arange(256.0).view(1, 1, 16, 16)
        >>> round(ssim(picture, picture), 6)
        1.0
    """
    _check(x, y, WINDOW)
    return _ssim_means(x, y, peak, plane)[0].mean().item()


def ms_ssim(x: Tensor, y: Tensor, peak: float = 255.0) -> float:
    """Multi-scale SSIM (Wang et al. 2003): five scales by 2x2 means, windows as in `ssim`.

    Args:
        x: ``[1, C, H, W]`` in [0, peak], both sides at least 176.
        y: The same shape.
        peak: Largest value there is.

    Returns:
        Mean over channels, in [0, 1]: a scale with negative contrast counts as 0.

    Raises:
        ValueError: The shapes differ, are not one picture, or are too small for five scales.
    """
    _check(x, y, MS_SSIM_MIN_SIDE)
    a, b = x.double(), y.double()
    total = torch.ones(a.shape[1], dtype=a.dtype, device=a.device)
    last = len(SCALE_WEIGHTS) - 1
    for scale, weight in enumerate(SCALE_WEIGHTS):
        full, contrast = _ssim_means(a, b, peak, _double)
        total = total * (full if scale == last else contrast).clamp(min=0.0) ** weight
        if scale < last:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return total.mean().item()
