"""Networks by ONNX Runtime beside the same by PyTorch: pictures of many tiles, and colour of a smaller copy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.planes import Planes, downsized
from lightning_dlic.imaging import spans
from lightning_dlic.imaging.numpy.color import luma, split
from lightning_dlic.imaging.numpy.resize import enlarge
from lightning_dlic.operators.base import load_operator
from lightning_dlic.operators.graphs import graph_name
from lightning_dlic.operators.layers import Layers
from lightning_dlic.operators.without_torch import load_graph_operator
from lightning_dlic.pipeline.decompress import decode_layers
from lightning_dlic.pipeline.plan import find_pipeline, numbers
from lightning_dlic.zoo.cards import shipped_graph
from lightning_dlic.zoo.files import inspect_net

pytest.importorskip("onnxruntime")
GOLDEN = Path(__file__).parents[1] / "pipeline" / "golden"


def test_every_network_of_a_numbered_pipeline_has_its_graphs() -> None:
    for name in numbers().values():
        for roles in find_pipeline(name).networks.values():
            for scale, target in roles.items():
                graph = graph_name(inspect_net(target), scale or 1)
                assert shipped_graph(graph) is not None, f"{graph} of {target} is missing: run tools/make_graphs.py"


@pytest.mark.slow
def test_whole_pictures_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "WHOLE", 64)
    monkeypatch.setattr(spans, "TILE", 48)
    picture = data.astronaut()[:361, :66]
    planes = downsized(picture, split(picture), 2)
    for base in (planes, Planes(planes.y)):
        layers = Layers(base, base, 2, 361, 66, 4.0, 0.5)
        made, wanted = (load("zoo:decoder_pixel").advance(layers) for load in (load_graph_operator, load_operator))
        pairs = [(made.luma, wanted.luma), (made.picture, wanted.picture)]
        found = [np.abs(one.astype(int) - other) for one, other in pairs if one is not None and other is not None]
        assert len(found) == 1
        assert found[0].max() <= 1
        assert found[0].mean() < 0.01


@pytest.mark.slow
def test_colour_of_a_large_picture() -> None:
    layers = decode_layers(Bitstream.from_bytes((GOLDEN / "photo_4_hints_x2.dlic").read_bytes()))
    light = enlarge(luma(data.astronaut()), 2, 900, 700)
    layers = replace(layers, height=900, width=700, luma=light)
    name = "zoo:multihypothesis_compact"
    made, wanted = (load(name).advance(layers).picture for load in (load_graph_operator, load_operator))
    assert made is not None
    assert wanted is not None
    assert np.abs(made.astype(int) - wanted).max() <= 3
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(split(made), split(wanted), strict=True))
    # As the encoder asks them.
    small = luma(data.astronaut()[:160, :120])
    found = [load(name).hypotheses(small, layers.coloring) for load in (load_graph_operator, load_operator)]  # type: ignore[attr-defined]
    assert found[0].shape == found[1].shape
    assert np.abs(found[0] - found[1]).max() < 0.5
