"""Prose: one spelling, and no sentence twice."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# As British pages write it. What the code calls so (`color`, `neighbor`) stands between backticks.
OTHERWISE = re.compile(
    r"\b(?:colors?|colored|gr[ae]y-?scale|gray|behaviors?|centers?|licenses?|favor\w*|neighbors?|"
    r"\w+(?:mi|nti|ali|ogni|ri)z(?:e|es|ed|er|ers|ing))\b",
    re.IGNORECASE,
)
ALLOWED = {
    "size",
    "sizes",
    "sized",
    "resize",
    "resizes",
    "resized",
    "resizing",
    "downsizing",
    "optimizer",
    "optimizers",
}


def prose(page: Path) -> str:
    """The words of a page: `written`, without code between them and links' targets."""
    return re.sub(r"\]\([^()\s]+\)", "]", re.sub(r"`[^`]*`", "``", written(page)))


def written(page: Path) -> str:
    """Paragraphs and lists of a page: no blocks of code, no comments, no headings, no tables, nothing that is drawn."""
    drawn = r"(?ms)<!-- report: .*?<!-- end of report -->|^( *)```.*?^\1```|<!--.*?-->|^#.*?$|^\|.*?$|^:::.*?$|^!\[.*?$"
    return re.sub(drawn, "\n", page.read_text("utf-8"))


def test_one_spelling() -> None:
    found = [
        f"{page.relative_to(ROOT)}: {match[0]}"
        for page in PAGES
        for match in OTHERWISE.finditer(prose(page))
        if match[0].lower() not in ALLOWED
    ]
    assert found == []


def test_no_sentence_twice() -> None:
    pages: dict[str, list[str]] = defaultdict(list)
    for page in PAGES:
        # Pages of the zoo are written from cards, which tell much the same of much the same networks.
        if page.parent.name != "zoo" or page.stem == "index":
            for sentence in re.split(r"(?<=[.:;!?])\s+|\n\s*\n|\n\s*[-\d*]+[. ]", prose(page)):
                words = " ".join(sentence.split())
                if len(words) >= 50:
                    pages[words].append(str(page.relative_to(ROOT)))
    assert {sentence: where for sentence, where in pages.items() if len(where) > 1} == {}


def test_lines_are_short() -> None:
    # A span of code that is longer by itself stays whole.
    breakable = re.compile(r"^(?=.{121})(?! *`[^`]*`\S*$).*$", re.MULTILINE)
    pages = [page for page in PAGES if page.parent.name != "zoo"]
    assert [f"{page.name}: {line}" for page in pages for line in breakable.findall(written(page))] == []
