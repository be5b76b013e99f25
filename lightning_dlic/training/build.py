"""Turns a recipe into objects: stage, data, logger, trainer."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from dlic_datamodules.base import PictureDataModule
from dlic_registry import DlicError, load
from dlic_registry.building import building
from lightning_dlic.recipe import Recipe
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.chain import Chain
from lightning_dlic.stages.settings import Settings
from lightning_dlic.training.checkpoint_file import CheckpointFiles
from lightning_dlic.training.initial import initialise
from lightning_dlic.training.launch import launched
from lightning_dlic.training.room import bounded
from lightning_dlic.training.run import Run


def build_stage(recipe: Recipe, kind: str, *, initial: bool = True) -> Stage:
    """Builds a stage of a recipe, initialised and with its settings.

    Args:
        recipe: The recipe.
        kind: Which of its stages.
        initial: Whether it takes the weights to start from; not where a checkpoint follows.

    Returns:
        The stage, on the CPU.

    Raises:
        DlicError: An argument is refused by the stage, or ``init`` cannot be loaded.
    """
    spec = recipe.stages[kind]
    pl.seed_everything(recipe.seed, verbose=False)
    place = f"{recipe.where(f'stages.{kind}.args')}: stages.{kind}.args"
    with building(place), bounded():
        stage: Stage = load(kind, spec.name)(**spec.args)
    _refuse_nothing(stage, place)
    if initial:
        _start(recipe, kind, stage)
    return _configured(recipe, stage)


def build_chain(recipe: Recipe, *, initial: bool = True) -> Chain:
    """Builds the chain of a recipe's stages, initialised and with its settings.

    Args:
        recipe: The recipe.
        initial: As for `build_stage`.

    Returns:
        The chain, on the CPU.

    Raises:
        DlicError: As for `build_stage`, or the stages make no chain.
    """
    pl.seed_everything(recipe.seed, verbose=False)
    stages = {kind: {"name": spec.name, "args": spec.args} for kind, spec in recipe.stages.items()}
    place = f"{recipe.where('stages')}: stages"
    with building(place):
        chain = Chain(stages, recipe.train, recipe.discriminator)
    _refuse_nothing(chain, place)
    if initial:
        for kind, part in chain.parts.items():
            _start(recipe, kind, part)
    configured = _configured(recipe, chain)
    assert isinstance(configured, Chain)
    return configured


def build(recipe: Recipe, *, initial: bool = True) -> Stage:
    """What a recipe trains: its one stage, or the chain of its stages."""
    return (
        build_chain(recipe, initial=initial)
        if recipe.is_chain
        else build_stage(recipe, recipe.train[0], initial=initial)
    )


def _refuse_nothing(stage: Stage, place: str) -> None:
    """Refuses a network with a layer of no width, which fails when first used."""
    empty = next((name for name, parameter in stage.named_parameters() if not parameter.numel()), None)
    if empty is not None:
        raise DlicError(f"{place}: {empty} has no elements: one of its sizes is nought")


def _start(recipe: Recipe, kind: str, stage: Stage) -> None:
    """Gives a stage the weights that it starts from, where the recipe names some."""
    spec = recipe.stages[kind]
    source = spec.init or spec.weights
    if source is not None:
        place = f"{recipe.where(f'stages.{kind}')}: stages.{kind}.init"
        initialise(stage, source, place, partial=spec.partial)


def _configured(recipe: Recipe, stage: Stage) -> Stage:
    trainer = recipe.trainer
    settings = Settings(
        optim=recipe.optim,
        losses=recipe.losses,
        max_steps=trainer.max_steps,
        accumulate=trainer.accumulate,
        clip_norm=trainer.clip_norm,
        seed=recipe.seed,
        channels_last=trainer.channels_last,
        log_every=trainer.log_every,
        whole_run=True,
        metrics=recipe.metrics,
        monitor=recipe.monitor,
    )
    stage.configure(settings)
    if trainer.channels_last:
        stage.to(memory_format=torch.channels_last)
    return stage


def build_data(recipe: Recipe) -> PictureDataModule:
    """Builds the DataModule of a recipe.

    Args:
        recipe: The recipe.

    Returns:
        The DataModule, not yet set up.

    Raises:
        DlicError: An argument is refused.
    """
    with building(f"{recipe.where('data.args')}: data.args"):
        data: PictureDataModule = load("data", recipe.data.name)(**recipe.data.args)
    return data


def build_loggers(recipe: Recipe, run: Run) -> list[pl.loggers.Logger]:
    """Builds the loggers that a recipe names, and gives them the resolved recipe.

    Raises:
        DlicError: One refuses its arguments, or lacks a package.
    """
    loggers = []
    for named in recipe.loggers:
        with building(f"{recipe.where(named.key)}: {named.key}"):
            logger: pl.loggers.Logger = load("logger", named.name)(save_dir=str(run.folder), **named.args)
        logger.log_hyperparams(recipe.resolved())
        loggers.append(logger)
    return loggers


def build_trainer(
    recipe: Recipe, run: Run, stage: Stage, loggers: list[pl.loggers.Logger], callbacks: list[pl.Callback]
) -> pl.Trainer:
    """Builds Lightning's trainer: one epoch that is the whole run, counted in batches.

    Args:
        recipe: The recipe.
        run: The run's folder.
        stage: What is trained.
        loggers: Loggers.
        callbacks: Callbacks.

    Returns:
        The trainer.

    Raises:
        DlicError: Lightning refuses a setting.
    """
    spec = recipe.trainer
    _check_devices(recipe)
    _check_nodes(recipe)
    try:
        return pl.Trainer(
            default_root_dir=run.folder,
            accelerator=spec.accelerator,
            devices=spec.devices,
            num_nodes=spec.num_nodes,
            strategy=_strategy(spec.strategy, spec.devices, spec.num_nodes, stage),
            precision=_precision(spec.precision, spec.accelerator),
            max_epochs=1,
            min_epochs=0,
            val_check_interval=min(spec.val_every, spec.max_steps),
            check_val_every_n_epoch=None,
            limit_val_batches=spec.limit_val if spec.limit_val is not None else 1.0,
            num_sanity_val_steps=spec.sanity_steps,
            log_every_n_steps=spec.log_every,
            # Some operations (adaptive pooling backwards on a GPU) have no deterministic form: warn, do not fail.
            deterministic="warn" if spec.deterministic else False,
            use_distributed_sampler=False,
            profiler=_profiler(spec.profiler, run),
            enable_checkpointing=True,
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(c, pl.callbacks.ProgressBar) for c in callbacks),
            logger=loggers,
            callbacks=callbacks,
            plugins=[CheckpointFiles()],
        )
    except (MisconfigurationException, ImportError, TypeError, ValueError) as error:
        raise DlicError(f"{recipe.where('trainer')}: trainer: {str(error).splitlines()[0]}") from error


def _profiler(name: str | None, run: Run) -> pl.profilers.Profiler | None:
    """A profiler that writes ``fit-profile.txt`` (and a trace, if it makes one) into the run's folder."""
    if name is None:
        return None
    kinds = {
        "simple": pl.profilers.SimpleProfiler,
        "advanced": pl.profilers.AdvancedProfiler,
        "pytorch": pl.profilers.PyTorchProfiler,
    }
    profiler: pl.profilers.Profiler = kinds[name](dirpath=run.folder, filename="profile")
    return profiler


