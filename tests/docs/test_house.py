"""Version, citation, changelog, workflow and forms agree with the package and with each other."""

import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

import lightning_dlic

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    versions = re.findall(r"(?m)^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text())
    assert PROJECT["project"]["version"] == lightning_dlic.__version__ == citation["version"] == versions[0]
    assert versions == sorted(versions, key=lambda text: [int(part) for part in text.split(".")], reverse=True)


def test_the_citation_is_whole() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["authors"][0]["name"] == PROJECT["project"]["authors"][0]["name"]
    assert date.fromisoformat(citation["date-released"]) <= date.today()
    for paper in citation["references"]:
        assert {"type", "title", "authors", "year", "doi"} <= paper.keys()
        assert re.fullmatch(r"10\.\d{4,}/\S+", paper["doi"])
        assert all({"family-names", "given-names"} <= author.keys() for author in paper["authors"])


def test_the_changelog_says_added_changed_or_fixed() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    for section in re.split(r"(?m)^## ", text)[1:]:
        title, *parts = re.split(r"(?m)^### ", section)
        assert re.match(r"Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", title), title
        assert {part.split("\n", 1)[0] for part in parts} <= {"Added", "Changed", "Fixed"}
        assert "\n- " not in title, "an entry stands before Added, Changed or Fixed"


def test_continuous_integration_runs_one_script() -> None:
    (workflow,) = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert runs == [".ci/run"]
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert lowest in jobs["test"]["strategy"]["matrix"]["python"]


def test_forms_are_forms() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yaml"))
    assert len(forms) >= 2
    for form in forms:
        content = yaml.safe_load(form.read_text())
        assert content["name"]
        assert content["description"]
        assert all("label" in field["attributes"] for field in content["body"])


@pytest.mark.parametrize("hook", yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"])
def test_hooks_name_tools_of_the_test_extra(hook: dict[str, str]) -> None:
    program, *words = hook["entry"].split()
    assert program.startswith(".venv/bin/")
    if "-m" in words:
        done = subprocess.run([sys.executable, *words[:2], "--version"], capture_output=True, timeout=300)
        assert done.returncode == 0
    else:
        assert (Path(sys.executable).parent / Path(program).name).exists()


def test_folders_of_tests_mirror_the_packages() -> None:
    rooms = {path.name for path in (ROOT / "lightning_dlic").iterdir() if (path / "__init__.py").exists()}
    rooms |= {"registry", "datamodules", "examples", "docs", "benchmarks", "tools", "plugin"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py"))}
    assert folders - rooms == set()
