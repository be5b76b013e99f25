"""A loss where a GAN makes artefacts, and only there."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.losses.kinds import Sees


class LDL(nn.Module):
    """L1 weighed by how likely a place is an artefact (Liang, Zeng and Zhang, CVPR 2022).

    Texture that a GAN invents differs from the truth much alike all over a neighbourhood; an artefact differs wildly.
    So a place counts by the variance of the error around it, and the picture as a whole by that of its error. With a
    steadier picture as ``reference`` places count only where the output is farther from the truth than that. (The
    paper's is the output of averaged weights; a stage that has a strength gives what its network makes at the least.)
    """

    sees = Sees.REFERENCE

    def __init__(self, window: int = 7) -> None:
        """Creates the loss.

        Args:
            window: Side of a neighbourhood, an odd number of pixels.

        Raises:
            ValueError: The window is no odd number of at least 3.
        """
        super().__init__()
        if window < 3 or window % 2 == 0:
            raise ValueError(f"window must be an odd number of at least 3, not {window}")
        self.window = window

    def forward(self, output: Tensor, target: Tensor, reference: Tensor | None = None) -> Tensor:
        """Compares ``[B, C, H, W]`` in [0, 1], if asked beside a reference of the same shape; a scalar."""
        error = output - target
        artefacts = self.map(error.detach().float(), None if reference is None else (reference - target).float())
        return (artefacts * error.abs()).mean()

    def map(self, error: Tensor, steady: Tensor | None = None) -> Tensor:
        """How likely each place is an artefact.

        Args:
            error: Of the output, ``[B, C, H, W]``.
            steady: Of the reference.

        Returns:
            ``[B, 1, H, W]``, at least 0.
        """
        size = error.abs().sum(1, keepdim=True)
        around = F.pad(size, [self.window // 2] * 4, mode="reflect")
        mean = F.avg_pool2d(around, self.window, stride=1)
        local = (F.avg_pool2d(around.square(), self.window, stride=1) - mean.square()).clamp(min=0.0)
        whole = size.var(dim=(1, 2, 3), keepdim=True).pow(0.2)
        found = whole * local
        return found if steady is None else found * (size > steady.abs().sum(1, keepdim=True)).to(found)
