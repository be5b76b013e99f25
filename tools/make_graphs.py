"""Makes the graphs by which ONNX Runtime runs networks that ship: of every network that a pipeline with a number names.

python tools/make_graphs.py          # those that are missing
python tools/make_graphs.py --all    # all, anew
"""

from __future__ import annotations

import argparse
import io
import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

import lightning_dlic.zoo
from lightning_dlic.imaging.hint_planes import PLANES
from lightning_dlic.operators.base import Operator, load_operator
from lightning_dlic.operators.graphs import graph_name
from lightning_dlic.pipeline.plan import find_pipeline, numbers

FOLDER = Path(lightning_dlic.zoo.__file__).parent / "graphs"
KINDS = ("sr", "colorization", "reconstruction")
# Of a size that no stride divides, so that none is taken for granted.
EXAMPLE = (1, 37, 50)


class _Scaled(nn.Module):
    """A network of reconstruction at one scale."""

    def __init__(self, net: nn.Module, scale: int) -> None:
        super().__init__()
        self.net, self.scale = net, scale

    def forward(self, base: Tensor, quality: Tensor, alpha: Tensor) -> Tensor:
        made: Tensor = self.net(base, quality, self.scale, alpha)
        return made


class _Branches(nn.Module):
    """All maps of a network for colour."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, base: Tensor, hints: Tensor) -> Tensor:
        made: Tensor = self.net.hypotheses(base, hints)  # type: ignore[operator]
        return made


def wanted() -> Iterator[tuple[Operator, int]]:
    """Networks of numbered pipelines, at each of their scales."""
    seen = set()
    for name in numbers().values():
        for kind, roles in find_pipeline(name).networks.items():
            for scale, target in roles.items():
                if kind in KINDS and (target, scale) not in seen:
                    seen.add((target, scale))
                    yield load_operator(target), scale or 1


def write(operator: Operator, scale: int) -> Path:
    """Writes a graph without its weights, and beside it what it takes from where."""
    net = operator.net.to(memory_format=torch.contiguous_format)
    base = torch.rand(1, 3 if operator.kind == "reconstruction" else operator.facts.channels, *EXAMPLE[1:])
    forms: dict[str, tuple[nn.Module, dict[str, Tensor]]] = {
        "sr": (net, {}),
        "reconstruction": (_Scaled(net, scale), {"quality": torch.tensor([math.nan]), "alpha": torch.tensor([0.0])}),
        "colorization": (_Branches(net), {"hints": torch.rand(1, PLANES, *EXAMPLE[1:])}),
    }
    module, told = forms[operator.kind]
    axes = {"base": (2, 3), "hints": (2, 3), "made": (3, 4) if "hints" in told else (2, 3)}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (base, *told.values()),
            file,  # type: ignore[arg-type]
            input_names=["base", *told],
            output_names=["made"],
            dynamic_axes={n: {a[0]: f"{n} rows", a[1]: f"{n} columns"} for n, a in axes.items()},
            do_constant_folding=False,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    names = _strip(model, set(net.state_dict()))
    target = FOLDER / f"{graph_name(operator.meta, scale)}.onnx"
    target.write_bytes(model.SerializeToString())
    facts = {"halo": operator.facts.halo or 0, "multiple": getattr(operator, "multiple", 1), "weights": names}
    target.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    return target


def _strip(model: onnx.ModelProto, known: set[str]) -> dict[str, str]:
    """Takes out what the weights file holds; gives its names there by those in the graph."""
    names = {}
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix("net.")
        name = name if name in known else tensor.name
        if name in known:
            names[tensor.name] = name
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", "weights"
    return names


def main() -> None:
    """Makes graphs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--all", action="store_true", help="those that are there, too")
    anew = parser.parse_args().all
    FOLDER.mkdir(exist_ok=True)
    for operator, scale in wanted():
        if anew or not (FOLDER / f"{graph_name(operator.meta, scale)}.onnx").exists():
            made = write(operator, scale)
            print(f"{made.name}: {made.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
