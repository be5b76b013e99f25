"""Networks of the library spandrel, by name and by weights that others have published."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from lightning_dlic.zoo import load_net

pytest.importorskip("spandrel")

Inline = Callable[..., tuple[str, str]]
Write = Callable[..., Path]
# Names of Real-ESRGAN's files for those of the library.
PUBLISHED = (
    (r"^model\.0\.", "conv_first."),
    (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"^model\.1\.sub\.1\.", "conv_body."),
    (r"^model\.3\.", "conv_up1."),
    (r"^model\.5\.", "conv_hr."),
    (r"^model\.7\.", "conv_last."),
)


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    """A file as Real-ESRGAN's trainings leave it, and the network that it is of."""
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    net = ESRGAN(num_filters=8, num_blocks=1, scale=2)
    named = {}
    for name, value in net.state_dict().items():
        for pattern, other in PUBLISHED:
            name = re.sub(pattern, other, name)
        named[name] = value
    path = tmp_path / "published_x2.pth"
    torch.save({"params": {k: v * 0 for k, v in named.items()}, "params_ema": named, "iter": 5}, path)
    return path, net.eval()


def enlarged(net: torch.nn.Module, picture: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        made = net(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0]
    return made.mul(255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


@pytest.fixture
def picture(pictures: Path, tmp_path: Path) -> Path:
    """A small picture, of odd sides."""
    path = tmp_path / "small.png"
    Image.open(next((pictures / "valid").iterdir())).crop((0, 0, 31, 23)).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "net",
    ["architecture: SPAN, feature_channels: 8", "architecture: RRDBNet, num_filters: 4, num_blocks: 1"],
    ids=["SPAN", "RRDBNet"],
)
def test_architectures_train_by_recipe_and_do_what_networks_do(
    write_recipe: Write, inline: Inline, picture: Path, net: str
) -> None:
    path = write_recipe(stage="regression", args=f"net: {{name: spandrel, {net}}}")
    more = (
        "trainer.max_steps=20",
        "trainer.val_every=10",
        "trainer.ema=0.9",
        "trainer.checkpoint_every=18",
        "trainer.keep=2",
    )
    inline("fit", path, "run.name=r", *more)
    run = path.parent / "runs" / "tiny" / "r"
    large = path.parent / "large.png"
    inline("upscale", picture, large, "--model", run)
    made, _ = load_net(run / "weights.safetensors")
    np.testing.assert_allclose(
        np.asarray(Image.open(large), int), enlarged(made, np.asarray(Image.open(picture))), atol=1
    )
    for known in (run, run / "checkpoints" / "last.ckpt"):
        assert json.loads(inline("info", known, "--json")[0])["steps"] == 20
    inline("export", run, "--out", path.parent / "net.onnx")
    if "SPAN" not in net:
        return
    # Branches that validations merge into one convolution leave no trace in what is trained.
    weights = (run / "weights.safetensors").read_bytes()
    inline("fit", "--resume", f"{run}@18")
    assert (run / "weights.safetensors").read_bytes() == weights


@pytest.mark.slow
def test_published_weights_are_a_rival_a_word_away(
    inline: Inline, write_recipe: Write, picture: Path, published: tuple[Path, torch.nn.Module], tmp_path: Path
) -> None:
    file, net = published
    inline("upscale", picture, tmp_path / "large.png", "--model", file)
    expected = enlarged(net, np.asarray(Image.open(picture)))
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "large.png"), int), expected, atol=1)
    (tmp_path / "set").mkdir()
    picture.rename(tmp_path / "set" / "small.png")
    out, _ = inline("eval", file, "bicubic", "--data", tmp_path / "set", "--metrics", "psnr_y")
    assert "published_x2" in out
    told = json.loads(inline("info", file, "--json")[0])
    assert (told["stage"], told["scale"], told["channels"]) == ("RRDBNet", 2, 3)
    assert told["parameters"] == sum(parameter.numel() for parameter in net.parameters())
    # As a network that is trained on, also from its safetensors, and as weights to start from.
    tensors = torch.load(file, weights_only=True)["params_ema"]
    save_file(tensors, tmp_path / "published.safetensors")
    assert json.loads(inline("info", tmp_path / "published.safetensors", "--json")[0])["net"] == told["net"]
    fixed = ("optim.net.lr=0", "trainer.max_steps=1", "trainer.val_every=1")
    for name, args, init in (
        ("file", f"net: {{name: spandrel, file: {tmp_path / 'published.safetensors'}}}", "null"),
        ("init", "net: {name: spandrel, architecture: ESRGAN, num_filters: 8, num_blocks: 1}", str(file)),
    ):
        path = write_recipe(name, stage="regression", args=args)
        inline("fit", path, "run.name=r", f"stages.sr.init={init}", *fixed)
        made, facts = load_net(tmp_path / "runs" / name / "r" / "weights.safetensors")
        assert "file" not in facts["net"]["args"]
        for key, value in net.state_dict().items():
            assert torch.equal(made.state_dict()[f"inner.{key}"], value)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: torch.save({"params": Evil()}, path), "cannot be read as tensors alone"),
        (lambda path: path.write_bytes(b"\x80\x02garbage"), "cannot be read as tensors alone"),
        (lambda path: torch.save({"a": 1}, path), "holds no tensors by name"),
        (lambda path: torch.save({"a.weight": torch.ones(2)}, path), "of no architecture that spandrel knows"),
    ],
)
def test_files_of_others_run_nothing_and_end_in_a_sentence(
    inline: Inline, picture: Path, tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    make(tmp_path / "net.pth")
    out, err = inline("upscale", picture, tmp_path / "large.png", "--model", tmp_path / "net.pth", status=2)
    assert told in err
    assert "run" not in out


@pytest.mark.parametrize(
    ("net", "told"),
    [
        ("architecture: SPANN", "has none of this name. Did you mean 'SPAN'?"),
        ("architecture: SPAN, feature_chanels: 8", "Did you mean 'feature_channels'?"),
        ("architecture: SPAN, file: x.pth", "give either architecture or file"),
    ],
)
def test_a_mistake_in_an_architecture_is_told(write_recipe: Write, inline: Inline, net: str, told: str) -> None:
    path = write_recipe(stage="regression", args=f"net: {{name: spandrel, {net}}}")
    _, err = inline("fit", path, status=2)
    assert told in err
