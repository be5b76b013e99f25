"""Curves over batches as SVG: small, sharp at any size, and in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_dlic.pages.html import Html, number, tag

Points = Sequence[tuple[float, float]]
COLORS = 6
_WIDTH, _HEIGHT = 520, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 26
# Curves that fall by more are drawn over a logarithmic axis.
_WIDE = 30.0
_MOST_POINTS = 600
# Points of a noisy curve that its smooth one looks back over, as a share of all.
_SMOOTH = 0.04


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        label: Whose it is.
        points: Batch and value, by batch.
        color: Number of its colour.
        noisy: Whether it is drawn faintly, with a smooth one above.
        flat: A value drawn as a dashed line, such as a baseline's; None for none.
    """

    label: str
    points: Points
    color: int = 0
    noisy: bool = False
    flat: float | None = None


def chart(title: str, curves: Sequence[Curve], higher_is_better: bool | None = None) -> Html:
    """A chart with its title and key.

    Args:
        title: What the values are.
        curves: At least one, of which one has points.
        higher_is_better: Which way is; None where the key shall name no best value.
    """
    values = [value for curve in curves for _, value in curve.points]
    values += [curve.flat for curve in curves if curve.flat is not None]
    log = min(values) > 0 and max(values) / min(values) > _WIDE
    scale = _Scale.over(values, max(step for curve in curves for step, _ in curve.points), log)
    lines = [line for curve in curves for line in _lines(curve, scale)]
    box = tag(
        "svg", *scale.axes(), *lines, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="chart", role="img", aria_label=title
    )
    key = tag("ul", *(_key(curve, higher_is_better) for curve in curves), class_="key")
    return tag("div", tag("h3", title + (" (logarithmic)" if log else "")), box, key)


def _key(curve: Curve, higher_is_better: bool | None) -> Html:
    mark = tag("i", class_=f"c{curve.color % COLORS}")
    if not curve.points:
        return tag("li", mark, curve.label)
    step, last = curve.points[-1]
    words = f"{curve.label} {number(float(last))}"
    if higher_is_better is not None:
        pick = max if higher_is_better else min
        best_step, best = pick(curve.points, key=lambda point: point[1])
        if best_step != step:
            words += f", best {number(float(best))} at {int(best_step):,}"
    if curve.flat is not None:
        words += f" (dashed: baseline {number(curve.flat)})"
    return tag("li", mark, words)


@dataclass(frozen=True)
class _Scale:
    """From batches and values to places in the picture."""

    low: float
    high: float
    end: float
    log: bool

    @classmethod
    def over(cls, values: Sequence[float], end: float, log: bool) -> _Scale:
        found = [math.log10(value) for value in values] if log else list(values)
        margin = 0.05 * (max(found) - min(found)) or 0.05 * abs(found[0]) or 1.0
        return cls(min(found) - margin, max(found) + margin, max(1.0, end), log)

    def x(self, step: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * step / self.end, 1)

    def y(self, value: float) -> float:
        value = math.log10(value) if self.log else value
        share = (value - self.low) / (self.high - self.low)
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share), 1)

    def axes(self) -> list[Html]:
        made = []
        for value in self._ticks():
            place = self.y(value)
            made.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=place, y2=place))
            made.append(tag("text", f"{value:.4g}", x=_LEFT - 8, y=place + 4, text_anchor="end"))
        for step in steps_between(0.0, self.end, 5):
            words = f"{int(step):,}"
            anchor = "start" if step == 0 else "end" if self.x(step) > _WIDTH - 40 else "middle"
            made.append(tag("text", words, x=self.x(step), y=_HEIGHT - 6, text_anchor=anchor))
        return made

    def _ticks(self) -> list[float]:
        if not self.log:
            return steps_between(self.low, self.high, 5)
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        found = [factor * 10.0**decade for decade in decades for factor in (1, 3)]
        return [value for value in found if self.low <= math.log10(value) <= self.high]


def steps_between(low: float, high: float, count: int) -> list[float]:
    """About so many round numbers from ``low`` to ``high``.

    Example:
        >>> steps_between(0.0, 1234.0, 5)
        [0.0, 500.0, 1000.0]
    """
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough)
    first = math.ceil(low / step)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _lines(curve: Curve, scale: _Scale) -> list[Html]:
    color, made = f"c{curve.color % COLORS}", []
    if curve.flat is not None:
        ends = f"{_LEFT},{scale.y(curve.flat)} {_WIDTH - _RIGHT},{scale.y(curve.flat)}"
        made.append(tag("polyline", points=ends, class_=f"flat {color}"))
    if curve.noisy and len(curve.points) > 2:
        made.append(_polyline(thinned(curve.points), scale, f"raw {color}"))
        made.append(_polyline(thinned(smooth(curve.points)), scale, color))
    elif len(curve.points) == 1:
        ((step, value),) = curve.points
        made.append(tag("circle", cx=scale.x(step), cy=scale.y(value), r=3.5, class_=color))
    elif curve.points:
        made.append(_polyline(thinned(curve.points), scale, color))
    return made


def _polyline(points: Points, scale: _Scale, style: str) -> Html:
    return tag("polyline", points=" ".join(f"{scale.x(x)},{scale.y(y)}" for x, y in points), class_=style)


def smooth(points: Points) -> list[tuple[float, float]]:
    """The curve's running mean, in which older points fade; its beginning leans on nothing but itself."""
    keep = 1 - 1 / max(2.0, _SMOOTH * len(points))
    total = weight = 0.0
    made = []
    for step, value in points:
        total, weight = keep * total + value, keep * weight + 1
        made.append((step, total / weight))
    return made


def thinned(points: Points) -> Points:
    """At most as many points as a screen shows, the last among them."""
    every = -(-len(points) // _MOST_POINTS)
    return points if every < 2 else [*points[:-1:every], points[-1]]
