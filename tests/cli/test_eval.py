"""``dlic eval`` and the targets it takes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlic_registry import load, local
from lightning_dlic.zoo import Card, save_net, sha256, write_card

Dlic = Callable[..., tuple[str, str]]


def _save(path: Path, scale: int = 2, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    net = load("net", "compact")(scale=scale, channels=3, width=8, blocks=1)
    record = {"name": "compact", "args": {"width": 8, "blocks": 1}}
    save_net(path, net, {"kind": "sr", "stage": "compact", "scale": scale, "channels": 3, "steps": 0, "net": record})
    return path


@pytest.fixture
def sets(pictures: Path, tmp_path: Path) -> list[Path]:
    """Two folders of one name, told apart by their parents'."""
    other = tmp_path / "other" / "valid"
    other.mkdir(parents=True)
    with Image.open(next((pictures / "train").glob("*.png"))) as image:
        image.crop((0, 0, 41, 33)).save(other / "odd.png")
    return [pictures / "valid", other]


def test_table_and_json(inline: Dlic, sets: list[Path], tmp_path: Path) -> None:
    net = _save(tmp_path / "mine.safetensors")
    report = tmp_path / "out" / "report.json"
    words = ("eval", net, "bicubic", "--data", *sets, "--json", report, "--no-lpips", "--save", tmp_path / "pictures")
    printed, _ = inline(*words)
    assert [line.split()[0] for line in printed.splitlines()[1:]] == [
        f"{sets[0].parent.name}-valid",
        "bicubic",
        "other-valid",
        "bicubic",
    ]
    assert "PSNR-Y" in printed
    content = json.loads(report.read_text())
    assert content["targets"]["mine"]["sha256"] == sha256(net)
    assert content["targets"]["mine"]["parameters"] > 0
    assert content["targets"]["mine"]["kmac_per_pixel"] > 0
    assert content["targets"]["bicubic"]["scale"] == 2
    assert "BT.601" in content["protocol"]["psnr_y"]
    assert content["versions"]["torch"] == torch.__version__.split("+")[0]
    assert content["data"]["other-valid"]["pictures"] == 1
    rows = {(row["target"], row["data"]): row for row in content["results"]}
    assert len(rows) == 4
    assert rows["mine", "other-valid"]["pictures"]["odd"]["psnr_y"] > 10
    with Image.open(tmp_path / "pictures" / "mine" / "other-valid" / "odd.png") as image:
        assert image.size == (40, 32)


ACME = """
from dlic_registry import register
from torch import nn

@register("metric", "acme_means")
class Means(nn.Module):
    def forward(self, output, target):
        return 255 * (output.mean() - target.mean()).abs()
"""


