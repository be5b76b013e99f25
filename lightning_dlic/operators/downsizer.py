"""Small pictures to measure with: MATLAB's bicubic, or a network's own downsizing."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlic_registry import DlicError, load
from lightning_dlic.imaging.color import luma_uint8, rgb_to_ycbcr, ycbcr_to_rgb
from lightning_dlic.imaging.resize import resize_uint8

# Input rows are taken into double precision so many pixels at a time.
_BAND = 1 << 22


@dataclass(frozen=True)
class Downsizer:
    """Shrinks 8-bit pictures by a whole factor, to 8 bits.

    Attributes:
        name: What results call it.
        scale: The factor.
        channels: Channels that the network takes.
        net: Maps uint8 ``[1, C, H, W]`` to float ``[1, C, h, w]`` in [0, 1]; None is MATLAB's bicubic.
        whole: Whether pictures are shrunk whole, whatever their size.
    """

    name: str
    scale: int
    channels: int = 3
    net: nn.Module | None = None
    whole: bool = False

    @property
    def halo(self) -> int:
        """Pixels of the small picture on each side that one of its pixels depends on."""
        # The antialiased cubic reaches two to each side.
        return 3 if self.net is None else int(self.net.halo)  # type: ignore[arg-type]

    def __call__(self, picture: Tensor) -> Tensor:
        """Shrinks a picture; a large one band by band, in bounded memory.

        Args:
            picture: uint8 ``[1, 3, H, W]`` with sides divisible by the factor.

        Returns:
            uint8 ``[1, 3, H/scale, W/scale]``. Of a network for luma the chroma is bicubic's.
        """
        height = picture.shape[-2] // self.scale
        rows = max(1, _BAND // (picture.shape[-1] * self.scale))
        if rows >= height or self.whole:
            return self._shrink(picture)
        bands = []
        for top in range(0, height, rows):
            above, below = min(self.halo, top), min(self.halo, max(0, height - top - rows))
            band = picture[..., (top - above) * self.scale : (top + rows + below) * self.scale, :]
            bands.append(self._shrink(band)[..., above : above + rows, :])
        return torch.cat(bands, dim=-2)

    def _shrink(self, picture: Tensor) -> Tensor:
        plain = resize_uint8(picture, scale=1.0 / self.scale) if self.net is None or self.channels == 1 else None
        if self.net is None:
            assert plain is not None
            return plain
        small: Tensor = self.net(picture if plain is None else luma_uint8(picture))
        if plain is not None:
            small = ycbcr_to_rgb(torch.cat((small, rgb_to_ycbcr(plain / 255.0)[:, 1:]), dim=1)).clamp(0.0, 1.0)
        return small.mul(255.0).round().to(torch.uint8)


def bicubic(scale: int) -> Downsizer:
    """MATLAB's antialiased bicubic, exact to the bit."""
    return Downsizer("bicubic", scale)


def registered(name: str, scale: int) -> Downsizer:
    """A downsizing operator by its registered name, on the CPU.

    Raises:
        DlicError: There is no such operator, or it refuses the scale.
    """
    try:
        net = load("downsize", name)(scale=scale).eval()
    except (TypeError, ValueError) as error:
        raise DlicError(f"downsize {name!r} at scale {scale}: {error}") from error
    return Downsizer(name, scale, 3, net, whole=not isinstance(getattr(net, "halo", None), int))


def learned(name: str, net: nn.Module, scale: int, channels: int) -> Downsizer | None:
    """The downsizing that a network brings along, if it does.

    Args:
        name: What results call it.
        net: Any network.
        scale: Its factor.
        channels: Its channels.

    Raises:
        DlicError: It does not say how far it looks.
    """
    down = getattr(net, "downsizer", None)
    if not isinstance(down, nn.Module):
        return None
    if not isinstance(getattr(down, "halo", None), int):
        raise DlicError(f"{name}: its downsizing network declares no whole number 'halo'")
    # A copy, for the network itself may move to another device than the pictures'.
    return Downsizer(name, scale, channels, copy.deepcopy(down).eval())
