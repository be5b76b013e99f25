"""``dlic`` itself: help without waiting, and what becomes of errors."""

import inspect
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import pytest
import typer
from plugin_maker import DLIC, run_dlic, run_python, write_plugin

from lightning_dlic import __version__
from lightning_dlic.cli.lazy import load_verb
from lightning_dlic.cli.main import VERBS

SCRIPTS = Path(sysconfig.get_path("scripts"))


def modules_after(*arguments: str) -> tuple[str, set[str]]:
    """What ``dlic`` prints, and the modules it has imported in the end."""
    code = f"""
import sys
try:
    {DLIC.replace("; ", chr(10) + "    ")}
except SystemExit as end:
    print("MODULES", *sys.modules)
    sys.exit(end.code)
"""
    result = run_python(code, arguments=arguments)
    assert result.returncode == 0, result.stderr
    printed, _, modules = result.stdout.partition("MODULES ")
    return printed, set(modules.split())


def test_help_lists_every_verb_and_imports_none() -> None:
    printed, modules = modules_after("--help")
    for name, verb in VERBS.items():
        line = next(line for line in printed.splitlines() if line.lstrip("│ ").startswith(f"{name} "))
        assert verb.help.split()[0] in line
        assert verb.target.partition(":")[0] not in modules
    assert not modules & {"torch", "numpy", "pytorch_lightning"}


@pytest.mark.slow
@pytest.mark.parametrize("name", VERBS)
def test_help_of_a_verb_is_quick_and_begins_as_the_table_says(name: str) -> None:
    printed, modules = modules_after(name, "--help")
    assert f"dlic {name}" in printed
    assert not modules & {"torch", "pytorch_lightning"}
    module, _, attribute = VERBS[name].target.partition(":")
    verb = getattr(import_module(module), attribute)
    text = verb.info.help if isinstance(verb, typer.Typer) else inspect.getdoc(verb)
    assert (text or "").splitlines()[0] == VERBS[name].help
    # Paragraphs are broken by the terminal alone.
    assert not any("\n" in part for part in load_verb(name, VERBS[name]).help.split("\n\n"))


def test_no_verb_shows_help() -> None:
    result = run_dlic()
    printed = result.stdout + result.stderr
    assert all(verb.panel in printed for verb in VERBS.values())
    assert "dlic VERB --help" in printed


def test_mistyped_verb_suggests_the_nearest() -> None:
    result = run_dlic("lst")
    assert result.returncode == 2
    assert "Did you mean 'list'?" in result.stderr


def test_version() -> None:
    assert run_dlic("--version").stdout == f"dlic {__version__}\n"


def test_scripts_are_installed_and_dlic_fit_is_dlic_fit() -> None:
    def lines(*command: str) -> list[str]:
        printed = subprocess.run(
            [SCRIPTS / command[0], *command[1:]], capture_output=True, text=True, check=True
        ).stdout
        return [line for line in printed.splitlines() if "Usage" not in line]

    assert lines("dlic-fit", "--help") == lines("dlic", "fit", "--help")


def test_mistake_is_one_message_without_traceback() -> None:
    result = run_python("from lightning_dlic.cli.main import fit_main; fit_main()")
    assert result.returncode == 2
    assert result.stderr.startswith("error: which recipe?")
    assert "Traceback" not in result.stderr


@pytest.fixture
def interrupts(tmp_path: Path) -> Path:
    """A plug-in that ends the import of its module in the way its distribution is named after."""
    source = {
        # Under nohup, as in many a CI, interrupts are ignored from the start: take them as on a terminal.
        "ctrl_c": "import os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)\n",
        "defect": "class Defect(BaseException): pass\nraise Defect('unheard of')\n",
    }
    for name, text in source.items():
        points = f"[lightning_dlic.{'net' if name == 'ctrl_c' else 'codec'}]\naaa = {name}:X\n"
        write_plugin(tmp_path, name, points, {name: text})
    return tmp_path


def test_interrupt_ends_with_status_130_and_no_traceback(interrupts: Path) -> None:
    result = run_dlic("list", "net", "--check", folders=(interrupts,))
    assert result.returncode == 130
    assert "Traceback" not in result.stderr


def test_unexpected_exception_keeps_its_traceback(interrupts: Path) -> None:
    result = run_dlic("list", "codec", "--check", folders=(interrupts,))
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.rstrip().endswith("Defect: unheard of")


def test_the_package_runs_as_a_module_for_launchers_that_start_modules() -> None:
    done = subprocess.run([sys.executable, "-m", "lightning_dlic", "--version"], capture_output=True, text=True)
    assert done.stdout.strip() == f"dlic {__version__}"
