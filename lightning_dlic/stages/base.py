"""The base of all stages: a LightningModule that makes its own task of plain pictures and owns its optimisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from dlic_registry import DlicError, suggest
from lightning_dlic.losses.kinds import of_discriminator
from lightning_dlic.metrics.named import NamedMetric, figures, open_metrics
from lightning_dlic.metrics.protocol import to_uint8
from lightning_dlic.metrics.terms import counted
from lightning_dlic.stages.hyperparameters import keep_arguments
from lightning_dlic.stages.loop import Batch, Loop, Terms
from lightning_dlic.stages.relay import Leg, Relay
from lightning_dlic.stages.settings import Settings, Spec
from lightning_dlic.stages.terms import ADVERSARIAL, apply_loss, build_losses

__all__ = ["Batch", "Stage", "Terms"]


class Stage(Loop):
    """A trainable part of the codec.

    A subclass sets `net`, says how a batch of pictures becomes a task (`task`), what its roles minimise (`updates`) and
    how good a result is (`score`). All else is here.

    Attributes:
        kind: Kind under which such stages register.
        loss_terms: Names of the terms that have a meaning of their own here.
        more_terms: Whether any other name under ``losses`` is a term, too, whose loss compares output with target. A
            class with `updates` of its own must say so itself.
        default_losses: Losses where the recipe names none.
        net: The network the codec uses.
        scores: Names of the figures of `score`, for those who ask before there are any; none where that is open.
        monitor: The figure by which the best network is kept.
        baseline_name: What `baseline` is called in results.
        plain_name: What `plain` is called there.
        gives_color: Whether what it hands on in a chain has colour, whatever it was handed.
        follows: The validation set by which the best network is kept; empty for the data set's own.
    """

    dlic_api: ClassVar[int] = 1
    kind: ClassVar[str] = ""
    loss_terms: ClassVar[tuple[str, ...]] = ("pixel",)
    more_terms: ClassVar[bool] = True
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"pixel": {"name": "l1", "weight": 1.0}}
    scores: ClassVar[tuple[str, ...]] = ()
    monitor: ClassVar[str] = "psnr_y"
    baseline_name: ClassVar[str] = ""
    plain_name: ClassVar[str] = "as it comes"
    gives_color: ClassVar[bool] = False

    net: nn.Module

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "updates" in vars(cls) and "more_terms" not in vars(cls):
            cls.more_terms = False

    def __init__(self) -> None:
        """Starts with default settings; `configure` replaces them."""
        super().__init__()
        keep_arguments(self)
        self.follows = ""
        self.configured = False
        self.losses: dict[str, nn.Module] = {}
        self.loss_weights: dict[str, float] = {}
        self.metrics: list[NamedMetric] = []

    # What a subclass defines, beside `task` and perhaps `updates` and `role_parameters`

    def produce(self, inputs: Any) -> Any:
        """What the losses look at of a batch. The default is the network's output."""
        return self(inputs)

    def compared(self, term: str, inputs: Any, produced: Any, target: Tensor) -> tuple[Tensor, Tensor]:
        """What the loss of a term compares. The default is what was produced, with the target."""
        return produced, target

    def updates(self, inputs: Any, target: Tensor) -> Iterator[tuple[str | tuple[str, ...], Terms]]:
        """Yields each role with the terms it minimises: by default one role, and all terms."""
        yield "net", self.terms(inputs, self.produce(inputs), target)

    def score(self, inputs: Any, output: Tensor, target: Tensor) -> dict[str, float]:
        """Figures of one picture under the evaluation protocol."""
        raise NotImplementedError

    @property
    def least_side(self) -> int:
        """Shorter side of the smallest picture that `task` and `score` take."""
        return 1

    def baseline(self, inputs: Any) -> Tensor:
        """What does the task without any network: the figure to beat."""
        raise NotImplementedError

    def panel(self, inputs: Any, output: Tensor, target: Tensor) -> Tensor:
        """A picture float ``[3, H, W]`` in [0, 1] for people: baseline, output and target side by side."""
        raise NotImplementedError

    def pictures(self, inputs: Any, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Output and target as pictures ``[B, 3|1, H, W]`` in [0, 1], for metrics. The default: as they are."""
        return output, target

    def link(self, relay: Relay) -> Leg:
        """Does this stage's part in a chain.

        Args:
            relay: What the stages before have made of a batch.

        Returns:
            What it makes of that, by `produce`.

        Raises:
            DlicError: Stages of this class have no part in chains, or cannot go on from that.
        """
        raise DlicError(f"stage {type(self).__name__} of kind {self.kind!r} has no part in chains (link)")

    def plain(self, relay: Relay) -> Relay:
        """The same without a network: what the chain would do without this stage. The default hands on what it has."""
        return relay

    def trained(self) -> Mapping[str, Stage]:
        """The stages whose networks are trained, by kind: this one itself."""
        return {self.kind: self}

    @property
    def leaves_unused(self) -> bool:
        """Whether a backward pass may leave some parameters unused: plain DDP must know."""
        return len(self.roles) > 1

    def compiled(self) -> list[nn.Module]:
        """The modules that ``trainer.compile`` compiles."""
        return list({self.net, getattr(self, "discriminator", self.net)})

    def net_recipe(self) -> dict[str, Any]:
        """``{"name": ..., "args": {...}}`` from which `net` can be built again without this stage."""
        raise NotImplementedError

    def describe_net(self) -> dict[str, Any]:
        """What a weights file needs so that the network alone can be built and used again."""
        return {"net": self.net_recipe(), "steps": self.batches}

    def pipeline_keys(self, weights: str) -> dict[str, dict[str, Any]]:
        """What a pipeline says of this stage besides its weights.

        Args:
            weights: The weights file, relative to the run's folder.
        """
        return {}

    def init_targets(self) -> tuple[nn.Module, ...]:
        """What weights to start from may fill: the first of these that they fit."""
        return (self.net,)

    def init_state(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights to start from as `init_targets` name them. The default takes them as they are."""
        return given

    # What every stage shares

    def forward(self, inputs: Any) -> Tensor:
        """Applies the network."""
        # Whole pictures come in many sizes; only the crops of training go through a compiled network.
        apply = self.net if self.training else self.net.forward
        output: Tensor = apply(inputs)
        return output

    def configure(self, settings: Settings) -> None:
        """Takes the recipe's settings and builds the losses.

        Args:
            settings: Optimizers, losses and the rest. Roles left out keep the stage's defaults; losses do where none is
                named at all.
        """
        self.take_settings(settings)
        # Held in plain dicts: frozen loss networks must not enter the state dict.
        self.losses, self.loss_weights = build_losses(settings.losses or self.default_losses)
        if not self.losses:
            raise DlicError("losses: every term is switched off; there is nothing to train for")

    def take_settings(self, settings: Settings) -> None:
        """Takes all settings but the losses.

        Raises:
            DlicError: A metric cannot be built, or nothing gives the figure that is to be followed.
        """
        self.settings, self.configured = settings, True
        self.metrics = open_metrics(settings.metrics)
        if settings.monitor is None:
            return
        known = [*self.scores, *settings.metrics]
        if self.scores and settings.monitor not in known:
            near = suggest(settings.monitor, known)
            meant = f"Did you mean {near!r}? " if near else ""
            raise DlicError(f"monitor: no validation gives {settings.monitor!r}\n{meant}Figures: {', '.join(known)}")
        # Declared for classes, which have one of their own.
        vars(self)["monitor"] = settings.monitor

    @property
    def monitor_sign(self) -> int:
        """1 where more of the monitored figure is better, -1 where less is."""
        return self.sign_of(self.monitor)

    def sign_of(self, figure: str) -> int:
        """1 where more of a figure is better, -1 where less is."""
        metric = next((metric for metric in self.metrics if metric.name == figure), None)
        return -1 if metric is not None and not metric.higher_is_better else 1

    def figures(self, inputs: Any, output: Tensor, target: Tensor) -> dict[str, float]:
        """Figures of one picture: those of `score`, and of the metrics that the recipe names beside them."""
        found = self.score(inputs, output, target)
        more = [metric for metric in self.metrics if metric.name not in found]
        if not more:
            return found
        made, truth = (to_uint8(picture) for picture in self.pictures(inputs, output, target))
        return {**found, **figures(more, made, truth, int(getattr(self, "scale", 0)))}

    def term(self, name: str, output: Tensor, target: Tensor) -> Tensor:
        """A loss term, weighted; zero where the recipe switched it off."""
        if name not in self.losses:
            return output.new_zeros(())
        return apply_loss(name, self.losses[name], output, target) * self.loss_weights[name]

    def terms(self, inputs: Any, produced: Any, target: Tensor) -> dict[str, Tensor]:
        """All terms that compare what `produce` made with the target, weighted."""
        return {name: self.term(name, *self.compared(name, inputs, produced, target)) for name in self.comparing}

    @property
    def comparing(self) -> list[str]:
        """Names of the terms that compare what was made with the target: all but a discriminator's."""
        return [name for name, loss in self.losses.items() if name != ADVERSARIAL and not of_discriminator(loss)]

    def setup(self, stage: str) -> None:
        """A stage that nobody configured has defaults, before callbacks begin: some of them train by themselves."""
        if stage == "fit" and not self.configured:
            self.configure(self.settings)

    def on_train_start(self) -> None:
        """Losses are on the device by now, whoever has started the training."""
        self.on_fit_start()
        super().on_train_start()

    def on_fit_start(self) -> None:
        """Moves what is not part of the module's state to the device."""
        for loss in self.losses.values():
            loss.to(self.device)

    def on_validation_model_zero_grad(self) -> None:
        """Keeps the gradients: Lightning would drop what an unfinished accumulation has gathered."""

    def on_validation_start(self) -> None:
        """Waits for what is known of the batches before it."""
        self.watch.settle()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Scores one whole picture and logs the mean over pictures.

        Raises:
            NotFiniteError: The network gives what is no picture.
        """
        inputs, target = self.task(batch)
        for name, value in self.figures(inputs, self(inputs), target).items():
            self.log_valid(batch, name, counted(name, value), prog_bar=name == self.monitor)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Scores one whole picture and logs the mean over pictures, as ``test/NAME``."""
        inputs, target = self.task(batch)
        for name, value in self.figures(inputs, self(inputs), target).items():
            self.log(f"test/{name}", counted(name, value), on_epoch=True, batch_size=1, sync_dist=True)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """What the network makes of a batch: pictures as `pictures` has them, in [0, 1]."""
        inputs, target = self.task(batch)
        return self.pictures(inputs, self(inputs), target)[0].clamp(0.0, 1.0)

    def log_valid(self, batch: Batch, name: str, value: float, prog_bar: bool = False) -> None:
        """Logs a figure of a validation picture, under the name of its set where it has one."""
        key = f"val/{batch['set']}/{name}" if "set" in batch else f"val/{name}"
        self.log(key, value, on_epoch=True, batch_size=1, sync_dist=True, prog_bar=prog_bar)

    @property
    def monitored(self) -> str:
        """Where the figure by which the best network is kept is logged."""
        return f"val/{self.follows}/{self.monitor}" if self.follows else f"val/{self.monitor}"
