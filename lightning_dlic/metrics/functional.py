"""PSNR, SSIM and MS-SSIM of single pictures, as the papers compute them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
# Weights of the five scales, finest first (Wang et al. 2003).
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The coarsest of five scales must still hold one window.
MS_SSIM_MIN_SIDE = WINDOW * 2 ** (len(_SCALE_WEIGHTS) - 1)


def _check(x: Tensor, y: Tensor, smallest: int = 1) -> None:
    if x.shape != y.shape:
        raise ValueError(f"pictures differ in shape: {tuple(x.shape)} and {tuple(y.shape)}")
    if x.dim() != 4 or x.shape[0] != 1:
        raise ValueError(f"one picture [1, C, H, W] at a time, not {tuple(x.shape)}")
    if min(x.shape[-2:]) < smallest:
        raise ValueError(f"picture of {x.shape[-2]}x{x.shape[-1]}: both sides must be at least {smallest}")


def psnr(x: Tensor, y: Tensor, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio of one picture.

    Args:
        x: ``[1, C, H, W]`` in [0, peak].
        y: The same shape.
        peak: Largest value there is.

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
    error = (x.double() - y.double()).square().mean().item()
    return math.inf if error == 0.0 else 10.0 * math.log10(peak * peak / error)


def _window(like: Tensor) -> Tensor:
    """One dimension of the Gaussian window; its sum is 1."""
    offset = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - WINDOW // 2
    weight = torch.exp(-offset.square() / (2.0 * SIGMA * SIGMA))
    return weight / weight.sum()


def _blur(x: Tensor) -> Tensor:
    """Gaussian means of every window that lies inside the picture, ``[N, 1, H-10, W-10]``."""
    window = _window(x)
    return F.conv2d(F.conv2d(x, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))


def _ssim_maps(x: Tensor, y: Tensor, peak: float) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure part at every window; channels as a batch ``[C, 1, H, W]``."""
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    mean_x, mean_y, xx, yy, xy = _blur(torch.cat((x, y, x * x, y * y, x * y))).chunk(5)
    contrast = (2.0 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    luminance = (2.0 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * contrast, contrast


def ssim(x: Tensor, y: Tensor, peak: float = 255.0) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian window 11x11 of sigma 1.5, whole windows only, in float64.

    Args:
        x: ``[1, C, H, W]`` in [0, peak], both sides at least 11.
        y: The same shape.
        peak: Largest value there is.

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
    value, _ = _ssim_maps(x.double().transpose(0, 1), y.double().transpose(0, 1), peak)
    return value.mean().item()


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
    a, b = x.double().transpose(0, 1), y.double().transpose(0, 1)
    total = torch.ones(a.shape[0], dtype=a.dtype, device=a.device)
    last = len(_SCALE_WEIGHTS) - 1
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        full, contrast = _ssim_maps(a, b, peak)
        part = (full if scale == last else contrast).mean((1, 2, 3))
        total = total * part.clamp(min=0.0) ** weight
        if scale < last:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return total.mean().item()
