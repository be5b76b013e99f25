"""A decoding process that stalls, dies or is asked too much."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

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
    decoder.timeout = 0.05
    start = time.monotonic()
    with pytest.raises(PictureError, match=r"longer than 0\.05 s"):
        decoder.decode(slow)
    assert time.monotonic() - start < 5
    decoder.timeout = 60.0
    assert decoder.decode(encoded(noise(8, 8))).shape == (3, 8, 8)


def test_a_process_that_dies_is_replaced(decoder: Decoder) -> None:
    decoder.decode(encoded(noise(8, 8)))
    assert decoder._process is not None
    os.kill(decoder._process.pid, signal.SIGKILL)
    time.sleep(0.05)
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


@pytest.mark.slow
def test_a_picture_whose_decoder_was_killed_has_a_second_chance(decoder: Decoder) -> None:
    large = encoded(noise(3000, 3000))
    for times in (1, 2):
        decoder.decode(encoded(noise(8, 8)))
        assert decoder._process is not None
        first, killed = decoder._process.pid, 0

        def kill(times: int = times, first: int = first) -> None:
            nonlocal killed
            pid = first
            while killed < times:
                time.sleep(0.05)  # it is at the large picture
                os.kill(pid, signal.SIGKILL)
                killed += 1
                while killed < times and (decoder._process is None or decoder._process.pid == pid):
                    time.sleep(0.001)
                pid = decoder._process.pid if decoder._process else pid

        thread = threading.Thread(target=kill)
        thread.start()
        if times == 1:
            assert decoder.decode(large).shape == (3, 3000, 3000)
        else:
            with pytest.raises(PictureError, match="crashes its decoder"):
                decoder.decode(large)
        thread.join()
        assert killed == times


def test_a_decoder_that_cannot_start_is_no_picture_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("/bin/false", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(DataError, match="a decoding process"):
            Decoder(DecodeOptions()).decode(encoded(noise(8, 8)))
