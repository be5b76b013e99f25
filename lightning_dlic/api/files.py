"""Bytes in, bytes out: what a program needs whose files lie in an archive, a bucket or a database."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from dlic_datamodules.picture_writer import encode_picture, picture_form
from dlic_datamodules.pictures import Picture
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.pictures import load_picture


def encode(data: bytes, **options: Any) -> bytes:
    """A picture file's bytes to a bitstream's.

    Args:
        data: Of a file in any format that is read: JPEG, PNG, HEIC, WebP ...
        **options: What `lightning_dlic.compress` takes: one of ``bytes``, ``quality`` and ``target``, and the rest.

    Raises:
        DlicError: The bytes are no picture, an option is wrong, or no bitstream is small enough.
    """
    return compress(load_picture(io.BytesIO(data)), **options).data


def decode(data: bytes, form: str = ".png", quality: int | None = None, **options: Any) -> bytes:
    r"""A bitstream's bytes to a picture file's.

    Args:
        data: Of a ``.dlic`` file, of unknown origin.
        form: The suffix of the format to write, such as ``.png`` or ``.jpg``.
        quality: 1 to 100, for formats that lose; near enough to lossless by default.
        **options: What `lightning_dlic.decompress` takes.

    Raises:
        DlicError: The bytes are malformed, or the format is not written.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> out = io.BytesIO()
        >>> Image.new("L", (96, 64), 90).save(out, "PNG")
        >>> small = encode(out.getvalue(), bytes=100, effort=1, pipeline="bicubic")
        >>> decode(small)[:4]
        b'\x89PNG'
    """
    suffix = picture_form(f"picture{form}", quality)
    pixels = decompress(data, **options)
    made = Picture(np.ascontiguousarray(pixels[..., None] if pixels.ndim == 2 else pixels))
    return bytes(encode_picture(made, suffix, quality))
