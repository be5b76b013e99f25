"""Files of strangers: a few bytes cost bounded memory and time, whatever size of picture they claim."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlic_datamodules.png import png_of_strips
from lightning_dlic.codec import Bitstream, BitstreamError, Chunk, Planes, base_codec
from lightning_dlic.codec.container import HINTS_CHUNK
from lightning_dlic.imaging.numpy.resize import shrink
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import PipelineError

GOLDEN = Path(__file__).parent / "golden"
CODEC_GOLDEN = Path(__file__).parents[1] / "codec" / "golden"
SCRIPT = """
import json, sys, time
from pathlib import Path
from lightning_dlic.cli.main import main
sys.argv = ["dlic", "decompress", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
status = Path("/proc/self/status").read_text()
print(json.dumps({"megabytes": int(status.split("VmHWM:")[1].split()[0]) / 1024, "seconds": time.process_time()}))
"""


def bomb(scale: int) -> bytes:
    """A flat base layer of 512x512 that claims to be as many times larger."""
    half = np.full((256, 256), 128, np.uint8)
    planes = Planes(np.full((512, 512), 90, np.uint8), half, half)
    codec = base_codec("hevc")
    payload = codec.encode(planes, 0, 1)
    crc = codec.decode(payload, 512, 512, True).crc32()
    return Bitstream(512 * scale, 512 * scale, scale, "hevc", True, payload, crc).to_bytes()


@pytest.mark.slow
def test_a_bomb_is_decoded_in_little_memory(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    file, out = tmp_path / "bomb.dlic", tmp_path / "out.png"
    file.write_bytes(bomb(16))
    assert file.stat().st_size < 200
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(file), str(out)], capture_output=True, text=True)
    used = json.loads(done.stdout.splitlines()[-1])
    with Image.open(out) as image:
        assert (image.size, image.mode) == ((8192, 8192), "RGB")
        strip = np.asarray(image.crop((0, 4000, 8192, 4010)))
    assert np.ptp(strip, axis=(0, 1)).max() == 0
    assert used["megabytes"] < 300
    assert used["seconds"] < 60


def test_networks_leave_large_pictures_to_interpolation_and_say_so() -> None:
    data = (GOLDEN / "photo_x2.dlic").read_bytes()
    stream = Bitstream.from_bytes(data)
    plain = decompress(replace(stream, pipeline=None).to_bytes())
    pixels = stream.width * stream.height
    with pytest.warns(UserWarning, match="on which networks run"):
        assert (decompress(data, max_net_pixels=pixels - 1) == plain).all()
    with pytest.raises(PipelineError, match="on which networks run"):
        decompress(data, max_net_pixels=pixels - 1, strict=True)
    assert (decompress(data, max_net_pixels=pixels, strict=True) != plain).any()


def test_colours_of_large_pictures_come_from_the_filter() -> None:
    data = (GOLDEN / "color_x2.dlic").read_bytes()
    with pytest.warns(UserWarning, match="on which networks run"):
        found = decompress(data, max_net_pixels=100)
    wanted = decompress(data)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 12


def test_a_large_base_layer_without_hints_stays_grey_where_the_network_is_missing() -> None:
    """Larger than the guide that hints are spread on."""
    planes, codec = Planes(np.full((600, 520), 90, np.uint8)), base_codec("hevc")
    payload = codec.encode(planes, 0, 1)
    crc = codec.decode(payload, 600, 520, False).crc32()
    data = Bitstream(520, 600, 1, "hevc", False, payload, crc, chunks=(Chunk(HINTS_CHUNK, b"\x03"),)).to_bytes()
    with pytest.warns(UserWarning, match="network for colour"):
        picture = decompress(data)
    assert picture.shape == (600, 520, 3)
    assert np.ptp(picture) == 0


@pytest.mark.slow
def test_the_encoder_uses_no_network_that_the_decoder_would_not_run() -> None:
    made = compress(np.full((4100, 4100), 77, np.uint8), quality=0, scale=4, effort=1)
    assert made.stream.pipeline is None
    assert decompress(made.data, strict=True).shape == (4100, 4100)


@pytest.mark.parametrize(
    "name",
    [
        *("hevc_x1_color", "hevc_x2_gray", "avif_x3_color", "hints_segmentation_x2"),
        pytest.param("intra_x1_gray", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("side", [61, 40, 1])
def test_smaller_pictures_show_the_same(name: str, side: int) -> None:
    """As half the picture, which is as good as what shrinking the whole makes."""
    data = (CODEC_GOLDEN / f"{name}.dlic").read_bytes()
    whole, small = decompress(data), decompress(data, max_side=side, strict=True)
    assert small.shape == (max(1, round(90 * side / 122)), side, *whole.shape[2:])
    assert (decompress(data, max_side=122) == whole).all()
    if side == 61:
        planes = [whole] if whole.ndim == 2 else list(np.moveaxis(whole, 2, 0))
        halves = np.stack([shrink(np.ascontiguousarray(plane), 2) for plane in planes], -1).astype(int)
        assert np.abs(small.reshape(halves.shape) - halves).mean() < 4


def test_only_strict_and_max_pixels_refuse() -> None:
    data = bomb(2)
    assert decompress(data, max_pixels=1024**2).shape == (1024, 1024, 3)
    with pytest.raises(BitstreamError, match="more than 1048575 pixels"):
        decompress(data, max_pixels=1024**2 - 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_png_from_strips(channels: int, kind: type, tmp_path: Path) -> None:
    from dlic_datamodules.pictures import read_picture

    samples = np.random.default_rng(2).integers(0, np.iinfo(kind).max + 1, (37, 21, channels)).astype(kind)
    shaped = samples if channels > 1 else samples[..., 0]
    made = png_of_strips((37, 21), channels, (shaped[start : start + 8] for start in range(0, 37, 8)), level=1)
    assert (read_picture(bytes(made)).pixels == samples).all()
