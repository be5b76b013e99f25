"""Metrics by their registered names, on single 8-bit pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dlic_registry import DlicError, load
from dlic_registry.building import building
from lightning_dlic.metrics.gathering import Gathering, gathers, judges_alone
from lightning_dlic.metrics.protocol import crop_border
from lightning_dlic.metrics.running import PictureMetric


class NamedMetric:
    """A registered metric at work on single pictures.

    Where the metric's class does not say otherwise (as `PictureMetric` does), it is called with output and target in
    [0, 1], ``[1, C, H, W]``, whole, and higher is better. One whose call takes a single picture is given the output;
    one that judges a set as a whole (see `gathering.gathers`) has no figure of a picture.

    Attributes:
        name: Its registered name.
        title: What tables call it.
        form: How its values are written: a format specification.
        color: Whether it is for pictures in colour alone.
        higher_is_better: Which way is better.
        over_set: Whether it judges all pictures together, by `gathering`.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        """Builds the metric.

        Args:
            name: Registered name.
            **arguments: What its class takes.

        Raises:
            DlicError: There is no such metric, it refuses the arguments, or its weights are not to be found.
        """
        with building(f"metric {name!r}"):
            self._module: nn.Module = load("metric", name)(**arguments)
        self.name = name
        self.over_set, self._alone = gathers(self._module), judges_alone(self._module)
        told: Any = self._module
        self.title: str = getattr(told, "title", None) or name.rpartition(":")[2].upper().replace("_", "-")
        self.form: str = getattr(told, "form", ".4f")
        self.color: bool = getattr(told, "color", False) is True
        self.higher_is_better: bool = getattr(told, "higher_is_better", True) is not False

    @torch.inference_mode()
    def __call__(self, output: Tensor, target: Tensor, border: int = 0) -> float | None:
        """Scores a picture.

        Args:
            output: uint8 ``[1, 3|1, H, W]``.
            target: The same shape.
            border: Pixels of each side that do not count, for metrics that leave some out.

        Returns:
            The value; None for a picture that the metric is not for: too small, too large, or without colour.

        Raises:
            DlicError: The metric fails.
        """
        metric = self._module
        if self.over_set:
            return None
        if not isinstance(metric, PictureMetric):
            return self._foreign(output, target)
        if border and metric.crops:
            output, target = crop_border(output, border), crop_border(target, border)
        height, width = target.shape[-2:]
        if min(height, width) < metric.smallest or height * width > metric.largest:
            return None
        return None if self.color and target.shape[1] != 3 else metric.picture(output, target)

    def gathering(self) -> Gathering:
        """What a metric of a whole set gathers the pictures of a row in."""
        return Gathering(self.name, self._module)

    def _foreign(self, output: Tensor, target: Tensor) -> float:
        try:
            value = float(self._module(*(p / 255.0 for p in ((output,) if self._alone else (output, target)))))
        except (TypeError, ValueError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            raise DlicError(f"metric {self.name!r} fails on a picture of {tuple(target.shape)}: {reason}") from error
        finally:
            # What keeps all it has seen (a torchmetrics metric does) must not grow with the set.
            if callable(reset := getattr(self._module, "reset", None)):
                reset()
        return value


def open_metrics(
    names: Iterable[str] | Mapping[str, Mapping[str, Any] | None], *, over_set: bool = False
) -> list[NamedMetric]:
    """Builds metrics.

    Args:
        names: Registered names, or the arguments of each by its name.
        over_set: Whether metrics that judge all pictures together are of use.

    Raises:
        DlicError: As `NamedMetric`, or a metric judges all pictures together where that is of no use.
    """
    wanted = names if isinstance(names, Mapping) else {name: {} for name in names}
    opened = [NamedMetric(name, **(arguments or {})) for name, arguments in wanted.items()]
    for metric in opened:
        if metric.over_set and not over_set:
            raise DlicError(f"metric {metric.name!r} judges a set as a whole; here figures are of single pictures")
    return opened


def figures(metrics: Iterable[NamedMetric], output: Tensor, target: Tensor, border: int = 0) -> dict[str, float]:
    """Figures of one picture by the names of the metrics; those that it has not are left out.

    Args:
        metrics: The metrics.
        output: uint8 ``[1, 3|1, H, W]``.
        target: The same shape.
        border: Pixels of each side that do not count, for metrics that leave some out.
    """
    values = ((metric.name, metric(output, target, border)) for metric in metrics)
    return {name: value for name, value in values if value is not None}
