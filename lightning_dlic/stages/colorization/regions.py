"""Regions of random size and shape for training hints, on the device, a batch at a time.

The codec's own superpixels are integer code for one picture on a CPU. A network that is to serve any hints must not
know one kind of region too well: these are like them, not the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_dlic.imaging.hint_planes import SIDE, STEP


@dataclass(frozen=True)
class Shape:
    """What regions look like.

    Attributes:
        size: Their usual side in pixels.
        wander: How far seeds stand off the grid, as a share of the side: 0 with no tone gives square cells.
        tone: Distance in pixels, as a share of the side, that the whole range of luma counts for.
        rounds: How often seeds move to the middle of their region.
    """

    size: int
    wander: float = 0.0
    tone: float = 0.0
    rounds: int = 1


def random_shape(smallest: int, largest: int) -> Shape:
    """Square cells, cells of a random net, or superpixels, of a size drawn evenly on a logarithmic scale."""
    share, kind, tone = torch.rand(3).tolist()
    size = round(smallest * (largest / smallest) ** share)
    if kind < 0.3:
        return Shape(size)
    if kind < 0.4:
        return Shape(size, wander=0.8)
    return Shape(size, wander=0.2, tone=3.0 + 9.0 * tone, rounds=2)


def region_labels(luma: Tensor, shape: Shape) -> tuple[Tensor, int]:
    """Divides pictures into regions.

    Args:
        luma: ``[B, 1, H, W]`` in [0, 1].
        shape: What they look like.

    Returns:
        Labels int64 ``[B, H, W]``, and the number of labels there may be.
    """
    tone = luma[:, 0].float() * (shape.tone * shape.size)
    batch, height, width = tone.shape
    rows, columns = -(-height // shape.size), -(-width // shape.size)
    y = torch.arange(height, device=luma.device)
    x = torch.arange(width, device=luma.device)
    cell_y, cell_x = (y // shape.size)[:, None].expand(height, width), (x // shape.size).expand(height, width)
    labels = (cell_y * columns + cell_x).expand(batch, height, width)
    if not shape.wander and not shape.tone:
        return labels.contiguous(), rows * columns
    planes = torch.stack((y[:, None].expand_as(tone).float(), x.expand_as(tone).float(), tone), dim=1)
    seeds = region_means(planes, labels, rows * columns)
    seeds[:, :2] += (torch.rand_like(seeds[:, :2]) - 0.5) * (shape.wander * shape.size)
    for number in range(shape.rounds):
        if number:
            seeds = region_means(planes, labels, rows * columns)
        labels = _nearest(planes, seeds, cell_y, cell_x, rows, columns)
    return labels, rows * columns


def _nearest(planes: Tensor, seeds: Tensor, cell_y: Tensor, cell_x: Tensor, rows: int, columns: int) -> Tensor:
    """The nearest seed of the nine cells around each place."""
    best: Tensor | None = None
    labels = torch.zeros_like(planes[:, 0], dtype=torch.int64)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near = (cell_y + dy).clamp(0, rows - 1) * columns + (cell_x + dx).clamp(0, columns - 1)
            distance = (planes - seeds[:, :, near]).square_().sum(1)
            if best is None:
                best, labels = distance, near.expand_as(labels).clone()
                continue
            closer = distance < best
            best = torch.where(closer, distance, best)
            labels = torch.where(closer, near, labels)
    return labels


def region_means(planes: Tensor, labels: Tensor, count: int) -> Tensor:
    """Means over regions.

    Args:
        planes: ``[B, C, H, W]``.
        labels: int64 ``[B, H, W]`` in [0, count).
        count: Number of labels.

    Returns:
        ``[B, C, count]``; 0 for labels that no place has.
    """
    flat = labels.flatten(1).unsqueeze(1)
    sums = planes.new_zeros(*planes.shape[:2], count)
    sums.scatter_add_(2, flat.expand(-1, planes.shape[1], -1), planes.flatten(2))
    sizes = planes.new_zeros(planes.shape[0], 1, count)
    sizes.scatter_add_(2, flat, torch.ones_like(planes[:, :1]).flatten(2))
    return sums / sizes.clamp(min=1.0)


def paint(values: Tensor, labels: Tensor) -> Tensor:
    """Gives each place the value of its region: ``[B, C, count]`` and ``[B, H, W]`` make ``[B, C, H, W]``."""
    flat = labels.flatten(1).unsqueeze(1).expand(-1, values.shape[1], -1)
    return values.gather(2, flat).view(*values.shape[:2], *labels.shape[1:])


def make_hints(chroma: Tensor, labels: Tensor, count: int, known: Tensor, step: float) -> Tensor:
    """Hints as the codec's decoder would paint them.

    Args:
        chroma: Cb and Cr ``[B, 2, H, W]``, centred.
        labels: int64 ``[B, H, W]``.
        count: Number of labels.
        known: Which regions send a colour, 0 or 1, ``[B, 1, count]``.
        step: Of the colours' quantiser.

    Returns:
        ``[B, 6, H, W]``, as `ColorNet` says; all known colours count as sent.
    """
    colors = torch.round(region_means(chroma, labels, count) / step) * step
    side = (labels.shape[-2] * labels.shape[-1] / count) ** 0.5 / SIDE
    facts = known, known * side, known * (step * 255.0 / STEP), known
    return paint(torch.cat((colors * known, *facts), dim=1), labels)
