"""What README, the tutorials and the guides show runs, line by line, under the replacements of `blocks`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import Block, read_blocks, replaced, table

from dlic_registry import local
from lightning_dlic.cli.main import fit_main, main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    DOCS / "index.md",
    DOCS / "reference" / "python.md",
    *sorted((DOCS / "tutorials").glob("*.md")),
]
PAGES += sorted((DOCS / "extend").glob("*.md"))
TO_RUN = [page for page in PAGES if any(block.runs for block in read_blocks(page))]
BEHIND_A_MARK = {"start", "test"}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for granted: a photograph, and a folder of some."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("photographs")
    (folder / "photos").mkdir()
    for name, picture in {"astronaut": data.astronaut(), "cat": data.chelsea(), "coffee": data.coffee()}.items():
        Image.fromarray(picture[:64, 150:246]).save(folder / "photos" / f"{name}.png")
    Image.fromarray(data.astronaut()[:64, 150:246]).save(folder / "photo.jpg", quality=95)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", TO_RUN, ids=[str(page.relative_to(ROOT)) for page in TO_RUN])
def test_the_blocks_of_a_page_run(
    page: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(table())
    place = tmp_path / "place"
    shutil.copytree(photographs, place)
    (place / "recipes").symlink_to(ROOT / "recipes")
    (place / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    modules = set(sys.modules)
    try:
        for block in read_blocks(page):
            _run(block, page, monkeypatch)
    finally:
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(place)):
                del sys.modules[name]


def _run(block: Block, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = f"{page.name}:{block.line}"
    if "file" in block.marks:
        Path(block.marks["file"]).parent.mkdir(parents=True, exist_ok=True)
        Path(block.marks["file"]).write_text(block.text)
    elif "no-run" in block.marks:
        assert block.marks["no-run"], f"{where}: say why it is not run"
    elif block.language == "python":
        # Those of the guide to extending have a test of their own.
        if page.parent.name != "extend":
            exec(compile(block.text, where, "exec"), {"__name__": "__main__"})
    elif not BEHIND_A_MARK & block.marks.keys():
        for command in block.commands:
            words = replaced(command)
            print(f"{where}: {' '.join(words)}")
            assert _status(words, monkeypatch) == 0, f"{where}: {' '.join(words)}"


def _status(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int | str:
    """How a command ends; ours run in this process, whose imports they share."""
    if words[0].startswith("python"):
        return subprocess.run([sys.executable, *words[1:]], timeout=300).returncode
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        fit_main() if words[0] == "dlic-fit" else main()
    return end.value.code or 0


def test_commands_that_install_are_those_that_continuous_integration_runs() -> None:
    marks = [block.marks for block in read_blocks(ROOT / "README.md")]
    assert {mark for block in marks for mark in block} >= BEHIND_A_MARK
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
