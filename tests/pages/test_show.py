"""``dlic show``: a bitstream taken apart, as a page and as a picture."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import lightning_dlic
from dlic_registry import DlicError
from lightning_dlic.pages.layers import TITLES
from lightning_dlic.pages.sheet import take_apart
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress

Inline = Callable[..., tuple[str, str]]
PHOTO = np.ascontiguousarray(data.chelsea()[40:136, 100:228])


@pytest.fixture(scope="module")
def hinted() -> bytes:
    return compress(PHOTO, bytes=600, effort=1, pipeline="bicubic", hints="grid").data


@pytest.mark.parametrize("grey", [False, True], ids=["color", "grey"])
def test_parts_sum_up_and_layers_are_what_was_coded(grey: bool) -> None:
    picture = PHOTO[..., 1] if grey else PHOTO
    made = compress(np.ascontiguousarray(picture), bytes=400, effort=1, pipeline="bicubic", scale=2)
    sheet = take_apart("x", made.data, np.ascontiguousarray(picture))
    assert sum(part.bytes for part in sheet.parts) == len(made.data) == sheet.bytes
    assert [panel.title for panel in sheet.panels] == ["Original", "Decoded", "Base layer"]
    assert np.array_equal(sheet.panels[1].picture, decompress(made.data))
    assert sheet.panels[2].picture.shape == (48, 64, 3)[: picture.ndim]
    assert float(sheet.facts["PSNR"].split()[0]) > 20


def test_hints_are_shown_as_regions_in_their_colours(hinted: bytes) -> None:
    sheet = take_apart("x", hinted)
    base, regions = (panel.picture for panel in sheet.panels[1:])
    assert base.ndim == 2
    # The cat is warmer than grey, and so are its hints.
    assert regions[..., 0].mean() > regions[..., 2].mean() + 10
    assert {"base", "hints", "header"} <= {part.name for part in sheet.parts}


def test_a_file_between_two_scales_is_shown_with_all_its_parts(tmp_path: Path, inline: Inline) -> None:
    source = tmp_path / "x.dlic"
    source.write_bytes(compress(PHOTO, bytes=500, effort=1, pipeline="bicubic", scale=1.5).data)
    inline("show", source)
    assert "<b>Scale </b>1 bytes" in source.with_suffix(".html").read_text()
    inline("show", source, tmp_path / "x.png")
    # No page leaves a part without a colour.
    for style in ("pages/page.css", "demo/page/style.css"):
        text = (Path(lightning_dlic.__file__).parent / style).read_text()
        assert [name for name in TITLES if f".part-{name}" not in text] == []


def test_it_writes_a_page_or_a_picture(hinted: bytes, tmp_path: Path, inline: Inline) -> None:
    source, original = tmp_path / "a<b>.dlic", tmp_path / "original.png"
    source.write_bytes(hinted)
    Image.fromarray(PHOTO).save(original)
    out, _ = inline("show", source, "--original", original)
    text = source.with_suffix(".html").read_text()
    assert "original, decoded, base layer, regions" in out
    assert "a&lt;b&gt;.dlic" in text
    assert len(re.findall(r'<img src="data:image/png', text)) == 4
    assert not re.search(r'(src|href)="(?!data:)', text)
    inline("show", source, tmp_path / "sheet.png", "--original", original)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 900
        # Its second picture is the decoded one, where the first is the original.
        shown = np.asarray(sheet.crop((544, 116, 544 + 480, 116 + 360)).resize((128, 96), Image.Resampling.BOX))
    assert np.abs(shown.astype(float) - decompress(hinted)).mean() < 6


@pytest.mark.parametrize(
    ("words", "target", "sentence"),
    [
        (b"", "x.pdf", "ends in .png or .html"),
        (b"no bitstream", "x.png", "no .dlic bitstream"),
        (None, "x.png", "No such file"),
    ],
)
def test_mistakes_are_sentences(
    tmp_path: Path, inline: Inline, words: bytes | None, target: str, sentence: str
) -> None:
    source = tmp_path / "x.dlic"
    if words is not None:
        source.write_bytes(words)
    assert sentence in inline("show", source, tmp_path / target, status=2)[1]
    assert not (tmp_path / target).exists()


def test_damaged_hints_end_in_our_error_or_on_a_sheet(hinted: bytes) -> None:
    ways = {"sheet": 0, "error": 0}
    for at in range(2, len(hinted) - 4, 9):
        for flip in (1, 64, 255):
            damaged = bytearray(hinted)
            damaged[at] ^= flip
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    sheet = take_apart("x", bytes(damaged))
            except DlicError:
                ways["error"] += 1
            else:
                ways["sheet"] += 1
                assert sum(part.bytes for part in sheet.parts) == len(hinted)
    assert min(ways.values()) > 0, ways


def test_an_original_of_another_size_is_refused(hinted: bytes, tmp_path: Path, inline: Inline) -> None:
    source, other = tmp_path / "x.dlic", tmp_path / "o.png"
    source.write_bytes(hinted)
    Image.new("RGB", (10, 10)).save(other)
    assert "10x10" in inline("show", source, "--original", other, status=2)[1]
