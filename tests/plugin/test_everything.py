"""A package with one thing of every kind, installed and used: trained with, resumed, measured, coded with, removed."""

import json
import shutil
import subprocess
import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

from dlic_registry import KINDS, UnknownNameError, load
from lightning_dlic.zoo import save_net

EVERYTHING = Path(__file__).parent / "dlic-everything"
RECIPE = """
train: repair
stages: {{repair: {{name: all_repair, args: {{net: {{name: all_net, gain: 0.5}}}}}}}}
optim: {{net: {{name: all_optimizer, lr: 0.05, schedule: {{name: all_schedule, share: 0.5}}}}}}
losses: {{pixel: {{name: all_loss, power: 1.5}}}}
metrics: {{all_metric: {{}}}}
monitor: all_metric
data:
  name: all_data
  args: {{root: "{root}", crop: 32, batch_size: 2, workers: 0, transform: {{name: all_transform}}}}
logger: {{name: all_logger}}
callbacks: {{all_callback: {{file: "{runs}/seen.txt"}}}}
trainer: {{max_steps: 4, val_every: 2, checkpoint_every: 2, log_every: 1, accelerator: cpu, devices: 1}}
run: {{root: "{runs}", name: it}}
"""
CARD = """
kind: repair
stage: all_repair
summary: Made for a test.
recipe: none
command: none
steps: 0
hours: 0
machine: none
data: []
licence: CC0-1.0
sha256: "{sha256}"
parameters: 10
channels: 1
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path into which pip has built and installed the package, without a network."""
    folder = tmp_path / "site"
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder)]
    command = [sys.executable, "-m", "pip", "install", *options, str(EVERYTHING)]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    assert pip.returncode == 0, pip.stderr
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for module in [name for name in sys.modules if name.partition(".")[0] == "dlic_everything"]:
        del sys.modules[module]


@pytest.mark.slow
def test_one_thing_of_every_kind(site, inline, pictures, tmp_path):
    rows = [row for row in json.loads(inline("list", "--json")[0]) if row["distribution"] == "dlic-everything"]
    assert {row["kind"] for row in rows} == {*KINDS, "repair"}
    inline("list", "repair", "--check")

    recipe, run = tmp_path / "all.yaml", tmp_path / "runs" / "all" / "it"
    recipe.write_text(RECIPE.format(root=pictures, runs=tmp_path / "runs"))
    inline("fit", recipe)
    inline("fit", "--resume", run, "trainer.max_steps=6")
    result = json.loads((run / "result.json").read_text())
    assert (result["batches"], result["baseline"]) == (6, "as decoded")
    assert 0 < result["figures"]["net"]["all_metric"] < 1
    assert (tmp_path / "runs" / "seen.txt").read_text().split() == ["2", "4", "6"]
    logged = [json.loads(line) for line in (run / "all.jsonl").read_text().splitlines()]
    rates = [line["lr/net"] for line in logged if "lr/net" in line]
    assert rates == pytest.approx([0.05 * 0.5 ** (step + 1) for step in range(6)])

    report = tmp_path / "report.json"
    data = ("--data", pictures / "valid", "--no-lpips", "--scale", 1, "--option", "codec=all_codec", "--decoded", ".2")
    inline("eval", run, "decoded", *data, "--metrics", "all_metric", "--json", report)
    trained, decoded = json.loads(report.read_text())["results"]
    assert trained["figures"]["psnr_y"] != decoded["figures"]["psnr_y"]
    assert trained["figures"]["all_metric"] > 0

    picture, coded, back = pictures / "valid" / "0-60.png", tmp_path / "a.dlic", tmp_path / "a.png"
    options = ("--codec", "all_codec", "--bytes", "3k", "--effort", 1, "--hints", "all_hints,40")
    words = ("downsize.name=all_downsize", "always=true", "scale=1")
    inline("compress", picture, coded, *words, *options, "--pipeline", run)
    inline("decompress", coded, back, "--pipeline", run, "--strict")
    told = json.loads(inline("info", coded, "--json")[0])
    assert (told["base"]["codec"], told["hints"]["name"]) == ("all_codec", "all_hints")

    half = tmp_path / "half.safetensors"
    inline("export", run, "--format", "safetensors", "--fp16", "--out", half)
    net = load("net", "all_net")()
    meta = {"kind": "repair", "stage": "all_repair", "channels": 1, "net": {"name": "all_net", "args": {}}}
    save_net(site / "dlic_everything" / "weights" / "shelved.safetensors", net, meta)
    (site / "dlic_everything" / "weights" / "shelved.yaml").write_text(CARD.format(sha256="0" * 64))
    assert json.loads(inline("info", "everything:shelved", "--json")[0])["kind"] == "repair"

    shutil.rmtree(site)
    invalidate_caches()
    assert "everything" not in inline("list", "--json")[0]
    with pytest.raises(UnknownNameError):
        load("kind", "repair")
    _, missed = inline("fit", "--resume", run, status=2)
    assert "needs repair 'all_repair' of dlic-everything 2.0, which is not registered here" in missed
    _, missed = inline("decompress", coded, back, status=2)
    assert "all_codec" in missed
