"""What scripts leave in `benchmarks/results`: figures, and what they were made by."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from lightning_dlic.bench.report import write_json
from lightning_dlic.versions import versions

ROOT = Path(__file__).parents[2]


def cpu() -> str:
    """The processor's name and the number of cores that this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {len(os.sched_getaffinity(0))} cores"


def made_by(*packages: str) -> dict[str, Any]:
    """Day, commit, whether code was changed since, machine, its load, and versions, also of further packages."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _git("rev-parse", "HEAD"),
        "changed": any(line.endswith((".py", ".yaml")) for line in _git("status", "--porcelain").splitlines()),
        "cpu": cpu(),
        "load": os.getloadavg()[0],
        "versions": versions(*packages),
    }


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def command() -> str:
    """What was called, with places below `$DLIC_DATA` and here as a reader has them."""
    script = Path(sys.argv[0]).resolve()
    words, skip = [script.relative_to(ROOT).as_posix() if script.is_relative_to(ROOT) else script.name], False
    for word in sys.argv[1:]:
        if skip or word in ("--json", "--plot"):
            skip = not skip
            continue
        words.append(shlex.quote(word))
    data = os.environ.get("DLIC_DATA", "").rstrip("/")
    called = " ".join(["python", *words])
    return called.replace(f"{data}/", "$DLIC_DATA/") if data else called


def keep(path: Path, figures: dict[str, Any], *packages: str) -> None:
    """Writes figures with the command, the day, the commit and the machine that they are of."""
    write_json(path, {"made_by": {"command": command(), **made_by(*packages)}, **figures})
