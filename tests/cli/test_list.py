"""``dlic list``: what it prints, what it imports, what it takes."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from forking import run_forked
from plugin_maker import DLIC, run_dlic, run_python, write_plugin

from lightning_dlic import __version__
from lightning_dlic.recipe.find import find

BROKEN = "raise RuntimeError('no licence')\n"


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A distribution with one loss, whose module does not import."""
    points = "[lightning_dlic.loss]\nnovel = acme_losses:Novel\n"
    return write_plugin(tmp_path, "acme", points, {"acme_losses": BROKEN}, summary="[bold]Novel[/] losses.")


def test_json_has_all_columns() -> None:
    result = run_dlic("list", "sr", "--json")
    rows = json.loads(result.stdout)
    srgan = next(row for row in rows if row["name"] == "srgan" and row["distribution"] == "lightning-dlic")
    assert (srgan["kind"], srgan["version"]) == ("sr", __version__)
    assert srgan["summary"].startswith("SRGAN")
    assert {row["kind"] for row in rows} == {"sr"}


def test_stage_is_a_word_for_all_their_kinds() -> None:
    kinds = {row["kind"] for row in json.loads(run_dlic("list", "stage", "--json").stdout)}
    assert {"sr", "colorization", "prediction", "reconstruction"} <= kinds
    assert not kinds & {"net", "loss", "codec"}


def test_table_has_one_line_an_entry_when_piped(acme: Path) -> None:
    lines = run_dlic("list", "loss", folders=(acme,)).stdout.splitlines()
    assert lines[0].split() == ["kind", "name", "distribution", "version", "summary"]
    novel = next(line for line in lines if " novel " in line)
    assert novel.split(maxsplit=4) == ["loss", "novel", "acme", "1.0", novel.split(maxsplit=4)[-1]]
    assert novel.rstrip().endswith("[bold]Novel[/] losses.")


def test_unknown_kind_ends_with_status_2_and_the_nearest() -> None:
    result = run_dlic("list", "los")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: unknown kind 'los'. Did you mean 'loss'?")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_check_shows_the_broken_with_owner_and_reason(acme: Path) -> None:
    result = run_forked(DLIC, "list", "loss", "--check", folders=(acme,))
    assert result.returncode == 1, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[4] for line in lines if line.startswith("loss ") and " l1 " in line] == ["ok"]
    assert [line.split()[4] for line in lines if line.startswith("loss ") and " novel " in line] == ["broken"]
    assert lines[-1] == "loss 'novel' of acme 1.0 is broken: RuntimeError: no licence"


@pytest.mark.slow
def test_check_as_json_has_the_error_of_each(acme: Path) -> None:
    result = run_forked(DLIC, "list", "loss", "--check", "--json", folders=(acme,))
    errors = {row["name"]: row["error"] for row in json.loads(result.stdout)}
    assert result.returncode == 1
    assert errors["novel"] == "loss 'novel' of acme 1.0 is broken: RuntimeError: no licence"
    assert errors["l1"] is None


@pytest.mark.slow
def test_recipes_and_pipelines_that_ship_are_listed_by_the_names_that_find_them() -> None:
    for kind, names, others in (
        ("recipe", {"quickstart", "zoo/compact_x4", "photo_joint"}, {"base/sr", "photo", "sweeps/chain"}),
        ("pipeline", {"photo", "look", "faithful", "past/photo_1"}, {"quickstart", "pipelines/photo"}),
    ):
        rows = {row["name"]: row for row in json.loads(run_dlic("list", kind, "--json").stdout)}
        assert names <= set(rows), kind
        assert not others & set(rows), kind
        for name, row in rows.items():
            assert find(name).is_file()
            assert (row["kind"], row["version"]) == (kind, __version__)
            assert len(row["summary"]) > 10, name
    lines = run_dlic("list", "recipe").stdout.splitlines()
    assert any(line.split()[:2] == ["recipe", "quickstart"] and "A first training" in line for line in lines)
    refused = run_dlic("list", "pipelines", "--check")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--print-recipe" in refused.stderr


@pytest.mark.slow
def test_every_built_in_loads() -> None:
    result = run_forked(DLIC, "list", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_json_imports_nothing_heavy() -> None:
    code = f"""
import sys
sys.argv = ["dlic", "list", "--json"]
try:
    {DLIC.replace("; ", chr(10) + "    ")}
except SystemExit:
    heavy = {{"rich", "torch", "numpy", "pytorch_lightning", "omegaconf"}} & set(sys.modules)
    sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)


@pytest.mark.slow
def test_json_takes_a_fraction_of_a_second() -> None:
    """Processor time, so that a busy machine does not fail it; a quarter of a second, where torch alone takes two."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    times = []
    for _ in range(3):
        before = spent()
        assert run_dlic("list", "--json").returncode == 0
        times.append(spent() - before)
    assert min(times) < 0.8, times


def test_closed_pipe_is_no_error() -> None:
    """As in ``dlic list --json | head -1``."""
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-c", DLIC, "list", "--json"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")
