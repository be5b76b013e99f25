"""Classes of colour after Zhang, Isola, Efros (2016): a grid of the ab plane, kept where sRGB reaches.

The rule: every colour of sRGB, its a* and b* rounded to multiples of 10, gives a bin; there are 261. (The paper's 313
follow another, unstated rule.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_dlic.imaging.chroma import rgb_to_lab
from lightning_dlic.imaging.constants import kept

GRID = 10.0
NEIGHBOURS = 5
SIGMA = 5.0
# Values a face of the cube is sampled at.
_SAMPLES = 86


@kept(1)
def ab_bins() -> Tensor:
    """Centres of the bins, float ``[Q, 2]`` (a*, b*), in order of a*, then b*."""
    side = torch.linspace(0.0, 1.0, _SAMPLES)
    grid = torch.stack(torch.meshgrid(side, side, indexing="ij"))
    flat = [torch.full_like(grid[:1], value) for value in (0.0, 1.0)]
    # A line of one a*b* through the cube enters and leaves by its faces: they show all the a*b* there are.
    faces = [torch.cat((grid[:axis], end, grid[axis:])) for axis in range(3) for end in flat]
    ab = torch.stack([rgb_to_lab(face.double())[1:] for face in faces])
    rounded = torch.round(ab.movedim(1, 0).flatten(1).T / GRID) * GRID
    found: Tensor = torch.unique(rounded, dim=0)
    return found.float()


def soft_encode(ab: Tensor) -> Tensor:
    """Probabilities of the bins: the five nearest, by a Gaussian of their distance.

    Args:
        ab: ``[B, 2, H, W]``.

    Returns:
        ``[B, Q, H, W]``, each place sums to 1.
    """
    centres = ab_bins().to(ab)
    points = ab.movedim(1, -1).reshape(-1, 2)
    squared = torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist").square_()
    near, which = squared.topk(NEIGHBOURS, dim=1, largest=False)
    weight = torch.softmax(-near / (2.0 * SIGMA**2), dim=1)
    encoded = torch.zeros_like(squared).scatter_(1, which, weight)
    batch, _, height, width = ab.shape
    return encoded.view(batch, height, width, -1).movedim(-1, 1)


def nearest_bin(ab: Tensor) -> Tensor:
    """Number of the nearest bin, int64 ``[B, H, W]``, of ``[B, 2, H, W]``."""
    points = ab.movedim(1, -1)
    return torch.cdist(points.reshape(-1, 2), ab_bins().to(ab)).argmin(1).view(points.shape[:-1])


def annealed_mean(logits: Tensor, temperature: float) -> Tensor:
    """Colour between the mean (temperature 1) and the mode (towards 0) of a distribution over bins.

    Args:
        logits: ``[B, Q, H, W]``.
        temperature: Above 0.

    Returns:
        a* and b* ``[B, 2, H, W]``.
    """
    chance = torch.softmax(logits.float() / temperature, dim=1)
    return torch.einsum("bqhw,qc->bchw", chance, ab_bins().to(chance))


def rebalancing(prior: Tensor, share: float) -> Tensor:
    """Weights that make rare colours count: inverse to the prior, mixed with an even distribution.

    Args:
        prior: ``[Q]``, sums to 1.
        share: Share of the even distribution, the paper's lambda, in (0, 1].

    Returns:
        ``[Q]``, with mean 1 under the prior.
    """
    centres = ab_bins().to(prior)
    blur = F.softmax(-torch.cdist(centres, centres).square() / (2.0 * SIGMA**2), dim=0)
    smooth = blur @ prior
    weight = 1.0 / ((1.0 - share) * smooth + share / len(prior))
    return weight / (prior * weight).sum()
