"""What a finished training leaves: weights, figures beside those without it, and a table of them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dlic_datamodules.base import PictureDataModule
from dlic_datamodules.validation import OWN
from dlic_registry import DlicError, get
from lightning_dlic.metrics.protocol import Protocol
from lightning_dlic.recipe import Recipe
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.chain import Chain
from lightning_dlic.training.build import build
from lightning_dlic.training.pipeline_file import leave_pipeline
from lightning_dlic.training.places import placed
from lightning_dlic.training.provenance import network_state
from lightning_dlic.training.report import Figures, measure, print_table, write_result
from lightning_dlic.training.run import Run
from lightning_dlic.zoo import inspect_net, save_net, sha256


def describe_stage(recipe: Recipe, kind: str) -> dict[str, Any]:
    """What a weights file says of the stage that trained it."""
    entry = get(kind, recipe.stages[kind].name)
    return {
        "kind": kind,
        "stage": recipe.stages[kind].name,
        "distribution": entry.distribution,
        "version": entry.version,
        "recipe": recipe.name,
    }


def weights_files(recipe: Recipe, run: Run) -> dict[str, Path]:
    """The file of each trained network's weights, by its stage's kind."""
    return {kind: run.weights_of(kind) if recipe.is_chain else run.weights for kind in recipe.train}


def best_files(recipe: Recipe, run: Run) -> dict[str, Path]:
    """The same as they were at the best validation."""
    return {kind: run.best_of(kind) if recipe.is_chain else run.best for kind in recipe.train}


def conclude(
    recipe: Recipe,
    run: Run,
    stage: Stage,
    data: PictureDataModule,
    final: dict[str, Any],
    device: torch.device,
    seconds: float,
    stopped: str | None = None,
) -> Figures:
    """Saves the networks that were trained, measures them beside their baseline, writes and prints the result.

    Args:
        recipe: The recipe.
        run: Its run.
        stage: What was trained.
        data: Its pictures.
        final: The last checkpoint.
        device: Where to measure.
        seconds: How long the training took.
        stopped: Why it ended before its last batch, if it did.
    """
    stage.net.load_state_dict(network_state(final))
    stage.batches = int(final["dlic_batches"])
    stage.cpu()
    files = weights_files(recipe, run)
    for kind, part in stage.trained().items():
        files[kind].parent.mkdir(exist_ok=True)
        origin = {**describe_stage(recipe, kind), **part.describe_net(), "steps": stage.batches}
        save_net(files[kind], part.net, origin)
    leave_pipeline(run, *_in_pipeline(recipe, run, stage, files))
    # Last, because pictures may have gone since.
    stage.to(device).eval()
    initial = _initial(recipe) if recipe.is_chain else None
    sets = measure(stage, data.val_dataloader(), initial.to(device).eval() if initial is not None else None)
    figures = sets.get(stage.follows or OWN, Figures(0, {}, {}))
    stage.cpu()
    written = {
        kind: {"file": str(path.relative_to(run.folder)), "sha256": sha256(path)} for kind, path in files.items()
    }
    facts = {
        "recipe": recipe.name,
        **_stages(recipe),
        "batches": stage.batches,
        **({"stopped": stopped} if stopped is not None else {}),
        "seconds": round(seconds, 1),
        "parameters": sum(p.numel() for part in stage.trained().values() for p in part.net.parameters()),
        "data": {"name": recipe.data.name, "args": recipe.resolved()["data"]["args"]},
        "baseline": stage.baseline_name,
        "protocol": _protocol(recipe, stage),
        "weights": written if recipe.is_chain else written[recipe.train[0]],
    }
    write_result(run.result, figures, facts, sets)
    if recipe.trainer.progress:
        sys.stdout.flush()
        for name, each in (sets or {OWN: figures}).items():
            what = "picture" if each.pictures == 1 else "pictures"
            of = f"validation {what}" if name == OWN else f"{what} of {name}"
            title = f"{recipe.name}: {each.pictures} {of}, {stage.batches} batches"
            print_table(each, title, stage.baseline_name or "baseline")
    return figures


def concluding_figures(recipe: Recipe, run: Run, figures: Figures, monitor: str) -> dict[str, float]:
    """A finished run's figures as loggers have them: final, of the baseline, and the best of all validations."""
    rows = {"final": figures.net, "baseline": figures.baseline, "initial": figures.initial or {}}
    told = {f"{which}/{name}": float(value) for which, row in rows.items() for name, value in row.items()}
    best = next(iter(best_files(recipe, run).values()))
    if best.is_file():
        facts = inspect_net(best)
        told |= {"best/batch": float(facts["steps"])}
        told |= {f"best/{monitor}": float(facts[monitor])} if monitor in facts else {}
    return told


def _in_pipeline(
    recipe: Recipe, run: Run, stage: Stage, files: Mapping[str, Path]
) -> tuple[dict[str, Stage], dict[str, str]]:
    """The stages of the run's pipeline with their weights as it names them: of a chain also those used as they are."""
    stages, weights = dict(stage.trained()), {k: path.relative_to(run.folder).as_posix() for k, path in files.items()}
    for kind, part in stage.parts.items() if isinstance(stage, Chain) else ():
        if kind in stages:
            continue
        spec = placed(recipe).stages[kind]
        source = spec.weights or spec.init or ""
        if source.endswith((".ckpt", "/")) or Path(source).is_dir():
            # A checkpoint or a run is no file that a codec takes.
            save_net(run.weights_of(kind), part.net, {**describe_stage(recipe, kind), **part.describe_net()})
            source = run.weights_of(kind).relative_to(run.folder).as_posix()
        stages[kind], weights[kind] = part, source
    return stages, weights


def _initial(recipe: Recipe) -> Stage | None:
    """A chain as its training started; None where its weights are gone."""
    try:
        return build(recipe)
    except DlicError as error:
        warnings.warn(f"the chain as it started is not measured: {error}", stacklevel=2)
        return None


def _stages(recipe: Recipe) -> dict[str, Any]:
    """What stood where: the one stage, or the chain's and which of them were trained."""
    named = {kind: {"kind": kind, "name": spec.name} for kind, spec in recipe.stages.items()}
    if not recipe.is_chain:
        return {"stage": named[recipe.train[0]]}
    return {"stages": [{**spec, "trained": kind in recipe.train} for kind, spec in named.items()]}


def _protocol(recipe: Recipe, stage: Stage) -> dict[str, Any]:
    """The evaluation protocol; what makes the small pictures stands for the resizer."""
    stated = Protocol().as_dict()
    for part in stage.trained().values():
        spec = getattr(part, "downsize_spec", {"name": "bicubic"})
        if spec.get("name") != "bicubic":
            stated["resizer"] = f"the registered downsize {spec['name']}: {dict(spec)}"
        if getattr(part.net, "downsizer", None) is not None:
            stated["resizer"] = "the network's own, which was trained with it"
    args = recipe.resolved()["data"]["args"]
    if args.get("transform") is not None:
        stated["resizer"] = f"the input is what data.args.transform makes: {args['transform']}"
    elif recipe.data.name == "paired":
        stated["resizer"] = f"the input is the picture of the same name below {args['base']}"
    return stated
