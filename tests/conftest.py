"""Fixtures shared by all tests: small real photographs, and recipes that train on them."""

import os
import random
import sys
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dlic_registry import local

# Tests of the default suite measure behaviour, not speed, and two of them may run beside each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")
# W&B waits half a minute for its own process, which a busy machine may need.
os.environ.setdefault("WANDB__SERVICE_WAIT", "300")
os.environ.setdefault("WANDB_INIT_TIMEOUT", "300")
# The same examples each time, however slow the machine: benchmarks/fuzz.py looks for new ones.
settings.register_profile(
    "suite", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def pytest_xdist_auto_num_workers() -> int:
    """Processes of ``-n auto``: each loads torch, and the tests start processes of their own."""
    return min(os.cpu_count() or 1, 6)


# First of all, one beside the other: files that compile by Numba, so that no other process has to at the same time, and
# those that train meanwhile.
FIRST = ("test_intra.py", "test_resume.py", "test_hints.py", "test_ddp.py")


def pytest_configure(config: pytest.Config) -> None:
    """Lets processes take files in the order below, not those of many tests first, which are short ones."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lets processes that share the files out end together: with files that none of them is long at."""
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    late = {path: len(FIRST) + (path not in slow) for path in {item.path for item in items}}
    late |= {path: FIRST.index(path.name) for path in late if path.name in FIRST}
    items.sort(key=lambda item: late[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Gives each test, and what it shares with others of its file, random numbers that no other test moves."""
    seed = zlib.crc32(item.nodeid.encode())  # which no test gives on purpose
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the tests' picture caches out of the user's."""
    monkeypatch.setenv("DLIC_CACHE", str(tmp_path_factory.getbasetemp() / "dlic-cache"))
    monkeypatch.delenv("DLIC_RUN_DIR", raising=False)


@pytest.fixture(autouse=True)
def own_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the plug-ins that a test imports unknown to the next: worker processes would import them too."""
    monkeypatch.setattr(local, "PLUGINS", local.PLUGINS.copy())


@pytest.fixture(autouse=True)
def own_proxies() -> Iterator[None]:
    """Makes urllib forget the proxies of a test that set some: it reads them once and keeps them."""
    yield
    urllib.request.install_opener(None)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``train`` (6) and ``valid`` (2) photographs of 64x72 pixels."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("pictures")
    sources = {"train": [data.astronaut(), data.coffee(), data.rocket()], "valid": [data.chelsea()]}
    for part, photographs in sources.items():
        (folder / part).mkdir()
        for number, photograph in enumerate(photographs):
            for corner in (60, 160):
                crop = photograph[corner : corner + 64, corner : corner + 72]
                Image.fromarray(crop).save(folder / part / f"{number}-{corner}.png")
    return folder


@pytest.fixture
def write_recipe(tmp_path: Path, pictures: Path) -> Callable[..., Path]:
    """Writes a recipe that extends ``base/sr.yaml`` and trains a few steps on `pictures`, with its runs in tmp_path."""

    def write(name: str = "tiny", body: str = "", stage: str = "compact", args: str = "width: 8, blocks: 1") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"""\
extends: [base/sr.yaml]
train: sr
stages: {{sr: {{name: {stage}, args: {{scale: 2, channels: 3, {args}}}}}}}
data: {{name: folder, args: {{root: "{pictures}", crop: 24, batch_size: 2, workers: 0}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 6, val_every: 3, checkpoint_every: 3, log_every: 1}}
run: {{root: "{tmp_path / "runs"}"}}
{body}
""")
        return path

    return write


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """Runs ``dlic`` with words; checks the exit status and returns what it printed on both streams.

    In the tests' own process: importing torch again for each call would cost seconds.
    """
    from lightning_dlic.cli.main import main

    def run(*words: object, status: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["dlic", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        assert (end.value.code or 0) == status, printed.err
        return printed.out, printed.err

    return run
