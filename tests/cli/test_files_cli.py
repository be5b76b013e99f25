"""What becomes of the files that ``compress``, ``decompress`` and ``upscale`` are given."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Dlic = Callable[..., tuple[str, str]]
FAST = ("--bytes", "0.4k", "--effort", "1", "--pipeline", "bicubic")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)).save(path)
    return path


@pytest.mark.slow
def test_a_folder_loses_no_picture(inline: Dlic, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, (name, form) in enumerate(
        {
            "a.jpg": "JPEG",
            "a.png": "PNG",
            "a.jpg.png": "PNG",
            "A.PNG": "PNG",
            "b.jfif": "JPEG",
            "c.jp2": "JPEG2000",
        }.items()
    ):
        Image.new("L", (32 + number, 32), 99).save(folder / name, form)
    (folder / "broken.avif").write_bytes(b"\0\0\0\x20ftypavif" + bytes(200))
    (folder / "surface.dds.png").write_bytes(b"DDS |" + bytes(200))
    (folder / "script.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "notes.txt").write_text("no picture")
    out, err = inline("compress", folder, tmp_path / "out", *FAST, "--workers", 1, "--json", status=1)
    made = [json.loads(line) for line in out.splitlines()]
    assert {report["width"] for report in made} == set(range(32, 38))
    assert len({report["target"].lower() for report in made}) == 6
    assert all(f"error: {folder / name}: " in err for name in ("broken.avif", "surface.dds.png", "script.jpg"))
    assert "3 of 9 failed" in err
    assert "1 .txt" in err
    inline("decompress", tmp_path / "out", tmp_path / "back", "--workers", 1, "--format", "jpg", "--quality", 80)
    assert len(list((tmp_path / "back").glob("*.jpg"))) == 6
    out, _ = inline("decompress", tmp_path / "out", tmp_path / "back", "--workers", 1, "--format", "jpg")
    assert out.count("exists, skipped") == 6
    out, _ = inline("decompress", tmp_path / "out", tmp_path / "back", "--format", "jpg", "--overwrite", "--workers", 1)
    assert "skipped" not in out


def test_the_source_is_never_replaced(inline: Dlic, photo: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    (tmp_path / "hard.png").hardlink_to(photo)
    (tmp_path / "soft.png").symlink_to(photo)
    for target in (photo, tmp_path / "hard.png", tmp_path / "soft.png"):
        for verb, more in (("compress", FAST), ("upscale", ("--model", "bicubic", "--scale", 2))):
            _, err = inline(verb, photo, target, *more, status=2)
            assert "source" in err
    inline("compress", photo, tmp_path / "a.dlic", *FAST)
    _, err = inline("decompress", tmp_path / "a.dlic", tmp_path / "a.dlic", status=2)
    assert "source" in err
    assert photo.read_bytes() == before


def test_what_standard_input_is_read_from_is_a_source(photo: Path) -> None:
    before = photo.read_bytes()
    words = ["compress", "-", str(photo), *FAST]
    command = [sys.executable, "-c", "from lightning_dlic.cli.main import main; main()", *words]
    with photo.open("rb") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"is the source" in done.stderr
    assert photo.read_bytes() == before


def test_results_go_through_links_and_into_folders(inline: Dlic, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    inline("compress", photo, tmp_path / "out", *FAST)
    other = tmp_path / "photo.bmp"
    Image.new("L", (20, 20)).save(other)
    _, err = inline("compress", other, tmp_path / "out", *FAST, status=2)
    assert "photo.dlic: exists; name the file, or add --overwrite" in err
    (tmp_path / "null.png").symlink_to("/dev/null")
    inline("decompress", tmp_path / "out" / "photo.dlic", tmp_path / "null.png")
    assert (tmp_path / "null.png").is_symlink()
    inline("upscale", photo, tmp_path / "null.png", "--model", "bicubic", "--scale", 2)
    assert os.path.exists("/dev/null")
    assert not os.path.isfile("/dev/null")


def test_a_jpeg_is_written_finely_unless_told_otherwise(inline: Dlic, photo: Path, tmp_path: Path) -> None:
    colour = tmp_path / "colour.png"
    with Image.open(photo) as image:
        Image.merge("RGB", (image, image.rotate(90).resize(image.size), image.rotate(180))).save(colour)
    inline("compress", colour, tmp_path / "a.dlic", "--quality", 90, "--pipeline", "bicubic")
    inline("decompress", tmp_path / "a.dlic", tmp_path / "fine.jpg")
    inline("decompress", tmp_path / "a.dlic", tmp_path / "small.jpg", "--quality", 30)
    assert (tmp_path / "small.jpg").stat().st_size < 0.7 * (tmp_path / "fine.jpg").stat().st_size
    for name in ("fine.jpg", "small.jpg"):
        with Image.open(tmp_path / name) as image:
            assert {(across, down) for _, across, down, _ in image.layer} == {(1, 1)}
    _, err = inline("decompress", tmp_path / "a.dlic", tmp_path / "a.png", "--quality", 30, status=2)
    assert ".png is lossless" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--bytes", "2q"), "2k (2000) or 2Ki (2048)"),
        (("--bytes", "0"), "write a number of bytes"),
        (("--bytes", "9" * 400), "write a number of bytes"),
        (("--bytes", "500", "--scale", "²"), "write auto or a number"),
        (("--bytes", "500", "--scale", "9" * 5000), "write auto or a number"),
        (("--target", "ssim=nan"), "target must be a metric and a number"),
        (("--target", "=3"), "target must be a metric and a number"),
        (("--target", "ssim=1.5"), "ssim is 1 at most"),
        (("--target", "lpips=-1"), "lpips is never below 0"),
        (("--quality", "0.8"), "for the share 0.8 of the steps write 80"),
    ],
)
def test_numbers_that_mean_something_else_are_refused(
    inline: Dlic, photo: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    _, err = inline("compress", photo, tmp_path / "a.dlic", *words, status=2)
    assert message in err
    assert not (tmp_path / "a.dlic").exists()


def test_what_never_ends_is_refused(inline: Dlic, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlic_datamodules.pictures.MOST_BYTES", 1 << 20)
    monkeypatch.setattr("lightning_dlic.pipeline.pictures.MOST_BYTES", 1 << 20)
    monkeypatch.setattr("lightning_dlic.codec.container.MOST_BYTES", 1 << 20)
    out = photo.parent
    for words in (("compress", "/dev/zero", out / "a.dlic", *FAST), ("decompress", "/dev/zero", out / "a.png")):
        assert "/dev/zero: cannot be read (it has more than 1 MiB)" in inline(*words, status=2)[1]
    with open("/dev/zero") as endless:
        monkeypatch.setattr("sys.stdin", endless)
        for words in (("compress", "-", out / "a.dlic", *FAST), ("decompress", "-", out / "a.png")):
            assert "standard input: cannot be read (it has more than 1 MiB)" in inline(*words, status=2)[1]


@pytest.mark.parametrize("target", ["photo.png", "photo.png/x", "loop", "/dev/null", "/dev/null/x", "/proc/x"])
def test_what_is_no_folder_for_results_is_said_once(inline: Dlic, photo: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    _, err = inline("compress", tmp_path, tmp_path / target, *FAST, status=2)
    assert err.count("error") == 1, err
    assert target in err


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1:1", 1), ("127.0.0.1:99999", 1), ("ray://127.0.0.1:1", 1), ("nosuch", 2), ("[::1]:1", 1)],
)
def test_a_cluster_that_does_not_answer_is_told_at_once(
    inline: Dlic, photo: Path, tmp_path: Path, address: str, status: int
) -> None:
    _, err = inline("compress", tmp_path, tmp_path / "out", *FAST, "--on", f"ray:{address}", status=status)
    assert f"error: --on ray:{address}: " in err


def test_a_damaged_bitstream_is_named(inline: Dlic, photo: Path, tmp_path: Path) -> None:
    _, err = inline("decompress", photo, tmp_path / "a.png", status=2)
    assert f"{photo}: byte 0: no .dlic bitstream" in err
    (tmp_path / "b.dlic").write_bytes(b"x")
    assert f"{tmp_path / 'b.dlic'}: byte 0" in inline("info", tmp_path / "b.dlic", status=2)[1]
    assert f"{tmp_path}: is a folder; name a .dlic file" in inline("show", tmp_path, status=2)[1]


def test_info_of_standard_input(inline: Dlic, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inline("compress", photo, tmp_path / "a.dlic", *FAST)
    for name, data in (("bytes", (tmp_path / "a.dlic").read_bytes()), ("error", b"no file of ours")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        out, err = inline("info", "-", "--json", status=2 if name == "error" else 0)
        assert "standard input" in err if name == "error" else json.loads(out)["bytes"] == len(data)


def test_first_frames_and_transparency_are_said(inline: Dlic, tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (20, 20), (0, 0, 0, alpha)) for alpha in (128, 255)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    _, err = inline("compress", tmp_path / "a.png", tmp_path / "a.dlic", *FAST)
    assert "the first is taken" in err
    assert "flattened on white" in err
    _, err = inline("compress", tmp_path / "a.png", tmp_path / "a.dlic", *FAST, "--transparency", "refuse", status=2)
    assert "has transparency" in err
