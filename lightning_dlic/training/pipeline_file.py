"""What a run leaves for the codec: a pipeline beside its weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from dlic_datamodules.files import write_file
from dlic_registry import DlicError, load
from lightning_dlic.operators.base import load_operator
from lightning_dlic.recipe.document import dump
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.run import Run
from lightning_dlic.zoo import save_net

_HEAD = "# What this run trained, as a codec: dlic compress PICTURE FILE.dlic --bytes 2000 --pipeline THIS_FOLDER\n"


def leave_pipeline(run: Run, stages: Mapping[str, Stage], weights: Mapping[str, str]) -> None:
    """Writes ``pipeline.yaml``, where the stages make something that a codec takes.

    A stage with a slot stands behind the base codec; one whose networks work in a base codec's loop goes into its
    arguments, in the form in which it ships; one that downsizes makes the base layer as well. Any other leaves nothing.

    Args:
        run: The run's folder.
        stages: The stages by kind, trained ones and those of a chain that were used as they are.
        weights: Their weights by kind, as they stand in a pipeline: from the run's folder, or as ``zoo:NAME``.
    """
    keys: dict[str, Any] = {}
    for kind, stage in stages.items():
        try:
            for key, value in _part(run, kind, stage, weights[kind]).items():
                keys[key] = {**keys.get(key, {}), **value}
        except DlicError as error:
            warnings.warn(f"no pipeline.yaml: {error}", stacklevel=2)
            return
    if keys:
        write_file(run.pipeline, (_HEAD + dump(keys)).encode())


def _part(run: Run, kind: str, stage: Stage, file: str) -> dict[str, dict[str, Any]]:
    spec = load("kind", kind)
    if spec.slot is not None:
        return {"stages": {kind: {"weights": file}}, **stage.pipeline_keys(file)}
    if spec.loop is None:
        return {}
    codec = load("codec", spec.loop)
    net, meta = load_operator(str(run.folder / file)).shipped()
    shipped = run.folder / f"{kind}.safetensors"
    save_net(shipped, net, meta)
    arguments = {codec.networks: [str(shipped)]}
    codec(**arguments)
    return {"base": {"name": spec.loop, "args": {codec.networks: [shipped.name]}}}