def test_metrics_of_others_stand_beside_ours(
    inline: Dlic, sets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_means.py").write_text(ACME)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    words = ("--data", sets[1], "--no-lpips", "--metrics", "acme_means,psnr_y", "--plugin", "acme_means")
    for target in ("bicubic", "palette"):
        report = tmp_path / "report.json"
        printed, _ = inline("eval", target, *words, "--json", report, "--save", tmp_path / "made")
        assert "ACME-MEANS" in printed.splitlines()[0]
        (row,) = json.loads(report.read_text())["results"]
        (path,) = (tmp_path / "made").glob(f"{target}*/*/odd.png")
        with Image.open(path) as made, Image.open(sets[1] / "odd.png") as whole:
            wanted = whole.convert("RGB").crop((0, 0, *made.size))
            apart = abs(np.asarray(made).mean() - np.asarray(wanted).mean())
        assert row["figures"]["acme_means"] == pytest.approx(apart, abs=1e-3)
        assert "psnr_y" in row["figures"]
    _, error = inline("eval", "bicubic", *words, "--metrics", "acme_mean", status=2)
    assert "Did you mean 'acme_means'" in error


def test_each_network_at_its_own_scale_and_baselines_at_all(inline: Dlic, pictures: Path, tmp_path: Path) -> None:
    _save(tmp_path / "two.safetensors", 2)
    _save(tmp_path / "four.safetensors", 4)
    words = (tmp_path / "two.safetensors", tmp_path / "four.safetensors", "nearest")
    printed, _ = inline("eval", *words, "--data", pictures / "valid", "--no-lpips")
    for name, scale in (("two", "x2"), ("four", "x4"), ("nearest-x2", "x2"), ("nearest-x4", "x4")):
        line = next(line for line in printed.splitlines() if f"{name} " in line)
        assert scale in line.split()
    _, error = inline("eval", *words, "--data", pictures / "valid", "--scale", 2, status=2)
    assert "four enlarges x4, not x2 as --scale says" in error


def test_zoo_names_and_equal_names(
    inline: Dlic, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    path = _save(zoo / "own_x2.safetensors")
    fields = dict.fromkeys(("stage", "summary", "recipe", "command", "machine", "licence"), "-")
    numbers = {"steps": 0, "hours": 0.0, "parameters": 1, "scale": 2}
    write_card(Card(name="own_x2", kind="sr", data=[], sha256=sha256(path), folder=zoo, **fields, **numbers))
    monkeypatch.setenv("DLIC_ZOO", str(zoo))
    printed, _ = inline("eval", "own_x2", "zoo:own_x2", path, "--data", pictures / "valid", "--no-lpips")
    assert all(f" {name} " in printed for name in ("own_x2", "own_x2-2", "own_x2-3"))
    assert "Did you mean 'own_x2'" in inline("eval", "own_x3", "--data", pictures, status=2)[1]


def test_a_run_and_its_checkpoint_are_one_network(
    inline: Dlic, write_recipe: Callable[..., Path], pictures: Path, tmp_path: Path
) -> None:
    from lightning_dlic.recipe import load_recipe
    from lightning_dlic.training.fit import fit

    run = fit(load_recipe(write_recipe(), ["trainer.ema=0.9", "trainer.progress=false"])).run
    report = tmp_path / "report.json"
    words = (run.folder, run.last, run.weights)
    inline("eval", *words, "--data", pictures / "valid", "--no-lpips", "--json", report)
    content = json.loads(report.read_text())
    figures = [row["figures"] for row in content["results"]]
    assert len(figures) == 3
    assert figures[0] == figures[1] == figures[2]
    assert list(content["targets"]) == ["tiny-001", "last", "weights"]
    assert {target["meta"]["steps"] for target in content["targets"].values()} == {6}


def test_a_learned_downsizing_replaces_bicubic(inline: Dlic, pictures: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    args = {"up": {"name": "compact", "width": 8, "blocks": 1}, "width": 8, "blocks": 1}
    pair = load("net", "rescaler")(scale=2, channels=3, **args)
    torch.nn.init.normal_(pair.down.tail.weight, std=0.1)
    meta = {"kind": "sr", "stage": "learned_downsize", "scale": 2, "channels": 3, "steps": 0}
    save_net(tmp_path / "pair.safetensors", pair, {**meta, "net": {"name": "rescaler", "args": args}})
    # The network behind it alone, as a training on such pictures leaves it.
    made_by = {"name": "learned", "weights": "pair.safetensors"}
    single = {**meta, "net": {"name": "compact", "args": {"width": 8, "blocks": 1}}, "downsize": made_by}
    save_net(tmp_path / "single.safetensors", pair.up, single)
    report = tmp_path / "report.json"
    words = ["eval", tmp_path / "pair.safetensors", tmp_path / "single.safetensors"]
    words += ["--data", pictures / "valid", "--no-lpips", "--json", report]
    figures = {}
    for choice in (None, "bicubic", tmp_path / "pair.safetensors"):
        printed, _ = inline(*words, *(("--downsize", choice) if choice else ()))
        content = json.loads(report.read_text())
        used = [target["downsize"] for target in content["targets"].values()]
        assert used == {None: ["pair", "bicubic"], "bicubic": ["bicubic", "bicubic"]}.get(choice, ["pair", "pair"])
        note = "single was trained on pictures shrunk by pair.safetensors, not by bicubic: see --downsize"
        assert (f"note: {note}" in printed) == (used[1] == "bicubic")
        figures[choice] = [row["figures"] for row in content["results"]]
    default, bicubic, learned = figures.values()
    assert default == [learned[0], bicubic[1]]
    assert learned[0] == learned[1] != bicubic[0] == bicubic[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bicubic", "--data", "PICTURES", "--downsize", "compact_x4"), "this network does not downsize"),
        (
            ("bicubic", "--data", "PICTURES", "--downsize", "bicubc"),
            "--downsize bicubc: not registered (those are: bicubic",
        ),
        (("bicubc", "--data", "."), "unknown target 'bicubc'"),
        (("bicubc", "--data", "."), "Did you mean 'bicubic'"),
        (("bicubic", "--data", "absent"), "--data: absent: no such folder"),
        (("bicubic", "--data", "PICTURES", "--trim", "x"), "--trim x: write N, or SET=N"),
        (("bicubic", "--data", "PICTURES", "--trim", "set5=1"), "with SET one of valid"),
        (("PICTURES", "--data", "PICTURES"), "no TARGET, only folders"),
        (("notes.txt", "--data", "PICTURES"), "neither a checkpoint"),
        (("broken.ckpt", "--data", "PICTURES"), "it cannot be read safely"),
        (("bicubic", "--data", "PICTURES", "--device", "warp"), "--device warp: not available"),
    ],
)
def test_mistakes_are_one_message(
    inline: Dlic, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "broken.ckpt").write_bytes(b"PK\x03\x04 not really")
    _, error = inline("eval", *(w.replace("PICTURES", str(pictures / "valid")) for w in words), "--no-lpips", status=2)
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) <= 5


def test_lpips_is_left_out_with_a_note_or_demanded(
    inline: Dlic, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DLIC_WEIGHTS", "DLIC_DATA", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    words = ("eval", "bicubic", "--data", pictures / "valid")
    printed, _ = inline(*words)
    assert "note: LPIPS left out" in printed
    assert "LPIPS" not in printed.splitlines()[0]
    assert "alexnet_features.safetensors" in inline(*words, "--lpips", status=2)[1]
