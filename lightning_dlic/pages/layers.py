"""A bitstream taken apart: where its bytes went, and what each part of it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.container import ALPHA_CHUNK, BETWEEN_CHUNK, HINTS_CHUNK, NETWORKS_CHUNK, PIPELINE_CHUNK
from lightning_dlic.codec.networks import named_networks
from lightning_dlic.imaging.numpy.color import merge
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.strips import Strips, base_strips

U8 = NDArray[np.uint8]
_MAP_SIDE = 640
TITLES = {
    "base": "Base layer",
    "hints": "Hints",
    "networks": "Networks",
    "alpha": "Alpha",
    "scale": "Scale",
    "header": "Header",
    "checksum": "Checksum",
    "other": "Other",
}
"""What people call the parts of a file."""


@dataclass(frozen=True)
class Part:
    """Some of a file's bytes.

    Attributes:
        name: ``base``, ``hints``, ``networks``, ``alpha``, ``scale``, ``header``, ``checksum`` or ``other``.
        words: What they say.
        bytes: How many.
    """

    name: str
    words: str
    bytes: int

    @property
    def title(self) -> str:
        """What people call it."""
        return TITLES[self.name]


def byte_parts(stream: Bitstream) -> list[Part]:
    """Where a file's bytes went; they sum up to its size, and parts without any are left out."""
    by_tag = {
        HINTS_CHUNK: "hints",
        NETWORKS_CHUNK: "networks",
        PIPELINE_CHUNK: "networks",
        ALPHA_CHUNK: "alpha",
        BETWEEN_CHUNK: "scale",
    }
    sizes = dict.fromkeys((*by_tag.values(), "other"), 0)
    for chunk in stream.chunks:
        sizes[by_tag.get(chunk.tag, "other")] += len(chunk.body)
    height, width = stream.base_size
    color = "colour" if stream.color else "grey"
    parts = [
        Part("base", f"the picture at {width} × {height}, {color}, by {stream.codec}", len(stream.payload)),
        Part("hints", _hint_words(stream), sizes["hints"]),
        Part("networks", _network_words(stream), sizes["networks"]),
        Part("alpha", "how much texture the network may make up", sizes["alpha"]),
        Part("scale", "which one, between two whole ones", sizes["scale"]),
        Part("other", "chunks that this version does not know", sizes["other"]),
        Part("header", "size, codec, lengths of the parts", len(stream.head()) - sum(sizes.values())),
        Part("checksum", "of the decoded base layer", len(stream.tail())),
    ]
    return [part for part in parts if part.bytes]


def _hint_words(stream: Bitstream) -> str:
    facts = hint_facts(stream)
    if facts is None:
        return ""
    return f"colour of {facts['regions']} regions ({facts['name']})" if "regions" in facts else str(facts["name"])


def hint_facts(stream: Bitstream) -> dict[str, Any] | None:
    """What `lightning_dlic.codec.hints.chunk.describe_hints` says of a stream's hints; None where it has none."""
    body = stream.chunk(HINTS_CHUNK)
    if body is None:
        return None
    # Imports Numba, which other files do without.
    from lightning_dlic.codec.hints.chunk import describe_hints

    return describe_hints(body)


def _network_words(stream: Bitstream) -> str:
    return "names of networks: " + ", ".join(network.name for network in named_networks(stream) or ())


def base_picture(layers: Layers) -> U8:
    """The base layer as its codec has it: uint8 ``[h, w, 3]``, or ``[h, w]`` where it is grey."""
    planes = layers.base
    return Strips(*planes.size, planes.color, base_strips(planes, (1.0, 1.0), planes.size)).whole()


def region_map(layers: Layers) -> U8 | None:
    """The regions of hints in the colours that were sent, with thin borders.

    Returns:
        uint8 ``[h * f, w * f, 3]``, a whole multiple of the guide's size; regions that leave their colour to a network
        are grey. None where there are no hints, or where all regions do.
    """
    coloring = layers.coloring
    if coloring is None or not (coloring.branches < 0).any():
        return None
    from lightning_dlic.codec.hints.regions import guide

    luma, labels = guide(layers.base.y), coloring.labels
    # Flat in each region, too: what is shown are the regions, not the picture.
    means = np.bincount(labels.ravel(), luma.ravel().astype(np.float64)) / np.bincount(labels.ravel())
    flat = np.clip(96 + 0.5 * means, 0, 255).astype(np.uint8)[labels]
    chroma = (np.clip(np.rint(plane + 128), 0, 255).astype(np.uint8) for plane in coloring.planes())
    return _bordered(merge(flat, *chroma), labels)


def _bordered(colors: U8, labels: NDArray[np.int32]) -> U8:
    """A map large enough for borders that are thinner than its places."""
    factor = max(1, _MAP_SIDE // max(labels.shape))
    made, places = (np.repeat(np.repeat(plane, factor, 0), factor, 1) for plane in (colors, labels))
    border = np.zeros(places.shape, bool)
    border[:, 1:] |= places[:, 1:] != places[:, :-1]
    border[1:] |= places[1:] != places[:-1]
    if factor > 2:
        # Seen at half its size, a line of one pixel would come and go.
        border[:, :-1] |= border[:, 1:]
        border[:-1] |= border[1:]
    made[border] = (made[border].astype(np.uint16) * 11 // 20).astype(np.uint8)
    return made
