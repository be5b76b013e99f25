"""The recipes that ship are found by name in both kinds of install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_dlic.recipe import load_recipe
from lightning_dlic.recipe.find import shipped_folder, shipped_names

_ROOT = Path(__file__).parents[2]
_CODE = """
from lightning_dlic.recipe import load_recipe
from lightning_dlic.recipe.find import shipped_names
for name in ("quickstart", "quickstart.yaml", "recipes/quickstart", "recipes/quickstart.yaml"):
    print(load_recipe(name).path.resolve())
print(load_recipe("base/sr").path.resolve())
print(" ".join(shipped_names()))
"""


def _found(folder: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_names_are_found_from_any_folder(tmp_path: Path) -> None:
    folder = shipped_folder()
    assert folder is not None
    found = _found(tmp_path)
    assert found[:4] == [str((folder / "quickstart.yaml").resolve())] * 4
    assert found[4] == str((folder / "base" / "sr.yaml").resolve())


@pytest.mark.slow
def test_a_wheel_carries_them(tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(target), str(_ROOT)]
    done = subprocess.run([sys.executable, "-m", *install], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = _found(tmp_path, PYTHONPATH=str(target))
    carried = (target / "lightning_dlic" / "recipes").resolve()
    assert found[:4] == [str(carried / "quickstart.yaml")] * 4
    assert found[5].split() == shipped_names()


def test_a_file_of_the_same_path_wins_but_a_bare_name_means_what_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("recipes/quickstart.yaml", "quickstart.yaml"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("extends: [base/sr.yaml]\nseed: 77\n")
    (tmp_path / "srgan_div2k").mkdir()
    assert load_recipe("recipes/quickstart").seed == 77
    assert load_recipe("quickstart.yaml").seed == 77
    assert load_recipe("quickstart").seed == 0
    assert load_recipe("srgan_div2k").stages["sr"].name == "srgan"


def test_names_are_those_of_recipes_only() -> None:
    names = shipped_names()
    assert {"quickstart", "srcnn_div2k", "srresnet_div2k", "srgan_div2k", "compact_div2k", "base/sr"} <= set(names)
    assert not any("sweep" in name for name in names)
