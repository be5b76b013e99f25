"""The base codec `intra`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import ClassVar

import numpy as np

from dlic_registry import DlicError
from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.codec.intra.tables import SIDES, STEPS, quantiser_steps
from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.jit import COMPILES

SHIPPED = bytes.fromhex("ac24c5bf4f5c6d1d")
"""Names the networks of the zoo: payloads need not."""
_FINGERPRINT = 2
_WITH_NETS, _WITH_SHIPPED = 64, 128
# By effort: modes and predictions tried in full, how often blocks are halved, and views.
_EFFORT = (
    (1, 1, 0, 1),
    (1, 1, 0, 2),
    (2, 2, 0, 4),
    (2, 8, 0, 4),
    (2, 16, 1, 4),
    (2, 16, 1, 4),
    (3, 16, 1, 4),
    (4, 16, 2, 4),
    (8, 16, 2, 4),
)


class IntraCodec(BaseCodec):
    """Block by block, predicted by networks or directions, in closed loop; the networks compute in integers."""

    number: ClassVar[int | None] = 7
    exact: ClassVar[bool] = True
    steps: ClassVar[int] = STEPS
    max_side: ClassVar[int] = 4096
    auto_effort: ClassVar[int | None] = 8
    auto_pixels: ClassVar[int] = 1 << 15
    start: ClassVar[tuple[float, float]] = (10.0, 8.0)
    networks: ClassVar[str | None] = "nets"

    def __init__(self, nets: Sequence[str | IntegerPredictor] | None = None) -> None:
        """Chooses networks.

        Args:
            nets: At most one network for blocks of 4, of 8 and of 16, loaded or as its weights, ``zoo:NAME``,
                ``OWNER:NAME`` or a path; those of the zoo by default, none where empty.

        Raises:
            DlicError: Two are for the same size, or one for another; or weights cannot be loaded.
        """
        self._given = None if nets is None else tuple(map(_loaded, nets))
        sides = [predictor.m for predictor in self._given or ()]
        if len(set(sides)) < len(sides) or set(sides) - set(SIDES):
            raise DlicError(f"intra takes at most one predictor for blocks of 4, 8 and 16 each, not {sides}")

    @property
    def predictors(self) -> tuple[IntegerPredictor, ...]:
        """The networks in use."""
        return zoo_predictors() if self._given is None else self._given

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`."""
        return self.encode_between(planes, quality, effort)

    def encode_between(self, planes: Planes, quality: float, effort: int = 5) -> bytes:
        """See `BaseCodec.encode_between`; bits are weighed as at that quality, steps are those of the nearest."""
        from lightning_dlic.codec.intra.encoder import encode_planes
        from lightning_dlic.codec.intra.leaf import Trials

        used, step = self.predictors, round(quality)
        # Steps halve in eight qualities, and a bit is worth the square of a step.
        body = encode_planes(planes, step, Trials(*_EFFORT[effort - 1]), used, 2 ** ((step - quality) / 4))
        if not used:
            return bytes([step]) + body
        named = digest(used)
        if named.startswith(SHIPPED):
            return bytes([step | _WITH_NETS | _WITH_SHIPPED]) + body
        return bytes([step | _WITH_NETS]) + named[:_FINGERPRINT] + body

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        from lightning_dlic.codec.intra.decoder import decode_planes

        quality, predictors, body = self._head(payload)
        if predictors and not COMPILES:
            raise CodecError("base codec intra runs its networks by Numba, which is not installed: pip install numba")
        return decode_planes(body, (height, width), color, quality, predictors)

    def log_step(self, payload: bytes, height: int, width: int) -> float:
        """See `BaseCodec.log_step`."""
        return float(np.log2(quantiser_steps()[payload[0] & (STEPS - 1)] / 16))

    def _head(self, payload: bytes) -> tuple[int, tuple[IntegerPredictor, ...], bytes]:
        """Quality, networks, and what is behind the head."""
        if not payload:
            raise BitstreamError("intra payload: empty")
        first = payload[0]
        if not first & _WITH_NETS:
            if first & _WITH_SHIPPED:
                raise BitstreamError(f"intra payload: first byte {first} is reserved")
            return first, (), payload[1:]
        start = 1 if first & _WITH_SHIPPED else 1 + _FINGERPRINT
        wanted = SHIPPED if first & _WITH_SHIPPED else payload[1:start]
        here = self.predictors
        for count in range(len(here), 0, -1):
            for chosen in combinations(here, count):
                if len(wanted) >= _FINGERPRINT and digest(chosen).startswith(wanted):
                    return first & (STEPS - 1), chosen, payload[start:]
        mine = f"those here begin {digest(here)[: len(wanted)].hex()}" if here else "there are none here"
        raise BitstreamError(f"intra payload: made with predictors whose SHA-256 begins {wanted.hex()}; {mine}")


def _loaded(net: str | IntegerPredictor) -> IntegerPredictor:
    return net if isinstance(net, IntegerPredictor) else IntegerPredictor.load(net)


def digest(predictors: Sequence[IntegerPredictor]) -> bytes:
    """SHA-256 of a set of networks, over their SHA-256s by size of block; its first bytes name the set."""
    hashes = [bytes.fromhex(predictor.hash) for predictor in sorted(predictors, key=lambda p: p.m)]
    return hashlib.sha256(b"".join(hashes)).digest()


@lru_cache(maxsize=1)
def zoo_predictors() -> tuple[IntegerPredictor, ...]:
    """The networks that ship."""
    from lightning_dlic.zoo.cards import card_names

    shipped = card_names()
    return tuple(IntegerPredictor.load(f"zoo:pnns_{side}") for side in SIDES if f"pnns_{side}" in shipped)
