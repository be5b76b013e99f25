"""Loading a target: what a kind asks of it, and plug-ins that break only themselves."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_maker import write_plugin
from torch import nn

import dlic_registry
from dlic_registry import BrokenPluginError, DlicError, load_entry

GOOD = "from torch import nn\nclass Loss(nn.Module):\n    pass\n"
numbers = itertools.count()


@pytest.fixture
def loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a distribution ``acme`` with one loss ``novel``, of given source."""

    def install(source: str, target: str = "{module}:Loss", name: str = "novel", kind: str = "loss") -> None:
        module = f"acme_losses_{next(numbers)}"
        points = f"[lightning_dlic.{kind}]\n{name} = {target.format(module=module)}\n"
        write_plugin(tmp_path, "acme", points, {module: source}, version="0.3")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_third_party_class_loads(loss: Callable[..., None]) -> None:
    loss(GOOD)
    found = dlic_registry.load("loss", "novel")
    assert issubclass(found, nn.Module)
    assert found.__name__ == "Loss"


def test_extras_after_the_target_are_no_part_of_it(loss: Callable[..., None]) -> None:
    loss(GOOD, target="{module}:Loss [fast]")
    assert dlic_registry.load("loss", "novel").__name__ == "Loss"


def test_class_that_declares_a_supported_api_loads(loss: Callable[..., None]) -> None:
    loss(GOOD.replace("pass", "dlic_api = 1"))
    assert dlic_registry.load("loss", "novel").dlic_api == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no licence\\nsecond line')", "RuntimeError: no licence"),
        ("import a_package_nobody_has", "ModuleNotFoundError: No module named 'a_package_nobody_has'"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("class Loss(:", "SyntaxError: invalid syntax"),
        ("raise MemoryError", "MemoryError"),
        ("Other = 1", "has no attribute 'Loss'"),
        ("Loss = 1", "is not a class"),
        ("class Loss: pass", "does not derive from torch.nn:Module"),
        (GOOD.replace("pass", "dlic_api = 99"), "it is written for dlic_api 99; this version supports 1"),
        (GOOD.replace("pass", "dlic_api = [1]"), "it is written for dlic_api [1]; this version supports 1"),
    ],
)
def test_broken_plugin_says_whose_and_why_and_breaks_only_itself(
    loss: Callable[..., None], source: str, reason: str
) -> None:
    loss(source)
    with pytest.raises(BrokenPluginError) as caught:
        dlic_registry.load("loss", "novel")
    message = str(caught.value)
    assert message.startswith("loss 'novel' of acme 0.3 is broken: ")
    assert reason in message
    assert len(message.splitlines()) == 1
    assert issubclass(dlic_registry.load("loss", "l1"), nn.Module)


@pytest.mark.parametrize(
    "target", ["{module}", "{module}:", ":Loss", "{module} Loss", "../{module}:Loss", "{module}:Loss-x"]
)
def test_target_of_another_form_is_refused(loss: Callable[..., None], target: str) -> None:
    loss(GOOD, target=target)
    with pytest.raises(DlicError, match=r"loss 'novel' of acme 0\.3 is broken: .*not of the form module:Class"):
        dlic_registry.load("loss", "novel")


def test_name_with_capitals_is_listed_but_refused(loss: Callable[..., None]) -> None:
    loss(GOOD, name="Novel")
    with pytest.raises(BrokenPluginError, match="use lower-case letters"):
        dlic_registry.load("loss", "Novel")


def test_invented_kind_is_listed_but_refused(loss: Callable[..., None]) -> None:
    loss(GOOD, kind="los")
    entry = next(entry for entry in dlic_registry.entries() if entry.kind == "los")
    with pytest.raises(BrokenPluginError, match=r"unknown kind 'los'\. Did you mean 'loss'"):
        load_entry(entry)
