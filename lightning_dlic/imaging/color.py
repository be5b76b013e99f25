"""Colour spaces. Luma of the codec is full-range BT.601 Y'; the Y of published PSNR figures is studio range."""

from __future__ import annotations

import torch
from torch import Tensor

# BT.601 weights of R, G, B.
_KR, _KG, _KB = 0.299, 0.587, 0.114
# MATLAB's rgb2ycbcr, first row: 16 + 65.481 R + 128.553 G + 24.966 B for R, G, B in [0, 1].
_STUDIO = (65.481, 128.553, 24.966)


def luma(rgb: Tensor) -> Tensor:
    """Full-range BT.601 luma.

    Args:
        rgb: Float tensor ``[..., 3, H, W]``; any range that starts at 0. One channel is returned as it is.

    Returns:
        Tensor ``[..., 1, H, W]`` of the same range.
    """
    if rgb.shape[-3] == 1:
        return rgb
    r, g, b = rgb.unbind(-3)
    return (_KR * r + _KG * g + _KB * b).unsqueeze(-3)


def luma_uint8(image: Tensor) -> Tensor:
    """Full-range BT.601 luma of 8-bit pictures, rounded to 8 bits.

    Integer arithmetic with weights of 16 bits that sum to one: the same on every machine.

    Args:
        image: uint8 ``[..., 3|1, H, W]``.

    Returns:
        uint8 ``[..., 1, H, W]``; equal channels give themselves.
    """
    if image.shape[-3] == 1:
        return image
    r, g, b = image.to(torch.int32).unbind(-3)
    return ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16).to(torch.uint8).unsqueeze(-3)


def rgb_to_y(rgb: Tensor) -> Tensor:
    """Studio-range Y of MATLAB's ``rgb2ycbcr``, on which the field reports PSNR.

    Args:
        rgb: Float tensor ``[..., 3, H, W]`` in [0, 1]. One channel is taken as full-range luma.

    Returns:
        Tensor ``[..., 1, H, W]`` in [16, 235] for inputs in [0, 1]; not rounded.
    """
    if rgb.shape[-3] == 1:
        return 16.0 + 219.0 * rgb
    r, g, b = rgb.unbind(-3)
    return (16.0 + _STUDIO[0] * r + _STUDIO[1] * g + _STUDIO[2] * b).unsqueeze(-3)


def rgb_to_ycbcr(rgb: Tensor) -> Tensor:
    """Full-range BT.601 Y'CbCr (JPEG's), chroma centred at 0.

    Args:
        rgb: Float tensor ``[..., 3, H, W]`` in [0, 1].

    Returns:
        Tensor ``[..., 3, H, W]``: Y' in [0, 1], Cb and Cr in [-0.5, 0.5].
    """
    y = luma(rgb)
    r, b = rgb[..., 0:1, :, :], rgb[..., 2:3, :, :]
    return torch.cat((y, (b - y) / (2 * (1 - _KB)), (r - y) / (2 * (1 - _KR))), dim=-3)


def ycbcr_to_rgb(ycbcr: Tensor) -> Tensor:
    """Inverse of `rgb_to_ycbcr`; not clipped.

    Args:
        ycbcr: Float tensor ``[..., 3, H, W]``, Y' in [0, 1], chroma centred at 0.

    Returns:
        RGB ``[..., 3, H, W]``; outside [0, 1] where the chroma is out of gamut.
    """
    y, cb, cr = (ycbcr[..., i : i + 1, :, :] for i in range(3))
    r = y + 2 * (1 - _KR) * cr
    b = y + 2 * (1 - _KB) * cb
    g = (y - _KR * r - _KB * b) / _KG
    return torch.cat((r, g, b), dim=-3)
