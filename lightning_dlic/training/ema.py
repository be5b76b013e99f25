"""An exponential moving average of a stage's network, of nothing else in the module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from lightning_dlic.stages.base import Stage


class EMA(pl.Callback):
    """Keeps the average, validates with it, and stores it in checkpoints.

    Only `Stage.net` is averaged, and of a chain the stages that are trained: discriminators and what is frozen have
    nothing to gain. Buffers (BatchNorm's statistics) are the network's current ones.
    """

    def __init__(self, decay: float) -> None:
        """Creates the callback.

        Args:
            decay: Weight of the past at each batch, in [0, 1); early on less, so that the start is soon forgotten.
        """
        self.decay = decay
        self.shadow: dict[str, Tensor] = {}
        self._swapped = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts from the network as it is, or moves a resumed average to its device."""
        if self.shadow:
            parameters = _parameters(pl_module)
            self.shadow = {name: value.to(parameters[name]) for name, value in self.shadow.items()}
        else:
            self.shadow = {name: p.detach().clone() for name, p in _parameters(pl_module).items()}

    @torch.no_grad()
    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Takes the batch's parameters into the average."""
        assert isinstance(pl_module, Stage)
        decay = min(self.decay, (1 + pl_module.batches) / (10 + pl_module.batches))
        current = [p.detach() for p in _parameters(pl_module).values()]
        torch._foreach_lerp_(list(self.shadow.values()), current, 1.0 - decay)

    @torch.no_grad()
    def swap(self, module: pl.LightningModule) -> None:
        """Exchanges the network's parameters and the average."""
        for name, parameter in _parameters(module).items():
            held = parameter.detach().clone()
            parameter.copy_(self.shadow[name])
            self.shadow[name].copy_(held)
        self._swapped = not self._swapped

    @contextmanager
    def averaged(self, module: pl.LightningModule) -> Iterator[None]:
        """The network with averaged parameters, for as long as the context lasts."""
        if self._swapped or not self.shadow:
            yield
            return
        self.swap(module)
        try:
            yield
        finally:
            self.swap(module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validates the average."""
        if self.shadow:
            self.swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Goes on training with the parameters themselves."""
        if self._swapped:
            self.swap(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Puts the parameters back when a validation breaks off."""
        if self._swapped:
            self.swap(pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The average, by parameter name."""
        return {"decay": self.decay, "shadow": {name: value.cpu() for name, value in self.shadow.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the average of a checkpoint."""
        self.shadow = dict(state_dict["shadow"])


def _parameters(module: pl.LightningModule) -> dict[str, torch.nn.Parameter]:
    assert isinstance(module, Stage)
    return {name: parameter for name, parameter in module.net.named_parameters() if parameter.requires_grad}
