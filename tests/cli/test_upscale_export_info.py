"""``dlic upscale``, ``dlic export`` and ``dlic info``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from dlic_registry import load
from lightning_dlic.zoo import inspect_net, load_net, save_net, sha256

Dlic = Callable[..., tuple[str, str]]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "tiny_x2.safetensors"
    record = {"name": "compact", "args": {"width": 8, "blocks": 1}}
    net = load("net", "compact")(scale=2, channels=3, width=8, blocks=1)
    save_net(path, net, {"kind": "sr", "stage": "compact", "scale": 2, "channels": 3, "steps": 0, "net": record})
    return path


def test_a_folder_is_enlarged_and_gone_on_with(inline: Dlic, net: Path, pictures: Path, tmp_path: Path) -> None:
    source, target = pictures / "train", tmp_path / "out"
    out, _ = inline("upscale", source, target, "--model", net)
    assert out.count("enlarged x2 by tiny_x2\n") == 6
    made = sorted(target.iterdir())
    assert [p.name for p in made] == sorted(p.name for p in source.iterdir())
    with Image.open(made[0]) as image:
        assert image.size == (144, 128)
    before = made[0].read_bytes()
    made[0].unlink()
    made[1].write_bytes(b"mine")
    out, _ = inline("upscale", source, target, "--model", net)
    assert (out.count("enlarged x2"), out.count("exists, skipped")) == (1, 5)
    assert made[0].read_bytes() == before
    assert made[1].read_bytes() == b"mine"
    inline("upscale", source, target, "--model", net, "--overwrite")
    assert made[1].read_bytes() != b"mine"


def test_one_broken_picture_does_not_cost_the_others(inline: Dlic, net: Path, pictures: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (source / "whole.png").write_bytes(next((pictures / "valid").iterdir()).read_bytes())
    _, err = inline("upscale", source, tmp_path / "out", "--model", net, status=1)
    assert f"error: {source / 'broken.png'}: " in err
    assert "1 of 2 failed" in err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["whole.png"]


def test_a_baseline_and_what_a_format_loses(inline: Dlic, tmp_path: Path) -> None:
    Image.new("RGBA", (12, 10), (200, 10, 10, 0)).save(tmp_path / "a.png")
    out, err = inline("upscale", tmp_path / "a.png", tmp_path / "b.jpg", "--model", "lanczos", "--scale", 3)
    assert out.endswith("b.jpg: enlarged x3 by lanczos\n")
    assert "does not keep transparency" in err
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.size == (36, 30)
        assert min(image.getpixel((5, 5))) > 250


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.png", "b.png", "--model", "bicubc"), "Did you mean 'bicubic'"),
        (("absent.png", "b.png", "--model", "bicubic"), "absent.png: no such file or folder"),
        (("a.png", "b.xyz", "--model", "bicubic"), "b.xyz: pictures are written as"),
        (("a.png", "b.png", "--model", "NET", "--scale", "3"), "tiny_x2 enlarges x2, not x3"),
    ],
)
def test_mistakes_of_upscale(
    inline: Dlic, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (12, 10)).save("a.png")
    _, err = inline("upscale", *(word.replace("NET", str(net)) for word in words), status=2)
    assert err.startswith("error: ")
    assert message in err


def test_export_of_half_precision_weights(inline: Dlic, net: Path, tmp_path: Path) -> None:
    target = tmp_path / "half.safetensors"
    out, _ = inline("export", net, "--format", "safetensors", "--fp16", "--out", target)
    assert f"{target}: {target.stat().st_size:,} bytes, fp16" in out
    assert target.stat().st_size < 0.7 * net.stat().st_size
    ours, theirs = (load_net(path)[0].state_dict() for path in (net, target))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-3) for name in ours)
    assert inspect_net(target)["scale"] == 2


@pytest.mark.slow
def test_export_as_onnx_prints_size_and_parity(
    inline: Dlic, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    out, _ = inline("export", net)
    size = (tmp_path / "tiny_x2.onnx").stat().st_size
    assert out.startswith(f"tiny_x2.onnx: {size:,} bytes, fp32, largest difference from PyTorch ")
    assert "on 3 photographs" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "onx"), "Did you mean 'onnx'"),
        (("--fp16", "--int8"), "exclude each other"),
        (("--format", "safetensors", "--int8"), "--int8 is for pnns_fc alone"),
        (("--out", "absent/a.onnx"), "there is no folder absent"),
        (("--format", "safetensors", "--out", "NET"), "is the source"),
    ],
)
def test_mistakes_of_export(inline: Dlic, net: Path, words: tuple[str, ...], message: str) -> None:
    _, err = inline("export", net, *(word.replace("NET", str(net)) for word in words), status=2)
    assert message in err


def test_info_of_a_file(inline: Dlic, net: Path, tmp_path: Path) -> None:
    out, _ = inline("info", net, "--json")
    facts = json.loads(out)
    assert facts["sha256"] == sha256(net)
    assert (facts["stage"], facts["scale"], facts["net"]["name"]) == ("compact", 2, "compact")
    table, _ = inline("info", net)
    assert "compact" in table
    (tmp_path / "a.txt").write_text("text")
    assert ".safetensors" in inline("info", tmp_path / "a.txt", status=2)[1]
    assert "absent.dlic: no such file" in inline("info", tmp_path / "absent.dlic", status=2)[1]


@pytest.mark.slow
def test_the_zoo_is_listed_and_each_has_its_card(inline: Dlic) -> None:
    listed = json.loads(inline("list", "zoo", "--json")[0])
    assert listed == json.loads(inline("info", "--json")[0])
    for card in listed:
        facts = json.loads(inline("info", card["name"], "--json")[0])
        assert facts["intact"]
        assert facts["command"] in inline("info", card["name"])[0]
    assert "unknown zoo network 'nothing_like_it'" in inline("info", "nothing_like_it", status=2)[1]
