"""Stages of the kind."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch

from dlic_registry import Component, load
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.metrics.protocol import score
from lightning_dlic.stages.base import Stage


class Repair(Stage):
    """Repairs the batch's base layer of full size."""

    kind = "repair"
    baseline_name = "as decoded"

    def __init__(self, net: Annotated[Mapping[str, Any] | None, Component("net", provides=("channels",))] = None):
        super().__init__()
        self.spec = {**(net or {"name": "dlic-everything:all_net"})}
        self.net = load("net", self.spec["name"])(channels=1, **self._rest())

    def _rest(self):
        return {key: value for key, value in self.spec.items() if key != "name"}

    def net_recipe(self):
        return {"name": self.spec["name"], "args": {"channels": 1, **self._rest()}}

    def describe_net(self):
        return {**super().describe_net(), "channels": 1}

    def task(self, batch):
        return batch["base"][:, :1] / 255.0, luma_uint8(batch["image"]) / 255.0

    def score(self, inputs, output, target):
        return score(output, (target * 255.0).round().to(torch.uint8), 0)

    def baseline(self, inputs):
        return inputs

    def panel(self, inputs, output, target):
        return torch.cat([inputs[0], output[0], target[0]], dim=-1).clamp(0, 1).expand(3, -1, -1)


class AllRepair(Repair):
    """Repairs by any network."""
