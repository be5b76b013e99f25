"""What enlarges pictures: networks and plain resizing behind one call, for pictures of any size and depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dlic_registry import DlicError, did_you_mean
from lightning_dlic.imaging.finite import finite
from lightning_dlic.imaging.resize import resize, resize_uint8
from lightning_dlic.imaging.tiles import TILE, enlarge, net_halo
from lightning_dlic.operators.base import Facts, Operator
from lightning_dlic.operators.downsizer import bicubic, learned
from lightning_dlic.operators.layers import Layers
from lightning_dlic.operators.planes import apply_net

KERNELS = ("bicubic", "nearest", "lanczos")
_PEAK = {torch.uint8: 255.0, torch.uint16: 65535.0}
# Pixels that a plain resize looks at around its place; lanczos reaches farthest.
_KERNEL_HALO = 4
# Larger for luma than for colour: a wide halo wastes less of a larger tile.
_LUMA_TILE = 384
Progress = Callable[[float], None]


class Enlarger:
    """Enlarges pictures by a whole factor.

    Attributes:
        name: What it is called in tables.
        scale: The factor.
        halo: Input pixels around its place that an output pixel depends on; None: all of them.
        device: Where it computes.
        downsize: What makes the pictures on which it is measured.
    """

    def __init__(self, name: str, scale: int, halo: int | None, device: torch.device | None = None) -> None:
        self.name, self.scale, self.halo = name, scale, halo
        self.device = device or torch.device("cpu")
        self.downsize = bicubic(scale)

    def apply(self, x: Tensor) -> Tensor:
        """Enlarges a float piece ``[1, 3|1, h, w]`` in [0, 1]; the same channels, not clipped."""
        raise NotImplementedError

    def __call__(self, picture: Tensor, progress: Progress | None = None) -> Tensor:
        """Enlarges a picture tile by tile.

        Args:
            picture: uint8 or uint16 ``[1, 3|1, h, w]``.
            progress: Called with the share done.

        Returns:
            ``[1, 3|1, h*scale, w*scale]`` of the same type, on the CPU.
        """
        kind, peak = picture.dtype, _PEAK[picture.dtype]

        def prepare(part: Tensor) -> Tensor:
            return part.to(self.device).float() / peak

        def finish(part: Tensor) -> Tensor:
            return finite(part).mul(peak).round_().clamp_(0.0, peak).to(kind).cpu()

        return enlarge(
            self.apply,
            picture,
            self.scale,
            halo=self.halo,
            prepare=prepare,
            finish=finish,
            progress=progress,
            tile=TILE if picture.shape[1] > 1 else _LUMA_TILE,
        )


class KernelEnlarger(Enlarger):
    """Plain resizing: the baseline of everything. 8-bit pictures are resized as MATLAB does, to the bit."""

    def __init__(self, kernel: str, scale: int) -> None:
        """Creates it.

        Args:
            kernel: ``bicubic``, ``nearest`` or ``lanczos``.
            scale: The factor.
        """
        super().__init__(kernel, scale, _KERNEL_HALO)
        self.kernel = kernel

    def apply(self, x: Tensor) -> Tensor:
        """Enlarges a float piece."""
        # In float64 the sums of neighbouring tiles agree, whatever order a matrix product takes.
        return resize(x.double(), scale=float(self.scale), kernel=self.kernel)

    def __call__(self, picture: Tensor, progress: Progress | None = None) -> Tensor:
        """Enlarges a picture; for 8 bits exactly as MATLAB's ``imresize``."""
        if picture.dtype != torch.uint8:
            return super().__call__(picture, progress)

        def exact(part: Tensor) -> Tensor:
            return resize_uint8(part, scale=float(self.scale), kernel=self.kernel)

        return enlarge(exact, picture, self.scale, halo=self.halo, progress=progress)


class NetEnlarger(Operator, Enlarger):
    """A network that enlarges. Colour reaches one of luma only by its luma; chroma is then enlarged by bicubic."""

    plain: ClassVar[bool] = True
    noun: ClassVar[str] = "a network that enlarges pictures"

    def __init__(self, name: str, net: nn.Module, meta: Mapping[str, Any], device: torch.device | None = None) -> None:
        """Prepares the network.

        Args:
            name: What it is called in tables.
            net: The network.
            meta: As `zoo.load_net` gives it; ``scale`` and ``channels`` are used.
            device: Where it computes; the CPU by default.

        Raises:
            WeightsError: It is not a network that enlarges pictures.
        """
        Operator.__init__(self, name, net, meta, device)
        halo = self.facts.halo
        halo = None if halo is None else max(halo, _KERNEL_HALO)
        Enlarger.__init__(self, name, self.facts.scale, halo, device)
        self.channels = self.facts.channels
        self.downsize = learned(name, net, self.scale, self.channels) or self.downsize
        # A third faster on CPUs than the default layout, and no slower on GPUs.
        self.net.to(memory_format=torch.channels_last)

    def _facts(self) -> Facts:
        scale, channels = self.meta.get("scale"), self.meta.get("channels")
        if not isinstance(scale, int) or scale < 1 or channels not in (1, 3):
            raise self.refusal(f"kind {self.kind!r}, scale {scale!r}, {channels!r} channels")
        return Facts(self.kind, (scale,), channels, net_halo(self.net, channels), "luma" if channels == 1 else "rgb")

    def kmacs(self, side: int = 64) -> float:
        """Thousands of multiplications per output pixel, counted on an input of ``side`` squared."""
        from torch.utils.flop_counter import FlopCounterMode

        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            self.net(torch.zeros(1, self.channels, side, side, device=self.device))
        return counter.get_total_flops() / 2 / (side * self.scale) ** 2 / 1000

    @torch.inference_mode()
    def advance(self, layers: Layers) -> Layers:
        """Enlarges the luma of the base layer."""
        plane = torch.from_numpy(np.ascontiguousarray(layers.planes.y))[None, None]
        made = self(plane)[0, 0, : layers.height, : layers.width]
        return replace(layers, luma=np.ascontiguousarray(made.numpy()))

    def apply(self, x: Tensor) -> Tensor:
        """Enlarges a float piece."""
        return apply_net(self._net, self.channels, self.scale, x)

    def _net(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(x.contiguous(memory_format=torch.channels_last))
        return output


def kernel_enlarger(name: str, scale: int) -> KernelEnlarger:
    """The baseline of a name.

    Raises:
        DlicError: There is none of this name.
    """
    if name not in KERNELS:
        raise DlicError(f"unknown baseline {name!r}.{did_you_mean(name, KERNELS)}")
    return KernelEnlarger(name, scale)
