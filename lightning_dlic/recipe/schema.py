"""What a training's recipe may say. Keys are checked against these classes, types by OmegaConf's structured configs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from omegaconf import MISSING

from lightning_dlic.recipe.loaded import Loaded
from lightning_dlic.recipe.named import Named

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")
PROFILERS = ("simple", "advanced", "pytorch")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")


@dataclass
class NamedSpec:
    """A component: its registered name and its arguments."""

    name: str = MISSING
    """Registered name, such as ``div2k``; ``distribution:name`` where two packages offer one."""

    args: dict[str, Any] = field(default_factory=dict)
    """Arguments of its class."""


@dataclass
class StageSpec(NamedSpec):
    """A stage; its key under ``stages`` is its kind."""

    init: str | None = None
    """Weights to start training from: a file, a run's folder, ``RUN@STEP``, or ``zoo:NAME``."""

    partial: bool = False
    """Whether ``init`` may fit in part: tensors it lacks stay as they are, those the network lacks are left over."""

    weights: str | None = None
    """Trained weights of a stage that is used as it is: a path, or ``zoo:NAME``."""


@dataclass
class TrainerSpec:
    """How long, on what, and what is kept."""

    max_steps: int = field(default=100_000, metadata={"least": 1, "below": 1 << 40})
    """Length of the training in batches, also with two optimizers."""

    precision: str = field(default="32-true", metadata={"choices": PRECISIONS})
    """Lightning's precision; half precision falls back to 32-true on a CPU."""

    accelerator: str = field(default="auto", metadata={"choices": ACCELERATORS})
    """Lightning's accelerator."""

    devices: int | str = "auto"
    """Number of devices, or auto."""

    strategy: str = "auto"
    """Lightning's strategy: auto, ddp, ..."""

    num_nodes: int = field(default=1, metadata={"least": 1})
    """Number of machines."""

    accumulate: int = field(default=1, metadata={"least": 1})
    """Batches whose gradients are averaged before an optimizer steps."""

    clip_norm: float | None = field(default=None, metadata={"above": 0})
    """Largest norm of each role's gradient; null does not clip."""

    val_every: int = field(default=5_000, metadata={"least": 1})
    """Batches between validations."""

    checkpoint_every: int = field(default=5_000, metadata={"least": 1})
    """Batches between checkpoints."""

    log_every: int = field(default=50, metadata={"least": 1})
    """Batches between records of the training losses."""

    keep: int = field(default=1, metadata={"least": 0})
    """How many of the latest step checkpoints are kept beside the last and the best."""

    ema: float | None = field(default=None, metadata={"least": 0, "below": 1})
    """Decay of the moving average of the trained network's weights; null keeps no average."""

    compile: bool = False
    """Whether the network goes through torch.compile."""

    channels_last: bool = True
    """Whether pictures and networks are laid out channels last."""

    deterministic: bool = True
    """Whether only deterministic operations are used, where they exist."""

    threads: int | None = field(default=None, metadata={"least": 1, "below": 1025})
    """CPU threads of torch; null leaves its choice."""

    profiler: str | None = field(default=None, metadata={"choices": PROFILERS})
    """Lightning's profiler, whose report goes into the run's folder: simple, advanced or pytorch."""

    progress: bool = True
    """Whether a progress bar and the closing table are shown."""

    sanity_steps: int = field(default=0, metadata={"least": 0})
    """Validation pictures run before the training starts."""

    limit_val: int | None = field(default=None, metadata={"least": 1})
    """Largest number of validation pictures; null takes all."""

    limit_train: int | None = field(default=None, metadata={"least": 1})
    """Train on the first so many pictures only; null takes all."""

    best_on: str | None = None
    """The validation set whose best network is kept: ``valid`` or one of ``data.args.valid_sets``; null: the first."""


@dataclass
class RunSpec:
    """Where a training leaves its folder."""

    root: str = "runs"
    """Folder of all runs."""

    name: str | None = None
    """Name of this run's folder; the next free number by default."""


@dataclass
class RecipeSpec:
    """A recipe's file, ``extends`` aside."""

    name: str = MISSING
    """Name in results and run folders; the file's name by default, and never inherited."""

    plugins: list[str] = field(default_factory=list)
    """Modules to import first: they register classes by decorator."""

    seed: int = field(default=0, metadata={"least": 0, "below": 1 << 32})
    """Seed of weights, crops and everything else drawn."""

    train: Any = None
    """The stage, or list of stages, to train."""

    stages: dict[str, StageSpec] = field(default_factory=dict)
    """Stages by kind: ``{sr: {name: srgan, args: {scale: 4}}}``."""

    optim: dict[str, Any] = field(default_factory=dict)
    """Optimizer of each role, arguments inline: ``{name: adam, lr: 1.0e-4, schedule: {name: cosine}}``."""

    losses: dict[str, Any] = field(default_factory=dict)
    """Loss of each term, arguments inline: ``{name: l1, weight: 1.0}``; null switches a term off. In a chain a stage's
    kind holds terms of its own: ``{sr: {pixel: {name: l1}}}``."""

    discriminator: Any = None
    """Network that a chain is trained against, arguments inline: ``{name: srgan_discriminator}``; null has none."""

    metrics: dict[str, Any] = field(default_factory=dict)
    """Further figures of validations, by registered name with arguments: ``{lpips: {}}``; null takes one away."""

    monitor: str | None = None
    """The figure that the best weights follow; null takes the stage's own."""

    data: NamedSpec = field(default_factory=lambda: NamedSpec("sample"))
    """DataModule."""

    trainer: TrainerSpec = field(default_factory=TrainerSpec)
    """How long, on what, and what is kept."""

    logger: Any = None
    """Logger beside metrics.csv, arguments inline: ``{name: wandb, project: dlic}``; several by their names:
    ``{wandb: {project: dlic}, tensorboard: {}}``; null has none."""

    callbacks: dict[str, Any] = field(default_factory=dict)
    """Callbacks of Lightning's kind, by registered name with arguments: ``{early_stopping: {patience: 5}}``. With a
    ``name`` among them the key is free; null takes one away."""

    run: RunSpec = field(default_factory=RunSpec)
    """Where the run's folder goes."""


DISCRIMINATOR = "discriminator"


@dataclass(kw_only=True)
class Recipe(RecipeSpec, Loaded):
    """A training's recipe as loaded: composed, interpolated, checked against the schema, plain values throughout."""

    train: list[str] = field(default_factory=list)
    optim: dict[str, dict[str, Any]] = field(default_factory=dict)
    losses: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    discriminator: dict[str, Any] | None = None
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    logger: dict[str, Any] | None = None
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def loggers(self) -> list[Named]:
        """The loggers that it names."""
        if self.logger is None:
            return []
        if isinstance(self.logger.get("name"), str):
            return [Named.of("logger", self.logger["name"], self.logger)]
        return [Named.of(f"logger.{key}", key, spec) for key, spec in self.logger.items()]

    @property
    def named_callbacks(self) -> list[Named]:
        """The callbacks that it names."""
        return [Named.of(f"callbacks.{key}", key, spec) for key, spec in self.callbacks.items()]

    @property
    def is_chain(self) -> bool:
        """Whether several stages stand behind one another."""
        return len(self.stages) > 1

    def resolved(self) -> dict[str, Any]:
        """The recipe as one mapping of plain values: no ``extends``, no interpolation, every default written out."""
        return asdict(RecipeSpec(**{item.name: getattr(self, item.name) for item in fields(RecipeSpec)}))
