"""What `enlarger`, `reconstructor` and `colorizer` do in the decoder, by ONNX Runtime, within a level of PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.imaging.numpy.guided import guided_lines
from lightning_dlic.imaging.numpy.resize import resize_uint8
from lightning_dlic.imaging.numpy.tiles import enlarge
from lightning_dlic.imaging.spans import wide_tile
from lightning_dlic.operators.graphs import Graph
from lightning_dlic.operators.layers import Advances, Layers
from lightning_dlic.zoo.files import inspect_net

if TYPE_CHECKING:
    # It imports Numba, which pictures without hints do without.
    from lightning_dlic.codec.hints.base import Coloring

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
_TILE = 384


class GraphEnlarger:
    """Enlarges the luma of base layers."""

    def __init__(self, target: str, meta: Mapping[str, Any]) -> None:
        """Loads the network; see `Graph`."""
        self.scale = int(meta["scale"])
        if meta.get("channels") != 1:
            raise DlicError(f"{target}: a network of pictures in colour, which only PyTorch runs in the codec")
        self._graph = Graph(target, meta, self.scale)

    def advance(self, layers: Layers) -> Layers:
        """See `operators.enlarger.NetEnlarger.advance`."""

        def net(part: U8) -> U8:
            return _levels(self._graph(base=part[None].astype(np.float32) / np.float32(255)))

        made = enlarge(net, layers.planes.y[None], self.scale, halo=self._graph.halo, tile=_TILE)
        return replace(layers, luma=np.ascontiguousarray(made[0, : layers.height, : layers.width]))


class GraphReconstructor:
    """Makes the whole picture of a base layer, or the luma of a grey one."""

    def __init__(self, target: str, meta: Mapping[str, Any]) -> None:
        """Takes note of the network; its graphs are loaded by scale."""
        self._target, self._meta, self._graphs = target, meta, dict[int, Graph]()

    def advance(self, layers: Layers) -> Layers:
        """See `operators.reconstructor.Reconstructor.advance`."""
        planes = layers.planes
        if planes.cb is not None and planes.cr is not None:
            chroma = (resize_uint8(plane, 2)[: planes.size[0], : planes.size[1]] for plane in (planes.cb, planes.cr))
            return replace(layers, picture=self._whole(layers, planes.y, *chroma))
        if layers.coloring is None or layers.coloring.head.net:
            made = self._whole(layers, planes.y, *[np.full_like(planes.y, 128)] * 2)
            return replace(layers, luma=luma(made))
        # It takes Numba, which pictures without hints do without.
        from lightning_dlic.operators.color import spread_planes

        spread = spread_planes(planes.y, layers.base.y, layers.coloring)
        return replace(layers, picture=self._whole(layers, planes.y, *spread))

    def _whole(self, layers: Layers, *planes: U8) -> U8:
        graph = self._at(layers.scale)
        step = math.nan if layers.step is None else layers.step
        told = {"quality": np.array([step], np.float32), "alpha": np.array([layers.alpha], np.float32)}

        def net(part: U8) -> U8:
            unit = part.astype(np.float32) / np.float32(255)
            unit[1:] -= np.float32(128 / 255)
            return _levels(graph(base=unit[None], **told))

        whole, tile = np.stack(planes), wide_tile(*planes[0].shape)
        made = enlarge(net, whole, layers.scale, halo=graph.halo, tile=tile, align=graph.multiple)
        return np.ascontiguousarray(made[:, : layers.height, : layers.width].transpose(1, 2, 0))

    def _at(self, scale: int) -> Graph:
        if scale not in self._graphs:
            self._graphs[scale] = Graph(self._target, self._meta, scale)
        return self._graphs[scale]


class GraphColorizer:
    """Colours the enlarged luma by hints."""

    def __init__(self, target: str, meta: Mapping[str, Any]) -> None:
        """Loads the network; see `Graph`."""
        self._graph = Graph(target, meta, 1)

    def advance(self, layers: Layers) -> Layers:
        """See `operators.colorizer.Colorizer.advance`."""
        if layers.coloring is None or not layers.coloring.head.net:
            return layers
        from lightning_dlic.operators.color import color

        made = color(layers.enlarged(), layers.base.y, layers.coloring, layers.scale, self)
        return replace(layers, picture=made)

    def __call__(self, light: U8, hints: Coloring) -> F32:
        """See `operators.colorizer.Colorizer`."""
        from lightning_dlic.codec.hints.paint import enlarged
        from lightning_dlic.operators.color import EPSILON, RADIUS, along, copy_factor

        factor = copy_factor(light)
        small = _means(light.astype(np.float32) / np.float32(255), factor)
        maps = self._maps(small, hints)
        branches = np.clip(enlarged(hints.branches[hints.labels], small.shape), 0, len(maps) - 1)
        chroma: F32 = np.take_along_axis(maps, branches[None, None].repeat(2, axis=1).astype(np.int64), axis=0)[0]
        if factor == 1:
            return chroma * np.float32(255)
        return along(np.concatenate(guided_lines(small[None], chroma, RADIUS, EPSILON)), light, factor)

    def hypotheses(self, light: U8, hints: Coloring) -> F32:
        """See `operators.colorizer.Colorizer.hypotheses`."""
        return self._maps(light.astype(np.float32) / np.float32(255), hints) * np.float32(255)

    def _maps(self, unit: F32, hints: Coloring) -> F32:
        """All branches' Cb and Cr, ``[K, 2, H, W]``."""
        from lightning_dlic.codec.hints.paint import paint

        maps: F32 = self._graph(base=unit[None, None], hints=paint(hints, unit.shape)[None])[0]
        return maps


def _means(plane: F32, factor: int) -> F32:
    """Means over squares; those at the right and at the bottom may be smaller."""
    if factor == 1:
        return plane
    height, width = plane.shape
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    sums = np.add.reduceat(np.add.reduceat(plane, rows, axis=0, dtype=np.float64), columns, axis=1)
    count = np.diff(np.append(rows, height))[:, None] * np.diff(np.append(columns, width))
    means: F32 = (sums / count).astype(np.float32)
    return means


def _levels(made: NDArray[np.float32]) -> U8:
    levels: U8 = np.clip(np.rint(made[0] * np.float32(255)), 0, 255).astype(np.uint8)
    return levels


_KINDS: Mapping[str, Callable[[str, Mapping[str, Any]], Advances]] = {
    "sr": GraphEnlarger,
    "colorization": GraphColorizer,
    "reconstruction": GraphReconstructor,
}


@lru_cache(maxsize=8)
def load_graph_operator(target: str) -> Advances:
    """A network at work, by ONNX Runtime.

    Args:
        target: ``zoo:NAME`` or the path of a weights file.

    Raises:
        ImportError: ONNX Runtime is not installed.
        DlicError: The weights cannot be found or used, or only PyTorch runs such networks.
    """
    import onnxruntime  # noqa: F401

    meta = inspect_net(target)
    found = _KINDS.get(str(meta.get("kind")))
    if found is None:
        raise DlicError(f"networks need torch, which cannot be imported here, for the kind {meta.get('kind')!r}")
    return found(target, meta)
