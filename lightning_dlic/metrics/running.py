"""Metrics under registered names: modules that score pictures one by one and keep the mean over pictures."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from lightning_dlic.metrics.functional import MS_SSIM_MIN_SIDE, ms_ssim, psnr, ssim
from lightning_dlic.metrics.perceptual import LPIPS
from lightning_dlic.metrics.protocol import crop_border, to_uint8, y_plane
from lightning_dlic.metrics.terms import MOST_DB, WINDOW

LARGE = 1 << 23
"""Pixels beyond which what needs the whole picture at once would no longer fit into 2 GB."""


class PictureMetric(nn.Module):
    """Mean over pictures of a per-picture value, after rounding to 8 bits.

    Call it with an output, float ``[B, C, H, W]`` in [0, 1] or uint8, and a target of the same shape; it returns the
    mean over this batch and remembers all pictures for `compute`. Its state is not part of any checkpoint.

    Attributes:
        title: What tables call it; made of its registered name where it is empty.
        form: How its values are written: a format specification.
        higher_is_better: Which way is better.
        crops: Whether the protocol leaves out a border as wide as the scale.
        color: Whether it is for pictures in colour alone.
        smallest: Shortest side that it can do with.
        largest: Most pixels of a picture, beyond which it would need too much memory.
        most: What a picture counts in a mean at most.
    """

    title: ClassVar[str] = ""
    form: ClassVar[str] = ".4f"
    higher_is_better: ClassVar[bool] = True
    crops: ClassVar[bool] = False
    color: ClassVar[bool] = False
    smallest: ClassVar[int] = 1
    largest: ClassVar[int] = 1 << 62
    most: ClassVar[float] = math.inf
    total: Tensor
    count: Tensor

    def __init__(self, crop_border: int = 0) -> None:
        """Starts empty.

        Args:
            crop_border: Pixels cut off each side before scoring; the protocol has the scale here for PSNR and SSIM.
        """
        super().__init__()
        self.crop_border = crop_border
        self.register_buffer("total", torch.zeros((), dtype=torch.float64), persistent=False)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64), persistent=False)

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture, uint8 ``[1, C, H, W]``, its border already cut off."""
        raise NotImplementedError

    @torch.no_grad()
    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Scores each picture of a batch; returns their mean."""
        x, y = (p if p.dtype == torch.uint8 else to_uint8(p) for p in (output, target))
        if self.crop_border:
            x, y = crop_border(x, self.crop_border), crop_border(y, self.crop_border)
        values = [min(self.most, self.picture(a, b)) for a, b in zip(torch.split(x, 1), torch.split(y, 1), strict=True)]
        self.total += sum(values)
        self.count += len(values)
        return torch.tensor(sum(values) / len(values), dtype=torch.float64)

    def compute(self) -> float:
        """Mean over all pictures since `reset`; not a number where there were none."""
        return (self.total / self.count).item()

    def reset(self) -> None:
        """Forgets all pictures."""
        self.total.zero_()
        self.count.zero_()


class PSNRY(PictureMetric):
    """PSNR on studio-range Y in dB, the figure that super-resolution papers report."""

    form: ClassVar[str] = ".2f"
    crops: ClassVar[bool] = True
    most: ClassVar[float] = MOST_DB

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        return psnr(output, target, plane=y_plane)


class PSNRRGB(PictureMetric):
    """PSNR over all colour channels in dB."""

    form: ClassVar[str] = ".2f"
    crops: ClassVar[bool] = True
    color: ClassVar[bool] = True
    most: ClassVar[float] = MOST_DB

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        return psnr(output, target)


class SSIMY(PictureMetric):
    """SSIM on studio-range Y (Wang et al. 2004)."""

    crops: ClassVar[bool] = True
    smallest: ClassVar[int] = WINDOW

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        return ssim(output, target, plane=y_plane)


class SSIMRGB(PictureMetric):
    """SSIM, mean over the colour channels."""

    crops: ClassVar[bool] = True
    color: ClassVar[bool] = True
    smallest: ClassVar[int] = WINDOW

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        return ssim(output, target)


class MSSSIM(PictureMetric):
    """Multi-scale SSIM on studio-range Y (Wang et al. 2003)."""

    smallest: ClassVar[int] = MS_SSIM_MIN_SIDE
    largest: ClassVar[int] = LARGE

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        return ms_ssim(y_plane(output), y_plane(target))


class NetworkMetric(PictureMetric):
    """A distance that a network of others finds between pictures in colour; lower is better.

    Attributes:
        network: Class of the network: two pictures ``[1, 3, H, W]`` in [0, 1] to a number.
    """

    higher_is_better: ClassVar[bool] = False
    smallest: ClassVar[int] = 32
    largest: ClassVar[int] = LARGE
    network: ClassVar[type[nn.Module]]

    def __init__(self, crop_border: int = 0) -> None:
        """Loads the network.

        Args:
            crop_border: Pixels cut off each side before scoring.

        Raises:
            DlicError: The weights are not to be found.
        """
        super().__init__(crop_border)
        # Inside a tuple: the weights of others must not enter a checkpoint.
        self._network = (self.network(),)

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        network = self._network[0].to(output.device)
        pair = (picture.expand(-1, 3, -1, -1).float() / 255.0 for picture in (output, target))
        distance: Tensor = network(*pair)
        return distance.item()


class LPIPSAlex(NetworkMetric):
    """LPIPS v0.1 with AlexNet (Zhang et al. 2018); lower is better."""

    network: ClassVar[type[nn.Module]] = LPIPS
