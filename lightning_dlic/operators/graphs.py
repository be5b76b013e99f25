"""Networks that ship as graphs for ONNX Runtime, so that files decode where torch is not installed.

A graph lies in ``lightning_dlic/zoo/graphs`` without its weights, which it takes from the weights file: so one graph
serves all weights of a network. ``tools/make_graphs.py`` makes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlic_registry import DlicError
from lightning_dlic.zoo.cards import shipped_graph
from lightning_dlic.zoo.files import locate


def graph_name(meta: Mapping[str, Any], scale: int) -> str:
    """What the graph of a network is called: the same for all weights of one network at one scale.

    Args:
        meta: As the weights file states it.
        scale: Factor of enlargement.
    """
    net = meta["net"]
    told = {"args": net["args"], "scale": meta.get("scale"), "channels": meta.get("channels")}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return f"{net['name']}-{digest[:8]}-x{scale}"


class Graph:
    """A graph with its weights, ready to work.

    Attributes:
        halo: Input pixels around its place that an output pixel depends on.
        multiple: What its tiles are aligned to.
    """

    def __init__(self, target: str, meta: Mapping[str, Any], scale: int) -> None:
        """Loads it.

        Args:
            target: Weights, ``zoo:NAME`` or a path.
            meta: As their file states it.
            scale: Factor of enlargement.

        Raises:
            ImportError: ONNX Runtime is not installed.
            DlicError: No graph of this network ships.
        """
        import onnxruntime

        file = shipped_graph(graph_name(meta, scale))
        if file is None:
            raise DlicError(f"{target}: only PyTorch, which cannot be imported here, has this network")
        options = onnxruntime.SessionOptions()
        # What it has to say, it raises as well.
        options.log_severity_level = 4
        facts = json.loads(file.with_suffix(".json").read_text())
        names, values = _weights(locate(target), facts["weights"])
        options.add_external_initializers(names, list(map(onnxruntime.OrtValue.ortvalue_from_numpy, values)))
        self._session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
        self.halo, self.multiple = int(facts["halo"]), int(facts["multiple"])

    def __call__(self, **inputs: Any) -> Any:
        """What the network gives, float32."""
        (made,) = self._session.run(None, inputs)
        if not np.isfinite(made).all():
            raise DlicError("the network gives values that are not finite for this picture; its weights diverged")
        return made


def _weights(path: Path, names: Mapping[str, str]) -> tuple[list[str], list[Any]]:
    from safetensors.numpy import load_file

    state = load_file(path)
    return list(names), [np.ascontiguousarray(state[name], np.float32) for name in names.values()]
