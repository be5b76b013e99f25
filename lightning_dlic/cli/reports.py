"""JSON reports of measurements: what they share, and writing them whole or not at all."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlic_datamodules.files import write_file
from dlic_registry import DlicError
from lightning_dlic.metrics.strict_json import strict_json
from lightning_dlic.versions import versions

if TYPE_CHECKING:
    from lightning_dlic.measure.sets import TestSet


def surroundings(sets: Sequence[TestSet], device: Any) -> dict[str, Any]:
    """Versions, machine and data: what every figure depends on."""
    import torch

    return {
        "versions": versions(),
        "machine": {
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": str(device),
        },
        "data": {
            s.name: {"folder": str(s.folder), "pictures": len(s.files), "trim": s.trim, "sha256": s.sha256}
            for s in sets
        },
    }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Writes a report.

    Args:
        path: The file; its folder is made.
        report: Plain types.

    Raises:
        DlicError: It cannot be written.
    """
    text = strict_json(report, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DlicError(f"--json: {path.parent}: cannot be made ({error.strerror or error})") from error
    write_file(path, text.encode())
