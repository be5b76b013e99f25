"""Losses between blocks, after what a codec pays for a difference."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class BlockL2(nn.Module):
    """Mean over blocks of the root mean square error: PNNS's loss (Dumas et al. 2019).

    Unlike the squared error it is not ruled by the few blocks that nothing predicts.
    """

    def __init__(self, epsilon: float = 2e-3) -> None:
        """Creates the loss.

        Args:
            epsilon: Error below which the loss turns quadratic, in the blocks' unit.
        """
        super().__init__()
        self.epsilon = epsilon

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[N, C, m, m]`` with ``[N, C, m, m]``; a scalar of the same unit."""
        square = (output - target).float().square().flatten(1).mean(dim=1)
        return torch.sqrt(square + self.epsilon**2).mean()


class SATD(nn.Module):
    """Mean absolute Hadamard coefficient of the difference: close to the bits that a transform codec spends on it."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[N, C, m, m]`` with ``[N, C, m, m]``, m a power of two; a scalar of the same unit."""
        difference = (output - target).float()
        h = hadamard(difference.shape[-1], difference.device)
        return (h @ difference @ h).abs().mean()


class NearestRate(nn.Module):
    """Bits that a transform codec spends on the cheapest of K predictions: on its difference, and on naming it.

    A coefficient c of the cosine transform counts ``log2(1 + (c / step)^2) / 2``: little below the step, as a
    quantiser sees to, and its magnitude in bits above. A prediction costs as many bits to name as its share of the
    batch's blocks tells: without that, predictions part for gains that naming them eats up. But networks that pay from
    the first batch on keep theirs near the expectation, and are better trained without (``named``). A share
    of the weight goes to the predictions that are not chosen (Rupprecht et al. 2017): one that is never chosen would
    otherwise never learn. A codec that halves blocks takes of a prediction what it needs: with ``halvings``, parts of
    the batch are compared in their first rows or columns only (`parts`).
    """

    def __init__(self, step: float = 10.0, guard: float = 0.05, named: bool = True, halvings: int = 0) -> None:
        """Creates the loss.

        Args:
            step: Of the quantiser, in levels of 255.
            guard: Share of the others, in [0, 1).
            named: Whether naming costs.
            halvings: How often blocks are halved at most.

        Raises:
            ValueError: ``halvings`` is negative.
        """
        super().__init__()
        if halvings < 0:
            raise ValueError(f"halvings must be at least 0, not {halvings}")
        self.step, self.guard, self.named, self.halvings = step, guard, named, halvings

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[N, K, m, m]`` with ``[N, 1, m, m]``; bits a sample, a scalar.

        Raises:
            ValueError: Blocks are too small for so many halvings.
        """
        difference = (output - target).float() * (255.0 / self.step)
        total, samples = difference.new_zeros(()), 0
        for part in parts(difference, self.halvings):
            total = total + self._spent(part)
            samples += len(part) * part[0, 0].numel()
        return total / samples

    def _spent(self, difference: Tensor) -> Tensor:
        """Bits of some blocks, all together."""
        rows, columns = (cosines(side, difference.device) for side in difference.shape[-2:])
        bits = torch.log1p((rows @ difference @ columns.T).square()).sum(dim=(2, 3)) * (0.5 / math.log(2.0))
        spent = bits + naming_bits(bits.detach()) * self.named
        return ((1.0 - self.guard) * spent.amin(dim=1) + self.guard * bits.mean(dim=1)).sum()


def parts(blocks: Tensor, halvings: int) -> list[Tensor]:
    """Cuts a batch into whole blocks, upper and left halves, upper and left quarters and so on.

    Args:
        blocks: ``[N, K, m, m]``.
        halvings: How often blocks are halved at most.

    Returns:
        First of the batch whole ones, then upper and left parts, each halving half as many; none of them empty.

    Raises:
        ValueError: ``m`` cannot be halved so often.
    """
    side = blocks.shape[-1]
    if side % (1 << halvings):
        raise ValueError(f"halvings must be fewer for blocks of {side}, not {halvings}")
    shapes = [(side >> n * upper, side >> n * (1 - upper)) for n in range(halvings + 1) for upper in (1, 0)][1:]
    shares = [1 << halvings] + [1 << halvings - n for n in range(1, halvings + 1) for _ in range(2)]
    ends = [len(blocks) * sum(shares[: n + 1]) // sum(shares) for n in range(len(shares))]
    cut = zip(shapes, [0, *ends], ends, strict=False)
    return [blocks[start:end, :, :height, :width] for (height, width), start, end in cut if end > start]


def naming_bits(bits: Tensor, rounds: int = 4) -> Tensor:
    """What each of K choices costs to name, if everyone takes what is cheapest with that cost: its entropy code.

    Args:
        bits: Cost of each choice without its name, ``[N, K]``.
        rounds: Steps from choices that are all alike towards such costs.

    Returns:
        Bits ``[K]``.
    """
    count = bits.shape[1]
    cost = torch.full((count,), math.log2(count), device=bits.device)
    for _ in range(rounds):
        taken = torch.bincount((bits + cost).argmin(dim=1), minlength=count)
        cost = -torch.log2((taken + 1.0) / (len(bits) + count))
    return cost


def cosines(m: int, device: torch.device | None = None) -> Tensor:
    """The orthonormal matrix ``[m, m]`` of the discrete cosine transform (DCT-II), basis functions in rows."""
    places = torch.arange(m, device=device, dtype=torch.float64)
    d = torch.cos(torch.outer(places, 2.0 * places + 1.0) * (math.pi / (2 * m))) * math.sqrt(2.0 / m)
    d[0] /= math.sqrt(2.0)
    return d.float()


def hadamard(m: int, device: torch.device | None = None) -> Tensor:
    """The orthonormal Hadamard matrix ``[m, m]``.

    Raises:
        ValueError: ``m`` is not a power of two.
    """
    if m < 1 or m & (m - 1):
        raise ValueError(f"m must be a power of two, not {m}")
    h = torch.ones(1, 1, device=device)
    while len(h) < m:
        h = torch.cat([torch.cat([h, h], dim=1), torch.cat([h, -h], dim=1)], dim=0)
    return h / math.sqrt(m)
