"""``dlic compress`` and ``dlic decompress`` as a user runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

DLIC = [sys.executable, "-c", "from lightning_dlic.cli.main import main; main()"]
FAST = ["--effort", "1", "--pipeline", "bicubic"]
STREAM = Path(__file__).parents[1] / "codec" / "golden" / "hevc_x2_color.dlic"
Inline = Callable[..., tuple[str, str]]


def dlic(*arguments: object, stdin: bytes | None = None, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own."""
    done = subprocess.run([*DLIC, *map(str, arguments)], input=stdin, capture_output=True)
    assert not check or done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skimage import data

    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(data.astronaut()[:128, 100:292]).save(path)
    return path


@pytest.mark.slow
def test_there_and_back(photo: Path, tmp_path: Path) -> None:
    out, back = tmp_path / "a.dlic", tmp_path / "a.png"
    done = dlic("compress", photo, out, "--bytes", 1500, *FAST, "--json")
    report = json.loads(done.stdout)
    assert report["bytes"] == out.stat().st_size <= 1500
    assert b"192x128 colour" in dlic("decompress", out, back).stdout
    with Image.open(back) as image:
        assert (image.size, image.mode) == ((192, 128), "RGB")
        assert not image.info.keys() - {"dpi"}


@pytest.mark.slow
def test_the_base_codec_may_be_named(photo: Path, tmp_path: Path, inline: Inline) -> None:
    for option in ("--base", "--codec"):
        out = tmp_path / f"{option}.dlic"
        inline("compress", photo, out, "--bytes", 900, option, "intra", "--scale", 4, "--effort", 1)
        assert json.loads(inline("info", out, "--json")[0])["base"]["codec"] == "intra"
    inline("decompress", out, tmp_path / "back.png")


@pytest.mark.slow
def test_through_pipes(photo: Path) -> None:
    packed = dlic("compress", "-", "-", "--bytes", 700, "--gray", *FAST, stdin=photo.read_bytes()).stdout
    assert len(packed) <= 700
    assert packed[:2] == b"\xd1\x1c"
    picture = dlic("decompress", "-", "-", stdin=packed).stdout
    assert picture.startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bytes", "20"], "too few: the smallest possible is"),
        ([], "one of --bytes, --quality and --target"),
        (["--target", "psnr"], "psnr=32"),
        (["--bytes", "900", "--codec", "hecv"], "Did you mean 'hevc'"),
        (["--bytes", "900", "--scale", "big"], "--scale"),
    ],
)
def test_mistakes_end_with_status_2(
    photo: Path, tmp_path: Path, arguments: list[str], message: str, inline: Inline
) -> None:
    told = inline("compress", photo, tmp_path / "a.dlic", *FAST, *arguments, status=2)[1]
    assert message in told
    assert len(told.splitlines()) <= 5
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_no_picture_no_bitstream(photo: Path, tmp_path: Path, inline: Inline) -> None:
    text = tmp_path / "a.txt"
    text.write_text("no picture")
    assert "not a picture" in inline("compress", text, tmp_path / "a.dlic", "--bytes", 500, status=2)[1]
    assert "no such file" in inline("compress", tmp_path / "x", tmp_path / "a.dlic", "--bytes", 500, status=2)[1]
    assert "no .dlic bitstream" in inline("decompress", photo, tmp_path / "b.png", status=2)[1]
    assert "pictures are written as" in inline("decompress", STREAM, tmp_path / "b.xyz", status=2)[1]


