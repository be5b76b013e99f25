"""Training by recipe: the function behind ``dlic fit``."""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from dlic_datamodules.base import PictureDataModule
from dlic_registry import DlicError, get
from lightning_dlic.metrics.protocol import Protocol
from lightning_dlic.stages.base import Stage
from lightning_dlic.training import run as runs
from lightning_dlic.training.best import Best
from lightning_dlic.training.build import build_data, build_logger, build_stage, build_trainer
from lightning_dlic.training.checkpoints import Checkpoints, Interrupt
from lightning_dlic.training.ema import EMA
from lightning_dlic.training.failures import explained
from lightning_dlic.training.metrics_file import MetricsFile
from lightning_dlic.training.progress import progress_bar
from lightning_dlic.training.provenance import network_state, read_checkpoint, record, verify
from lightning_dlic.training.recipe import Recipe, check, to_yaml
from lightning_dlic.training.report import Figures, measure, print_table, write_result
from lightning_dlic.training.run import Run
from lightning_dlic.training.samples import Samples
from lightning_dlic.zoo import save_net, sha256


@dataclass(frozen=True)
class Result:
    """What a training left behind.

    Attributes:
        run: Its folder.
        batches: Batches done.
        figures: Final figures; None where the training was interrupted.
        signal: The signal that interrupted it, if one did.
    """

    run: Run
    batches: int
    figures: Figures | None
    signal: int | None = None


def fit(recipe: Recipe, resume: Path | None = None) -> Result:
    """Trains what a recipe says.

    Args:
        recipe: A recipe with something to train.
        resume: Folder of an interrupted run to go on with; its weights, optimizers, schedules, averages and place in
            the data are restored exactly.

    Returns:
        The result of the last stage trained.

    Raises:
        DlicError: The recipe, the data or the checkpoint cannot be used.
    """
    if len(recipe.train) != 1:
        raise DlicError(
            f"{recipe.where('train')}: train: a recipe trains one stage, not {len(recipe.train)} "
            f"({', '.join(recipe.train)}).\nWrite one recipe for each, the later ones with the earlier ones' weights."
        )
    checkpoint = None
    if resume is not None:
        run = runs.existing(resume)
        checkpoint = read_checkpoint(run.last)
        verify(checkpoint, run.last)
    check(recipe)
    if resume is None:
        run = runs.create(Path(recipe.run.root), recipe.name, recipe.run.name)
    run.recipe.write_text(to_yaml(recipe))
    if recipe.trainer.threads is not None:
        torch.set_num_threads(recipe.trainer.threads)
    return _fit_stage(recipe, recipe.train[0], run, checkpoint)


def _fit_stage(recipe: Recipe, kind: str, run: Run, checkpoint: dict[str, Any] | None) -> Result:
    stage, data = build_stage(recipe, kind), build_data(recipe)
    _check_crop(recipe, stage, data)
    start = int(checkpoint["dlic_batches"]) if checkpoint else 0
    data.configure(steps=recipe.trainer.max_steps, start=start, seed=recipe.seed, run_dir=run.folder)
    metrics = MetricsFile(run.metrics, start)
    loggers = [metrics, *filter(None, [build_logger(recipe, run)])]
    ema = EMA(recipe.trainer.ema) if recipe.trainer.ema is not None else None
    checkpoints = Checkpoints(run, recipe.trainer.checkpoint_every, recipe.trainer.keep, record(recipe.resolved()))
    interrupt = Interrupt(checkpoints)
    callbacks = _callbacks(recipe, kind, run, ema, interrupt, checkpoints)
    if recipe.trainer.compile:
        for module in {stage.net, getattr(stage, "discriminator", stage.net)}:
            module.compile()
    trainer = build_trainer(recipe, run, stage, loggers, callbacks)
    begun = time.monotonic()
    with warnings.catch_warnings(), explained(run, stage):
        _quiet()
        trainer.fit(stage, datamodule=data, ckpt_path=run.last if checkpoint else None, weights_only=True)
    final = read_checkpoint(run.last) if run.last.is_file() else None
    batches = int(final["dlic_batches"]) if final else 0
    if final is None or batches < recipe.trainer.max_steps or not trainer.is_global_zero:
        return Result(run, batches, None, interrupt.received)
    with explained(run, stage):
        figures = _conclude(recipe, kind, run, stage, data, final, trainer, time.monotonic() - begun)
    return Result(run, batches, figures)


def _callbacks(
    recipe: Recipe, kind: str, run: Run, ema: EMA | None, interrupt: Interrupt, checkpoints: Checkpoints
) -> list[pl.Callback]:
    """In the order in which they must act: the best is kept while the average is in place, saving comes last."""
    chosen: list[pl.Callback | None] = [
        Best(run.best, describe_stage(recipe, kind)),
        ema,
        Samples(run),
        progress_bar(recipe.trainer.log_every) if recipe.trainer.progress else None,
        interrupt,
        checkpoints,
    ]
    return [callback for callback in chosen if callback is not None]


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


def _check_crop(recipe: Recipe, stage: Stage, data: PictureDataModule) -> None:
    scale = getattr(stage, "scale", 1)
    if data.crop % scale:
        raise DlicError(
            f"{recipe.where('data.args.crop')}: data.args.crop is {data.crop}, which scale {scale} does not divide.\n"
            f"Take {data.crop // scale * scale or scale}."
        )


def _conclude(
    recipe: Recipe,
    kind: str,
    run: Run,
    stage: Stage,
    data: PictureDataModule,
    final: dict[str, Any],
    trainer: pl.Trainer,
    seconds: float,
) -> Figures:
    """Saves the network, measures it beside the baseline, writes and prints the result."""
    stage.net.load_state_dict(network_state(final))
    stage.batches = int(final["dlic_batches"])
    stage.to(trainer.strategy.root_device).eval()
    figures = measure(stage, data.val_dataloader())
    stage.cpu()
    save_net(run.weights, stage.net, {**describe_stage(recipe, kind), **stage.describe_net()})
    facts = {
        "recipe": recipe.name,
        "stage": {"kind": kind, "name": recipe.stages[kind].name},
        "batches": stage.batches,
        "seconds": round(seconds, 1),
        "parameters": sum(p.numel() for p in stage.net.parameters()),
        "data": {"name": recipe.data.name, "args": recipe.resolved()["data"]["args"]},
        "baseline": stage.baseline_name,
        "protocol": _protocol(recipe),
        "weights": {"file": run.weights.name, "sha256": sha256(run.weights)},
    }
    write_result(run.result, figures, facts)
    if recipe.trainer.progress:
        sys.stdout.flush()
        print_table(figures, f"{recipe.name}: {figures.pictures} validation pictures, {stage.batches} batches")
    return figures


def _protocol(recipe: Recipe) -> dict[str, Any]:
    """The evaluation protocol; where a transform makes the small pictures, it stands for the resizer."""
    stated = Protocol().as_dict()
    transform = recipe.resolved()["data"]["args"].get("transform")
    if transform is not None:
        stated["resizer"] = f"the input is what data.args.transform makes: {transform}"
    return stated


def _quiet() -> None:
    """Hides Lightning's advice that does not apply: loaders, optimizers and steps are ours to count."""
    for message in (
        ".*does not have many workers.*",
        ".*dataloader is not resumable.*",
        ".*LightningCLI.*",
        ".*litlogger.*",
        ".*isinstance.treespec, LeafSpec.*",
        ".*Checkpoint directory.*",
        ".*lr_scheduler.step.*",
    ):
        warnings.filterwarnings("ignore", message=message)
