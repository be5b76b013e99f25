"""What a small picture has been through when it reaches the decoder: coded and decoded, for training on just that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_datamodules.draws import bounded, words
from dlic_datamodules.transform import BatchTransform
from dlic_registry import DlicError, load
from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.planes import Planes, downsized
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.resize import resize_uint8

__all__ = ["Degrade"]


class Degrade(BatchTransform):
    """Adds ``base`` and ``quality`` to a batch: its pictures made small, coded and decoded by a base codec.

    It runs in the loader's workers, is picklable, and draws from the samples' keys alone: a batch is the same in every
    worker and in a resumed run. One codec and one scale are drawn a batch (its pictures must be of one size), one
    quality a picture.

    Args:
        codec: Registered base codec, or several to draw from.
        scale: Whole factor both sides are divided by, or several to draw from; a stage of one scale wants that one.
        quality: Coarsest and finest quality drawn, each as a share of the codec's steps, 0 to 1.
        effort: The encoder's, 1 (fastest) to 9.
        color: Code the colour too, 4:2:0; otherwise luma alone.

    Raises:
        DlicError: An unknown codec, a codec whose encoder is not installed, or a value out of range.

    Example:
        >>> import numpy as np, torch
        >>> batch = {"image": torch.zeros(2, 3, 32, 32, dtype=torch.uint8)}
        >>> Degrade("webp", scale=2)(batch, np.array([1, 2], np.uint64))["base"].shape
        torch.Size([2, 1, 16, 16])
    """

    def __init__(
        self,
        codec: str | list[str] = "hevc",
        *,
        scale: int | list[int] = 4,
        quality: Sequence[float] = (0.05, 0.6),
        effort: int = 1,
        color: bool = False,
    ) -> None:
        self.codecs = [codec] if isinstance(codec, str) else list(codec)
        self.scales = [scale] if isinstance(scale, int) else list(scale)
        if not self.codecs:
            raise DlicError("degrade: codec names no base codec")
        if not self.scales or any(not 1 <= value <= 16 for value in self.scales):
            raise DlicError(f"degrade: scale must be whole numbers from 1 to 16, not {scale!r}")
        if len(quality) != 2 or not 0 <= quality[0] <= quality[1] <= 1:
            raise DlicError(f"degrade: quality must be two shares in order, such as [0.05, 0.6], not {quality!r}")
        if not 1 <= effort <= 9:
            raise DlicError(f"degrade: effort must be 1 to 9, not {effort!r}")
        self.quality, self.effort, self.color = (float(quality[0]), float(quality[1])), effort, color
        self._built: dict[str, BaseCodec] = {}
        for name in self.codecs:
            missing = self._codec(name).missing()
            if missing is not None:
                raise DlicError(f"degrade: codec {name} cannot encode here: {missing}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    def __call__(self, batch: dict[str, Tensor], keys: NDArray[np.uint64]) -> dict[str, Tensor]:
        """Adds the decoded small pictures.

        Args:
            batch: ``image`` uint8 ``[B, 3 or 1, H, W]``.
            keys: What to draw from, uint64 ``[B]``.

        Returns:
            The batch with ``base`` uint8 ``[B, 1 or 3, H // scale, W // scale]`` (Y', and Cb and Cr centred at 128 and
            enlarged to the size of Y'), ``quality`` float32 ``[B]`` (`BaseCodec.log_step`, or not-a-number), and
            ``image`` cropped to whole multiples of the scale.
        """
        # The streams of words that crops are drawn from begin with these keys as they are.
        which_codec, which_scale, how_good = words(~keys, 3).tolist()
        codec = self._codec(self.codecs[bounded(which_codec[0], len(self.codecs))])
        scale = self.scales[bounded(which_scale[0], len(self.scales))]
        image = batch["image"]
        height, width = image.shape[-2] // scale, image.shape[-1] // scale
        if min(height, width) < 1:
            raise DlicError(f"degrade: a picture of {tuple(image.shape[-2:])} is too small for scale {scale}")
        image = image[..., : height * scale, : width * scale]
        low, high = (round(share * (codec.steps - 1)) for share in self.quality)
        qualities = [low + bounded(word, high - low + 1) for word in how_good]
        made = [self._through(codec, *pair) for pair in zip(self._small(image, scale), qualities, strict=True)]
        told = torch.tensor([math.nan if step is None else step for _, step in made], dtype=torch.float32)
        return {**batch, "image": image, "base": torch.cat([base for base, _ in made]), "quality": told}

    def _small(self, image: Tensor, scale: int) -> list[Planes]:
        """The base layers before they are coded."""
        if not self.color:
            planes = luma_uint8(image)
            if scale > 1:
                planes = resize_uint8(planes, size=(image.shape[-2] // scale, image.shape[-1] // scale))
            return [Planes(np.ascontiguousarray(plane[0])) for plane in planes.numpy()]
        pictures = image.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
        return [downsized(picture, split(picture), scale) for picture in pictures]

    def _through(self, codec: BaseCodec, planes: Planes, quality: int) -> tuple[Tensor, float | None]:
        """Coded and decoded, ``[1, 1 or 3, h, w]``, and what is told of it."""
        payload = codec.encode(planes, quality, self.effort)
        decoded = codec.decode(payload, *planes.size, planes.color)
        luma, *chroma = (torch.from_numpy(plane)[None, None] for plane in decoded.each())
        height, width = planes.size
        all_planes = [luma, *(resize_uint8(plane, scale=2.0)[..., :height, :width] for plane in chroma)]
        return torch.cat(all_planes, dim=1), codec.log_step(payload, height, width)

    def _codec(self, name: str) -> BaseCodec:
        if name not in self._built:
            self._built[name] = load("codec", name, own_first=True)()
        return self._built[name]
