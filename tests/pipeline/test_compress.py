"""A photograph in N bytes, and back."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from real_data import real_data

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.measures import lpips_distance, psnr, ssim
from lightning_dlic.pipeline.search import BudgetError


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:192, 100:356])


@pytest.fixture(scope="module")
def gray(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[..., 1])


@pytest.mark.slow
@pytest.mark.parametrize("budget", [300, 900, 2500, 20_000])
@pytest.mark.parametrize("color", [False, True])
def test_never_one_byte_more(photo: np.ndarray, gray: np.ndarray, budget: int, color: bool) -> None:
    picture = photo if color else gray
    made = compress(picture, bytes=budget, effort=3, pipeline="bicubic")
    assert len(made.data) <= budget
    assert len(made.data) > 0.6 * budget
    assert decompress(made.data).shape == picture.shape


@pytest.mark.slow
def test_more_bytes_make_a_better_picture(gray: np.ndarray) -> None:
    made = [compress(gray, bytes=n, effort=2, pipeline="bicubic") for n in (250, 700, 2000, 6000)]
    scores = [ssim(decompress(one.data), gray) for one in made]
    assert scores == sorted(scores)
    assert [one.score for one in made] == pytest.approx(scores, abs=1e-6)
    assert len({one.stream.scale for one in made}) > 1


@pytest.mark.slow
def test_more_effort_is_never_worse(gray: np.ndarray) -> None:
    small = np.ascontiguousarray(gray[:96, :128])
    scores = [compress(small, bytes=300, effort=effort, pipeline="bicubic").score for effort in (1, 5, 9)]
    assert scores[0] <= scores[1] + 1e-9
    assert scores[1] <= scores[2] + 1e-3


def test_too_few_bytes_name_the_least(gray: np.ndarray) -> None:
    with pytest.raises(BudgetError, match=r"20 bytes are too few: the smallest possible is \d+ bytes") as caught:
        compress(gray, bytes=20, effort=2, pipeline="bicubic")
    least = int(str(caught.value).split("is ")[1].split()[0])
    assert len(compress(gray, bytes=least, effort=2, pipeline="bicubic").data) == least


@pytest.mark.parametrize(("metric", "value"), [("psnr", 28.0), ("ssim", 0.85)])
def test_targets_are_reached_by_the_smallest_file(gray: np.ndarray, metric: str, value: float) -> None:
    made = compress(gray, target={metric: value}, effort=2, pipeline="bicubic")
    measure = {"psnr": psnr, "ssim": ssim}[metric]
    assert measure(decompress(made.data), gray) >= value
    cheaper = compress(gray, bytes=len(made.data) * 4 // 5, metric=metric, effort=2, pipeline="bicubic")
    assert measure(decompress(cheaper.data), gray) < value


@pytest.mark.slow
def test_lpips_steers_the_search(gray: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLIC_WEIGHTS", str(real_data("weights/alexnet_features.safetensors").parent))
    distance = lpips_distance()
    made = compress(gray, target={"lpips": 0.3}, codec="webp", effort=1, pipeline="bicubic")
    assert distance(decompress(made.data), gray) == pytest.approx(made.score)
    assert made.score <= 0.3
    budget = len(made.data)
    by = {}
    for metric in ("lpips", "psnr"):
        rival = compress(gray, bytes=budget, metric=metric, effort=6, pipeline="bicubic")
        by[metric] = distance(decompress(rival.data), gray)
    assert by["lpips"] <= min(by["psnr"], 0.3)


def test_a_target_out_of_reach_names_the_best(gray: np.ndarray) -> None:
    with pytest.raises(BudgetError, match="best possible"):
        compress(gray, target={"psnr": 99.0}, codec="webp", pipeline="bicubic")


def test_quality_is_the_codecs_own(gray: np.ndarray) -> None:
    sizes = [len(compress(gray, quality=q, codec="jpeg").data) for q in (5, 50, 95)]
    assert sizes == sorted(sizes)
    made = compress(gray, quality=40)
    assert (made.stream.codec, made.stream.scale) == ("hevc", 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 5), (33, 65, 3), (2, 2, 3)])
def test_any_size(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    made = compress(picture, bytes=3000, effort=3, pipeline="bicubic")
    decoded = decompress(made.data)
    assert decoded.shape == picture.shape
    again = compress(picture, quality=100, scale=1)
    assert psnr(decompress(again.data), picture) > (40 if picture.ndim == 2 else 9)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["hevc", "avif", "webp", "jpeg"])
def test_every_codec_by_name(photo: np.ndarray, codec: str) -> None:
    made = compress(photo, bytes=2500, codec=codec, scale=2, pipeline="bicubic")
    assert (made.stream.codec, made.stream.scale) == (codec, 2)
    assert psnr(decompress(made.data), photo) > 20


@pytest.mark.slow
def test_auto_takes_exact_codecs_only(gray: np.ndarray) -> None:
    made = compress(np.ascontiguousarray(gray[:96, :128]), bytes=300, effort=9, pipeline="bicubic")
    assert made.stream.crc is not None


@pytest.mark.slow
def test_same_bytes_whatever_the_threads(gray: np.ndarray) -> None:
    made = [compress(gray, bytes=800, effort=3, pipeline="bicubic", threads=n).data for n in (1, 2, 4)]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of bytes, quality and target"),
        ({"bytes": 100, "quality": 5}, "one of bytes, quality and target"),
        ({"bytes": 900, "metric": "sssim"}, "Did you mean 'ssim'"),
        ({"bytes": 900, "effort": 10}, "effort must be from 1 to 9"),
        ({"bytes": 900, "scale": 17}, "scale must be"),
        ({"bytes": 900, "codec": "hevcc"}, "Did you mean 'hevc'"),
        ({"bytes": 900, "pipeline": "foto"}, "Did you mean 'photo'"),
        ({"quality": 101}, "quality must be"),
    ],
)
def test_mistakes_are_named(gray: np.ndarray, arguments: dict, message: str) -> None:
    with pytest.raises(DlicError, match=message):
        compress(gray, **arguments)


def test_decoding_without_a_network_imports_neither_torch_nor_lightning(gray: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "a.dlic"
    file.write_bytes(compress(gray, bytes=900, effort=2, pipeline="bicubic").data)
    script = (
        "import sys, json; from lightning_dlic.pipeline.decompress import decompress;"
        f"p = decompress(open({str(file)!r}, 'rb').read());"
        "print(json.dumps([list(p.shape), 'torch' in sys.modules, 'pytorch_lightning' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert json.loads(done.stdout) == [[192, 256], False, False], done.stderr


def test_every_byte_is_counted(photo: np.ndarray, tmp_path: Path) -> None:
    made = compress(photo, bytes=1500, effort=2, pipeline="bicubic")
    stream = Bitstream.from_bytes(made.data)
    assert len(stream.head()) <= 16
    assert len(stream.head()) + len(stream.payload) + 4 == len(made.data)


@pytest.mark.slow
def test_pictures_of_megapixels() -> None:
    height, width = 1500, 2200
    ramp = (np.add.outer(np.arange(height) // 20, np.arange(width) // 20) % 256).astype(np.uint8)
    made = compress(ramp, bytes=4000, effort=1, pipeline="bicubic")
    assert decompress(made.data).shape == (height, width)


def test_an_image_of_pillows_and_what_else_is_taken(photo: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    asked = {"quality": 40, "pipeline": "bicubic"}
    assert compress(Image.fromarray(photo), **asked).data == compress(photo, **asked).data
    with pytest.raises(DlicError, match=r"uint8 \[H, W\] or \[H, W, 3\], or an image of Pillow's, not str"):
        compress("photo.png", **asked)
    with pytest.raises(DlicError, match="not float64"):
        compress(photo / 255, **asked)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 20_000), (20_000, 1), (5000, 20, 3)])
def test_long_and_narrow(shape: tuple[int, ...]) -> None:
    picture = (np.arange(np.prod(shape)) // 50 % 256).astype(np.uint8).reshape(shape)
    made = compress(picture, bytes=900, effort=1, pipeline="bicubic")
    assert decompress(made.data).shape == shape
    if max(shape) == 20_000:
        with pytest.raises(DlicError, match="sides of at most 16384, and this picture's is 20000: ask for scale 2"):
            compress(picture, quality=40, pipeline="bicubic")
