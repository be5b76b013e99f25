"""Layers that train as they will later compute in integers (`codec.intra.predictor` states the arithmetic)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

UNIT = 64
"""Steps of an activation in one: a layer's real input is its integer divided by this."""
LIMIT = 127
MAX_SHIFT = 12
SLOPE = 0.125
# Rounds ties up, as a shift does, where rounding to even would not: less than the last bit of any sum.
_TIE = 2.0**-16


def shifts(weight: Tensor) -> Tensor:
    """The shift of each output channel: the largest power of two that keeps its weights within 8 bits.

    Args:
        weight: float ``[out, in]``.

    Returns:
        float ``[out]``: whole numbers in [1, 12].
    """
    peak = weight.detach().abs().amax(dim=1).clamp(min=1e-12)
    return torch.floor(torch.log2(LIMIT / peak)).clamp(1, MAX_SHIFT)


class QuantLinear(nn.Linear):
    """A dense layer with weights of 8 bits, each channel scaled by a power of two."""

    def integers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weight int8 ``[out, in]``, bias int32 ``[out]`` and shift uint8 ``[out]``."""
        shift = shifts(self.weight)
        scale = torch.exp2(shift)
        weight = torch.round(self.weight.detach() * scale[:, None]).clamp(-LIMIT, LIMIT)
        bias = torch.round(self.bias.detach() * scale * UNIT)
        return weight.to(torch.int8), bias.to(torch.int32), shift.to(torch.uint8)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[N, in]`` to ``[N, out]``."""
        scale = torch.exp2(-shifts(self.weight))
        zero = torch.zeros_like(scale, dtype=torch.int32)
        weight = torch.fake_quantize_per_channel_affine(self.weight, scale, zero, 0, -LIMIT, LIMIT)
        step = scale.detach() / UNIT
        bias = self.bias + (torch.round(self.bias / step) * step - self.bias).detach()
        return F.linear(x, weight, bias)


def activate(z: Tensor) -> Tensor:
    """Leaky ReLU of slope 1/8, rounded to 1/64 and clipped to 8 bits."""
    leaky = F.leaky_relu(z.float(), SLOPE) + _TIE / UNIT
    return torch.fake_quantize_per_tensor_affine(leaky, 1.0 / UNIT, 0, -LIMIT, LIMIT)


def round_ste(x: Tensor) -> Tensor:
    """Rounds half up; the gradient passes as if it had not."""
    return x + (torch.floor(x + 0.5) - x).detach()
