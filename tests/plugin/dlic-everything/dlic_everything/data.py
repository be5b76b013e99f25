"""A set of pictures, and a transform that looks names up in the loader's processes."""

from typing import Any

import numpy as np
import torch

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.source import scan
from dlic_datamodules.transform import BatchTransform
from dlic_registry import load
from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.color import luma_uint8


class AllData(PictureDataModule):
    """A folder with ``train`` and ``valid``."""

    def __init__(self, root: str = "data", **shared: Any):
        super().__init__(**shared)
        self.root = root

    def splits(self):
        return Splits(*(scan([f"{self.root}/{part}"], part) for part in ("train", "valid")))


class AllTransform(BatchTransform):
    """Adds ``base``: luma through a base codec at full size."""

    def __init__(self, codec: str = "all_codec", quality: int = 1):
        self.codec, self.quality = codec, quality

    def __call__(self, batch, keys):
        codec = load("codec", self.codec)()
        planes = [Planes(np.ascontiguousarray(plane[0])) for plane in luma_uint8(batch["image"]).numpy()]
        coded = [codec.decode(codec.encode(p, self.quality), *p.size, False).y for p in planes]
        return {**batch, "base": torch.from_numpy(np.stack(coded))[:, None]}
