"""What discriminators share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Logits = Tensor | tuple[Tensor, ...]
SLOPE = 0.2


class Discriminator(nn.Module):
    """Tells real pictures (positive logits) from made ones.

    Any network that gives logits of pictures serves as one. What this class adds is a look inside, for losses that
    compare activations, and conditions: one whose constructor takes ``conditions`` is told of how many channels they
    are, and is called with them as well.
    """

    def prepare(self) -> None:
        """Called before training: loads what is needed for judging, but not for reading a checkpoint.

        Raises:
            DlicError: It is not at hand.
        """

    def judge(self, x: Tensor, told: Tensor | None = None) -> tuple[Logits, list[Tensor]]:
        """Logits of pictures, and the activations on the way to them.

        Args:
            x: Pictures ``[B, channels, H, W]`` in [0, 1].
            told: What they were made of, such as the decoded base layer enlarged, ``[B, conditions, H, W]``.
        """
        raise NotImplementedError

    def forward(self, x: Tensor, told: Tensor | None = None) -> Logits:
        """The logits alone: of whole pictures ``[B, 1]``, or of places ``[B, 1, h, w]``, perhaps at several depths."""
        return self.judge(x, told)[0]


def normed(inside: int, outside: int, side: int = 3, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution whose largest gain is held at 1 (Miyato et al. 2018)."""
    layer = nn.Conv2d(inside, outside, side, stride, padding=(side - 1) // 2, bias=bias)
    spectral_norm(layer)
    return layer
