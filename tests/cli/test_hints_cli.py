"""Hints as a user asks for them and looks at them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

Inline = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(data.astronaut()[:128, 100:292]).save(path)
    return path


def test_reports_and_info_tell_of_hints(photo: Path, tmp_path: Path, inline: Inline) -> None:
    file, back = tmp_path / "a.dlic", tmp_path / "a.png"
    asked = ("--bytes", 700, "--hints", "segmentation,60", "--effort", 1, "--pipeline", "bicubic")
    report = json.loads(inline("compress", photo, file, *asked, "--json")[0])
    assert report["bytes"] == file.stat().st_size <= 700
    assert report["metric"] == "color"
    told = json.loads(inline("info", file, "--json")[0])
    assert report["hints"] == told["hints"]
    assert told["hints"]["name"] == "segmentation"
    assert 40 < told["hints"]["bytes"] <= 60
    assert "hints segmentation" in inline("compress", photo, file, *asked)[0]
    assert "192x128 colour" in inline("decompress", file, back)[0]
    with Image.open(back) as picture:
        pixels = np.asarray(picture).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 3


def test_a_misspelt_kind_ends_in_one_message(photo: Path, tmp_path: Path, inline: Inline) -> None:
    asked = ("--bytes", 700, "--hints", "segmentatoin", "--pipeline", "bicubic")
    printed = inline("compress", photo, tmp_path / "a.dlic", *asked, status=2)[1]
    assert "Did you mean 'segmentation'" in printed
    assert "Traceback" not in printed
