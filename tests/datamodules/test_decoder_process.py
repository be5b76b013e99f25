"""A decoding process that stalls, dies or is asked too much."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from picture_maker import chunk, encoded, noise, png, zeros

from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.decoder_process import Decoder
from dlic_datamodules.errors import DataError, PictureError


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder(DecodeOptions())
    yield made
    made.close()


def test_pixels_and_reasons_arrive_in_turn(decoder: Decoder) -> None:
    for seed in range(3):
        pixels = noise(20 + seed, 30, seed)
        np.testing.assert_array_equal(decoder.decode(encoded(pixels)), pixels.transpose(2, 0, 1))
        assert decoder.probe(encoded(pixels)) == (30, 20 + seed)
        with pytest.raises(PictureError, match="not a picture"):
            decoder.decode(b"nothing")


@pytest.mark.slow
def test_a_picture_that_takes_too_long_is_given_up(decoder: Decoder) -> None:
    decoder.decode(encoded(noise(8, 8)))
    slow = png(8192, 8192, chunk(b"IDAT", zeros(193)))
    assert decoder._process is not None
    first = decoder._process
    decoder.timeout = 0.05
    with pytest.raises(PictureError, match=r"longer than 0\.05 s"):
        decoder.decode(slow)
    assert first.poll() == -signal.SIGKILL
    decoder.timeout = 300.0
    assert decoder.decode(encoded(noise(8, 8))).shape == (3, 8, 8)


def test_a_process_that_dies_is_replaced(decoder: Decoder) -> None:
    decoder.decode(encoded(noise(8, 8)))
    assert decoder._process is not None
    os.kill(decoder._process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, decoder._process.pid, os.WEXITED | os.WNOWAIT)
    assert decoder.decode(encoded(noise(8, 8))).shape == (3, 8, 8)


@pytest.mark.slow
def test_the_largest_picture_allowed_fits_into_the_memory_limit() -> None:
    # The largest picture allowed still fits below the limit.
    allowed = Decoder(DecodeOptions())
    try:
        huge = png(8192, 8192, chunk(b"IDAT", zeros(193)))
        assert allowed.decode(huge).shape == (3, 8192, 8192)
    finally:
        allowed.close()


MORTAL = """
import os, signal, sys
from pathlib import Path
from dlic_datamodules import decoder_process

left = Path(__file__).with_name("left")
if deaths := int(left.read_text()):
    left.write_text(str(deaths - 1))
    decoder_process.decode = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = sys.argv[-2:]
decoder_process._main()
"""


def test_a_picture_whose_decoder_was_killed_has_a_second_chance(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An interpreter that is killed at its first picture, as often as a file says.
    (tmp_path / "mortal.py").write_text(MORTAL)
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/mortal.py" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    for deaths in (1, 2):
        decoder.close()
        (tmp_path / "left").write_text(str(deaths))
        if deaths == 1:
            assert decoder.decode(encoded(noise(8, 8))).shape == (3, 8, 8)
        else:
            with pytest.raises(PictureError, match="crashes its decoder"):
                decoder.decode(encoded(noise(8, 8)))
        assert (tmp_path / "left").read_text() == "0"
    assert decoder.decode(encoded(noise(8, 8))).shape == (3, 8, 8)


def test_a_decoder_that_cannot_start_is_no_picture_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("/bin/false", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(DataError, match="a decoding process"):
            Decoder(DecodeOptions()).decode(encoded(noise(8, 8)))
