"""Measuring networks on test sets, from Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from dlic_registry import DlicError
from lightning_dlic.api.targets import find_target, find_targets, one_kind, subject
from lightning_dlic.measure.base import Measurement, MeasureRequest
from lightning_dlic.measure.options import build_measure
from lightning_dlic.measure.sets import open_set


def evaluate(
    targets: str | Sequence[str],
    data: str | Path | Sequence[str | Path],
    *,
    kind: str | None = None,
    device: str = "cpu",
    progress: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Measurement:
    """Measures networks and their kind's rivals on test sets, as ``dlic eval`` does.

    Args:
        targets: Networks as `lightning_dlic.load` takes them, or rivals such as ``bicubic``; one or several.
        data: Folders of original pictures; one or several.
        kind: Kind to measure as, where targets leave it open.
        device: Where networks compute.
        progress: Called with a line before each picture.
        **options: What the kind's measure takes, such as ``scale``, ``metrics``, ``hints``.

    Returns:
        A row a pair of set and target, with figures by name and by picture. Of pictures that cannot be measured there
        is a warning each.

    Raises:
        DlicError: A target or a set is not there, or an option is of no use.
    """
    found = find_targets([targets] if isinstance(targets, str) else list(targets))
    if not found:
        raise DlicError("evaluate: no target")
    folders = [data] if isinstance(data, str | Path) else list(data)
    sets = [open_set(Path(folder)) for folder in folders]
    measure = build_measure(one_kind(found, kind), options)
    request = MeasureRequest(sets, torch.device(device), lambda text: subject(find_target(text)), progress)
    outcome = measure.run([subject(target) for target in found], request)
    for path, reason in request.failed.items():
        warnings.warn(f"{path}: {reason}; left out", stacklevel=2)
    return outcome
