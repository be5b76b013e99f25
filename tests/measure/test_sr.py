"""Measuring on test sets: the published figures of bicubic, sizes, pictures saved."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from real_data import real_data
from skimage import data

from dlic_registry import DlicError, load
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.measure.sets import open_set
from lightning_dlic.measure.sr import evaluate
from lightning_dlic.operators import downsizer as module
from lightning_dlic.operators.enlarger import KernelEnlarger, NetEnlarger


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "trim", "psnr", "ssim"),
    [
        ("set5", 0, 28.43, 0.811),
        pytest.param("set14", 0, 26.09, 0.705, marks=pytest.mark.slow),
        pytest.param("bsd100", 1, 25.96, 0.668, marks=pytest.mark.slow),
    ],
)
def test_bicubic_has_the_published_figures(name: str, trim: int, psnr: float, ssim: float) -> None:
    (result,) = evaluate([KernelEnlarger("bicubic", 4)], [open_set(real_data(f"benchmarks/{name}"), trim)])
    assert result.figures["psnr_y"] == pytest.approx(psnr, abs=0.01)
    assert result.figures["ssim_y"] == pytest.approx(ssim, abs=0.001)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "photos"
    (pictures / "more").mkdir(parents=True)
    Image.fromarray(data.astronaut()[:99, :123]).save(pictures / "a.png")
    Image.fromarray(data.coffee()[:80, :64, 0]).save(pictures / "more" / "grey.png")
    return pictures


def test_originals_are_trimmed_then_cut_to_multiples(folder: Path, tmp_path: Path) -> None:
    enlargers = [KernelEnlarger("nearest", 2), KernelEnlarger("bicubic", 3)]
    results = evaluate(enlargers, [open_set(folder, trim=1)], save=tmp_path / "out")
    assert [(row.target, row.data, row.scale) for row in results] == [
        ("nearest", "photos", 2),
        ("bicubic", "photos", 3),
    ]
    assert set(results[0].pictures) == {"a", "more/grey"}
    sizes = {}
    for path in sorted((tmp_path / "out").rglob("*.png")):
        with Image.open(path) as image:
            sizes[path.relative_to(tmp_path / "out").as_posix()] = image.size
    assert sizes == {
        "bicubic/photos/a.png": (120, 96),
        "bicubic/photos/more/grey.png": (63, 78),
        "nearest/photos/a.png": (122, 98),
        "nearest/photos/more/grey.png": (62, 78),
    }
    assert results[0].pixels == 122 * 98 + 62 * 78
    assert results[0].seconds_per_megapixel > 0


def test_saved_pictures_are_those_that_were_scored(folder: Path, tmp_path: Path) -> None:
    (result,) = evaluate([KernelEnlarger("bicubic", 2)], [open_set(folder)], save=tmp_path / "out")
    saved = np.asarray(Image.open(tmp_path / "out" / "bicubic" / "photos" / "a.png")).astype(float)
    original = data.astronaut()[:98, :122].astype(float)
    error = ((saved - original)[2:-2, 2:-2] ** 2).mean()
    assert result.pictures["a"]["psnr_rgb"] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)
    assert result.figures["psnr_rgb"] == pytest.approx(np.mean([p["psnr_rgb"] for p in result.pictures.values()]))


def test_a_network_of_zeros_added_to_a_plain_enlargement_scores_as_that(folder: Path) -> None:
    net = load("net", "srcnn")(scale=2, channels=3)
    torch.nn.init.zeros_(net.body[4].weight)
    network = NetEnlarger("zeros", net, {"kind": "sr", "scale": 2, "channels": 3})
    ours, bicubic = evaluate([network, KernelEnlarger("bicubic", 2)], [open_set(folder)])
    assert ours.figures["psnr_y"] == pytest.approx(bicubic.figures["psnr_y"], abs=0.2)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_large_pictures_shrink_in_bands_as_in_one_go(scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.from_numpy(data.astronaut()[: 240 // scale * scale, :240].copy()).permute(2, 0, 1)[None]
    expected = resize_uint8(picture, scale=1 / scale)
    monkeypatch.setattr(module, "_BAND", 240 * scale * 17)
    assert torch.equal(module.bicubic(scale)(picture), expected)


def test_a_set_is_known_by_its_content(folder: Path, tmp_path: Path) -> None:
    before = open_set(folder).sha256
    shutil.copytree(folder, tmp_path / "copy")
    assert open_set(tmp_path / "copy").sha256 == before
    (folder / "a.png").rename(folder / "b.png")
    assert open_set(folder).sha256 != before


def test_what_cannot_be_measured_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DlicError, match="no such folder"):
        open_set(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DlicError, match="no pictures"):
        open_set(tmp_path / "empty")
    Image.fromarray(data.coffee()[:8, :8]).save(folder / "tiny.png")
    with pytest.raises(DlicError, match=r"tiny\.png: 8x8 is too small to be measured at x4"):
        evaluate([KernelEnlarger("bicubic", 4)], [open_set(folder)])
    (folder / "tiny.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DlicError, match=r"tiny\.png: "):
        evaluate([KernelEnlarger("bicubic", 2)], [open_set(folder)])