def _check_devices(recipe: Recipe) -> None:
    """On a CPU each device is a process, which starts whether or not there is a core for it."""
    spec, most = recipe.trainer, max(8, os.cpu_count() or 1)
    if isinstance(spec.devices, int) and spec.devices > most and _on_cpu(spec.accelerator):
        raise DlicError(
            f"{recipe.where('trainer.devices')}: trainer.devices: {spec.devices} processes are too many for "
            f"{os.cpu_count()} CPUs.\nTake at most {most}, or say which accelerator: trainer.accelerator=gpu"
        )


def _check_nodes(recipe: Recipe) -> None:
    """Without a launcher, or the first one's address, several machines would wait for each other for ever."""
    spec = recipe.trainer
    if spec.num_nodes > 1 and not launched():
        raise DlicError(
            f"{recipe.where('trainer.num_nodes')}: trainer.num_nodes: nothing here tells {spec.num_nodes} machines of "
            "each other.\nStart each by torchrun or srun, or set MASTER_ADDR, MASTER_PORT and NODE_RANK; one machine "
            "is trainer.num_nodes=1"
        )


def _on_cpu(accelerator: str) -> bool:
    return accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())


def _strategy(name: str, devices: Any, nodes: int, stage: Stage) -> str:
    """A GAN's two backward passes each leave the other side's parameters unused, which plain DDP does not forgive."""
    many = nodes > 1 or (isinstance(devices, int) and devices > 1) or (devices == "auto" and _gpus() > 1)
    if stage.leaves_unused and many and name in ("auto", "ddp", "ddp_spawn", "ddp_fork"):
        return f"{'ddp' if name == 'auto' else name}_find_unused_parameters_true"
    return name


def _gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _precision(precision: str, accelerator: str) -> Any:
    """On a CPU without instructions for it half precision is several times slower: fall back, and say so."""
    if (
        not _on_cpu(accelerator)
        or precision.startswith(("32", "64"))
        or (precision.startswith("bf16") and _native_bf16())
    ):
        return precision
    warnings.warn(
        f"trainer.precision: {precision} would be slower than 32-true on this CPU; using 32-true", stacklevel=2
    )
    return "32-true"


def _native_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
