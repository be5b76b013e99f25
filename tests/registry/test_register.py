"""Registering by decorator, and modules that do."""

from pathlib import Path

import pytest
from plugin_maker import answer, run_python, write_plugin

START = """
import dlic_registry as r
def error(call):
    try:
        call()
    except r.DlicError as e:
        return f"{type(e).__name__}: {e}"
"""

DEFINE = """
@r.register("net", "mine")
class Mine:
    '''My net.

    More.
    '''
"""


def test_decorated_class_is_registered_as_local() -> None:
    printed = answer(START + DEFINE + "print(r.get('net', 'mine'), r.get('net', 'local:mine').qualified)")
    assert printed == (
        "Entry(kind='net', name='mine', target='__main__:Mine', distribution='local', version='', summary='My net.') "
        "local:mine"
    )


@pytest.mark.slow
def test_decorated_class_loads_and_is_checked() -> None:
    code = START + DEFINE + "import torch\n@r.register('net', 'real')\nclass Real(torch.nn.Module): pass\n"
    printed = answer(code + "print(r.load('net', 'real') is Real)\nprint(error(lambda: r.load('net', 'mine')))")
    assert printed.splitlines() == [
        "True",
        "BrokenPluginError: net 'mine' of local is broken: __main__:Mine does not derive from torch.nn:Module",
    ]


def test_running_a_cell_again_replaces_the_class() -> None:
    code = START + DEFINE + DEFINE.replace("My net", "My better net")
    assert answer(code + "print(r.get('net', 'mine').summary)") == "My better net."


def test_other_class_under_a_taken_name_is_an_error_and_changes_nothing() -> None:
    code = START + DEFINE + "before = r.entries()\nclass Other: pass\n"
    code += "print(error(lambda: r.register('net', 'mine')(Other)))\nprint(r.entries() == before)"
    assert answer(code).splitlines() == [
        "RegistryError: net 'mine' is already registered by local (__main__:Mine).",
        "Choose another name for __main__:Other.",
        "True",
    ]


def test_built_in_is_not_overwritten() -> None:
    code = START + "before = r.entries()\nclass SRGAN: pass\n"
    code += "print(error(lambda: r.register('sr', 'srgan')(SRGAN)))\nprint(r.entries() == before)"
    printed = answer(code)
    assert "sr 'srgan' is already registered by lightning-dlic" in printed
    assert printed.endswith("True")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("r.register('ner', 'a')", "UnknownNameError: unknown kind 'ner'. Did you mean 'net'?"),
        ("r.register('net', 'My-Net')", "RegistryError: 'My-Net' cannot be a registered name: use lower-case"),
        ("r.register('net', '')", "RegistryError: '' cannot be a registered name"),
        ("r.register('net', 'a')(print)", "RegistryError: only a class can be registered as net 'a'"),
    ],
)
def test_what_cannot_be_registered_is_refused(call: str, message: str) -> None:
    printed = answer(START + f"before = r.entries()\nprint(error(lambda: {call}))\nprint(r.entries() == before)")
    assert printed.startswith(message)
    assert printed.endswith("True")


def test_class_that_an_entry_point_names_too_stays_its_distributions(tmp_path: Path) -> None:
    source = "from dlic_registry import register\n@register('net', 'both')\nclass Both: pass\n"
    write_plugin(tmp_path, "acme", "[lightning_dlic.net]\nboth = acme_both:Both\n", {"acme_both": source})
    code = (
        START + "r.import_plugins(['acme_both'])\nprint([e.distribution for e in r.entries('net') if e.name == 'both'])"
    )
    assert answer(code, tmp_path) == "['acme']"


def test_plugin_modules_register_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "extras.py").write_text("from dlic_registry import register\n" + DEFINE.replace("r.reg", "reg"))
    assert answer(START + "r.import_plugins(['extras'])\nprint(r.get('net', 'mine').target)", tmp_path) == "extras:Mine"


def test_module_that_fails_takes_back_what_it_registered(tmp_path: Path) -> None:
    register = "from dlic_registry import register\n@register('net', '{0}')\nclass {0}: pass\n"
    (tmp_path / "good.py").write_text(register.format("good"))
    (tmp_path / "bad.py").write_text("import good\n" + register.format("bad") + "raise OSError('gone')\n")
    code = START + "print(error(lambda: r.import_plugins(['bad'])))\n"
    code += "print([e.name for e in r.entries('net') if e.distribution == 'local'])"
    assert answer(code, tmp_path).splitlines() == [
        "BrokenPluginError: plug-in module 'bad' does not import: OSError: gone",
        "['good']",
    ]


def test_missing_module_says_what_to_do() -> None:
    printed = answer(START + "print(error(lambda: r.import_plugins(['nowhere.extras'])))")
    assert printed.splitlines() == [
        "BrokenPluginError: plug-in module 'nowhere.extras' does not import: "
        "ModuleNotFoundError: No module named 'nowhere'",
        "Install the package it belongs to, or put its folder on PYTHONPATH.",
    ]


def test_recorded_stage_is_found_with_its_own_distribution_only(tmp_path: Path) -> None:
    write_plugin(tmp_path, "acme", "[lightning_dlic.sr]\nwonder = acme_sr:Wonder\n", version="3.0")
    code = (
        "from dlic_registry import recorded; print(recorded('sr', 'wonder', {!r}, '2.0', needed_by='a.ckpt').version)"
    )
    assert answer(code.format("acme"), tmp_path) == "3.0"
    result = run_python(code.format("bolt"), tmp_path)
    assert "UnknownNameError: a.ckpt: needs sr 'wonder' of bolt 2.0, which is not registered here." in result.stderr
    assert "pip install bolt==2.0" in result.stderr


@pytest.mark.parametrize(
    ("distribution", "version", "remedy"),
    [
        ("local", "", "name its module under `plugins` in the recipe"),
        (
            "lightning-dlic",
            "9.1",
            "the version of lightning-dlic that wrote it: pip install lightning-dlic==9.1",
        ),
        ("acme", "", "Install it: pip install acme "),
    ],
)
def test_missing_recorded_stage_says_how_to_get_it(distribution: str, version: str, remedy: str) -> None:
    call = f"r.recorded('sr', 'gone', {distribution!r}, {version!r}, needed_by='a.ckpt')"
    printed = answer(START + f"print(error(lambda: {call}))")
    assert remedy in printed
    assert len(printed.splitlines()) <= 5
