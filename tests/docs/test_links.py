"""No dead link in any page: what links name is there, and docs/ links to nothing outside the site."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)\)")


@cache
def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]+`", "``", re.sub(r"(?ms)^( *)```.*?^\1```", "", page.read_text("utf-8")))


@cache
def anchors(page: Path) -> frozenset[str]:
    """What links may name in a page: headings as GitHub and the site spell them."""
    titles = re.findall(r"(?m)^#+ +(.+?) *$", re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8")))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "") for title in titles]
    return frozenset(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in plain)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(prose(page)):
        path, _, anchor = unquote(target).partition("#")
        if re.match(r"https?:|mailto:", target):
            continue
        file = (page.parent / path).resolve() if path else page
        leaves = DOCS in page.parents and DOCS not in file.parents
        if not file.exists() or leaves or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []
