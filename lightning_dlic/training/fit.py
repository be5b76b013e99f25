"""Training by recipe: the function behind ``dlic fit``."""

from __future__ import annotations

import os
import signal
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import Logger

from dlic_datamodules.base import PictureDataModule
from dlic_datamodules.files import write_file
from dlic_datamodules.validation import OWN
from dlic_registry import DlicError, import_plugins
from lightning_dlic.recipe import Recipe, check, to_yaml
from lightning_dlic.recipe.defaults import unsaid
from lightning_dlic.recipe.errors import nearest
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.best import Best
from lightning_dlic.training.build import build, build_data, build_loggers, build_trainer
from lightning_dlic.training.callbacks import build_callbacks, reason_to_stop
from lightning_dlic.training.changes import Change, check_fit, take_changes, tell_changes
from lightning_dlic.training.checkpoints import Checkpoints
from lightning_dlic.training.conclude import best_files, conclude, concluding_figures, describe_stage
from lightning_dlic.training.ema import EMA
from lightning_dlic.training.failures import explained
from lightning_dlic.training.interrupt import Interrupt, Interrupted
from lightning_dlic.training.launch import RANK_VARIABLE, is_first_rank, ranks
from lightning_dlic.training.lock import hold
from lightning_dlic.training.loggers import Concluding, ended
from lightning_dlic.training.memory import keep_memory
from lightning_dlic.training.metrics_file import MetricsFile
from lightning_dlic.training.places import placed
from lightning_dlic.training.progress import progress_bar
from lightning_dlic.training.provenance import read_checkpoint, record, verify
from lightning_dlic.training.quiet import quiet
from lightning_dlic.training.report import Figures
from lightning_dlic.training.resume import Begin, Point, choose
from lightning_dlic.training.run import Run, create
from lightning_dlic.training.samples import Samples
from lightning_dlic.training.target import Target, find_target


@dataclass(frozen=True)
class Result:
    """What a training left behind.

    Attributes:
        run: Its folder.
        batches: Batches done.
        figures: Final figures; None where the training was interrupted, and in all processes but the first.
        signal: The signal that interrupted it, if one did.
        stopped: Why a callback ended it before its last batch, if one did.
    """

    run: Run
    batches: int
    figures: Figures | None
    signal: int | None = None
    stopped: str | None = None


def fit(recipe: Recipe, resume: Target | str | Path | None = None) -> Result:
    """Trains what a recipe says.

    Args:
        recipe: A recipe with something to train.
        resume: The run to go on with: its folder, ``FOLDER@STEP``, or ``latest`` below ``run.root``. Weights,
            optimizers, schedules, averages, gathered gradients and the place in the data are restored exactly; what the
            recipe says otherwise than the run did holds from there on, or is refused.

    Returns:
        What it left behind.

    Raises:
        DlicError: The recipe, the data or the checkpoint cannot be used, or another process trains in the folder.
    """
    if resume is not None:
        target = resume if isinstance(resume, Target) else find_target(str(resume), Path(recipe.run.root))
        with _held(target.run, is_first_rank(ranks(recipe.trainer))):
            return _fit(recipe, target.run, target)
    check(recipe)
    run, made = create(recipe)
    first = is_first_rank(ranks(recipe.trainer))
    with _held(run, first):
        try:
            if first:
                write_file(run.recipe, to_yaml(placed(recipe)).encode())
            return _fit(recipe, run, None)
        except BaseException:
            if made:
                run.discard()
            raise


def _held(run: Run, first: bool) -> AbstractContextManager[None]:
    """The run's folder, for the one process that writes in it."""
    os.environ[RANK_VARIABLE] = str(run.folder.resolve())
    return hold(run.folder) if first else nullcontext()


def _fit(recipe: Recipe, run: Run, target: Target | None) -> Result:
    if recipe.trainer.threads is not None:
        torch.set_num_threads(recipe.trainer.threads)
    point: Point | None = None
    changes: list[Change] = []
    if target is not None:
        # What a plug-in registers must be known before the checkpoint asks for it.
        import_plugins(recipe.plugins)
        point = choose(target)
        # It knows what to install where a name is not registered here; the recipe does not.
        verify(point.checkpoint, point.path)
        check(recipe, weights=False)
        changes = take_changes(recipe, run, point)
    stage, data = build(recipe, initial=point is None), build_data(recipe)
    _check_crop(recipe, stage, data)
    if point is not None:
        check_fit(recipe, stage, run, point, changes)
        tell_changes(changes, point.batches)
    return _train(recipe, run, stage, data, point)


def _train(recipe: Recipe, run: Run, stage: Stage, data: PictureDataModule, point: Point | None) -> Result:
    start = point.batches if point is not None else 0
    steps = recipe.trainer.max_steps
    data.configure(
        steps=steps,
        start=start,
        seed=recipe.seed,
        run_dir=run.folder,
        least=stage.least_side,
        limit=recipe.trainer.limit_train,
    )
    stage.follows = _follow(recipe, data)
    loggers = build_loggers(recipe, run)
    with ended(loggers) as ending:
        result = _train_logged(recipe, run, stage, data, point, [MetricsFile(run.metrics, start), *loggers])
        if result.signal is not None:
            ending.status = 128 + result.signal
    return result


