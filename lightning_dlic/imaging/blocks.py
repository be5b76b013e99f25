"""Causal contexts of square blocks, cut on the device from any batch of pictures.

The layout is that of `imaging.numpy.blocks`; a context and what of it is available travel together as uint8
``[N, 2, 5 m^2]``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_dlic.imaging.constants import kept
from lightning_dlic.imaging.numpy.blocks import GREY, REACH, layout

# Codecs decode in units of this many samples, so availability changes only at their multiples.
_UNIT = 4


@kept(16)
def _offsets(m: int) -> tuple[Tensor, Tensor]:
    rows, columns = layout(m)
    return torch.from_numpy(rows), torch.from_numpy(columns)


@kept(16)
def transposition(m: int, device: torch.device | None = None) -> Tensor:
    """Where in a context each sample is found once the context is mirrored at the block's diagonal.

    Args:
        m: Side of the block.
        device: Where the result lies.

    Returns:
        int64 ``[5 m^2]``, its own inverse: ``context[..., transposition(m)]`` is that of the transposed picture.
    """
    rows, columns = _offsets(m)
    size = 3 * m
    found = torch.empty(len(rows), dtype=torch.int64)
    found[(rows * size + columns).argsort()] = (columns * size + rows).argsort()
    return found.to(device)


def seen(x: Tensor, m: int, view: int) -> Tensor:
    """Contexts as they would be cut of another view of their pictures.

    Args:
        x: uint8 ``[N, 2, 5 m^2]``.
        m: Side of the blocks.
        view: One of `imaging.numpy.blocks.VIEWS`.

    Returns:
        uint8 ``[N, 2, 5 m^2]``.
    """
    if view & 1:
        x = x[..., transposition(m, x.device)]
    return torch.stack([255 - x[:, 0], x[:, 1]], dim=1) if view & 2 else x


def seen_back(blocks: Tensor, view: int) -> Tensor:
    """Blocks ``[N, K, m, m]`` in [0, 1] from the view that `seen` made back to their pictures' own."""
    if view & 2:
        blocks = 1.0 - blocks
    return blocks.transpose(2, 3) if view & 1 else blocks


def grid(height: int, width: int, m: int, device: torch.device | None = None) -> Tensor:
    """Corners of all blocks of the regular grid whose contexts lie inside the picture.

    Args:
        height: Of the picture.
        width: Of the picture.
        m: Side of the blocks.
        device: Where the result lies.

    Returns:
        int64 ``[N, 2]``: rows and columns; N may be 0.
    """
    rows = torch.arange(m, max(m, height - 2 * m + 1), m, device=device)
    columns = torch.arange(m, max(m, width - 2 * m + 1), m, device=device)
    return torch.cartesian_prod(rows, columns).reshape(-1, 2)


def draw_corners(shape: torch.Size, m: int, count: int, device: torch.device) -> Tensor:
    """Draws places of blocks whose contexts lie inside their pictures.

    Args:
        shape: Of the batch, ``[B, 1, H, W]``.
        m: Side of the blocks.
        count: How many.
        device: Where the result lies.

    Returns:
        int64 ``[count, 3]``: picture, row, column.

    Raises:
        ValueError: The pictures are smaller than 3m.
    """
    height, width = shape[-2:]
    if min(height, width) < 3 * m:
        raise ValueError(f"pictures of {height}x{width} hold no block of {m}x{m} with its context of {3 * m}x{3 * m}")
    ends = ((0, shape[0]), (m, height - 2 * m + 1), (m, width - 2 * m + 1))
    return torch.stack([torch.randint(low, high, (count,), device=device) for low, high in ends], dim=1)


