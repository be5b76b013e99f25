"""Makes real plug-ins: a distribution's metadata beside its modules in a folder, as pip would leave them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DLIC = "from lightning_dlic.cli.main import main; main()"


def write_plugin(
    folder: Path,
    distribution: str,
    entry_points: str,
    modules: Mapping[str, str] | None = None,
    version: str = "1.0",
    summary: str = "Made for a test.",
) -> Path:
    """Writes a distribution into a folder that may hold others.

    Args:
        folder: becomes a folder for the import path.
        distribution: its name.
        entry_points: content of ``entry_points.txt``.
        modules: source text by module name.
        version: of the distribution.
        summary: of the distribution.

    Returns:
        The folder.
    """
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nSummary: {summary}\n"
    )
    (info / "entry_points.txt").write_text(entry_points)
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source)
    return folder


def run_python(code: str, *folders: Path, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter that sees the plug-ins in some folders."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=False,
    )


def run_dlic(*arguments: str, folders: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs ``dlic`` in a fresh interpreter that sees the plug-ins in some folders."""
    return run_python(DLIC, *folders, arguments=arguments)


def answer(code: str, *folders: Path) -> str:
    """What a piece of code prints; it must end well."""
    result = run_python(code, *folders)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
