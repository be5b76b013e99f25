"""Values on the command line: text where text is due, as YAML reads them elsewhere."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Literal

import pytest
from torch import nn

from dlic_registry import register
from lightning_dlic.recipe import RecipeError, check, load_recipe, to_yaml

_KEY = "stages.sr.args.generator"


@register("net", "given_toy")
class Toy(nn.Module):
    """A net with arguments of many types."""

    def __init__(
        self,
        scale: int,
        channels: int,
        text: str = "",
        maybe: str | None = None,
        path: Path = Path(),
        first: str = "",
        second: str = "",
        third: str = "",
        fourth: str = "",
        choice: Literal["1", "2", "no"] = "1",
        count: int | str = 1,
        several: str | list[str] = "a",
        words: list[str] | None = None,
        named: dict[str, str] | None = None,
        number: float = 1.0,
        flag: bool = False,
        free=None,  # type: ignore[no-untyped-def]
    ) -> None:
        super().__init__()


_ARGUMENTS = set(inspect.signature(Toy).parameters)


def _given(*overrides: str) -> dict[str, Any]:
    words = [f"{_KEY}.{text}" if text.split("=")[0] in _ARGUMENTS else text for text in overrides]
    recipe = load_recipe("base/sr", [f"{_KEY}.name=given_toy", "stages.sr.name=srgan", *words])
    check(recipe)
    made: dict[str, Any] = recipe.stages["sr"].args["generator"]
    return made


_TEXTS = [
    *("my #1 photos", "#1", "&a", "&a b", "*.png", "!x", "!!int 5", "@x", "%x", "`x`", "> x", "|", "- x", "-", "? x"),
    *("a: b", "a: b: c", "a:", "[x]", "[1, 2", "{a: 1}", "{a", "001", "1e5", "0x1f", "1:30", ".inf", "1_000"),
    *("yes", "off", "True", "null", "~", "None", "", " x ", "a\\n", "'a' 'b'", '"a', "2020-01-01", "a,b", "a = b"),
    *("é", "a\nb", "<<", "=", "---", "a # b # c"),
]


def test_text_is_taken_as_it_stands() -> None:
    keys = ("text", "path", "first", "second", "third", "fourth")
    for start in range(0, len(_TEXTS), len(keys)):
        texts = dict(zip(keys, _TEXTS[start : start + len(keys)], strict=False))
        made = _given(*(f"{key}={text}" for key, text in texts.items()))
        assert made == {"name": "given_toy", **texts}


@pytest.mark.parametrize(
    ("override", "value"),
    [
        *((f"maybe={text}", None) for text in ("null", "~", "None", "NULL", "")),
        *((f"maybe={text}", text) for text in ("no", "nil", "none", "0", "001")),
        # Quotes around the whole are taken off: a word that would be null, a space that a shell ate.
        *((f"maybe={text}", text[1:-1]) for text in ("'null'", '"None"', '""', "' x '", '"[x]"')),
        ('text="a \\"b\\""', 'a "b"'),
        ("choice=2", "2"),
        ("choice=no", "no"),
        ("count=001", 1),
        ("count='001'", "001"),
        ("count=1.5", "1.5"),
        ("count=auto #1", "auto #1"),
        ("several=[x, 001, yes]", ["x", "001", "yes"]),
        ("several='[x]'", "[x]"),
        ("several=my #1", "my #1"),
        ("several=001", "001"),
        ("words=[001, 1e5, yes, null, 'a, b']", ["001", "1e5", "yes", "null", "a, b"]),
        ("named={a: 001, b: yes}", {"a": "001", "b": "yes"}),
        ("number=1e5", 1e5),
        ("flag=yes", True),
        ("free=001", 1),
        ("free=my #1", "my #1"),
        ("free=&a 5", "&a 5"),
        ("free=a: b", "a: b"),
        ("free=[1, {a: yes}]", [1, {"a": True}]),
        ("text=${oc.env:GIVEN}/my #1", "here/my #1"),
        ("text=${.maybe} #2", "m #2"),
        ("text=\\${x} #1", "${x} #1"),
    ],
)
def test_values_follow_what_their_key_takes(override: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN", "here")
    key = override.split("=")[0]
    made = _given("maybe=m", override)[key]
    assert made == value
    assert type(made) is type(value)


def test_mappings_on_the_command_line_hold_text_too() -> None:
    made = _given(f"{_KEY}={{name: given_toy, text: 001, maybe: null, words: [1], named: {{a: no}}}}")
    assert made == {"name": "given_toy", "text": "001", "maybe": None, "words": ["1"], "named": {"a": "no"}}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("several=[a", "several: '[a' is not a YAML value"),
        ("words=[a #1, b]", "words: '[a #1, b]' is not a YAML value"),
        ("named={a: 1, a: 2}", "'a' stands here twice"),
        ("words=a", "words: 'a' is not a list, each text or null\nWrite it as a list: [a]"),
        ("number=5 # five", "number: '5 # five' is not a number"),
        ("free=[a", "free: '[a' is not a YAML value"),
        ("train=[sr", "train: '[sr' is not a YAML value"),
        ("optim.generator={lr: 1", "optim.generator: '{lr: 1' is not a YAML value"),
    ],
)
def test_what_is_neither_is_refused(override: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        _given(override)
    assert words in str(caught.value)


def test_keys_of_the_schema_take_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"name": "1e5", "run.name": "001", "run.root": "a #1", "optim.net.name": "adam", "trainer.strategy": "&x"}
    recipe = load_recipe("base/sr", [*(f"{key}={text}" for key, text in texts.items()), "trainer.devices=2"])
    found = dict.fromkeys(texts, recipe) | {"trainer.devices": recipe}
    for key in found:
        value: Any = recipe.resolved()
        for part in key.split("."):
            value = value[part]
        assert value == {**texts, "trainer.devices": 2}[key]
    assert load_recipe("base/sr", ["run.name=None"]).run.name is None
    # A folder with such a name is that folder, even where a list may stand.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "[x]").mkdir()
    recipe = load_recipe("base/sr", ["data.name=folder", "data.args.root=[x]", "data.args.valid=[[x]]"])
    check(recipe)
    assert recipe.data.args["root"] == "[x]"
    (tmp_path / "again.yaml").write_text(to_yaml(load_recipe("base/sr", [f"{k}={v}" for k, v in texts.items()])))
    assert load_recipe(tmp_path / "again.yaml").run.name == "001"
