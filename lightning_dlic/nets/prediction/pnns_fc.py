"""A fully connected block predictor after PNNS (Dumas, Roumy and Guillemot, TIP 2019), made for integers."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_dlic.imaging.blocks import center
from lightning_dlic.nets.prediction.quantized import UNIT, QuantLinear, activate, round_ste


class PNNSFullyConnected(nn.Module):
    """Hidden layers of one width, then a layer that also sees the context itself; predicts the difference to its mean.

    PNNS has three hidden layers of 1200 and no such short cut. With the short cut a network a tenth as large does:
    what is linear in the context need not pass the hidden layers' 8 bits.
    """

    def __init__(self, m: int = 8, width: int = 384, depth: int = 2) -> None:
        """Builds the network.

        Args:
            m: Side of the blocks.
            width: Units of each hidden layer.
            depth: Hidden layers.
        """
        super().__init__()
        self.m = m
        inputs = 5 * m * m
        sizes = [inputs] + [width] * depth
        self.hidden = nn.ModuleList([QuantLinear(a, b) for a, b in pairwise(sizes)])
        self.output = QuantLinear((width if depth else 0) + inputs, m * m)
        for layer in self.hidden:
            assert isinstance(layer, QuantLinear)
            nn.init.kaiming_uniform_(layer.weight, a=0.125)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Predicts from contexts and availability, uint8 ``[N, 2, 5 m^2]``: float ``[N, 1, m, m]``, k / 255.

        In training the result is not clipped to [0, 1].
        """
        centered, mean = center(x)
        x0 = y = centered / UNIT
        for layer in self.hidden:
            y = activate(layer(y))
        last = torch.cat([y, x0], dim=1) if len(self.hidden) else x0
        # Half precision would round the differences themselves.
        with torch.autocast(x.device.type, enabled=False):
            grey = mean + round_ste(self.output(last) * UNIT)
        blocks = grey.reshape(-1, 1, self.m, self.m) / 255.0
        return blocks if self.training else blocks.clamp(0.0, 1.0)

    @torch.no_grad()
    def integer_state(self) -> dict[str, Tensor]:
        """The same network in integers, as `IntegerFullyConnected` and `IntegerPredictor` take it."""
        layers = {f"hidden.{number}": layer for number, layer in enumerate(self.hidden)} | {"output": self.output}
        state: dict[str, Tensor] = {}
        for name, layer in layers.items():
            assert isinstance(layer, QuantLinear)
            parts = zip(("weight8", "bias32", "shift"), layer.integers(), strict=True)
            state |= {f"{name}.{part}": value for part, value in parts}
        return state
