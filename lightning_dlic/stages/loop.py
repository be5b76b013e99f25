"""How every stage is optimised: one loop, in which one network and a GAN clip, accumulate, count and schedule alike.

Optimisation is manual in Lightning's sense: a GAN knows no other, and one way is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from dlic_registry import DlicError
from dlic_registry.building import building
from lightning_dlic.imaging.finite import unfinite
from lightning_dlic.stages import carry
from lightning_dlic.stages.averages import ScheduleFree, awake
from lightning_dlic.stages.optim import build_optimizer, steps_between
from lightning_dlic.stages.plateau import Plateaus
from lightning_dlic.stages.schedules import build_schedule
from lightning_dlic.stages.settings import Settings, Spec
from lightning_dlic.stages.watch import DivergedError, Watch, first_unfinite

Batch = Mapping[str, Any]
Terms = Mapping[str, Tensor]


class Loop(pl.LightningModule):
    """The optimisation of a stage: for each role an optimizer and perhaps a schedule, in steps counted once for all.

    Attributes:
        roles: Names of what is optimised separately; each has an optimizer.
        default_optim: Optimizer of each role where the recipe names none.
        batches: Batches trained on so far, by all runs that led here.
        steps: Steps that each optimizer has taken for them.
        gathered: Gradients of a checkpoint inside an accumulation, until the training starts.
    """

    roles: ClassVar[tuple[str, ...]] = ("net",)
    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 1e-4}}

    def __init__(self) -> None:
        """Starts with default settings."""
        super().__init__()
        self.automatic_optimization = False
        self.batches = self.steps = 0
        self.gathered: dict[str, Any] | None = None
        self.settings = Settings()
        self.watch = Watch()

    # What a stage defines

    def task(self, batch: Batch) -> tuple[Any, Tensor]:
        """Makes inputs and target of a batch, on the device.

        Args:
            batch: ``{"image": uint8 [B, 3|1, H, W]}``, perhaps with ``base`` and ``name``.

        Returns:
            What `forward` takes, and the float target.
        """
        raise NotImplementedError

    def updates(self, inputs: Any, target: Tensor) -> Iterator[tuple[str | tuple[str, ...], Terms]]:
        """Yields each role with the terms it minimises, in the order of their updates.

        Each yield is followed by that role's backward pass and step before the generator goes on; several roles that
        are yielded together share a backward pass.
        """
        raise NotImplementedError

    def role_parameters(self, role: str) -> Iterable[nn.Parameter]:
        """Parameters that a role optimises. The default gives those of the attribute of the role's name."""
        module: nn.Module = getattr(self, role)
        return module.parameters()

    # Optimizers

    def configure_optimizers(self) -> Any:
        """Builds one optimizer a role, with its schedule where one is named.

        Raises:
            DlicError: An optimizer or a schedule refuses a value; the message names the role.
        """
        built = []
        for role in self.roles:
            optimizer, schedule = self.build_optimizer(role)
            named = {} if schedule is None else {"lr_scheduler": {"scheduler": schedule, "name": f"lr/{role}"}}
            built.append({"optimizer": optimizer, **named})
        return built

    def helpers(self) -> list[pl.Callback]:
        """Callbacks without which some optimizers and schedules are not what they are."""
        return [Plateaus(), ScheduleFree()]

    def configure_callbacks(self) -> list[pl.Callback]:
        """Gives a plain Trainer the helpers, and refuses what it would do itself.

        Raises:
            DlicError: Gradients are to be clipped or gathered by the Trainer.
        """
        if self.settings.whole_run:
            return []
        if self.trainer.gradient_clip_val:
            raise DlicError(
                "Trainer(gradient_clip_val=...): stages clip each role's gradient themselves.\n"
                "Leave it out; stage.configure(Settings(clip_norm=...)) does it, in a recipe trainer.clip_norm"
            )
        if self.trainer.accumulate_grad_batches != 1:
            raise DlicError(
                "Trainer(accumulate_grad_batches=...): stages gather gradients themselves.\n"
                "Leave it out; stage.configure(Settings(accumulate=...)) does it, in a recipe trainer.accumulate"
            )
        return self.helpers()

    def optimizer_spec(self, role: str) -> Spec:
        """What the recipe says of a role's optimizer, or else the stage itself."""
        return self.settings.optim.get(role) or self.default_optim[role]

    @property
    def lr(self) -> float:
        """The first role's rate, under the name by which Lightning's learning rate finder asks for it."""
        return float(self.optimizer_spec(self.roles[0]).get("lr", 0.0))

    @lr.setter
    def lr(self, value: float) -> None:
        role = self.roles[0]
        optim = {**self.settings.optim, role: {**self.optimizer_spec(role), "lr": float(value)}}
        self.settings = replace(self.settings, optim=optim)

    def named_role_parameters(self, role: str) -> list[tuple[str, nn.Parameter]]:
        """Parameters of a role by their names in the network: the attribute that holds it is the stage's own affair."""
        names = {parameter: name.partition(".")[2] for name, parameter in self.named_parameters()}
        return [(names.get(parameter, ""), parameter) for parameter in self.role_parameters(role)]

    @property
    def total_steps(self) -> int:
        """Steps that each optimizer will have taken at the end: those taken and those of the batches to come."""
        settings = self.settings
        batches = settings.max_steps
        if not settings.whole_run and batches == 1 and self._trainer is not None:
            # Nobody has said; the Trainer knows, unless it is to go on for ever.
            expected = self._trainer.estimated_stepping_batches
            batches = int(expected) if 0 < expected < float("inf") else 1
        return self.steps + steps_between(self.batches, batches, settings.accumulate)

    def build_optimizer(self, role: str) -> tuple[torch.optim.Optimizer, LRScheduler | None]:
        """A role's optimizer and schedule as they are before the first step.

        Raises:
            DlicError: One of them refuses a value; the message names the role.
        """
        spec = self.optimizer_spec(role)
        with building(f"optim.{role}"):
            optimizer = build_optimizer(spec, self.named_role_parameters(role))
            if not spec.get("schedule"):
                return optimizer, None
            return optimizer, build_schedule(spec["schedule"], optimizer, self.total_steps, self.monitor_sign)

    @property
    def monitor_sign(self) -> int:
        """1 where more of the figure that the best weights follow is better, -1 where less is."""
        raise NotImplementedError

    # Training

    def on_train_start(self) -> None:
        """Puts back what an accumulation that a checkpoint lies in had gathered."""
        for optimizer in self._all(self.optimizers(use_pl_optimizer=False)):
            awake(optimizer)
        carry.put_back(self)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seeds what is drawn on the device from the step itself: a resumed run draws as an undisturbed one does."""
        torch.manual_seed(hash((self.settings.seed, self.batches, self.global_rank)) & 0x7FFF_FFFF_FFFF_FFFF)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Runs the updates of all roles on a batch; returns the sum of the first one's terms."""
        inputs, target = self.task(batch)
        record = (self.batches + 1) % self.settings.log_every == 0
        first: Tensor | None = None
        for yielded, terms in self.updates(inputs, target):
            roles = (yielded,) if isinstance(yielded, str) else yielded
            if terms:
                loss = torch.stack(list(terms.values())).sum()
                self.manual_backward(loss / self.settings.accumulate)
                first = loss.detach() if first is None else first
            for role in roles:
                self._step(role, terms)
            if record:
                self._record(roles, terms)
        self.steps += self._closing
        self.batches += 1
        return first

    @property
    def _closing(self) -> bool:
        """Whether the batch at work is the last of an accumulation."""
        number = self.batches + 1
        return number % self.settings.accumulate == 0 or number == self.settings.max_steps

    def _step(self, role: str, terms: Terms) -> None:
        """After the last batch of an accumulation, the optimizer's and the schedule's step."""
        index = self.roles.index(role)
        self._look(role, terms)
        if not self._closing:
            return
        optimizer = self._all(self.optimizers())[index]
        if index:
            self._uncounted(optimizer)
        optimizer.step()
        optimizer.zero_grad()
        for schedule in self._all(self.lr_schedulers()):
            # Those of plateaus step after validations.
            if schedule.optimizer is optimizer.optimizer and not isinstance(schedule, ReduceLROnPlateau):
                with building(f"optim.{role}.schedule"):
                    schedule.step()

    def _uncounted(self, optimizer: LightningOptimizer) -> None:
        """Lets Lightning count the first role's steps alone: ``max_steps`` means the same for one network and a GAN."""
        profiler = self.trainer.profiler  # type: ignore[attr-defined]
        optimizer._on_before_step = partial(profiler.start, "optimizer_step")
        optimizer._on_after_step = partial(profiler.stop, "optimizer_step")

    def _look(self, role: str, terms: Terms) -> None:
        """Ends a training that has left the numbers, before its optimizer spreads them.

        Ranks find the sum of their gradients alike; a loss of one rank alone must not let the others wait for it. The
        scaler of half precision looks at gradients itself, and leaves out steps on purpose.
        """
        optimizer = self._all(self.optimizers(use_pl_optimizer=False))[self.roles.index(role)]
        scaled = getattr(self.trainer.precision_plugin, "scaler", None) is not None
        parameters = [] if scaled else [p for group in optimizer.param_groups for p in group["params"]]
        alone = self.trainer.world_size == 1 or scaled
        self.watch.look(self.batches + 1, role, terms if alone else {}, parameters)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clips here, where gradients are unscaled under mixed precision, and before any optimizer's step."""
        if self.settings.clip_norm is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.settings.clip_norm)

    def _record(self, roles: tuple[str, ...], terms: Terms) -> None:
        """Logs the terms of roles."""
        owner = roles[0] if len(roles) == 1 else "joint"
        for name, value in terms.items():
            self.log(f"train/{owner}_{name}", value.detach(), on_step=True, batch_size=1)
        for role in roles:
            rate = self._all(self.optimizers())[self.roles.index(role)].param_groups[0]["lr"]
            self.log(f"lr/{role}", rate, on_step=True, batch_size=1)

    @contextmanager
    def frozen(self, module: nn.Module) -> Iterator[None]:
        """Holds a module's parameters out of the graphs made inside: the other side of a GAN, for one."""
        wanted = [p for p in module.parameters() if p.requires_grad]
        for parameter in wanted:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in wanted:
                parameter.requires_grad_(True)

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores counts, gathered gradients, and by what the optimizers were built.

        Raises:
            DivergedError: What would be saved is not finite.
        """
        self.watch.settle()
        carry.save(self, checkpoint)
        # Lightning's own callbacks begin with infinities.
        averages = {name: state for name, state in checkpoint.get("callbacks", {}).items() if "shadow" in state}
        others = {key: value for key, value in checkpoint.items() if key not in ("state_dict", "callbacks")}
        others["callbacks"] = averages
        if (place := unfinite(self) or first_unfinite(others)) is not None:
            raise DivergedError(f"after batch {self.batches} {place} is not finite; nothing is saved of it")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes them back, also into a run that is longer than the one saved, or has other rates."""
        carry.load(self, checkpoint)

    @staticmethod
    def _all(value: Any) -> list[Any]:
        """Lightning hands out one thing where there is one, a list where there are more."""
        if value is None:
            return []
        return value if isinstance(value, list) else [value]
