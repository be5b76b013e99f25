"""From a predictor trained for integers to the integers that ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from dlic_registry import DlicError
from lightning_dlic.nets.prediction.integer_fc import IntegerFullyConnected
from lightning_dlic.nets.prediction.pnns_fc import PNNSFullyConnected


def to_integers(net: nn.Module, meta: Mapping[str, Any]) -> tuple[IntegerFullyConnected, dict[str, Any]]:
    """Converts a network; nothing is lost, for it computes with these very integers already.

    Args:
        net: A trained `pnns_fc`.
        meta: What its file says of it.

    Returns:
        The network in integers, and what to say of it in `zoo.save_net`.

    Raises:
        DlicError: It is another network.
    """
    if not isinstance(net, PNNSFullyConnected):
        raise DlicError(
            f"{type(net).__name__} has no form in integers: in a safetensors file --int8 is for pnns_fc alone.\n"
            "Convolutions of 8 bits are written with --format onnx"
        )
    integer = IntegerFullyConnected.of(net.integer_state())
    widths = [layer.out_features for layer in net.hidden if isinstance(layer, nn.Linear)]
    return integer, {
        **meta,
        "net": {"name": "integer_fc", "args": {"m": net.m, "widths": widths, **integer.last_sizes}},
    }
