"""Pictures of any size through a network, piece by piece, without seams.

A tile is read with a halo as wide as the network's receptive field reaches, and only its inside is kept: each output
pixel then sees what it would see in the whole picture, and borders of the picture stay borders. Networks must treat
all places alike, as convolutions without strides do.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lightning_dlic.imaging.spans import spans

# Inside of a tile, in input pixels: larger wastes less on halos, smaller needs less memory.
TILE = 192
_PROBES = (32, 64, 128, 256)
# Height of the strip on which reach along its width is measured; a square would cost ten times as much.
_STRIP = 16


def net_halo(net: nn.Module, channels: int) -> int | None:
    """How many input pixels around its own place an output pixel depends on.

    A net may declare it as ``halo``; otherwise it is measured.

    Args:
        net: Network mapping ``[B, C, h, w]`` to a whole multiple of that size.
        channels: C.

    Returns:
        The halo; None where an output pixel depends on the whole picture, so that no tiles are possible.
    """
    declared = getattr(net, "halo", None)
    return declared if isinstance(declared, int) else measure_halo(net, channels)


@torch.inference_mode(False)
@torch.enable_grad()
def measure_halo(net: nn.Module, channels: int) -> int | None:
    """Measures the halo from the gradient of the middle output pixels with respect to the input.

    The copy that is measured has positive weights only, so that no dead unit and no cancellation can hide a path: a
    gradient is zero just where there is no path.

    Args:
        net: As for `net_halo`; it is not changed.
        channels: Channels of its input.

    Returns:
        The halo; None where it is 127 or more, as a global pooling's is.
    """
    probe = copy.deepcopy(net).double().eval().requires_grad_(False)
    for parameter in probe.parameters():
        # Equal weights that sum to 1 over the fan-in keep magnitudes near 1 at any depth.
        parameter.fill_(1.0 / parameter[0].numel() if parameter.dim() > 1 else 0.5)
    for side in _PROBES:
        reach = max(_reach(probe, channels, axis, side) for axis in (-2, -1))
        if reach < side // 2 - 1:
            return reach
    return None


def _reach(probe: nn.Module, channels: int, axis: int, side: int) -> int:
    """Distance along an axis of the farthest input pixel that the output at the middle of a strip depends on."""
    shape = (side, _STRIP) if axis == -2 else (_STRIP, side)
    strip = torch.full((1, channels, *shape), 0.75, dtype=torch.float64, requires_grad=True)
    output = probe(strip)
    scale = output.shape[axis] // side
    middle = output.narrow(axis, side // 2 * scale, scale)
    (gradient,) = torch.autograd.grad(middle.sum(), strip)
    other = -1 if axis == -2 else -2
    places = (gradient[0] != 0).any(0).any(other).nonzero().flatten()
    return int((places - side // 2).abs().max()) if len(places) else 0


def _identity(part: Tensor) -> Tensor:
    return part


@torch.inference_mode()
def enlarge(
    net: Callable[[Tensor], Tensor],
    picture: Tensor,
    scale: int,
    *,
    halo: int | None,
    prepare: Callable[[Tensor], Tensor] = _identity,
    finish: Callable[[Tensor], Tensor] = _identity,
    tile: int = TILE,
    align: int = 1,
    size: tuple[int, int] | None = None,
    layout: torch.memory_format = torch.contiguous_format,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """Applies a network to a picture tile by tile; beyond input and output, the memory needed does not grow.

    Args:
        net: Maps what ``prepare`` gives, ``[1, C, h, w]``, to ``[1, C', h*scale, w*scale]``.
        picture: ``[1, C, H, W]`` of any type.
        scale: Factor of enlargement.
        halo: The network's halo (`net_halo`); None runs the whole picture at once.
        prepare: Applied to each piece before the network: conversion to float, for instance, which for the whole
            picture would need its memory several times over.
        finish: Applied to each piece of the output: rounding, for instance.
        tile: Side of a tile in input pixels, without halo.
        align: What tiles begin at multiples of, in input pixels: the product of a network's strides.
        size: Rows and columns of the output that are kept; all by default.
        layout: How the output lies in memory.
        progress: Called after each row of tiles with the share done, in (0, 1].

    Returns:
        ``[1, C', H*scale, W*scale]``, or of `size`, of the type that ``finish`` gives: what the network makes of the
        whole picture, but for the order of floating-point sums.

    Raises:
        ValueError: The picture has no pixels.
    """
    height, width = picture.shape[-2:]
    if not height or not width:
        raise ValueError(f"picture of {height}x{width} has no pixels")
    if halo is None:
        halo, tile = 0, max(height, width)
    whole, size = picture.new_empty(0), size or (height * scale, width * scale)
    for rows in spans(height, halo, tile, align):
        for columns in spans(width, halo, tile, align):
            output = net(prepare(picture[..., rows.read, columns.read]))
            part = finish(output[..., rows.inside(scale), columns.inside(scale)])
            if not whole.numel():
                shape = (*part.shape[:-2], *size)
                whole = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=layout)
            place = whole[..., rows.target(scale), columns.target(scale)]
            place.copy_(part[..., : place.shape[-2], : place.shape[-1]])
        if progress:
            progress(rows.keep.stop / height)
    return whole
