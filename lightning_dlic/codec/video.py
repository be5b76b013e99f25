"""FFmpeg's decoders on one frame of unknown origin, and its encoders on one frame of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np

from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import U8, Planes, chroma_size, strips

_GRAY = ("gray", "yuv420p", "yuvj420p", "yuvj444p", "yuvj422p")
_COLOR = ("yuv420p", "yuvj420p")


def frame_planes(frame: Any) -> list[U8]:
    """A frame's 8-bit planes where they lie in memory, without the padding of their rows."""
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        found.append(rows[:, : plane.width])
    return found


def _frame(context: Any, data: bytes, where: str) -> Any:
    """The only frame of some data."""
    try:
        frames = [*context.decode(_packet(data)), *context.decode(None)]
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise BitstreamError(f"{where}: the decoder refuses it ({type(error).__name__})") from error
    if len(frames) != 1:
        raise BitstreamError(f"{where}: {len(frames)} frames instead of one")
    return frames[0]


def _packet(data: bytes) -> Any:
    """A packet with the zeros behind it that FFmpeg's readers look at; around Python's own bytes lies anything."""
    made = av.Packet(len(data))
    made.update(data)
    return made


def _digest(frame: Any) -> bytes:
    """Stands for all samples of a frame; of a large one no copy is made."""
    digest = hashlib.blake2b(digest_size=16)
    for plane in frame_planes(frame):
        for strip in strips(plane):
            digest.update(strip.data)
    return digest.digest()


def _invert(frame: Any) -> None:
    """Inverts a frame's samples where they lie, which is where the decoder will put the next frame's."""
    for plane in frame.planes:
        samples = np.frombuffer(plane, np.uint8)
        np.bitwise_not(samples, out=samples)


def decode_frame(codec: str, data: bytes, height: int, width: int, color: bool, where: str) -> Planes:
    """Decodes one frame and cuts it to size.

    A decoder that meets the end of the data too soon gives a frame all the same, with whatever was in memory for the
    rest. So each frame is decoded twice, over other memory: what differs has not been written.

    Args:
        codec: FFmpeg's name of the decoder.
        data: What the decoder reads: headers of ours around a payload of unknown origin.
        height: Rows of luma wanted; the decoder's frame may be larger by padding.
        width: Columns of luma wanted.
        color: Whether 4:2:0 chroma is wanted.
        where: Name of the payload, for messages.

    Raises:
        BitstreamError: The decoder refuses, or gives no frame, more than one, one of another kind, or part of one.
    """
    context: Any = av.CodecContext.create(codec, "r")
    context.thread_count = 1
    # Padding to blocks of 64 is all that a frame may have beyond its picture.
    context.options = {"max_pixels": str((height + 64) * (width + 64))}
    frame = _frame(context, data, where)
    if frame.format.name not in (_COLOR if color else _GRAY) or frame.width < width or frame.height < height:
        raise BitstreamError(f"{where}: a frame of {frame.width}x{frame.height} {frame.format.name}")
    digest = _digest(frame)
    _invert(frame)
    del frame
    context.flush_buffers()
    again = _frame(context, data, where)
    if _digest(again) != digest:
        raise BitstreamError(f"{where}: ends before its picture does")
    planes = frame_planes(again)
    luma = planes[0][:height, :width]
    if not color:
        return Planes(luma)
    rows, columns = chroma_size(height, width)
    return Planes(luma, planes[1][:rows, :columns], planes[2][:rows, :columns])


def encode_frame(codec: str, planes: Planes, pixels: str, options: Mapping[str, str]) -> bytes:
    """Encodes one frame on one thread.

    Args:
        codec: FFmpeg's name of the encoder.
        planes: Picture; chroma is 128 where the format wants some and the picture has none.
        pixels: ``gray`` or ``yuv420p``.
        options: The encoder's options.

    Raises:
        CodecError: The encoder refuses.
    """
    height, width = planes.size
    try:
        context: Any = av.CodecContext.create(codec, "w")
        context.width, context.height, context.pix_fmt = width, height, pixels
        context.time_base, context.framerate, context.thread_count = Fraction(1, 1), Fraction(1, 1), 1
        context.options = dict(options)
        frame = av.VideoFrame(width, height, pixels)
        parts = [*planes.each(), *(np.full(chroma_size(height, width), 128, np.uint8),) * 2]
        for plane, samples in zip(frame.planes, parts, strict=False):
            rows = np.zeros((plane.height, plane.line_size), np.uint8)
            rows[:, : plane.width] = samples
            plane.update(rows.tobytes())
        return b"".join(map(bytes, [*context.encode(frame), *context.encode(None)]))
    except av.error.FFmpegError as error:
        raise CodecError(f"{codec} cannot code a picture of {width}x{height}: {error.strerror}") from error
