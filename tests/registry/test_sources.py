"""Reading a class's summary from its source."""

import sys
from pathlib import Path

import pytest

from dlic_registry.sources import docstring_line

SOURCE = '''
"""A module that must not be imported."""
raise RuntimeError("imported")


class Plain:
    """One line."""


class Long(
    Base[Literal["a:b"]],  # a comment: with a colon
    metaclass=Meta,
):
    # why it is so

    r"""
    First line \\d.

    Second.
    """


class OneLine: "Tiny."


class PlainLonger:
    """Another."""


class Bare:
    field: str = "not a docstring"


class Called(Base):
    print("not a docstring")


class Bytes:
    b"not text"
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package and a module inside it, both of which raise when imported."""
    name = f"package_{tmp_path.name.replace('-', '_')}"
    (tmp_path / name / "inner").mkdir(parents=True)
    for place in ("__init__.py", "part.py", "inner/__init__.py"):
        (tmp_path / name / place).write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Plain", "One line."),
        ("Long", "First line \\d."),
        ("PlainLonger", "Another."),
        ("Bare", None),
        ("Called", None),
        ("Bytes", None),
        ("Absent", None),
    ],
)
def test_first_line_of_a_class(package: str, name: str, line: str | None) -> None:
    assert docstring_line(f"{package}.part:{name}") == line


@pytest.mark.parametrize("module", ["{}", "{}.part", "{}.inner"])
def test_packages_and_modules_are_read_not_imported(package: str, module: str) -> None:
    assert docstring_line(f"{module.format(package)}:Plain") == "One line."
    assert not any(name.startswith(package) for name in sys.modules)


@pytest.mark.parametrize("target", ["nowhere_at_all:X", "nowhere.at.all:X", "{}.absent:X", "sys:X", "math:X"])
def test_what_has_no_source_has_no_line(package: str, target: str) -> None:
    assert docstring_line(target.format(package)) is None


def test_source_that_is_not_text_has_no_line(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "part.py").write_bytes(b'class Plain:\n    """\xff\xfe"""\n')
    assert docstring_line(f"{package}.part:Plain") is None


def test_source_that_breaks_off_has_no_line(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "part.py").write_text('class Plain(\n    """unfinished')
    assert docstring_line(f"{package}.part:Plain") is None