@pytest.mark.slow
def test_orientation_is_applied_and_metadata_dropped(photo: Path, tmp_path: Path, inline: Inline) -> None:
    turned, out = tmp_path / "turned.jpg", tmp_path / "a.dlic"
    with Image.open(photo) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8825)[1] = "N"
        exif[0x010E] = "SECRET PLACE"
        image.save(turned, exif=exif, quality=95)
    report = json.loads(inline("compress", turned, out, "--quality", 60, *FAST, "--json")[0])
    assert (report["width"], report["height"]) == (128, 192)
    assert b"SECRET" not in out.read_bytes()
    inline("decompress", out, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as decoded, Image.open(photo) as original:
        assert not decoded.getexif()
        upright = np.asarray(original.convert("L").rotate(-90, expand=True)).astype(float)
        assert np.abs(np.asarray(decoded.convert("L")) - upright).mean() < 8


@pytest.mark.slow
def test_transparency_is_flattened_and_said_or_refused(tmp_path: Path, inline: Inline) -> None:
    picture, out = tmp_path / "a.png", tmp_path / "a.dlic"
    samples = np.zeros((32, 32, 4), np.uint8)
    samples[:16, :, 3] = 255
    Image.fromarray(samples).save(picture)
    assert "flattened on white" in inline("compress", picture, out, "--quality", 80, *FAST)[1]
    inline("decompress", out, tmp_path / "b.png")
    decoded = np.asarray(Image.open(tmp_path / "b.png").convert("L"))
    assert decoded[4:12].mean() < 20
    assert decoded[20:28].mean() > 235
    refused = inline("compress", picture, out, "--quality", 80, "--transparency", "refuse", status=2)[1]
    assert "--transparency flatten" in refused


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16", "LA", "RGBA"])
def test_modes(photo: Path, tmp_path: Path, mode: str, inline: Inline) -> None:
    file = tmp_path / "a.tif"
    with Image.open(photo) as image:
        if mode == "I;16":
            Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(file)
        else:
            image.convert(mode).save(file)
        gray = np.asarray(image.convert("1" if mode == "1" else "L").convert("L")).astype(float)
    inline("compress", file, tmp_path / "a.dlic", "--quality", 90, *FAST)
    inline("decompress", tmp_path / "a.dlic", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as decoded:
        assert decoded.mode == ("L" if mode in ("L", "1", "I;16", "LA") else "RGB")
        assert np.abs(np.asarray(decoded.convert("L")) - gray).mean() < 12


@pytest.mark.slow
def test_color_profiles_are_applied(photo: Path, tmp_path: Path, inline: Inline) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    with Image.open(photo) as image:
        image.save(tmp_path / "a.png", icc_profile=profile.tobytes())
        (tmp_path / "b.png").write_bytes(b"")
        image.save(tmp_path / "b.png", icc_profile=b"not a profile")
    for name in ("a", "b"):
        inline("compress", tmp_path / f"{name}.png", tmp_path / f"{name}.dlic", "--quality", 50, *FAST)


def folder_of(photo: Path, root: Path, count: int) -> Path:
    folder = root / "pictures"
    (folder / "deep").mkdir(parents=True)
    with Image.open(photo) as image:
        for number in range(count):
            place = folder / "deep" if number % 3 == 0 else folder
            image.rotate(number).save(place / f"{number:02}.png")
    return folder


@pytest.mark.slow
def test_a_folder_with_a_broken_picture(photo: Path, tmp_path: Path) -> None:
    folder = folder_of(photo, tmp_path, 4)
    (folder / "broken.png").write_bytes(b"\x89PNG nothing")
    (folder / "01.jpg").write_bytes((folder / "01.png").read_bytes())
    done = dlic("compress", folder, tmp_path / "out", "--bytes", 600, *FAST, "--workers", 2, check=False)
    assert done.returncode == 1
    assert b"broken.png: not a picture" in done.stderr
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.dlic")}
    assert names == {"deep/00.dlic", "01.png.dlic", "01.jpg.dlic", "02.dlic", "deep/03.dlic"}
    again = dlic("compress", folder, tmp_path / "out", "--bytes", 600, *FAST, "--workers", 1, check=False)
    assert again.stdout.count(b"exists, skipped") == 5
    dlic("decompress", tmp_path / "out", tmp_path / "back", "--workers", 1)
    assert len(list((tmp_path / "back").rglob("*.png"))) == 5


HELD = """
import os, time
from pathlib import Path

from dlic_registry import register
from lightning_dlic.codec.webp import WebP


@register("codec", "held")
class Held(WebP):
    "Waits where eight files are made, until it is let go."
    number = None

    def encode(self, planes, quality, effort=5):
        out = Path(os.environ["HELD"])
        while out.is_dir() and len(list(out.rglob("*.dlic"))) >= 8:
            time.sleep(0.02)
        return super().encode(planes, quality, effort)
"""


def ended(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def waited(ready: Callable[[], bool]) -> bool:
    until = time.monotonic() + 300
    while not (there := ready()) and time.monotonic() < until:
        time.sleep(0.02)
    return there


@pytest.mark.slow
def test_a_folder_killed_and_restarted(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = folder_of(photo, tmp_path, 20), tmp_path / "out"
    (tmp_path / "held.py").write_text(HELD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HELD", str(out))
    options = ["--quality", "30", *FAST, "--codec", "held", "--scale", "2", "--plugin", "held", "--workers", "2"]
    command = [*DLIC, "compress", str(folder), str(out), *options]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    assert waited(lambda: len(list(out.rglob("*.dlic"))) >= 8 or first.poll() is not None)
    assert first.poll() is None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert waited(lambda: ended(first.pid)), "its workers go on without it"
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.dlic")}
    assert 8 <= len(made) < 12
    monkeypatch.setenv("HELD", str(tmp_path / "none"))
    done = dlic("compress", folder, out, *options)
    files = sorted(out.rglob("*"))
    finished = [path for path in files if path.suffix == ".dlic"]
    assert len(finished) == 20
    assert not [path for path in files if path.is_file() and path.suffix != ".dlic"]
    assert all(path.stat().st_mtime_ns == then for path, then in made.items())
    assert done.stdout.count(b"skipped") == len(made)
    dlic("decompress", out, tmp_path / "back", "--plugin", "held", "--workers", "1")
    assert len(list((tmp_path / "back").rglob("*.png"))) == 20


def test_max_pixels(tmp_path: Path, inline: Inline) -> None:
    assert "max_pixels" in inline("decompress", STREAM, tmp_path / "a.png", "--max-pixels", 1000, status=2)[1]
