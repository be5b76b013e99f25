"""A trained downsizing network in place of bicubic."""

from __future__ import annotations

from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.zoo.files import load_net


class LearnedDownsize(nn.Module):
    """The downsizing half of a network that `learned_downsize` trained, with its weights fixed."""

    def __init__(self, scale: int = 4, *, weights: str) -> None:
        """Loads the network.

        Args:
            scale: Whole factor by which both sides shrink; the network's own.
            weights: ``zoo:NAME``, or a weights file.

        Raises:
            DlicError: There is no such network, it does not downsize, or by another factor.
        """
        super().__init__()
        net, meta = load_net(weights)
        down = getattr(net, "downsizer", None)
        if not isinstance(down, nn.Module):
            raise DlicError(
                f"{weights}: {meta['net']['name'][:80]} does not downsize; only what learned_downsize trained does"
            )
        if meta.get("scale") != scale:
            raise DlicError(f"{weights}: downsizes by {meta.get('scale')}, not by {scale}")
        self.scale, self.channels = scale, meta.get("channels")
        self.down = down.requires_grad_(False)

    @property
    def halo(self) -> int:
        """Pixels of the small picture on each side that one of its pixels depends on."""
        reach: int = self.down.halo  # type: ignore[assignment]
        return reach

    def forward(self, image: Tensor) -> Tensor:
        """Shrinks uint8 pictures ``[B, C, H, W]`` to float ones ``[B, C, H/s, W/s]`` in [0, 1], on the 8-bit grid.

        Raises:
            DlicError: The pictures have another number of channels than the network.
        """
        if image.shape[-3] != self.channels:
            raise DlicError(f"this downsizing network takes {self.channels} channels, not {image.shape[-3]}")
        small: Tensor = self.down(image)
        return small
