"""Frechet distances: how far made pictures lie from real ones as sets, by the features of their patches.

They judge realism, whatever each picture's own original was. Values compare on one set of pictures alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.image.fid import FrechetInceptionDistance

from lightning_dlic.frozen.alexnet import WIDTHS, AlexNet
from lightning_dlic.frozen.vgg import VGG19, convolution_index

# Patches that go through a network at one time.
_AT_ONCE = 64
# Pictures whose features are remembered: the originals, which stand beside every way to make them.
_REMEMBERED = 128


class _AsTheyAre(nn.Module):
    """What torchmetrics takes for a network, where features come ready made."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


class _Patches(nn.Module):
    """Features of a picture's patches: the mean over places of the last activations of a frozen network."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side
        self._known: dict[int, Tensor] = {}

    @torch.inference_mode()
    def forward(self, pictures: Tensor, remember: bool) -> Tensor:
        """Float64 ``[N, D]`` of uint8 ``[B, 3|1, H, W]``."""
        return torch.cat([self._known_or(picture[None], remember) for picture in pictures])

    def _known_or(self, picture: Tensor, remember: bool) -> Tensor:
        if not remember:
            return self._look(picture)
        key = hash((tuple(picture.shape), picture.cpu().numpy().tobytes()))
        if key not in self._known:
            while len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = self._look(picture)
        return self._known[key]

    def _look(self, picture: Tensor) -> Tensor:
        self.network.to(picture.device)
        height, width = picture.shape[-2:]
        small = (0, max(0, self.side - width), 0, max(0, self.side - height))
        whole = F.pad(picture.float() / 255.0, small, mode="replicate").expand(-1, 3, -1, -1)
        patches = whole.unfold(2, self.side, self.side).unfold(3, self.side, self.side)
        patches = patches[0].permute(1, 2, 0, 3, 4).reshape(-1, 3, self.side, self.side)
        found = [self.network(some).mean((2, 3)).double() for some in torch.split(patches, _AT_ONCE)]
        return torch.cat(found)


class FrechetDistance(FrechetInceptionDistance):
    """Frechet distance of Gaussians fitted to features of patches, of made and of real pictures (Heusel et al. 2017).

    A metric of torchmetrics: `update` with pictures and whether they are real, then `compute`. Patches lie side by side
    from the upper left corner.
    """

    form: ClassVar[str] = ".3f"

    def __init__(self, network: nn.Module, width: int, patch: int, **kwargs: Any) -> None:
        """Starts empty.

        Args:
            network: Frozen; gives ``[N, width, h, w]`` of pictures ``[N, 3, patch, patch]`` in [0, 1].
            width: Features of a patch.
            patch: Side of the patches, in pixels.
            **kwargs: As torchmetrics' metrics take them.

        Raises:
            ValueError: Patches are too small to be looked at.
        """
        if patch < 32:
            raise ValueError(f"patch must be at least 32 pixels, not {patch}")
        super().__init__(feature=_AsTheyAre(width), normalize=False, **kwargs)
        self.patches = _Patches(network, patch)

    def update(self, imgs: Tensor, real: bool) -> None:
        """Takes pictures in.

        Args:
            imgs: uint8 ``[B, 3|1, H, W]``.
            real: Whether they are originals.
        """
        super().update(self.patches(imgs, remember=real), real)

    def compute(self) -> Tensor:
        """The distance, a scalar of at least 0."""
        # Roots of matrices that are short of rank, of few patches, may add up to a little more than there is.
        return super().compute().clamp(min=0.0)


class FDAlex(FrechetDistance):
    """Frechet distance of AlexNet's features of patches, over a set; lower is more real. AlexNet trains nothing."""

    title: ClassVar[str] = "FD-AlexNet"

    def __init__(self, patch: int = 64, **kwargs: Any) -> None:
        """Loads the network.

        Args:
            patch: Side of the patches, in pixels.
            **kwargs: As torchmetrics' metrics take them.

        Raises:
            DlicError: The weights are not to be found.
            ValueError: Patches are too small to be looked at.
        """
        super().__init__(AlexNet(), WIDTHS[-1], patch, **kwargs)


class FDVGG19(FrechetDistance):
    """Frechet distance of VGG-19's features of patches, over a set: a diagnostic, for what is trained on VGG-19."""

    title: ClassVar[str] = "FD-VGG19"

    def __init__(self, patch: int = 64, layer: str = "4_4", **kwargs: Any) -> None:
        """Loads the network.

        Args:
            patch: Side of the patches, in pixels.
            layer: Convolution whose activations are taken, as ``block_convolution``.
            **kwargs: As torchmetrics' metrics take them.

        Raises:
            DlicError: There is no such layer, or the weights are not to be found.
            ValueError: Patches are too small to be looked at.
        """
        network = VGG19(convolution_index(layer) + 1)
        width = next(each.out_channels for each in reversed(network.layers) if isinstance(each, nn.Conv2d))
        super().__init__(network, width, patch, **kwargs)
