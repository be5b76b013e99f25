"""Losses over classes."""

from __future__ import annotations

from torch import Tensor, nn


class SoftCrossEntropy(nn.Module):
    """Cross-entropy against soft, weighted classes."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares logits ``[B, Q, H, W]`` with weights of the classes ``[B, Q, H, W]``.

        Returns:
            Mean over places, each counted by the sum of its weights; in nats.
        """
        surprise = -(target * output.float().log_softmax(1)).sum()
        return surprise / target.sum().clamp(min=1e-6)
