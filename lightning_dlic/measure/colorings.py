"""Ways to colour a grey picture, for measuring them side by side: networks, floors, and what hints they are given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_registry import DlicError
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.chunk import find_hints, prefix
from lightning_dlic.codec.hints.encoder import search
from lightning_dlic.codec.hints.oracle import Oracle
from lightning_dlic.codec.hints.presets import PRESETS
from lightning_dlic.codec.hints.words import said
from lightning_dlic.imaging.chroma import to_cbcr
from lightning_dlic.imaging.numpy.color import merge, split
from lightning_dlic.operators.color import color
from lightning_dlic.operators.colorizer import Colorizer

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
NONE, ORACLE = "none", "oracle"
_PALETTE = 5
# Bytes of a colour that is not coded with others: Cb and Cr.
_COLOUR = 2
_ORACLE_LARGEST = 1 << 20
# Of the encoder's search for hints, the same for floors and networks.
_EFFORT = 3


@dataclass(frozen=True)
class Asked:
    """Hints to measure with.

    Attributes:
        name: As the user wrote it.
        kind: Registered name; ``none`` and ``oracle`` among them.
        budget: Bytes.
    """

    name: str
    kind: str
    budget: int = 0


def parse_hints(text: str) -> list[Asked]:
    """Reads ``none``, ``oracle``, presets and ``KIND,BYTES``, with commas between them.

    Raises:
        DlicError: One of them is none of these.
    """
    return [_asked(name, budget) for name, budget in said(text)]


def _asked(name: str, budget: int | None) -> Asked:
    if name in PRESETS:
        kind, usual = PRESETS[name]
        return Asked(name if budget is None else f"{name},{budget}", kind, budget or usual)
    if budget is None:
        if name not in (NONE, ORACLE):
            find_hints(name)
            raise DlicError(f"--hints {name}: how many bytes? Write {name},300, or {', '.join(PRESETS)}")
        return Asked(name, name)
    if name in (NONE, ORACLE):
        raise DlicError(f"--hints {name},{budget}: {name} takes no bytes")
    find_hints(name)
    return Asked(f"{name},{budget}", name, budget)


class Way(ABC):
    """A way to colour pictures.

    Attributes:
        name: What it is called.
        hints: What hints it was given.
    """

    name: str
    hints: str = "none"

    @abstractmethod
    def color(self, luma: U8, chroma: F32) -> tuple[U8, int]:
        """Colours a picture as encoder and decoder together would.

        Args:
            luma: What the decoder has, uint8 ``[H, W]``.
            chroma: The original's Cb and Cr in levels about 0, ``[2, H, W]``: known to the encoder alone.

        Returns:
            RGB, uint8 ``[H, W, 3]``, and the bytes sent.
        """


class Grey(Way):
    """No colour."""

    name = "grey"

    def color(self, luma: U8, chroma: F32) -> tuple[U8, int]:
        """See `Way.colour`."""
        return np.repeat(luma[..., None], 3, axis=-1), 0


class Palette(Way):
    """So many colours, one for each of as many equally frequent ranges of luma; with one, the mean colour."""

    def __init__(self, name: str, colors: int) -> None:
        """Sets the number of colours."""
        self.name, self.colors = name, colors

    def color(self, luma: U8, chroma: F32) -> tuple[U8, int]:
        """See `Way.colour`."""
        bounds = np.quantile(luma, np.arange(1, self.colors) / self.colors)
        which = np.searchsorted(bounds, luma, side="right")
        sizes = np.maximum(np.bincount(which.ravel(), minlength=self.colors), 1)
        means = [np.bincount(which.ravel(), plane.ravel(), self.colors) / sizes for plane in chroma]
        planes = np.stack([np.round(mean)[which] for mean in means]).astype(np.float32)
        return _merge(luma, planes), _COLOUR * self.colors


class Floor(Way):
    """Hints, spread by a guided filter: what a decoder without weights does."""

    def __init__(self, asked: Asked) -> None:
        """Sets the hints."""
        self.name, self.hints, self.asked = "floor", asked.name, asked

    def color(self, luma: U8, chroma: F32) -> tuple[U8, int]:
        """See `Way.colour`."""
        hints, aim = find_hints(self.asked.kind), Aim.of(luma, chroma)
        found = search(hints, aim, self.asked.budget, _EFFORT)
        if found is None:
            raise DlicError(
                f"--hints {self.asked.name}: too few bytes for a picture of {luma.shape[1]}x{luma.shape[0]}"
            )
        made = hints.decode(found.body, luma)
        return color(luma, luma, made, 1), len(prefix(hints)) + len(found.body)


class Net(Way):
    """A network, with or without hints."""

    def __init__(self, name: str, colorizer: Colorizer, asked: Asked) -> None:
        """Sets network and hints."""
        self.name, self.hints, self.colorizer, self.asked = name, asked.name, colorizer, asked

    def color(self, luma: U8, chroma: F32) -> tuple[U8, int]:
        """See `Way.colour`."""
        if self.asked.kind == "none":
            return _merge(luma, self.colorizer(luma)), 0
        if self.asked.kind == "oracle":
            return self._oracle(luma, chroma)
        hints, aim = find_hints(self.asked.kind), Aim.of(luma, chroma)
        render, final = self.colorizer.render(aim.luma), self.colorizer.final(luma, aim)
        found = search(hints, aim, self.asked.budget, _EFFORT, render, final=final)
        if found is None:
            raise DlicError(
                f"--hints {self.asked.name}: too few bytes for a picture of {luma.shape[1]}x{luma.shape[0]}"
            )
        made = hints.decode(found.body, luma)
        return color(luma, luma, made, 1, self.colorizer), len(prefix(hints)) + len(found.body)

    @torch.inference_mode()
    def _oracle(self, luma: U8, chroma: F32) -> tuple[U8, int]:
        if luma.size > _ORACLE_LARGEST:
            raise DlicError(f"--hints oracle: pictures of at most {_ORACLE_LARGEST} pixels, not {luma.size}")
        grey = torch.from_numpy(luma.copy())[None, None].to(self.colorizer.device).float() / 255.0
        net = self.colorizer.net
        maps = to_cbcr(grey.unsqueeze(1), net.hypotheses(grey, None), net.space)[0].mul(255.0).cpu().numpy()
        best = np.square(maps - chroma).sum(1).argmin(0)
        chosen: F32 = np.take_along_axis(maps, best[None, None], 0)[0]
        return _merge(luma, chosen), len(Oracle.code(best))


def _merge(luma: U8, chroma: F32) -> U8:
    return merge(luma, *(np.clip(np.floor(plane + 128.5), 0, 255).astype(np.uint8) for plane in chroma))


def parts(target: Tensor) -> tuple[U8, F32]:
    """Luma ``[H, W]``, and Cb and Cr in levels about 0 ``[2, H, W]``, of uint8 RGB ``[1, 3, H, W]``."""
    luma, *chroma = split(np.ascontiguousarray(target[0].permute(1, 2, 0).numpy()))
    return luma, np.stack(chroma).astype(np.float32) - 128


def floors(name: str, asked: list[Asked]) -> list[Way]:
    """A floor by name, once for each kind of hints that it can use."""
    if name == "grey":
        return [Grey()]
    if name in ("mean", "palette"):
        return [Palette(name, 1 if name == "mean" else _PALETTE)]
    return [Floor(one) for one in asked if one.budget]


def networks(name: str, colorizer: Colorizer, asked: list[Asked]) -> list[Way]:
    """A network, once for each kind of hints that it can use."""
    net = colorizer.net
    usable = [
        one for one in asked if one.kind == "none" or (net.branches > 1 if one.kind == "oracle" else net.takes_hints)
    ]
    return [Net(name, colorizer, one) for one in usable]
