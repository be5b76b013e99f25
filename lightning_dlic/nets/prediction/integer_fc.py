"""The block predictor in integers as a module: weights as they ship, computed by PyTorch or exported to ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.imaging.blocks import center
from lightning_dlic.imaging.numpy.blocks import REACH

_EXACT_FLOAT32 = 1 << 24
_LEAK = 3
_POWERS = [2.0**exponent for exponent in range(32)]


class IntegerLayer(nn.Module):
    """Weights of 8 bits, sums that are exact, a shift for each channel.

    Sums are taken in the narrowest floating-point type that holds them all, so that every library's order of summation
    gives the same bits.
    """

    weight8: nn.Parameter
    bias32: nn.Parameter
    shift: nn.Parameter

    def __init__(self, inputs: int, outputs: int) -> None:
        """Builds the layer with zero weights."""
        super().__init__()
        for name, shape, dtype in (
            ("weight8", (outputs, inputs), torch.int8),
            ("bias32", (outputs,), torch.int32),
            ("shift", (outputs,), torch.uint8),
        ):
            self.register_parameter(name, nn.Parameter(torch.zeros(shape, dtype=dtype), requires_grad=False))

    def dtype(self) -> torch.dtype:
        """The type that sums are taken in."""
        bound = REACH * self.weight8.abs().sum(dim=1, dtype=torch.int64) + self.bias32.long().abs()
        bound = bound + torch.bitwise_left_shift(torch.ones_like(bound), self.shift.long() + _LEAK)
        # A GPU may round float32 products to fewer bits; 8-bit ones survive that, float64 needs no such argument.
        small = int(bound.max()) < _EXACT_FLOAT32 and self.weight8.device.type == "cpu"
        return torch.float32 if small else torch.float64

    def forward(self, x: Tensor, leaky: bool) -> Tensor:
        """Maps whole numbers ``[N, in]`` to ``[N, out]``: sums, shifted and rounded half up, all as floats.

        Args:
            x: In [-127, 127].
            leaky: Whether negative sums are shifted by three bits more.
        """
        dtype = self.dtype()
        sums = F.linear(x.to(dtype), self.weight8.to(dtype), self.bias32.to(dtype))
        # A table, because libraries need not compute powers exactly.
        divisor = torch.tensor(_POWERS, dtype=dtype, device=x.device)[self.shift.long()]
        # Sum and offset stay below the bound and the divisor is a power of two: nothing here rounds but the floor.
        plain = torch.floor((sums + divisor / 2) / divisor)
        if not leaky:
            return plain.to(x.dtype)
        steep = divisor * (1 << _LEAK)
        return torch.where(sums >= 0, plain, torch.floor((sums + steep / 2) / steep)).to(x.dtype)


class IntegerFullyConnected(nn.Module):
    """A fully connected block predictor in integers; `codec.intra.predictor` states its arithmetic."""

    def __init__(self, m: int = 8, widths: Sequence[int] = (384, 384), branches: int = 1, differences: int = 0) -> None:
        """Builds the network with zero weights.

        Args:
            m: Side of the blocks.
            widths: Units of each hidden layer.
            branches: Predictions by the last layer.
            differences: Further ones, by their differences from the first.
        """
        super().__init__()
        self.m, self.branches = m, branches + differences
        inputs = 5 * m * m
        sizes = [inputs, *widths]
        self.hidden = nn.ModuleList([IntegerLayer(a, b) for a, b in zip(sizes[:-1], widths, strict=True)])
        self.output = IntegerLayer((widths[-1] if widths else 0) + inputs, branches * m * m)
        self.differences = IntegerLayer(widths[-1], differences * m * m) if differences else None

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> IntegerFullyConnected:
        """Builds the network that has these weights.

        Args:
            state: As `PNNSFullyConnected.integer_state` gives it.
        """
        depth = sum(name.startswith("hidden.") and name.endswith(".bias32") for name in state)
        widths = [len(state[f"hidden.{number}.bias32"]) for number in range(depth)]
        inputs = state["output.weight8"].shape[1] - (widths[-1] if widths else 0)
        m = int((inputs / 5) ** 0.5)
        counts = [len(state.get(f"{name}.bias32", ())) // m**2 for name in ("output", "differences")]
        net = cls(m, widths, *counts)
        net.load_state_dict(dict(state))
        return net

    @property
    def last_sizes(self) -> dict[str, int]:
        """The arguments ``branches`` and ``differences``."""
        further = 0 if self.differences is None else len(self.differences.bias32) // self.m**2
        return {"branches": self.branches - further, "differences": further}

    def forward(self, x: Tensor) -> Tensor:
        """Predicts from contexts and availability, uint8 ``[N, 2, 5 m^2]``: float ``[N, K, m, m]``, k / 255."""
        return self.grey(x) / 255.0

    def grey(self, x: Tensor) -> Tensor:
        """The predictions in whole grey levels, float ``[N, K, m, m]`` in [0, 255]."""
        x0, mean = center(x)
        y = x0
        for layer in self.hidden:
            y = layer(y, leaky=True).clamp(-REACH, REACH)
        residual = self.output(torch.cat([y, x0], dim=1) if len(self.hidden) else x0, leaky=False)
        if self.differences is not None:
            first = residual[:, : self.m**2].repeat(1, self.last_sizes["differences"])
            residual = torch.cat([residual, first + self.differences(y, leaky=False)], dim=1)
        blocks: Tensor = (mean + residual).clamp(0, 255)
        return blocks.reshape(-1, self.branches, self.m, self.m)
