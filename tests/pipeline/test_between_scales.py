"""Base layers between two whole scales: coded, told in a file, decoded with a network and without, damaged."""

from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from lightning_dlic.codec import Bitstream, BitstreamError, Chunk
from lightning_dlic.codec.container import BETWEEN_CHUNK
from lightning_dlic.pipeline.compress import Compressed, compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.measures import psnr

PICTURE = np.ascontiguousarray(data.astronaut()[:119, 120:281])


def _made(pipeline: str, scale: float, gray: bool = False) -> Compressed:
    picture = PICTURE[..., 1] if gray else PICTURE
    return compress(picture, quality=60, scale=scale, codec="hevc", pipeline=pipeline, hints="base")


@pytest.mark.parametrize(("pipeline", "gray"), [("photo", False), ("photo", True), ("faithful", False)])
def test_a_scale_between_two_comes_back_at_the_pictures_size(pipeline: str, gray: bool) -> None:
    made = _made(pipeline, 1.5, gray)
    stream = Bitstream.from_bytes(made.data)
    assert (stream.scale, stream.factor, stream.base_size) == (2, 1.5, (80, 108))
    assert stream.canvas == (160, 216)
    decoded = decompress(made.data, strict=True)
    target = PICTURE[..., 1] if gray else PICTURE
    assert decoded.shape == target.shape
    # Shifted by half a pixel it would lie far below.
    finer, coarser = (_made(pipeline, scale, gray) for scale in (1, 2))
    assert psnr(decompress(coarser.data), target) < psnr(decoded, target) < psnr(decompress(finer.data), target)
    assert decompress(made.data, max_side=40).shape[:2] == (30, 40)


def test_decoders_that_run_no_network_on_it_interpolate() -> None:
    stream = replace(_made("faithful", 1.5).stream, pipeline=4)
    with pytest.warns(UserWarning, match="216x160 is larger"):
        decoded = decompress(stream.to_bytes(), max_net_pixels=216 * 160 - 1)
    np.testing.assert_array_equal(decoded, decompress(replace(stream, pipeline=None).to_bytes()))


@pytest.mark.parametrize(("scale", "body"), [(1, b"\x08"), (2, b""), (2, b"\x08\x08"), (2, b"\x00"), (2, b"\x10")])
def test_a_part_of_a_scale_that_is_none_is_refused(scale: int, body: bytes) -> None:
    stream = replace(_made("faithful", 2).stream, scale=scale, chunks=(Chunk(BETWEEN_CHUNK, body, required=True),))
    with pytest.raises(BitstreamError, match="scale chunk"):
        decompress(stream.to_bytes())
