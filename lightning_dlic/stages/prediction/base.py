"""What all prediction stages share: the task, the figures and the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from dlic_registry import Component, DlicError, load
from lightning_dlic.imaging.blocks import cut, cut_blocks, draw_corners, draw_masks, grid, seen, seen_back
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.intra_modes import planar, references, smooth
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.metrics.terms import decibels
from lightning_dlic.nets.prediction.pnns_fc import PNNSFullyConnected, from_integers, grown, is_integer
from lightning_dlic.stages.base import Batch, Stage
from lightning_dlic.stages.settings import Spec

Net = Annotated[Mapping[str, Any] | None, Component("net", provides=("m",))]
SIDES = (4, 8, 16, 32)


class Prediction(Stage):
    """Predicts square blocks of luma from what a codec has decoded above and to the left of them.

    In training, places and availability are drawn; contexts come from ``base`` where the batch has one (a picture
    coded and decoded), blocks from the same picture uncoded. In evaluation all blocks of the regular grid whose
    contexts lie inside the picture are predicted, with all of the context available.

    A network may give K predictions of a block. The first is judged as the expectation (terms ``pixel`` and
    ``transform``); ``rate`` sees all, and also those of other `views` of the block.
    """

    kind: ClassVar[str] = "prediction"
    baseline_name: ClassVar[str] = "planar"
    scores: ClassVar[tuple[str, ...]] = ("psnr", "wins")
    monitor: ClassVar[str] = "psnr"
    loss_terms: ClassVar[tuple[str, ...]] = ("pixel", "transform", "rate")
    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 1e-3}}
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"pixel": {"name": "block_l2", "weight": 1.0}}
    default_net: ClassVar[Mapping[str, Any]] = {"name": "pnns_fc"}
    views: int = 1

    def __init__(self, m: int = 8, blocks: int = 4096, net: Net = None) -> None:
        """Builds the network.

        Args:
            m: Side of the blocks: 4, 8, 16 or 32.
            blocks: Blocks drawn a batch, whatever the number of pictures in it.
            net: Network by registered name, with its arguments; the stage's own by default.

        Raises:
            ValueError: ``m`` is another, or ``blocks`` is below 1.
        """
        super().__init__()
        if m not in SIDES:
            raise ValueError(f"m must be one of {', '.join(map(str, SIDES))}, not {m}")
        if blocks < 1:
            raise ValueError(f"blocks must be at least 1, not {blocks}")
        self.m, self.blocks = m, blocks
        self.net_spec = {**(net or self.default_net)}
        arguments = {key: value for key, value in self.net_spec.items() if key != "name"}
        self.net = load("net", self.net_spec["name"], own_first=True)(m=m, **arguments)

    def net_recipe(self) -> dict[str, Any]:
        """Name and arguments from which `net` can be built again."""
        arguments = {key: value for key, value in self.net_spec.items() if key != "name"}
        return {"name": self.net_spec["name"], "args": {"m": self.m, **arguments}}

    def describe_net(self) -> dict[str, Any]:
        """The network's origin; it works on luma."""
        return {**super().describe_net(), "channels": 1}

    def init_state(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Integers, as predictors ship, become the floats that compute the same; what is too small grows."""
        floats = from_integers(given) if is_integer(given) else given
        return grown(floats, self.net) if isinstance(self.net, PNNSFullyConnected) else floats

    def task(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Gives contexts with availability, uint8 ``[N, 2, 5 m^2]``, and blocks, float ``[N, 1, m, m]`` in [0, 1].

        Raises:
            DlicError: The pictures are too small for a block with its context.
        """
        original = luma_uint8(batch["image"])
        known = luma_uint8(batch["base"]) if "base" in batch else original
        if known.shape[-2:] != original.shape[-2:]:
            original = resize_uint8(original, size=(known.shape[-2], known.shape[-1]))
        where = self._places(known)
        context = cut(known, where, self.m)
        everything = torch.ones_like(context)
        available = draw_masks(len(where), self.m, context.device) if self.training else everything
        target = cut_blocks(original, where, self.m).to(self.dtype) / 255.0
        return torch.stack([context, available], dim=1), target

    def _places(self, planes: Tensor) -> Tensor:
        height, width = planes.shape[-2:]
        if min(height, width) < 3 * self.m:
            raise DlicError(
                f"pictures of {height}x{width} are too small for blocks of {self.m}: a context spans {3 * self.m}\n"
                "Raise data.args.crop, or lower data.args.transform.scale"
            )
        if self.training:
            return draw_corners(planes.shape, self.m, self.blocks, planes.device)
        corners = grid(height, width, self.m, planes.device)
        return torch.cat([torch.zeros_like(corners[:, :1]), corners], dim=1)

    def produce(self, inputs: Tensor) -> Tensor:
        """All predictions ``[N, K, m, m]``, of other views too where ``rate`` is among the terms."""
        views = range(self.views if "rate" in self.losses else 1)
        made = self(torch.cat([seen(inputs, self.m, view) for view in views])).chunk(len(views))
        return torch.cat([seen_back(blocks, view) for view, blocks in zip(views, made, strict=True)], dim=1)

    def compared(self, term: str, inputs: Tensor, produced: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """All predictions for ``rate``, the expectation for all else."""
        return (produced if term == "rate" else produced[:, :1]), target

    def pictures(self, inputs: Tensor, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The blocks, drawn as `panel` does, as one picture."""
        side = max(1, int(len(target) ** 0.5))
        made, truth = (self._sheet(part, side)[None, None] for part in (output[:, :1], target))
        return made.clamp(0.0, 1.0), truth

    def _sheet(self, blocks: Tensor, side: int) -> Tensor:
        """The first blocks as a square of ``side`` times ``side``."""
        square = blocks[: side * side].float().reshape(side, side, self.m, self.m)
        return square.transpose(1, 2).reshape(side * self.m, -1)

    @property
    def least_side(self) -> int:
        """A block's with its context."""
        return 3 * self.m

    def score(self, inputs: Tensor, output: Tensor, target: Tensor) -> dict[str, float]:
        """PSNR of the picture's predicted blocks, on full-range luma rounded to 8 bits, and the share won."""
        truth = (target * 255.0).round()
        errors = _errors(output[:, :1], truth)
        rival = _errors(self.baseline(inputs), truth)
        wins = (errors < rival).double().mean()
        return {"psnr": decibels(errors.mean().item(), 1), "wins": wins.item()}

    def baseline(self, inputs: Tensor) -> Tensor:
        """HEVC's planar mode."""
        context, available = inputs.cpu().numpy().transpose(1, 0, 2)
        above, left = references(context, available, self.m)
        line = np.concatenate([left[:, ::-1], above], axis=1)
        blocks = planar(smooth(line) if self.m > 4 else line)
        return torch.from_numpy(blocks)[:, None].to(inputs.device).to(self.dtype) / 255.0

    def panel(self, inputs: Tensor, output: Tensor, target: Tensor) -> Tensor:
        """Planar, output and original of the first blocks side by side, each as a square of blocks."""
        side = max(1, min(32, int(len(target) ** 0.5)))
        parts = [self._sheet(part, side) for part in (self.baseline(inputs), output[:, :1], target)]
        return torch.cat(parts, dim=-1).clamp(0.0, 1.0).expand(3, -1, -1)


def _errors(made: Tensor, truth: Tensor) -> Tensor:
    """Squared error of each block, ``[N]``, in double precision."""
    return ((made * 255.0).round().clamp(0, 255) - truth).double().square().mean(dim=(1, 2, 3))
