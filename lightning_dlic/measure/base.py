"""What a measure is: how networks of a kind are measured, in which columns, under which protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lightning_dlic.measure.sets import TestSet
from lightning_dlic.metrics.protocol import summarize

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lightning_dlic.metrics.gathering import Gathering
    from lightning_dlic.metrics.named import NamedMetric
    from lightning_dlic.operators.base import Operator

AnyOperator = TypeVar("AnyOperator", bound="Operator")


@dataclass(frozen=True)
class Subject:
    """What is measured: a network, or a rival of the kind.

    Attributes:
        name: What tables call it; differs from all others'.
        text: As the user wrote it; the name of a rival.
        net: The network, in evaluation mode; None for a rival.
        meta: What its file says of it.
        identity: What a report says of it: ``target``, and ``file`` and ``sha256`` of a network.
    """

    name: str
    text: str
    net: nn.Module | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)

    def operator(self, wanted: type[AnyOperator], device: torch.device) -> AnyOperator:
        """The network at work.

        Args:
            wanted: The class of operators that is measured here.
            device: Where it computes.

        Raises:
            DlicError: The network is for another operator, or its kind has none.
        """
        from lightning_dlic.operators.base import open_operator

        assert self.net is not None
        found = open_operator(self.name, self.net, self.meta, device)
        if not isinstance(found, wanted):
            raise found.refusal(f"kind {found.kind!r}")
        return found


@dataclass(frozen=True)
class MeasureRequest:
    """On what a measure measures, and where.

    Attributes:
        sets: Pictures.
        device: Where networks compute.
        open_net: Loads the network that an option names, written like a target.
        progress: Called with a line before each picture.
        failed: Takes pictures that cannot be measured, with the reason; the others are.
    """

    sets: Sequence[TestSet]
    device: torch.device
    open_net: Callable[[str], Subject]
    progress: Callable[[str], None] = lambda _: None
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: Of the figure or label that it shows.
        title: At its head.
        form: How values are written: a format specification; empty for text as it is.
        left: Whether it is set to the left.
    """

    name: str
    title: str
    form: str = ""
    left: bool = False

    def cell(self, value: Any) -> str:
        """A value as the table shows it."""
        return "-" if value is None else format(value, self.form)


@dataclass
class Row:
    """Figures of one subject on one set.

    Attributes:
        data: The set's name.
        target: The subject's name.
        labels: What else tells it apart: the hints it was given, the scale.
        pictures: Figures of each picture by its name.
        whole: Figures of all pictures together, as they are gathered.
    """

    data: str
    target: str
    labels: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, dict[str, float]] = field(default_factory=dict)
    whole: dict[str, Gathering] = field(default_factory=dict, repr=False)

    @property
    def figures(self) -> dict[str, float]:
        """Means over the pictures, and figures of all together."""
        return {**summarize(self.pictures.values()), **{name: each.value for name, each in self.whole.items()}}

    def gather(self, metrics: Iterable[NamedMetric], output: Tensor, target: Tensor) -> None:
        """Shows a picture to the metrics that judge all pictures together.

        Args:
            metrics: Any metrics; those of single pictures are left alone.
            output: uint8 ``[1, 3|1, H, W]``.
            target: The same shape.
        """
        for metric in metrics:
            if metric.over_set:
                self.whole.setdefault(metric.name, metric.gathering()).add(output, target)

    def cells(self) -> Mapping[str, Any]:
        """Values by the names of columns."""
        return {**self.labels, **self.figures}

    def record(self) -> dict[str, Any]:
        """The row in a report."""
        told = {"data": self.data, "target": self.target, **self.labels}
        return {**told, "figures": self.figures, "pictures": self.pictures}


@dataclass
class Measurement:
    """What was measured.

    Attributes:
        rows: In the order of the table.
        targets: What a report says of each subject, by its name.
        notes: Sentences that belong below the table.
    """

    rows: Sequence[Row]
    targets: dict[str, dict[str, Any]]
    notes: list[str] = field(default_factory=list)


class Measure(ABC):
    """How networks of a kind are measured. A kind names its measure; `dlic eval` builds one for a call.

    The options of `dlic eval` that it has a use for are the arguments of its constructor, by name and type, each with a
    default; the others are refused. Rivals are named by the kind (`kinds.base.Kind.rivals`).

    Attributes:
        dlic_api: Version of this interface.
        protocol: How figures come about, in words that stand in each report.
        card_sets: Benchmark sets whose figures a card of the zoo states, each with the rows and columns to trim.
    """

    dlic_api: ClassVar[int] = 1
    protocol: ClassVar[Mapping[str, str]] = {}
    card_sets: ClassVar[Mapping[str, int]] = {}

    @abstractmethod
    def run(self, subjects: Sequence[Subject], request: MeasureRequest) -> Measurement:
        """Measures subjects.

        Args:
            subjects: Networks of the kind and rivals; names differ.
            request: On what, and where.

        Raises:
            DlicError: A network is not one of the kind, or no picture of a set can be measured.
        """

    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """Columns of the table, besides those of data and target; those without any value are left out."""

    def card_figures(self, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
        """Figures of a network alone as its card states them, by set."""
        return {row.data: {name: round(value, 4) for name, value in row.figures.items()} for row in rows}

    @classmethod
    def headline(cls, figures: Mapping[str, float]) -> str | None:
        """A card's figures of one of `card_sets` in short; None where the zoo's table lists them one by one."""
        return None
