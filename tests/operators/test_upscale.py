"""Enlarging picture files and folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture, read_picture_file
from dlic_registry import DlicError
from lightning_dlic.operators.enlarger import KernelEnlarger
from lightning_dlic.operators.upscale import plan_upscale, upscale_file

BICUBIC = KernelEnlarger("bicubic", 3)


@pytest.mark.parametrize("bits", [8, 16])
def test_depth_transparency_and_profile_are_kept(tmp_path: Path, bits: int) -> None:
    color = data.coffee()[:30, :40]
    color = color.astype(np.uint16) * 257 if bits == 16 else color
    alpha = color[..., 0].copy()
    write_picture(tmp_path / "a.png", Picture(color, alpha, b"a profile"))
    assert upscale_file(tmp_path / "a.png", tmp_path / "b.png", BICUBIC) == []
    made = read_picture_file(tmp_path / "b.png")
    assert made.pixels.shape == (90, 120, 3)
    assert made.pixels.dtype == color.dtype
    assert made.icc == b"a profile"
    # The red channel was the transparency, and both are enlarged alike.
    np.testing.assert_array_equal(made.alpha, made.pixels[..., 0])


def test_a_grey_picture_stays_grey(tmp_path: Path) -> None:
    Image.fromarray(data.coffee()[:30, :40, 0]).save(tmp_path / "a.png")
    upscale_file(tmp_path / "a.png", tmp_path / "b.jpg", BICUBIC)
    with Image.open(tmp_path / "b.jpg") as made:
        assert (made.mode, made.size) == ("L", (120, 90))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "in"
    (pictures / "sub").mkdir(parents=True)
    for name in ("a.png", "b.JPG", "sub/c.webp", "sub/d.gif", "notes.txt"):
        (pictures / name).write_bytes(b"")
    return pictures


def _pairs(source: Path, target: Path, suffix: str | None = None) -> dict[str, str]:
    pairs = plan_upscale(source, target, suffix).pairs
    return {one.relative_to(source).as_posix(): made.relative_to(target).as_posix() for one, made in pairs}


def test_a_folder_keeps_its_tree_and_formats_that_can_be_written(folder: Path, tmp_path: Path) -> None:
    assert _pairs(folder, tmp_path / "out") == {
        "a.png": "a.png",
        "b.JPG": "b.JPG",
        "sub/c.webp": "sub/c.webp",
        "sub/d.gif": "sub/d.png",
    }
    assert set(_pairs(folder, tmp_path / "out", ".tif").values()) == {"a.tif", "b.tif", "sub/c.tif", "sub/d.tif"}


def test_results_inside_the_folder_are_not_enlarged_again(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "a.png").write_bytes(b"")
    assert "out/a.png" not in _pairs(folder, folder / "out")


def test_one_picture_goes_to_a_file_or_into_a_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for target, expected in (("x.jpg", "x.jpg"), ("out", "out/a.png"), ("new", "new/a.png")):
        ((_, made),) = plan_upscale(folder / "a.png", tmp_path / target).pairs
        assert made == tmp_path / expected


@pytest.mark.parametrize(
    ("source", "target", "suffix", "message"),
    [
        ("absent", "out", None, "no such file or folder"),
        ("in", "in/a.png", None, "is no folder, but"),
        ("in/sub/empty", "out", None, "no files in it that end in"),
        ("in", "in", None, "would be overwritten by its own enlargement"),
        ("in/a.png", "in/a.png", None, "would be overwritten by its own enlargement"),
    ],
)
def test_what_cannot_be_done_is_said_first(
    folder: Path, tmp_path: Path, source: str, target: str, suffix: str | None, message: str
) -> None:
    (folder / "sub" / "empty").mkdir()
    (folder / "a.webp").write_bytes(b"")
    with pytest.raises(DlicError, match=message):
        plan_upscale(tmp_path / source, tmp_path / target, suffix)
