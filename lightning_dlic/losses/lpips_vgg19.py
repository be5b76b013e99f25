"""Unit-normalised features of several layers of VGG-19: the form of LPIPS, with weights of layers instead of heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlic_registry import DlicError
from lightning_dlic.frozen.vgg import VGG19, convolution_index, jittered


class LPIPSVGG19(nn.Module):
    """Squared distance of VGG-19's features, each place's features of length 1 (after Zhang et al., CVPR 2018).

    A layer's distance is summed over channels and averaged over places, so between 0 and 4 whatever its width; the
    loss is the weighted mean over layers. The weights of VGG-19 are frozen and never part of a checkpoint; `VGG19` says
    where they come from. It is no LPIPS: heads fitted to people's judgements, and AlexNet, with which results are
    judged, have no part in it.
    """

    def __init__(
        self,
        layers: Sequence[str] = ("1_2", "2_2", "3_2", "4_2"),
        weights: Sequence[float] | None = None,
        jitter: int = 0,
        shrink: Sequence[int] = (1,),
    ) -> None:
        """Loads the network.

        Args:
            layers: Convolutions whose activations are compared, as ``block_convolution``, in VGG's order.
            weights: One a layer; all alike by default. Only their ratios count.
            jitter: Both pictures lose so many rows and columns, a random share of them at the top and left.
            shrink: By how much both are made smaller first, by means of whole squares; for several, each counts alike.
                Smaller, VGG looks at coarser texture, as from farther away, and costs less.

        Raises:
            DlicError: A layer does not exist, the layers are not in order, the weights are not one positive number a
                layer, the jitter is negative, a shrinking is below 1, or VGG's weights can be had nowhere.
        """
        super().__init__()
        weights = [1.0] * len(layers) if weights is None else [float(weight) for weight in weights]
        if len(weights) != len(layers) or not layers or min(weights) <= 0:
            raise DlicError(f"losses: lpips_vgg19 weights must be {len(layers)} positive numbers, one a layer")
        if jitter < 0:
            raise DlicError(f"losses: lpips_vgg19 jitter must be at least 0, not {jitter}")
        if not shrink or min(shrink) < 1:
            raise DlicError(f"losses: lpips_vgg19 shrink must be whole numbers of at least 1, not {list(shrink)}")
        try:
            # What is compared stands after the activation.
            self.ends = [convolution_index(layer) + 2 for layer in layers]
        except DlicError as error:
            raise DlicError(f"losses: lpips_vgg19 layers: {error}") from error
        if sorted(set(self.ends)) != self.ends:
            raise DlicError(f"losses: lpips_vgg19 layers must be in VGG's order, not {', '.join(layers)}")
        self.weights = [weight / sum(weights) for weight in weights]
        self.jitter, self.shrink = jitter, tuple(int(by) for by in shrink)
        self.vgg = VGG19(self.ends[-1] - 1)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares RGB (or grey) pictures ``[B, 3|1, H, W]`` in [0, 1]; a scalar in [0, 4]."""
        pair = jittered(output, target.detach(), self.jitter)
        return torch.stack([self._distance(*(F.avg_pool2d(p, by) for p in pair)) for by in self.shrink]).mean()

    def _distance(self, output: Tensor, target: Tensor) -> Tensor:
        total = output.new_zeros(())
        x, y = (self.vgg.activations(picture, self.ends) for picture in (output, target))
        for weight, a, b in zip(self.weights, x, y, strict=True):
            total = total + weight * (_unit(a) - _unit(b)).square().sum(1).mean()
        return total


def _unit(features: Tensor) -> Tensor:
    """Features of length 1 at each place; where all are nought, nought."""
    wide = features.float()
    return wide / (wide.square().sum(1, keepdim=True) + 1e-8).sqrt()
