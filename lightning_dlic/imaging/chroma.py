"""Colour as luma and two planes of chroma, and back to the RGB that has just that luma.

Luma is full-range BT.601 Y' everywhere; a chroma space says what the other two planes are:

- ``cbcr``: full-range BT.601 Cb and Cr, centred at 0, in [-0.5, 0.5].
- ``lab``: a* and b* of CIELAB (sRGB, D65), about -86 to 98 and -108 to 95.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_dlic.imaging.color import luma as rgb_luma
from lightning_dlic.imaging.color import rgb_to_ycbcr, ycbcr_to_rgb

SPACES = ("cbcr", "lab")

# Linear sRGB to XYZ divided by the white point D65, so that white is (1, 1, 1).
_XYZ = (
    (0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754),
)
_KNEE = 6.0 / 29.0
# Steps of the search for L*.
_STEPS = 4


def split(rgb: Tensor, space: str) -> tuple[Tensor, Tensor]:
    """Splits RGB into luma and chroma.

    Args:
        rgb: Float ``[..., 3, H, W]`` in [0, 1].
        space: ``cbcr`` or ``lab``.

    Returns:
        Luma ``[..., 1, H, W]`` in [0, 1] and chroma ``[..., 2, H, W]``.

    Raises:
        ValueError: There is no such space.
    """
    _check(space)
    ycbcr = rgb_to_ycbcr(rgb)
    chroma = ycbcr[..., 1:, :, :] if space == "cbcr" else rgb_to_lab(rgb)[..., 1:, :, :]
    return ycbcr[..., :1, :, :], chroma


def merge(luma: Tensor, chroma: Tensor, space: str) -> Tensor:
    """The RGB picture of this luma: chroma out of gamut is drawn towards grey, so that Y' holds.

    Args:
        luma: Float ``[..., 1, H, W]`` in [0, 1].
        chroma: ``[..., 2, H, W]``.
        space: ``cbcr`` or ``lab``.

    Returns:
        RGB ``[..., 3, H, W]`` in [0, 1], whose BT.601 luma is the one given.

    Raises:
        ValueError: There is no such space.
    """
    return _into_gamut(luma, to_cbcr(luma, chroma, space))


def to_cbcr(luma: Tensor, chroma: Tensor, space: str) -> Tensor:
    """Chroma of a space as Cb and Cr under this luma.

    Args:
        luma: Float ``[..., 1, H, W]`` in [0, 1].
        chroma: ``[..., 2, H, W]`` in the space.
        space: ``cbcr`` or ``lab``.

    Returns:
        ``[..., 2, H, W]``, centred; perhaps out of gamut.

    Raises:
        ValueError: There is no such space.
    """
    _check(space)
    if space == "cbcr":
        return chroma
    lightness = l_star(luma)
    for _ in range(_STEPS):
        # L* depends on chroma as well as on Y': grey's L* is only where Newton's method starts.
        light, above = (_luma_of(lightness + step, chroma) for step in (0.0, 1.0))
        slope = (above - light).clamp(min=2e-3)
        lightness = (lightness + (luma - light) / slope).clamp(0.0, 100.0)
    return rgb_to_ycbcr(lab_to_rgb(torch.cat((lightness, chroma), dim=-3)))[..., 1:, :, :]


def _luma_of(lightness: Tensor, chroma: Tensor) -> Tensor:
    return rgb_luma(lab_to_rgb(torch.cat((lightness, chroma), dim=-3)))


def _into_gamut(luma: Tensor, chroma: Tensor) -> Tensor:
    color = ycbcr_to_rgb(torch.cat((torch.zeros_like(luma), chroma), dim=-3))
    room = torch.where(color > 0, 1.0 - luma, luma)
    share = (room / color.abs().clamp(min=1e-6)).amin(dim=-3, keepdim=True).clamp(0.0, 1.0)
    return (luma + share * color).clamp(0.0, 1.0)


def l_star(luma: Tensor) -> Tensor:
    """L* in [0, 100] of the grey that has this luma in [0, 1]."""
    return 116.0 * _cube_root(_linear(luma)) - 16.0


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """CIELAB of sRGB.

    Args:
        rgb: Float ``[..., 3, H, W]`` in [0, 1].

    Returns:
        ``[..., 3, H, W]``: L* in [0, 100], a*, b*.
    """
    matrix = torch.tensor(_XYZ, dtype=rgb.dtype, device=rgb.device)
    x, y, z = _cube_root(torch.einsum("ij,...jhw->...ihw", matrix, _linear(rgb))).unbind(-3)
    return torch.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), dim=-3)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Inverse of `rgb_to_lab`; outside [0, 1] where the colour is out of gamut."""
    lightness, a, b = lab.unbind(-3)
    y = (lightness + 16.0) / 116.0
    root = torch.stack((y + a / 500.0, y, y - b / 200.0), dim=-3)
    xyz = torch.where(root > _KNEE, root**3, 3.0 * _KNEE**2 * (root - 4.0 / 29.0))
    matrix = torch.linalg.inv(torch.tensor(_XYZ, dtype=torch.float64)).to(lab)
    linear = torch.einsum("ij,...jhw->...ihw", matrix, xyz)
    # Continued evenly below 0: the search for L* passes through colours out of gamut.
    size = linear.abs()
    curved = 1.055 * size.clamp(min=1e-8) ** (1.0 / 2.4) - 0.055
    return torch.where(size > 0.0031308, curved, 12.92 * size) * linear.sign()


def _linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb > 0.04045, ((srgb.clamp(min=0.0) + 0.055) / 1.055) ** 2.4, srgb / 12.92)


def _cube_root(t: Tensor) -> Tensor:
    return torch.where(t > _KNEE**3, t.clamp(min=_KNEE**3) ** (1.0 / 3.0), t / (3.0 * _KNEE**2) + 4.0 / 29.0)


def _check(space: str) -> None:
    if space not in SPACES:
        raise ValueError(f"space must be one of {', '.join(SPACES)}, not {space!r}")
