"""What predicts blocks: networks and the modes of HEVC behind one call."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightning_dlic.export.integers import to_integers
from lightning_dlic.imaging.blocks import seen, seen_back
from lightning_dlic.imaging.intra_modes import DC, MODES, PLANAR, VERTICAL, predict_modes, references
from lightning_dlic.imaging.numpy.blocks import VIEWS
from lightning_dlic.losses.block import hadamard
from lightning_dlic.nets.prediction.pnns_fc import PNNSFullyConnected
from lightning_dlic.operators.base import Facts, Operator

Blocks = NDArray[np.uint8]
QP = 32
"""Quantiser of the Lagrangian by which a mode's bits count against its SATD."""
_TILE = 8


class BlockPredictor:
    """Predicts blocks.

    Attributes:
        name: What it is called in tables.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, context: Blocks, available: Blocks, truth: Blocks) -> Blocks:
        """Predicts blocks of any one size.

        Args:
            context: uint8 ``[N, 5 m^2]``, laid out as `imaging.numpy.blocks` says.
            available: Of the same shape, 0 or 1.
            truth: uint8 ``[N, m, m]``: what an encoder knows and may choose by.

        Returns:
            uint8 ``[N, m, m]``.
        """
        raise NotImplementedError


class NetPredictor(Operator, BlockPredictor):
    """A network that predicts blocks.

    Attributes:
        m: Side of the blocks.
    """

    noun: ClassVar[str] = "a network that predicts blocks"
    m: int

    def _facts(self) -> Facts:
        m = getattr(self.net, "m", None)
        if not isinstance(m, int):
            raise self.refusal(f"kind {self.kind!r}")
        self.m = m
        return Facts(self.kind, (1,), 1, None, "luma")

    def shipped(self) -> tuple[nn.Module, dict[str, Any]]:
        """Integers, where the network was trained for them."""
        return to_integers(self.net, self.meta) if isinstance(self.net, PNNSFullyConnected) else super().shipped()

    def __call__(self, context: Blocks, available: Blocks, truth: Blocks) -> Blocks:
        """Predicts blocks of its own size: its first prediction, the expectation."""
        return self.branches(context, available, views=1)[:, 0]

    @torch.inference_mode()
    def branches(self, context: Blocks, available: Blocks, views: int = VIEWS) -> Blocks:
        """All its K predictions of the first ``views`` views of a picture, uint8 ``[N, views * K, m, m]``."""
        made = []
        for part in torch.split(torch.from_numpy(np.stack([context, available], axis=1)), 4096):
            blocks = [seen_back(self._blocks(seen(part, self.m, view)), view) for view in range(views)]
            made.append((torch.cat(blocks, dim=1) * 255.0).round().clamp(0, 255).to(torch.uint8).cpu())
        return torch.cat(made).numpy()

    def _blocks(self, inputs: Tensor) -> Tensor:
        made: Tensor = self.net(inputs.to(self.device)).float()
        return made


class HEVCPredictor(BlockPredictor):
    """A mode of HEVC, or the best of all 35."""

    CHOICES = ("planar", "dc", "satd", "oracle")

    def __init__(self, choice: str) -> None:
        """Creates it.

        Args:
            choice: ``planar``, ``dc``; of all 35 ``satd`` takes the mode that an encoder would (SATD and the bits of
                the mode), ``oracle`` the one of least squared error.
        """
        super().__init__({"satd": "best35-satd", "oracle": "best35-oracle"}.get(choice, choice))
        self.choice = choice

    def __call__(self, context: Blocks, available: Blocks, truth: Blocks) -> Blocks:
        """Predicts blocks of side 4, 8, 16 or 32."""
        parts = max(1, len(truth) * truth.shape[-1] ** 2 // 65536)
        columns = [np.array_split(array, parts) for array in (context, available, truth)]
        return np.concatenate([self._some(*part) for part in zip(*columns, strict=True)])

    def _some(self, context: Blocks, available: Blocks, truth: Blocks) -> Blocks:
        modes = predict_modes(*references(context, available, truth.shape[-1]))
        return modes[np.arange(len(modes)), self._chosen(modes, truth)]

    def _chosen(self, modes: Blocks, truth: Blocks) -> NDArray[np.int64]:
        if self.choice in ("planar", "dc"):
            return np.full(len(modes), PLANAR if self.choice == "planar" else DC)
        difference = modes.astype(np.float32) - truth[:, None]
        if self.choice == "oracle":
            return np.asarray(np.square(difference).sum(axis=(2, 3)).argmin(axis=1))
        return np.asarray((satd(difference) + mode_costs()).argmin(axis=1))


def satd(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of absolute Hadamard coefficients, on HM's scale: tiles of 8x8, 4x4 in blocks of 4.

    Args:
        difference: ``[..., m, m]``.

    Returns:
        ``[...]``.
    """
    m = difference.shape[-1]
    side = min(m, _TILE)
    h = hadamard(side).numpy()
    tiles = difference.reshape(*difference.shape[:-2], m // side, side, m // side, side).swapaxes(-3, -2)
    return np.asarray(2.0 * np.abs(h @ tiles @ h).sum(axis=(-4, -3, -2, -1)), np.float32)


def mode_costs() -> NDArray[np.float32]:
    """What the bits of each mode count, ``[35]``: those of a block without neighbours, by HM's Lagrangian."""
    bits = np.full(MODES, 6.0, np.float32)
    bits[[PLANAR, DC, VERTICAL]] = 2.0, 3.0, 3.0
    return np.asarray(bits * np.sqrt(0.57 * 2.0 ** ((QP - 12) / 3)), np.float32)
