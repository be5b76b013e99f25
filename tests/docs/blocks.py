"""Code blocks of pages, and what stands in for what a page takes for granted when the suite runs them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?ms)((?:^<!--[^\n]*-->\n+)*)^```(\w*)[^\n]*\n(.*?)^```$")
_MARK = re.compile(r"<!-- ([\w-]+)(?:: *(.*?))? -->")
_FEW = (
    "trainer.max_steps=2 trainer.val_every=2 trainer.checkpoint_every=2 trainer.limit_val=1 trainer.accelerator=cpu "
    "data.args.workers=0 data.args.batch_size=2 data.args.crop=32"
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text and line, and the marks in comments above it (``no-run``, ``file``)."""

    language: str
    text: str
    line: int
    marks: dict[str, str]

    @property
    def commands(self) -> list[str]:
        """Its lines of a shell that begin with dlic or python; a backslash joins lines."""
        if self.language not in ("", "sh", "bash"):
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if re.match(r"(dlic|dlic-fit|python3?)\s", line)]

    @property
    def runs(self) -> bool:
        """Whether the suite is to run it."""
        return "file" not in self.marks and (self.language == "python" or bool(self.commands))


@dataclass(frozen=True)
class Replacement:
    """What stands in a command of a page, by a pattern, what the suite says in its place, and why."""

    pattern: str
    by: str
    why: str


REPLACEMENTS = (
    Replacement(r"trainer\.devices=\d+", "trainer.devices=1", "one device"),
    Replacement(r"trainer\.strategy=\w+", "trainer.strategy=auto", "one device"),
    Replacement(r"^(dlic-fit .*(?:/data/|~/|data/)\S+.*)$", r"\1 --print-recipe", "a set of pictures that is not here"),
    Replacement(r"^(dlic-fit --resume \S+)", r"\1 trainer.max_steps=3", "steps"),
    Replacement(r"^(dlic-fit (?!.*--print-recipe|--resume).*)$", rf"\1 {_FEW}", "steps, small pictures"),
    Replacement(r"^(dlic (?:compress|bench) .*)$", r"\1 --effort 1 --workers 1", "seconds"),
    Replacement(
        r"^(dlic bench (?!.*--metrics).*)$", r"\1 --metrics psnr_y,ssim_y --limit 1", "weights of LPIPS, seconds"
    ),
)


def read_blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        marks = {name: value or "" for name, value in _MARK.findall(found[1])}
        yield Block(found[2], found[3], text.count("\n", 0, found.start(3)), marks)


def replaced(command: str) -> list[str]:
    """The words of a command with all replacements made; comments are left out."""
    words = shlex.split(command, comments=True)
    line = shlex.join(words)
    for item in REPLACEMENTS:
        line = re.sub(item.pattern, item.by, line)
    return shlex.split(line)


def table() -> str:
    """The replacements, for people."""
    return "\n".join(f"{item.pattern:60} -> {item.by}   ({item.why})" for item in REPLACEMENTS)
