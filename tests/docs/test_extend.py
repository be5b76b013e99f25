"""The guide to extending: a page for every kind that registers, and what its examples show is true."""

import re
from pathlib import Path

import pytest

from dlic_registry import KINDS, local

PAGES = sorted((Path(__file__).parents[2] / "docs" / "extend").glob("*.md"))
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_every_kind_has_a_page_with_contract_example_and_checklist() -> None:
    pages = {page.stem: page.read_text() for page in PAGES}
    assert {*KINDS, "stage", "README"} == set(pages)
    for name, text in pages.items():
        assert len(BLOCK.findall(text)) == 1, name
        assert f"[{name}]({name}.md)" in pages["README"] or name == "README"
        assert name == "README" or all(f"\n## {part}\n" in text for part in ("Contract", "Example", "Checklist"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_example_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    (code,) = BLOCK.findall(page.read_text())
    exec(compile(code, str(page), "exec"), {"__name__": "a_notebook"})
