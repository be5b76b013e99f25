"""How pictures are scored. Every result names this record, because a PSNR without its protocol says nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lightning_dlic.imaging.color import rgb_to_y
from lightning_dlic.imaging.finite import NotFiniteError, finite
from lightning_dlic.metrics.functional import SIGMA, WINDOW, psnr, ssim

MOST_DB = 100.0


@dataclass(frozen=True)
class Protocol:
    """The evaluation protocol in words that stand in each result."""

    psnr_y: str = "BT.601 studio range, MATLAB rgb2ycbcr of the 8-bit RGB, not rounded again; peak 255"
    psnr_rgb: str = "mean squared error over all three channels; peak 255"
    ssim: str = f"Gaussian window {WINDOW}x{WINDOW}, sigma {SIGMA}, K1 .01, K2 .03, whole windows only, float64"
    ms_ssim: str = "5 scales by 2x2 means, on the Y of psnr_y, border not cropped"
    lpips: str = "AlexNet v0.1, RGB in [-1, 1], border not cropped"
    rounding: str = "outputs clipped and rounded to 8 bits before scoring"
    crop_border: str = "as many pixels as the scale, for PSNR and SSIM"
    mean: str = "over pictures, of per-picture values; a PSNR counts as 100 dB at most, that of equal pictures too"
    resizer: str = (
        "MATLAB imresize bicubic, antialiased, uint8 rounding between the passes, rows first; or what a target names"
    )
    size: str = "originals cropped at the right and bottom to multiples of the scale"

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return asdict(self)


def to_uint8(picture: Tensor) -> Tensor:
    """Clips float pictures in [0, 1] and rounds them to the 8-bit grid.

    Raises:
        NotFiniteError: A value is not finite.
    """
    return finite(picture.detach().float()).mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)


def y_plane(picture: Tensor) -> Tensor:
    """Studio-range Y in [16, 235], float64 ``[..., 1, H, W]``, of uint8 pictures; grey counts as equal RGB."""
    return rgb_to_y(picture.double() / 255.0)


def crop_border(picture: Tensor, border: int) -> Tensor:
    """Cuts ``border`` pixels off each side.

    Raises:
        ValueError: Nothing would be left.
    """
    height, width = picture.shape[-2:]
    if min(height, width) <= 2 * border:
        raise ValueError(f"picture of {height}x{width} has nothing inside a border of {border}")
    return picture[..., border : height - border, border : width - border]


def score(output: Tensor, target: Tensor, scale: int) -> dict[str, float]:
    """Scores one picture under the protocol.

    Args:
        output: Float ``[1, C, H, W]`` in [0, 1]; rounded to 8 bits here. uint8 is taken as it is.
        target: uint8 ``[1, C, H, W]``.
        scale: Factor of enlargement: the width of the border that does not count.

    Returns:
        ``psnr_y`` and ``ssim_y``, and for colour also ``psnr_rgb`` and ``ssim_rgb``. Equal pictures have an infinite
        PSNR; SSIM is left out where the picture holds no window.

    Raises:
        ValueError: The shapes differ, or nothing is left inside the border.
        NotFiniteError: The output is not finite.
    """
    rounded = output if output.dtype == torch.uint8 else to_uint8(output)
    x, y = (crop_border(picture, scale) for picture in (rounded, target))
    planes = {"y": y_plane, "rgb": Tensor.double} if x.shape[1] == 3 else {"y": y_plane}
    figures = {f"psnr_{name}": psnr(x, y, plane=plane) for name, plane in planes.items()}
    if min(x.shape[-2:]) >= WINDOW:
        figures |= {f"ssim_{name}": ssim(x, y, plane=plane) for name, plane in planes.items()}
    return figures


def counted(name: str, value: float) -> float:
    """A picture's figure as it counts in a mean.

    Raises:
        NotFiniteError: It is not a number.
    """
    if math.isnan(value):
        raise NotFiniteError(f"{name} of a picture is not a number; the network's weights diverged")
    return min(value, MOST_DB) if name.startswith("psnr") else value


def summarize(figures: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Means over pictures of each figure, over those pictures that have it.

    Args:
        figures: What `score` gave, a mapping a picture.

    Returns:
        The mean of every figure. A PSNR counts as `MOST_DB` at most, so that a picture that was met exactly (a black
        one, for one) leaves a mean to look at.
    """
    columns: dict[str, list[float]] = {}
    for row in figures:
        for name, value in row.items():
            columns.setdefault(name, []).append(counted(name, float(value)))
    return {name: math.fsum(values) / len(values) for name, values in columns.items()}
