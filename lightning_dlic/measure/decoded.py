"""Measuring on decoded base layers: what a network makes of pictures that a base codec coded, at several qualities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_registry import DlicError, load
from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.planes import Planes, downsized
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.measure.base import Column, Measurement, MeasureRequest, Row, Subject
from lightning_dlic.measure.pictures import Metrics, PictureMeasure, keep
from lightning_dlic.measure.sets import TestSet, each_picture
from lightning_dlic.metrics.named import figures
from lightning_dlic.operators.base import Operator, open_operator
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.assemble import assemble

U8 = NDArray[np.uint8]
_EFFORT = 3


@dataclass(frozen=True)
class Coded:
    """A picture's base layer, coded and decoded.

    Attributes:
        codec: Name of the base codec.
        share: Quality, as a share of the codec's steps.
        scale: Factor by which it is smaller than the picture.
        planes: What the decoder has.
        size: Bytes of the payload.
        quality: What networks are told of it, `BaseCodec.log_step`.
        height: Of the picture.
        width: Of the picture.
    """

    codec: str
    share: float
    scale: int
    planes: Planes
    size: int
    quality: float | None
    height: int
    width: int

    @property
    def labels(self) -> dict[str, Any]:
        """What tells it apart in tables."""
        return {"codec": self.codec, "quality": self.share, "scale": self.scale}


class DecodedMeasure(PictureMeasure):
    """Pictures made of decoded base layers, beside ``decoded``: the same by bicubic alone.

    It is for any kind whose operator advances pictures in the decoder, and whose rival is ``decoded``.

    Attributes:
        color: Whether base layers have colour.
        alpha: How much networks may make up, from 0, faithful, to 1, vivid.
    """

    protocol: ClassVar[Mapping[str, str]] = {
        "base": "MATLAB imresize bicubic of Y', Cb and Cr, chroma halved once more; coded and decoded",
        "quality": "share of the base codec's quality steps",
        "bytes": "of the base codec's payload alone",
        "decoded": "the base layer as decoded, each plane enlarged by bicubic",
        "crop_border": "as many pixels as the scale, for PSNR and SSIM",
        "rounding": "outputs clipped and rounded to 8 bits before scoring",
        "mean": "over pictures, of per-picture values; a PSNR counts as 100 dB at most",
    }
    color: ClassVar[bool] = True
    alpha: float = 0.0

    def __init__(
        self,
        scale: int | None = None,
        codec: Sequence[str] = ("hevc",),
        decoded: Sequence[float] = (0.2, 0.4, 0.6),
        lpips: bool | None = None,
        metrics: Metrics = (),
        save: Path | None = None,
    ) -> None:
        """Sets what is measured.

        Args:
            scale: Factor by which base layers are smaller; None: the networks' own.
            codec: Base codecs.
            decoded: Qualities, each a share of the codec's steps.
            lpips: Whether LPIPS is measured; None: where its weights are found.
            metrics: Registered metrics besides the usual, or the arguments of each by its name.
            save: Folder for the pictures made.

        Raises:
            ValueError: A value is out of range.
            DlicError: A codec or a metric is unknown, or its encoder is not installed.
        """
        if scale is not None and not 1 <= scale <= 16:
            raise ValueError(f"--scale {scale}: a whole number from 1 to 16")
        if not decoded or not all(0.0 <= share <= 1.0 for share in decoded):
            raise ValueError(f"--decoded {', '.join(map(str, decoded))}: shares from 0 to 1, with commas")
        super().__init__(lpips, metrics, save)
        self.scale, self.shares = scale, tuple(decoded)
        self.codecs: dict[str, BaseCodec] = {name: load("codec", name)() for name in codec}
        for name, built in self.codecs.items():
            if (missing := built.missing()) is not None:
                raise DlicError(f"--codec {name}: cannot encode here: {missing}")

    def make(self, operator: Operator | None, coded: Coded) -> U8:
        """Makes a picture of a decoded base layer, as a decoder with this network alone does.

        Args:
            operator: A network at work; None for none, bicubic.
            coded: The base layer.

        Returns:
            RGB, uint8 ``[H, W, 3]``; of grey base layers perhaps luma, ``[H, W]``.
        """
        planes = coded.planes
        layers = Layers(planes, planes, coded.scale, coded.height, coded.width, coded.quality, self.alpha)
        return assemble(layers, [] if operator is None else [operator])

    def columns(self) -> Sequence[Column]:
        """Codec, quality, scale and bytes of the base layer, and metrics."""
        labels = Column("codec", "codec", left=True), Column("quality", "quality", "g"), Column("scale", "scale", "d")
        return [*labels, Column("bytes", "bytes", ",.0f"), *self.metric_columns()]

    def run(self, subjects: Sequence[Subject], request: MeasureRequest) -> Measurement:
        """See `Measure.run`."""
        operators = {
            s.name: None if s.net is None else open_operator(s.name, s.net, s.meta, request.device) for s in subjects
        }
        rows = [row for data in request.sets for row in self._measure_set(data, operators, request)]
        targets = {
            s.name: dict(s.identity) if (o := operators[s.name]) is None else {**s.identity, **_described(o)}
            for s in subjects
        }
        return Measurement(rows, targets, self.notes)

    def _measure_set(
        self, data: TestSet, operators: Mapping[str, Operator | None], request: MeasureRequest
    ) -> Iterator[Row]:
        table: dict[tuple[Any, ...], Row] = {}
        for path, originals in each_picture(data, [1], request.progress, request.failed):
            target = originals[1]
            for coded in self._coded(target, self._scales(operators)):
                for name, operator in operators.items():
                    if operator is not None and not _serves(operator, coded.scale):
                        continue
                    made = self.make(operator, coded)
                    row = table.setdefault((*coded.labels.values(), name), Row(data.name, name, coded.labels))
                    compared = _tensor(_rgb(made)), _seen(made, target)
                    scored = figures(self.metrics, *compared, coded.scale)
                    row.pictures[data.stem(path)] = {"bytes": float(coded.size), **scored}
                    row.gather(self.metrics, *compared)
                    place = "-".join(map(str, (name, *coded.labels.values())))
                    keep(_rgb(made), self.save, place, data.name, data.stem(path))
        yield from table.values()

    def _scales(self, operators: Mapping[str, Operator | None]) -> list[int]:
        own = sorted({scale for o in operators.values() if o is not None for scale in o.facts.scales})
        if self.scale is None:
            return own or [4]
        for operator in operators.values():
            if operator is not None and not _serves(operator, self.scale):
                known = ", ".join(f"x{scale}" for scale in operator.facts.scales)
                raise DlicError(f"{operator.name} enlarges by {known}, not x{self.scale} as --scale says")
        return [self.scale]

    def _coded(self, target: Tensor, scales: Sequence[int]) -> Iterator[Coded]:
        picture = np.ascontiguousarray(target[0].permute(1, 2, 0).numpy())
        height, width = picture.shape[:2]
        planes = split(picture) if self.color else split(picture)[:1]
        for scale in scales:
            base = downsized(picture, planes, scale)
            for name, codec in self.codecs.items():
                for share in self.shares:
                    quality = round(share * (codec.steps - 1))
                    payload = codec.encode(base, quality, _EFFORT)
                    decoded = codec.decode(payload, *base.size, base.color)
                    told = codec.log_step(payload, *base.size)
                    yield Coded(name, share, scale, decoded, len(payload), told, height, width)


def _rgb(picture: U8) -> U8:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)


def _seen(made: U8, target: Tensor) -> Tensor:
    """What a picture is compared with: of luma alone the original's luma."""
    if made.ndim == 3:
        return target
    return _tensor(_rgb(split(np.ascontiguousarray(target[0].permute(1, 2, 0).numpy()))[0]))


def _tensor(picture: U8) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]


def _serves(operator: Operator, scale: int) -> bool:
    """Whether a network is for base layers of a scale: what keeps the size is for all."""
    return operator.facts.scales == (1,) or scale in operator.facts.scales


def _described(operator: Operator) -> dict[str, Any]:
    return {"parameters": operator.parameters, "scales": list(operator.facts.scales), "meta": operator.meta}
