"""Optimizers that walk at one place while the network they make, their average, lies at another: schedule-free ones."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer

from dlic_registry import DlicError


def is_schedule_free(optimizer: Optimizer) -> bool:
    """Whether an optimizer has two faces, ``train`` and ``eval``, as the library schedulefree has them."""
    return callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))


def awake(optimizer: Optimizer) -> None:
    """Lets an optimizer train, where it must be told."""
    if is_schedule_free(optimizer):
        optimizer.train()  # type: ignore[attr-defined]


class ScheduleFree(pl.Callback):
    """Validates with the averages that schedule-free optimizers keep, and stores them in checkpoints.

    Their own change from one face to the other rounds; the parameters are put by and back instead, so that saving and
    validating leave no trace in what is trained.
    """

    def __init__(self) -> None:
        """Creates the callback."""
        self._module: pl.LightningModule | None = None
        self._optimizers: list[Optimizer] = []
        self._held: list[Tensor] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Finds them.

        Raises:
            DlicError: The network would be averaged twice.
        """
        self._module = pl_module
        self._optimizers = [optimizer for optimizer in trainer.optimizers if is_schedule_free(optimizer)]
        others = [callback for callback in trainer.callbacks if callback is not self and hasattr(callback, "shadow")]  # type: ignore[attr-defined]
        if others and self._shadowed():
            raise DlicError("trainer.ema: a schedule-free optimizer averages the network already\nLeave it out.")

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validates the averages."""
        if self._optimizers and not self._held and trainer.state.fn == TrainerFn.FITTING:
            self._put_by()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Goes on training with the parameters themselves."""
        self._put_back()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Puts the parameters back when a validation breaks off."""
        self._put_back()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves the averages in the network, which is trained now."""
        if self._optimizers and not pl_module.settings.whole_run:  # type: ignore[union-attr]
            for optimizer in self._optimizers:
                optimizer.eval()  # type: ignore[attr-defined]

    def state_dict(self) -> dict[str, Any]:
        """The averages, by parameter name; nothing where no optimizer keeps any."""
        if self._module is None or not self._shadowed():
            return {}
        swapped = bool(self._held)
        if not swapped:
            self._put_by()
        shadow = {name: parameter.detach().cpu().clone() for name, parameter in self._shadowed().items()}
        if not swapped:
            self._put_back()
        return {"shadow": shadow}

    def _parameters(self) -> list[nn.Parameter]:
        return [p for optimizer in self._optimizers for group in optimizer.param_groups for p in group["params"]]

    def _shadowed(self) -> dict[str, nn.Parameter]:
        """What of the network such optimizers train."""
        assert self._module is not None
        ours = set(map(id, self._parameters()))
        net: nn.Module = self._module.net  # type: ignore[assignment]
        return {name: parameter for name, parameter in net.named_parameters() if id(parameter) in ours}

    @torch.no_grad()
    def _put_by(self) -> None:
        self._held = [parameter.detach().clone() for parameter in self._parameters()]
        for optimizer in self._optimizers:
            optimizer.eval()  # type: ignore[attr-defined]

    @torch.no_grad()
    def _put_back(self) -> None:
        if not self._held:
            return
        for optimizer in self._optimizers:
            optimizer.train()  # type: ignore[attr-defined]
        for parameter, held in zip(self._parameters(), self._held, strict=True):
            parameter.copy_(held)
        self._held = []
