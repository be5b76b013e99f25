"""A loss by sub-bands: how much of an error is tone, and how much is texture, each with a weight of its own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from lightning_dlic.imaging.wavelet import filters, stationary_wavelets


class Wavelet(nn.Module):
    """Mean absolute error of the sub-bands of a stationary wavelet transform (Korkmaz et al., CVPR 2024, WGSR).

    Where a GAN is to be free, in fine detail, little is asked for; where errors show as such, in the low band, more.
    """

    def __init__(
        self, low: float = 1.0, details: Sequence[float] = (0.1, 0.1, 0.5), levels: int = 1, wavelet: str = "sym4"
    ) -> None:
        """Creates the loss.

        Args:
            low: Weight of the low band.
            details: Weights of changes along rows, along columns, and along both; the paper's ratios to the low band.
            levels: How often the low band is split again; each level's details count alike.
            wavelet: ``sym4`` or ``haar``.

        Raises:
            ValueError: A weight is negative, there are not three of details, or there is no such wavelet.
        """
        super().__init__()
        if len(details) != 3 or min(low, *details) < 0 or levels < 1:
            raise ValueError("low and three details must be weights of at least 0, and levels at least 1")
        filters(wavelet)
        self.low, self.details, self.levels, self.wavelet = low, tuple(details), levels, wavelet

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]`` with ``[B, C, H, W]``; a scalar of the same unit."""
        low, levels = stationary_wavelets((output - target).float(), self.levels, self.wavelet)
        total = self.low * low.abs().mean()
        for bands in levels:
            means = bands.abs().mean(dim=(0, 1, 3, 4))
            total = total + (means * means.new_tensor(self.details)).sum() / self.levels
        return total
