"""Reading one file: values, positions, and what a file can have wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from lightning_dlic.recipe import RecipeError, load_recipe
from lightning_dlic.recipe.document import read, read_value


def _error(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    message = str(caught.value)
    assert len(message.splitlines()) <= 5
    return message


def _refused(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return _error(path)


def test_values_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("\ufefftrain: sr\ndata:\n  name: folder\n  args: {crop: 96,\n    roots: [a, {b: 1e-5}]}\n")
    document = read(path, "mine.yaml")
    assert document.values == {
        "train": "sr",
        "data": {"name": "folder", "args": {"crop": 96, "roots": ["a", {"b": 1e-5}]}},
    }
    assert {".".join(keys): str(mark) for keys, mark in document.marks.items()} == {
        "train": "mine.yaml:1",
        "data": "mine.yaml:2",
        "data.name": "mine.yaml:3",
        "data.args": "mine.yaml:4",
        "data.args.crop": "mine.yaml:4",
        "data.args.roots": "mine.yaml:5",
        "data.args.roots.1.b": "mine.yaml:5",
    }


@pytest.mark.parametrize(
    "text",
    [
        "1e-5",
        "1.0e-05",
        "1E3",
        ".5",
        "1_000",
        "0x1f",
        "012",
        "1:30",
        "yes",
        "True",
        "off",
        "~",
        "null",
        "-3",
        ".inf",
        "1e5x",
        "2020-01-01",
        "",
        "${oc.env:X,a}",
        "[1, 2.5, x]",
        "{a: 1, b: [yes, 'no']}",
        "'1'",
        '"a: b"',
        "a b",
    ],
)
def test_an_override_reads_as_omegaconf_reads_it(text: str) -> None:
    ours = read_value(text, ("key",)).values["key"]
    theirs = OmegaConf.to_container(OmegaConf.from_dotlist([f"key={text}"]))["key"]
    assert ours == theirs
    assert type(ours) is type(theirs)


def test_a_bare_none_is_null_but_only_bare_and_only_in_overrides(tmp_path: Path) -> None:
    assert read_value("None", ("key",)).values == {"key": None}
    assert read_value("[None, 'None', Nonesuch]", ("key",)).values == {"key": [None, "None", "Nonesuch"]}
    path = tmp_path / "mine.yaml"
    path.write_text("data: {name: None}")
    assert read(path, "").values == {"data": {"name": "None"}}


def test_a_tab_is_named_with_line_and_column(tmp_path: Path) -> None:
    message = _refused(tmp_path, "train: sr\ntrainer:\n\tmax_steps: 3\n")
    assert message.splitlines()[0].startswith(f"{tmp_path}/mine.yaml:3:1: ")
    assert "spaces" in message


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("train: sr\ndata: {name: x\n", ":3:1", "brackets"),
        ("data: a: b\n", ":1:8", "Quote"),
        ("train: sr\n---\ntrain: sr\n", ":2:1", "one recipe"),
        ("data:\n  name: x\n name: y\n", ":3:2", "indentation"),
        ("train: 'sr\n", ":2:1", "quotes"),
        ("data: *nowhere\n", ":1:7", "undefined alias"),
        ("train: sr\nseed: 1\ntrain: sr\n", ":3", "line 1"),
        ("data:\n  args: {crop: 1, crop: 2}\n", ":2: data.args", "twice"),
        ("trainer.max_steps: 3\n", ":1", "Nest it: trainer: {max_steps: ...}"),
        ("data:\n  args:\n    on: 1\n", ":3: data.args", 'Quote it: "on"'),
        ("data: {1: 2}\n", ":1: data", 'Quote it: "1"'),
        ("? [a]\n: 1\n", ":1", "a key must be a word"),
        ("a: &a {b: 1}\nc: {<<: *a}\n", ":2: c", "extend"),
        ("data: !!python/object/apply:os.system [ls]\n", ":1: data", "not read"),
        ("seed: !!python/name:os.system\n", ":1: seed", "cannot be read"),
        ("seed: !!binary aGk=\n", ":1: seed", "not read"),
        ("seed: !!int x\n", ":1: seed", "cannot be read"),
        ("seed: !!timestamp x\n", ":1: seed", "cannot be read"),
        ("seed: !!bool x\n", ":1: seed", "cannot be read"),
        ("- train\n- sr\n", ":1", "not a list"),
        ("sr\n", ":1", "not a bare word"),
        ("", "mine.yaml", "empty"),
        ("# nothing\n", "mine.yaml", "empty"),
        ("a: \x07\n", "mine.yaml", "special characters"),
        (b"train: \xff\xfe\n", "mine.yaml", "not UTF-8 text (byte 7)"),
    ],
)
def test_mistakes_in_a_file_are_placed(tmp_path: Path, text: str | bytes, place: str, words: str) -> None:
    message = _refused(tmp_path, text)
    assert place in message
    assert words in message


def test_aliases_share_values(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("a: &x {b: [1, 2]}\nc: *x\n")
    assert read(path, "").values == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


@pytest.mark.slow
def test_aliases_without_end_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too large" in _refused(tmp_path, "\n".join(lines))
    assert "too large" in _refused(tmp_path, "a: &a [*a]")
    assert "nest" in _refused(tmp_path, "a: " + "[" * 4000)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.text(alphabet="ab:{}[],&*!<>|'\"%@#?- \n\t.~0123456789e$()\\", max_size=60) | st.text(max_size=40))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    for load in (lambda: load_recipe(path), lambda: load_recipe("quickstart", [f"data.args.x={text}"])):
        message = "fine"
        try:
            load()
        except RecipeError as error:
            message = str(error)
        assert 0 < len(message.splitlines()) <= 5


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz_bytes.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError):
        load_recipe(path)