def _train_logged(
    recipe: Recipe, run: Run, stage: Stage, data: PictureDataModule, point: Point | None, loggers: list[Logger]
) -> Result:
    ema = EMA(recipe.trainer.ema) if recipe.trainer.ema is not None else None
    provenance = {**record(placed(recipe).resolved()), "defaults": unsaid(recipe), "batch_size": data.batch_size}
    checkpoints = Checkpoints(run, recipe.trainer.checkpoint_every, recipe.trainer.keep, provenance)
    interrupt = Interrupt(checkpoints)
    begin = Begin(run, point, recipe, data.batch_size) if point is not None else None
    callbacks = _callbacks(recipe, run, stage, begin, ema, interrupt, checkpoints)
    if recipe.trainer.compile:
        for module in stage.compiled():
            module.compile()
    for logger in loggers:
        if isinstance(logger, Concluding):
            logger.watch_net(stage.net, recipe.trainer.log_every)
    begun = time.monotonic()
    with quiet(), explained(run, stage):
        trainer = build_trainer(recipe, run, stage, loggers, callbacks)
        if trainer.strategy.root_device.type == "cpu":
            keep_memory()
        _run(trainer, stage, data, point)
    final = read_checkpoint(run.last) if run.last.is_file() else None
    batches = int(final["dlic_batches"]) if final else 0
    stopped = reason_to_stop(trainer) if batches < recipe.trainer.max_steps else None
    # A signal after the last batch may have broken off its validation, which who goes on makes up for.
    ended = (batches >= recipe.trainer.max_steps or stopped is not None) and interrupt.received is None
    if final is None or not ended or not trainer.is_global_zero:
        return Result(run, batches, None, interrupt.received, stopped)
    try:
        with explained(run, stage):
            seconds = time.monotonic() - begun
            figures = conclude(recipe, run, stage, data, final, trainer.strategy.root_device, seconds, stopped)
            told = concluding_figures(recipe, run, figures, stage.monitor)
            for logger in loggers:
                if isinstance(logger, Concluding):
                    logger.conclude(told, batches, run)
    except KeyboardInterrupt:
        return Result(run, batches, None, signal.SIGINT)
    return Result(run, batches, figures, stopped=stopped)


def _run(trainer: pl.Trainer, stage: Stage, data: PictureDataModule, point: Point | None) -> None:
    try:
        trainer.fit(stage, datamodule=data, ckpt_path=point.path if point is not None else None, weights_only=True)
    except Interrupted:
        return
    except (MisconfigurationException, ModuleNotFoundError) as error:
        # What a callback of others asks of Lightning, and a stage's own optimisation does not give.
        raise DlicError(f"trainer, callbacks: {str(error).splitlines()[0]}") from error
    except SystemExit as end:
        # What Lightning makes of Ctrl-C before the first batch.
        if isinstance(end.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        raise


def _callbacks(
    recipe: Recipe,
    run: Run,
    stage: Stage,
    begin: Begin | None,
    ema: EMA | None,
    interrupt: Interrupt,
    checkpoints: Checkpoints,
) -> list[pl.Callback]:
    """In the order in which they must act: the best is kept while the average is in place, saving comes last."""
    chosen: list[pl.Callback | None] = [
        begin,
        Best(
            best_files(recipe, run),
            {kind: describe_stage(recipe, kind) for kind in recipe.train},
            _measured_on(recipe),
        ),
        ema,
        *stage.helpers(),
        Samples(run),
        *build_callbacks(recipe),
        progress_bar(recipe.trainer.log_every) if recipe.trainer.progress else None,
        interrupt,
        checkpoints,
    ]
    return [callback for callback in chosen if callback is not None]


def _measured_on(recipe: Recipe) -> dict[str, Any]:
    """What the figure of a validation depends on beside the network, as plain values."""
    apart = ("crop", "batch_size", "workers", "augment", "to_gray", "small", "cache", "cache_dir", "train", "extra")
    spec = placed(recipe).data
    args = {key: value for key, value in spec.args.items() if key not in apart}
    followed = {} if recipe.monitor is None else {"monitor": recipe.monitor, "metrics": recipe.metrics}
    followed |= {} if recipe.trainer.best_on is None else {"best_on": recipe.trainer.best_on}
    return {"name": spec.name, "args": args, "limit": recipe.trainer.limit_val, **followed}


def _follow(recipe: Recipe, data: PictureDataModule) -> str:
    """The validation set by which the best network is kept; empty for the data set's own."""
    wanted = recipe.trainer.best_on
    if wanted is None and not data.valid_sets:
        return ""
    names = data.validates_on()
    if wanted is not None and wanted not in names:
        raise recipe.error("trainer.best_on", f"no validation set {wanted!r}", nearest(wanted, names, "Sets"))
    name = wanted or names[0]
    return "" if name == OWN else name


def _check_crop(recipe: Recipe, stage: Stage, data: PictureDataModule) -> None:
    scale = getattr(stage, "scale", 1)
    if getattr(data, "scale", None) not in (None, scale):
        raise DlicError(
            f"{recipe.where('data.args.scale')}: data.args.scale is {data.scale}, the stage's {scale}.\n"  # type: ignore[attr-defined]
            "Take pairs of the stage's scale, or set that."
        )
    if data.crop % scale:
        raise DlicError(
            f"{recipe.where('data.args.crop')}: data.args.crop is {data.crop}, which scale {scale} does not divide.\n"
            f"Take {data.crop // scale * scale or scale}."
        )