def cut(planes: Tensor, where: Tensor, m: int) -> Tensor:
    """Cuts contexts that lie inside their pictures.

    Args:
        planes: ``[B, 1, H, W]``.
        where: int64 ``[N, 3]``: picture, row, column of the blocks' corners.
        m: Side of the blocks.

    Returns:
        ``[N, 5 m^2]`` of the planes' type.
    """
    height, width = planes.shape[-2:]
    rows, columns = (part.to(where.device) for part in _offsets(m))
    start = where[:, 0] * (height * width) + where[:, 1] * width + where[:, 2]
    return planes.reshape(-1)[start[:, None] + rows * width + columns]


def cut_blocks(planes: Tensor, where: Tensor, m: int) -> Tensor:
    """Cuts the blocks themselves: ``[N, 1, m, m]`` of the planes' type; arguments as those of `cut`."""
    height, width = planes.shape[-2:]
    ramp = torch.arange(m, device=where.device)
    inner = (ramp[:, None] * width + ramp).reshape(-1)
    start = where[:, 0] * (height * width) + where[:, 1] * width + where[:, 2]
    return planes.reshape(-1)[start[:, None] + inner].reshape(-1, 1, m, m)


def draw_masks(count: int, m: int, device: torch.device) -> Tensor:
    """Draws what of a context a codec would know: often all, often nothing above right or below left.

    Args:
        count: How many.
        m: Side of the blocks.
        device: Where the result lies.

    Returns:
        uint8 ``[count, 5 m^2]``, 1 where available.
    """
    rows, columns = (part.to(device) for part in _offsets(m))
    right, below = _extent(count, m, 0.5, device), _extent(count, m, 0.3, device)
    border = torch.rand(count, 2, device=device) < 0.08
    gone = (rows < 0) & (columns >= m + right[:, None]) | (rows >= m + below[:, None])
    gone |= (rows < 0) & border[:, :1] | (columns < 0) & border[:, 1:]
    return (~gone).to(torch.uint8)


def _extent(count: int, m: int, whole: float, device: torch.device) -> Tensor:
    """How many samples beyond the block are known: all with this probability, else mostly none, now and then some."""
    kind = torch.rand(count, device=device)
    some = torch.randint(0, m // _UNIT + 1, (count,), device=device) * _UNIT
    return torch.where(kind < whole, m, torch.where(kind < 0.9, 0, some))


def center(x: Tensor) -> tuple[Tensor, Tensor]:
    """Takes the rounded mean of what is available from contexts; `imaging.numpy.blocks.center` in floats, to the bit.

    Args:
        x: uint8 ``[N, 2, 5 m^2]``: contexts and availability.

    Returns:
        Whole numbers in float32: ``[N, 5 m^2]`` in [-127, 127], 0 where unavailable, and means ``[N, 1]``.
    """
    context, weight = x[:, 0].float(), x[:, 1].float()
    count = weight.sum(dim=1, keepdim=True)
    total = (context * weight).sum(dim=1, keepdim=True)
    mean = ((2 * total + count) / (2 * count).clamp(min=1)).floor()
    mean = torch.where(count > 0, mean, float(GREY))
    return ((context - mean) * weight).clamp(-REACH, REACH), mean


def surroundings(x: Tensor, blocks: Tensor) -> Tensor:
    """Puts blocks into what surrounds them, for networks that look at pictures.

    Args:
        x: uint8 ``[N, 2, 5 m^2]``: contexts and availability.
        blocks: float ``[N, 1, m, m]`` in [0, 1].

    Returns:
        float ``[N, 1, 3m, 3m]``; what is neither known nor the block is the context's mean.
    """
    m = blocks.shape[-1]
    centered, mean = center(x)
    rows, columns = (part.to(x.device) + m for part in _offsets(m))
    canvas = torch.zeros(len(x), 9 * m * m, device=x.device)
    canvas[:, rows * 3 * m + columns] = centered
    picture = ((canvas + mean) / 255.0).reshape(-1, 1, 3 * m, 3 * m).to(blocks.dtype)
    picture[:, :, m : 2 * m, m : 2 * m] = blocks
    return picture
