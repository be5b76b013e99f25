"""A fully connected block predictor after PNNS (Dumas, Roumy and Guillemot, TIP 2019), made for integers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_dlic.imaging.blocks import center
from lightning_dlic.nets.prediction.quantized import UNIT, QuantLinear, activate, round_ste

# How far a repeated prediction's weights are from its model's, in standard deviations of them.
_APART = 0.1


class PNNSFullyConnected(nn.Module):
    """Hidden layers of one width, then a layer that also sees the context itself; predicts differences to its mean.

    PNNS has three hidden layers of 1200 and no such short cut. With the short cut a network a tenth as large does:
    what is linear in the context need not pass the hidden layers' 8 bits. The last layer gives K predictions (after
    Baig and Torresani 2017), of which an encoder names one. The short cut makes each of them large where blocks are;
    further ones can be had as differences from the first, of the hidden layers alone.
    """

    def __init__(self, m: int = 8, width: int = 384, depth: int = 2, branches: int = 1, differences: int = 0) -> None:
        """Builds the network.

        Args:
            m: Side of the blocks.
            width: Units of each hidden layer.
            depth: Hidden layers.
            branches: Predictions by the last layer; the first is the expectation.
            differences: Further ones, by their differences from the first.

        Raises:
            ValueError: There is no branch, or there are differences without a hidden layer.
        """
        super().__init__()
        if branches < 1:
            raise ValueError(f"branches must be at least 1, not {branches}")
        if differences < 0 or (differences and not depth):
            raise ValueError(f"differences must be at least 0, and need a hidden layer, not {differences}")
        self.m, self.branches = m, branches + differences
        inputs = 5 * m * m
        sizes = [inputs] + [width] * depth
        self.hidden = nn.ModuleList([QuantLinear(a, b) for a, b in pairwise(sizes)])
        self.output = QuantLinear((width if depth else 0) + inputs, branches * m * m)
        self.differences = QuantLinear(width, differences * m * m) if differences else None
        for layer in self.hidden:
            assert isinstance(layer, QuantLinear)
            nn.init.kaiming_uniform_(layer.weight, a=0.125)
            nn.init.zeros_(layer.bias)
        for last in (self.output, self.differences):
            if last is not None:
                nn.init.normal_(last.weight, std=0.01)
                nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Predicts from contexts and availability, uint8 ``[N, 2, 5 m^2]``: float ``[N, K, m, m]``, k / 255.

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
            if self.differences is not None:
                first = grey[:, : self.m * self.m].repeat(1, self.differences.out_features // (self.m * self.m))
                grey = torch.cat([grey, first + round_ste(self.differences(y) * UNIT)], dim=1)
        blocks = grey.reshape(-1, self.branches, self.m, self.m) / 255.0
        return blocks if self.training else blocks.clamp(0.0, 1.0)

    @torch.no_grad()
    def integer_state(self) -> dict[str, Tensor]:
        """The same network in integers, as `IntegerFullyConnected` and `IntegerPredictor` take it."""
        layers = {f"hidden.{number}": layer for number, layer in enumerate(self.hidden)} | {"output": self.output}
        layers |= {} if self.differences is None else {"differences": self.differences}
        state: dict[str, Tensor] = {}
        for name, layer in layers.items():
            assert isinstance(layer, QuantLinear)
            parts = zip(("weight8", "bias32", "shift"), layer.integers(), strict=True)
            state |= {f"{name}.{part}": value for part, value in parts}
        return state


def is_integer(state: Mapping[str, Tensor]) -> bool:
    """Whether a state is one of `PNNSFullyConnected.integer_state`."""
    return "output.weight8" in state


def from_integers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state of `PNNSFullyConnected` that computes what these integers do, to train them further.

    Args:
        state: As `PNNSFullyConnected.integer_state` gives it.

    Returns:
        Weights and biases, float32.
    """
    found: dict[str, Tensor] = {}
    for name in (key.removesuffix(".shift") for key in state if key.endswith(".shift")):
        scale = torch.exp2(-state[f"{name}.shift"].float())
        found[f"{name}.weight"] = state[f"{name}.weight8"].float() * scale[:, None]
        found[f"{name}.bias"] = state[f"{name}.bias32"].float() * scale / UNIT
    return found


def grown(state: Mapping[str, Tensor], net: PNNSFullyConnected) -> dict[str, Tensor]:
    """A state of `PNNSFullyConnected` for a network that is deeper, or gives more predictions, than the one it is of.

    Hidden layers that are missing pass on what they get. Predictions that the last layer no longer gives become
    differences from the first, without their share of the short cut. The predictions that there are then repeat until
    they are enough, each time a little apart: alike, they would stay alike in training. Those that are too many are
    left out. The first, the expectation, stays as it is.

    Args:
        state: Weights and biases of a network.
        net: What it is for.

    Returns:
        The state; as it was where nothing is missing, or it is of a network of other widths.
    """
    found, width = dict(state), net.output.in_features - 5 * net.m**2
    if "output.weight" not in found or found["output.weight"].shape[1] != net.output.in_features:
        return found
    for number in range(1, len(net.hidden)):
        if f"hidden.{number}.weight" not in found:
            found |= {f"hidden.{number}.weight": torch.eye(width), f"hidden.{number}.bias": torch.zeros(width)}
    if net.differences is not None:
        fresh = {f"differences.{key}": value.detach() for key, value in net.differences.named_parameters()}
        found = fresh | found | _differences(found, net, width)
    return _repeated(found, net)


def _differences(state: Mapping[str, Tensor], net: PNNSFullyConnected, width: int) -> dict[str, Tensor]:
    """The last layers after its predictions beyond those that the network wants of it became differences."""
    keep, area = net.output.out_features, net.m**2
    found: dict[str, Tensor] = {}
    if len(state["output.weight"]) <= keep:
        return found
    for part in ("weight", "bias"):
        rows = state[f"output.{part}"]
        first = rows[:area].repeat((len(rows) - keep) // area, *[1] * (rows.ndim - 1))
        apart = rows[keep:] - first
        apart = apart[:, :width] if part == "weight" else apart
        there = state.get(f"differences.{part}", apart[:0])
        found |= {f"output.{part}": rows[:keep], f"differences.{part}": torch.cat([there, apart])}
    return found


def _repeated(state: Mapping[str, Tensor], net: PNNSFullyConnected) -> dict[str, Tensor]:
    """The last layers with their rows repeated until they are as long as the network's, or cut to that."""
    found, generator = dict(state), torch.Generator().manual_seed(0)
    for name, layer in (("output", net.output), ("differences", net.differences)):
        if layer is None:
            continue
        length = len(found[f"{name}.weight"])
        again = torch.arange(length, max(length, layer.out_features)) % length
        for key in (f"{name}.weight", f"{name}.bias"):
            copies = found[key][again]
            noise = torch.randn(copies.shape, generator=generator) * found[key].std() * _APART
            found[key] = torch.cat([found[key], copies + noise])[: layer.out_features]
    return found
