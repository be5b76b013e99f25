"""Recipes of unknown origin: small ones that stand for much, and files that are nobody's to read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.recipe import RecipeError, load_recipe

_HEAD = "train: sr\nstages: {sr: {name: compact}}\n"
_SECRET = "user:x:0:0:hunter2"
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def _refused(path: Path) -> str:
    start = time.process_time()
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert time.process_time() - start < 20
    message = str(caught.value)
    assert len(message) < 1200
    assert "hunter2" not in message
    return message


def _args(*items: str) -> str:
    return f"{_HEAD}data: {{name: x, args: {{{', '.join(items)}}}}}\n"


def _tenfold(reference: str, levels: int) -> list[str]:
    return ["a0: aaaaaaaaaa", *(f'a{n + 1}: "{reference.format(n) * 10}"' for n in range(levels))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_HEAD + "# x\n" * 3_000_000, "more than 64 KiB"),
        (_HEAD + _BOMB, "aliases or nesting without end"),
        (_args(f"a: &a {'x' * 30_000}", f"b: [{', '.join(['*a'] * 5_000)}]"), "aliases without end"),
        (_args(*(f"k{n}: {n}" for n in range(5_000))), "aliases or nesting without end"),
        (_args("a: " + "[" * 60 + "]" * 60), "nesting without end"),
        (_args("a: " + "[" * 20_000), "nested too deeply"),
        (f"{_HEAD}seed: 0x{'f' * 12_000}\n", "a number of more than 40 characters"),
        (f"{_HEAD}seed: {':'.join(['59'] * 12_000)}\n", "a number of more than 40 characters"),
        (f"{_HEAD}seed: 1{'0' * 5_000}\n", "a number of more than 40 characters"),
        (_args("a: 1" + "0" * 30), "is too large for a whole number\nIt has 64 bits."),
        (_args(f"a: 0.{'1' * 5_000}"), "a number of more than 40 characters"),
        (_args(*_tenfold("${{data.args.a{}}}", 10)), "interpolates into too much"),
        (_args(*_tenfold("${{.a{}}}", 10)), "interpolates into too much"),
        (_args(*_tenfold("${{oc.select:data.args.a{}}}", 10)), "interpolates into too much"),
        (_args("a0: {x: 1}", *(f"a{n + 1}: ['${{..a{n}}}', '${{..a{n}}}']" for n in range(40))), "into too much"),
        (_args('a: "' + "${oc.select:" * 500 + "x" + "}" * 500 + '"'), "interpolates too deeply"),
        (_args("a: data", 'b: "${${.a}.name}"'), "interpolates what is not written out"),
        (_args("a: name", 'b: "${data.${.a}}"'), "interpolates what is not written out"),
        (_args(r"a: '\${.b}'", 'b: "${oc.decode:${.a}}"'), "interpolates what is not written out"),
        (_args('a: "${oc.create:{x: 1}}"'), "calls an unknown resolver"),
        (f"extends: [{', '.join(['quickstart'] * 5_000)}]\n", "extends: more than 100 recipes"),
        ('extends: [quickstart]\n"na\\e[2J": 1\n', "'na\\x1b[2J' cannot be a key"),
    ],
    ids=lambda value: value[-40:] if len(value) < 90 else "long",
)  # fmt: skip
def test_what_stands_for_too_much_is_refused_at_once(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert words in _refused(path)


def test_interpolations_that_people_write_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "[1, 2]")
    path = tmp_path / "mine.yaml"
    lines = ['a: "${oc.decode:${oc.env:HERE,3}}"', 'b: "${oc.env:NOPE,${.c}}"', "c: ${oc.select:data.name,y}"]
    path.write_text(_args(*lines[:2], f'{lines[2].replace(": ", ": " + chr(34))}"', r"d: '\${x} \\${data.name}'"))
    assert load_recipe(path).data.args == {"a": [1, 2], "b": "x", "c": "x", "d": r"${x} \x"}


def test_a_diamond_is_read_once_a_file(tmp_path: Path) -> None:
    (tmp_path / "d0.yaml").write_text("extends: [quickstart]\nseed: 7\n")
    for n in range(1, 30):
        (tmp_path / f"d{n}.yaml").write_text(f"extends: [d{n - 1}.yaml, d{n - 1}.yaml]\n")
    start = time.process_time()
    assert load_recipe(tmp_path / "d29.yaml").seed == 7
    assert time.process_time() - start < 20
    for n in range(30, 110):
        (tmp_path / f"d{n}.yaml").write_text(f"extends: [d{n - 1}.yaml]\n")
    assert "extends more than 100 recipes in all" in _refused(tmp_path / "d109.yaml")
    for n in range(5):
        (tmp_path / f"d{n}.yaml").write_text(f"extends: [d{n + 1}.yaml]\n" + "# fill\n" * 8_000)
    assert "are more than 128 KiB" in _refused(tmp_path / "d0.yaml")


@pytest.mark.parametrize(
    "what", ["../secret.yaml", "{outside}/secret.yaml", "link.yaml", "folder/secret.yaml", "plain"]
)
def test_files_elsewhere_are_not_read(tmp_path: Path, what: str) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
    for secret in (outside / "secret.yaml", tmp_path / "secret.yaml", inside / "plain"):
        secret.write_text(f"{_SECRET}: {_SECRET}\n")
    (inside / "link.yaml").symlink_to(outside / "secret.yaml")
    (inside / "folder").symlink_to(outside)
    (inside / "mine.yaml").write_text(f"extends: [{what.format(outside=outside)}]\n")
    message = _refused(inside / "mine.yaml")
    assert f"{inside}/mine.yaml:1: extends: " in message
    assert ("is no recipe\nA recipe's file ends in .yaml." if what == "plain" else "lies outside") in message


def test_a_working_directory_that_holds_both_holds_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "base.yaml").write_text(f"{_HEAD}seed: 9\n")
    (tmp_path / "deep" / "mine.yaml").write_text("extends: [../base.yaml]\n")
    monkeypatch.chdir(tmp_path)
    assert load_recipe("deep/mine.yaml").seed == 9
    monkeypatch.chdir(tmp_path / "deep")
    assert "lies outside" in _refused(Path("./mine.yaml"))


def test_files_that_are_no_recipes_show_no_line(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text(f"{_SECRET}\n{_SECRET}: [\n")
    (tmp_path / "link.yaml").symlink_to(passwd)
    for path in (passwd, tmp_path / "link.yaml"):
        assert "is no recipe" in _refused(path)
        with pytest.raises(RecipeError, match="is no recipe"):
            find_pipeline(path)
    for text in (
        _BOMB,
        "number: 0x" + "f" * 5_000,
        "# x\n" * 3_000_000,
        "scale: !!timestamp x",
        "{[a]: b}",
        "a: !!bool x",
    ):
        (tmp_path / "bomb.yaml").write_text(text)
        with pytest.raises(RecipeError):
            find_pipeline(tmp_path / "bomb.yaml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_called_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "is no regular file" in _refused(tmp_path / "pipe.yaml")
