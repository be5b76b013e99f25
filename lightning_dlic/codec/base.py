"""What a base codec is: bytes for a small picture, and the small picture back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from lightning_dlic.codec.planes import Planes


class BaseCodec(ABC):
    """Codes the base layer. Subclasses are registered under the kind ``codec``, and can be built without arguments.

    A payload holds what the decoder cannot rebuild and nothing else: it knows the size of the picture, whether it has
    chroma, and where the payload ends. A codec with a network in the loop names the network's weights in its payload by
    some bytes of their SHA-256, and refuses to decode with others.

    Attributes:
        dlic_api: Version of this interface.
        number: Byte value that names the codec in a bitstream, 1 to 14; None for one that goes by its registered name.
        exact: Whether every decoder on every machine gives the same planes for the same payload. Only exact codecs
            carry a checksum, allow hints and are tried by ``auto``.
        steps: Number of quality steps; quality runs from 0, coarsest, to ``steps - 1``.
        max_side: Longest side in samples that the codec can code.
        auto_effort: Least effort at which ``auto`` tries the codec; None for one that ``auto`` leaves out.
        outdone_by: Name of a codec beside which ``auto`` tries this one at high efforts only, as it hardly ever wins.
        auto_pixels: Samples of luma of the largest base layer that ``auto`` has a slow codec code.
        networks: Argument of the constructor that takes a list of weights of networks in its loop; None for a codec
            without such. A file names them where they are given, and its decoder gives them.
        start: Where a search begins: the usual quality at a tenth of a bit a pixel, and the number of steps in which
            the bytes double.
    """

    dlic_api: ClassVar[int] = 1
    number: ClassVar[int | None] = None
    exact: ClassVar[bool] = False
    steps: ClassVar[int] = 100
    max_side: ClassVar[int] = 16384
    auto_effort: ClassVar[int | None] = 4
    outdone_by: ClassVar[str | None] = None
    auto_pixels: ClassVar[int] = 1 << 62
    start: ClassVar[tuple[float, float]] = (25.0, 15.0)
    networks: ClassVar[str | None] = None

    @abstractmethod
    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """Codes a picture; the same arguments give the same bytes whatever the threads.

        Args:
            planes: The picture, any size from 1x1.
            quality: Step in [0, steps).
            effort: 1, fastest, to 9, smallest.

        Raises:
            CodecError: The encoder is not installed, or cannot code this picture.
        """

    def encode_between(self, planes: Planes, quality: float, effort: int = 5) -> bytes | None:
        """Codes a picture at a quality between two steps, where the encoder weighs bits against errors by a number.

        Args:
            planes: The picture.
            quality: In [0, steps - 1], no whole number; bytes grow with it about as evenly as with steps.
            effort: 1, fastest, to 9, smallest.

        Returns:
            A payload like any other; None where the encoder knows whole steps only. The search then has it code a
            picture with less or more of what the coarser step leaves out.

        Raises:
            CodecError: As `encode`.
        """
        return None

    @abstractmethod
    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """Decodes a payload.

        Args:
            payload: Bytes of unknown origin.
            height: Of the luma, as the container says; the caller has capped it.
            width: Of the luma.
            color: Whether there is chroma.

        Returns:
            Planes of just that size.

        Raises:
            BitstreamError: The payload is malformed.
        """

    def log_step(self, payload: bytes, height: int, width: int) -> float | None:
        """Binary logarithm of the quantiser's step, in levels of 8-bit samples: what a network is told of a base layer.

        Training asks what decoding asks: a payload, so that both are told the same. A codec whose errors are those of
        HEVC at another step tells that one, for networks see HEVC in training.

        Args:
            payload: Bytes that `decode` has taken.
            height: Of the luma.
            width: Of the luma.

        Returns:
            About -1, finest, to 8; None where a payload does not tell.
        """
        return None

    def missing(self) -> str | None:
        """What to install before `encode` works; None where nothing is missing."""
        return None
