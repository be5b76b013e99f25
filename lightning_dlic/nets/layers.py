"""Pieces that several networks share."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.imaging.resize import resize

MAX_SCALE = 16
"""Largest factor of any enlargement."""


def upsampler(width: int, scale: int, activation: type[nn.Module]) -> nn.Sequential:
    """Sub-pixel upsampling (Shi et al. 2016), each step with a 3x3 convolution and an activation.

    Args:
        width: Channels in and out.
        scale: 1, 2, 3, 4 or 8; powers of two go in steps of two.
        activation: Class of the activation, built without arguments.

    Returns:
        Module mapping ``[B, width, h, w]`` to ``[B, width, h*scale, w*scale]``.

    Raises:
        ValueError: The scale is none of these.
    """
    steps = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}.get(scale)
    if steps is None:
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    layers: list[nn.Module] = []
    for step in steps:
        layers += [nn.Conv2d(width, width * step * step, 3, padding=1), nn.PixelShuffle(step), activation()]
    return nn.Sequential(*layers)


def convolutions(module: nn.Module) -> Iterator[nn.Conv2d]:
    """All convolutions of a module, in order of definition."""
    return (m for m in module.modules() if isinstance(m, nn.Conv2d))


@torch.no_grad()
def icnr_(conv: nn.Conv2d, step: int) -> None:
    """Initialises the convolution before a pixel shuffle so that its output starts without a checkerboard.

    All sub-pixels of a channel start with the same weights (Aitken et al. 2017).

    Args:
        conv: Convolution with a multiple of ``step**2`` output channels.
        step: The shuffle's factor.
    """
    conv.weight.copy_(conv.weight[:: step * step].repeat_interleave(step * step, dim=0))


def pixel_repeat(x: Tensor, scale: int) -> Tensor:
    """Nearest-neighbour enlargement in the channel order that a pixel shuffle expects.

    Args:
        x: ``[B, C, h, w]``.
        scale: Whole factor.

    Returns:
        ``[B, C*scale**2, h, w]``: its pixel shuffle is the enlarged picture.
    """
    return x.repeat_interleave(scale * scale, dim=1)


class BicubicUp(nn.Module):
    """MATLAB's bicubic enlargement by a whole factor as one convolution and a pixel shuffle.

    The same as `imaging.resize` up to rounding, but with the same order of sums at every place and for every size: so
    tiles agree to the bit, and exported graphs take any height and width.
    """

    kernel: Tensor

    def __init__(self, scale: int) -> None:
        """Computes the kernel.

        Args:
            scale: Whole factor, at most 16.

        Raises:
            ValueError: It is another.
        """
        super().__init__()
        if not 1 <= scale <= MAX_SCALE:
            raise ValueError(f"scale must be from 1 to {MAX_SCALE}, not {scale}")
        self.scale = scale
        # What one pixel adds to each output pixel around it is, read backwards, the kernel of each sub-pixel.
        with torch.device("cpu"):
            impulse = torch.zeros(9, 9, dtype=torch.float64)
            impulse[4, 4] = 1.0
            phases = resize(impulse, scale=float(scale)).view(9, scale, 9, scale)[2:7, :, 2:7]
        kernel = phases.flip(0, 2).permute(1, 3, 0, 2).reshape(scale * scale, 1, 5, 5)
        self.register_buffer("kernel", kernel.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` to ``[B, C, h*s, w*s]``."""
        batch, channels, height, width = x.shape
        planes = F.pad(x.reshape(batch * channels, 1, height, width), (2, 2, 2, 2), mode="replicate")
        enlarged = F.pixel_shuffle(F.conv2d(planes, self.kernel.to(x.dtype)), self.scale)
        return enlarged.reshape(batch, channels, height * self.scale, width * self.scale)
