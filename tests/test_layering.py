"""The way imports run: the contracts in pyproject.toml hold, and would notice a breach."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
LINT = Path(sysconfig.get_path("scripts")) / "lint-imports"
PACKAGES = {
    "lightning_dlic": ROOT / "lightning_dlic",
    "dlic_registry": ROOT / "registry" / "dlic_registry",
    "dlic_datamodules": ROOT / "datamodules" / "dlic_datamodules",
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on the packages in a folder, under the repository's contracts."""
    return subprocess.run(
        [str(LINT), "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The three packages' Python files, side by side."""
    for name, folder in PACKAGES.items():
        for source in folder.rglob("*.py"):
            target = tmp_path / name / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return tmp_path


def test_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("dlic_registry/kinds.py", "import lightning_dlic.stages", "Packages import one way"),
        ("dlic_datamodules/__init__.py", "import lightning_dlic.imaging", "Packages import one way"),
        ("lightning_dlic/imaging/color.py", "import lightning_dlic.nets", "Parts of lightning_dlic"),
        ("lightning_dlic/codec/__init__.py", "import lightning_dlic.stages.base", "Parts of lightning_dlic"),
        ("lightning_dlic/nets/srcnn.py", "import pytorch_lightning", "Decoding imports no Lightning"),
        ("lightning_dlic/codec/__init__.py", "import dlic_datamodules.base", "Decoding imports no Lightning"),
        ("lightning_dlic/newcomer/__init__.py", "", "Parts of lightning_dlic"),
    ],
)
def test_breach_is_noticed(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(f"\n{line}\n")
    result = lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in next(row for row in result.stdout.splitlines() if row.startswith(contract))


def test_registry_is_standard_library_only() -> None:
    graph = grimp.build_graph("dlic_registry", include_external_packages=True, cache_dir=None)
    foreign = {name for name in graph.modules if name.split(".")[0] not in {"dlic_registry", *sys.stdlib_module_names}}
    assert foreign == set()


@pytest.mark.slow
def test_decoding_parts_load_without_lightning() -> None:
    """The same promise as the contract, but kept at run time: other people's packages count too."""
    code = """
import importlib, pkgutil, sys
for part in ("imaging", "kinds", "nets", "losses", "metrics", "zoo", "codec", "operators", "pipeline"):
    package = importlib.import_module(f"lightning_dlic.{part}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
heavy = {"pytorch_lightning", "lightning"} & set(sys.modules)
sys.exit(f"{heavy} came in" if heavy else 0)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
