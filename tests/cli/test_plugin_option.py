"""`--plugin MODULE`: what a module registers by decorator is known to every verb that looks names up."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plugin_maker import run_dlic
from typer.testing import CliRunner

from dlic_registry import DlicError
from lightning_dlic.cli.main import app

MODULE = '''
import zlib
import numpy as np
from dlic_registry import register
from lightning_dlic.codec import BaseCodec, BitstreamError, Planes


@register("codec", "notebook")
class Notebook(BaseCodec):
    """Deflated samples."""

    exact = True
    steps = 2
    start = (0.0, 1.0)

    def encode(self, planes, quality, effort=5):
        return zlib.compress(planes.y.tobytes(), 9)

    def decode(self, payload, height, width, color):
        return Planes(np.frombuffer(zlib.decompress(payload), np.uint8).reshape(height, width))
'''
STAGE = '''
from dlic_registry import register
from lightning_dlic.stages.sr.compact import Compact


@register("sr", "notebook_stage")
class NotebookStage(Compact):
    """A stage of a notebook."""
'''


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder for the import path with both modules."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "notebook_codec.py").write_text(MODULE)
    (folder / "notebook_stage.py").write_text(STAGE)
    return folder


@pytest.mark.slow
def test_verbs_of_the_codec_and_their_workers_know_it(tmp_path: Path, modules: Path) -> None:
    pictures, coded, back = (tmp_path / name for name in ("pictures", "coded", "back"))
    pictures.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)).save(pictures / name)
    plugin = ("--plugin", "notebook_codec")
    options = ("--codec", "notebook", "--quality", "50", "--gray", "--pipeline", "bicubic", "--scale", "1")
    calls = [
        ("compress", str(pictures), str(coded), *options, "--workers", "2"),
        ("info", str(coded / "a.dlic"), "--json"),
        ("decompress", str(coded), str(back), "--workers", "2"),
        ("list", "codec", "--json"),
    ]
    for call in calls:
        done = run_dlic(*call, *plugin, folders=(modules,))
        assert done.returncode == 0, done.stderr
    assert "notebook" in [row["name"] for row in json.loads(done.stdout)]
    assert sorted(path.name for path in back.iterdir()) == ["a.png", "b.png"]
    unknown = run_dlic(*calls[0][:1], str(pictures / "a.png"), str(tmp_path / "c.dlic"), *options, folders=(modules,))
    assert unknown.returncode == 2
    assert "unknown codec 'notebook'" in unknown.stderr


def test_a_training_records_it_and_every_verb_takes_it(
    tmp_path: Path, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(modules))
    path = tmp_path / "mine.yaml"
    path.write_text("extends: [base/sr.yaml]\nstages: {sr: {name: notebook_stage}}\n")
    done = CliRunner().invoke(app, ["fit", str(path), "--print-recipe", "--plugin", "notebook_stage"])
    assert done.exit_code == 0, done.exception
    assert "plugins:\n- notebook_stage\n" in done.stdout
    calls = (
        ["bench", "x"],
        ["eval", "bicubic", "--data", "x"],
        ["export", "x"],
        ["upscale", "x", "y"],
        ["compress", "x", "y"],
        ["decompress", "x", "y"],
        ["info", "x"],
        ["list"],
        ["fit", "quickstart", "--print-recipe"],
    )
    for call in calls:
        done = CliRunner().invoke(app, [*call, "--plugin", "no_such_module"])
        assert isinstance(done.exception, DlicError)
        assert "plug-in module 'no_such_module' does not import" in str(done.exception)
