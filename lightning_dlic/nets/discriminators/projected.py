"""A discriminator that looks through a frozen network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlic_registry import DlicError
from lightning_dlic.frozen.vgg import VGG19, convolution_index, width_of
from lightning_dlic.nets.discriminators.base import SLOPE, Discriminator, normed


class _Head(nn.Module):
    """Small and spectrally normalised: what one depth of the frozen network says of each place."""

    def __init__(self, features: int, width: int, conditions: int) -> None:
        super().__init__()
        self.mix = normed(features, width, 1)
        self.told = normed(conditions, width, 3) if conditions else None
        self.look = normed(width, width, 3)
        self.tail = normed(width, 1, 1)

    def forward(self, features: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.mix(features)
        if self.told is not None and told is not None:
            # What was decoded, at this depth's resolution: texture is judged by where it stands.
            x = x + self.told(F.adaptive_avg_pool2d(told, x.shape[-2:]))
        inside = F.leaky_relu(self.look(F.leaky_relu(x, SLOPE)), SLOPE)
        return self.tail(inside), inside


class Projected(Discriminator):
    """Judges VGG-19's features of pictures, place by place at several depths (after Sauer et al. 2021, Projected GANs).

    What is learned is a head a depth; the network below knows pictures already, so that a GAN is of use within
    thousands of batches. VGG-19 stays frozen and out of checkpoints, and is loaded when the first picture comes, or by
    `prepare`: who reads a checkpoint needs none. `frozen.vgg.VGG19` says where its weights come from.
    """

    def __init__(
        self,
        channels: int = 3,
        layers: Sequence[str] = ("1_2", "2_2", "3_4", "4_4"),
        width: int = 64,
        conditions: int = 0,
    ) -> None:
        """Builds the heads.

        Args:
            channels: Of the pictures: 3, or 1 for grey ones.
            layers: Convolutions whose activations are judged, as ``block_convolution``, in VGG's order.
            width: Channels of each head.
            conditions: Channels of what tells what the pictures were made of.

        Raises:
            ValueError: Pictures have another number of channels.
            DlicError: A layer does not exist, or the layers are not in order.
        """
        super().__init__()
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3 for projected, which looks through VGG-19, not {channels}")
        self.ends = [convolution_index(layer) + 2 for layer in layers]
        if not self.ends or sorted(set(self.ends)) != self.ends:
            raise DlicError(f"projected: layers must be in VGG's order, not {', '.join(layers)}")
        self.heads = nn.ModuleList(_Head(width_of(layer), width, conditions) for layer in layers)
        # Inside a tuple: the weights of others must not enter a checkpoint.
        self._frozen: tuple[VGG19, list[float]] | None = None

    def prepare(self) -> None:
        """See `Discriminator.prepare`."""
        self._seen()

    def _seen(self) -> tuple[VGG19, list[float]]:
        """The frozen network, and how strong its activations are."""
        if self._frozen is None:
            # Judging may begin in a validation; what inference mode makes could not be trained through.
            with torch.inference_mode(False):
                vgg = VGG19(self.ends[-1] - 1).to(memory_format=torch.channels_last)
                self._frozen = vgg, _levels(vgg, self.ends)
        return self._frozen

    def judge(self, x: Tensor, told: Tensor | None = None) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Gives logits ``[B, 1, h, w]`` and activations of each depth, for pictures of at least 16x16."""
        vgg, levels = self._seen()
        features = vgg.to(x.device).activations(x, self.ends)
        found = [head(each / level, told) for each, level, head in zip(features, levels, self.heads, strict=True)]
        return tuple(logits for logits, _ in found), [inside for _, inside in found]


@torch.no_grad()
def _levels(vgg: VGG19, ends: Sequence[int]) -> list[float]:
    """How strong each depth's activations are, for a picture that is coarse and fine alike."""
    with torch.device("cpu"):
        draw, picture = torch.Generator().manual_seed(0), torch.zeros(1, 3, 64, 64)
        for side in (1, 2, 4, 8, 16, 32, 64):
            noise = torch.rand(1, 3, side, side, generator=draw) / 7
            picture += F.interpolate(noise, size=(64, 64), mode="nearest")
        strengths = [each.square().mean().sqrt().item() for each in vgg.activations(picture, ends)]
    # Rounded, so that no other order of sums changes them.
    return [float(f"{strength:.2g}") or 1.0 for strength in strengths]
