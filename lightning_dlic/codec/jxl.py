"""JPEG XL by pillow-jxl-plugin: the naked codestream."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import Planes, chroma_size, pad

_SIGNATURE = b"\xff\x0a"
_WHERE = "jxl payload"


class JXL(BaseCodec):
    """JPEG XL's lossy mode; its decoder computes in floats, so it is not exact."""

    number: ClassVar[int | None] = 5
    steps: ClassVar[int] = 100
    start: ClassVar[tuple[float, float]] = (1.0, 24.0)

    def missing(self) -> str | None:
        """See `BaseCodec.missing`."""
        return None if find_spec("pillow_jxl") else "pip install 'lightning-dlic[jxl]'"

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`; quality is libjxl's."""
        _plugin()
        out = io.BytesIO()
        image = _image(planes)
        image.save(out, "JXL", quality=quality, effort=min(9, effort + 2), use_container=False, num_threads=1)
        data = out.getvalue()
        if not data.startswith(_SIGNATURE):
            raise CodecError("libjxl wrote no naked codestream; use another base codec")
        payload = data.removeprefix(_SIGNATURE)
        _check_header(payload, *planes.size)
        return payload

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        plugin = _plugin()
        _check_header(payload, height, width)
        try:
            _, info, samples, *_ = plugin.Decoder(num_threads=0)(_SIGNATURE + payload)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # The plug-in is Rust: where it gives up, the exception is no subclass of Exception.
            raise BitstreamError(f"{_WHERE}: the decoder refuses it ({type(error).__name__})") from error
        mode = "RGB" if color else "L"
        if (info.mode, info.width, info.height) != (mode, width, height):
            raise BitstreamError(f"{_WHERE}: a picture of {info.width}x{info.height} {info.mode}")
        image = Image.frombytes(mode, (width, height), samples)
        return _subsample(image) if color else Planes(np.asarray(image))


def _plugin() -> Any:
    try:
        import pillow_jxl
    except ImportError as error:
        raise CodecError("base codec jxl needs its plug-in: pip install 'lightning-dlic[jxl]'") from error
    return pillow_jxl


def _image(planes: Planes) -> Image.Image:
    if planes.cb is None or planes.cr is None:
        return Image.fromarray(planes.y)
    if planes.rgb is not None:
        return Image.fromarray(planes.rgb)
    height, width = planes.size
    chroma = [plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in (planes.cb, planes.cr)]
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in (planes.y, *chroma)]).convert("RGB")


def _subsample(image: Image.Image) -> Planes:
    """Luma, and chroma as means of 2x2."""
    planes = [np.asarray(plane) for plane in image.convert("YCbCr").split()]
    rows, columns = chroma_size(*planes[0].shape)
    quads = [pad(plane, 2 * rows, 2 * columns).reshape(rows, 2, columns, 2).astype(np.uint16) for plane in planes[1:]]
    return Planes(planes[0], *(((quad.sum((1, 3)) + 2) // 4).astype(np.uint8) for quad in quads))


class _Bits:
    """Bits of a JPEG XL codestream, least significant first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data[:16], "little"), 8 * min(16, len(data))

    def u(self, width: int) -> int:
        if width > self.left:
            raise BitstreamError(f"{_WHERE}: ends inside its header")
        out = self.value & ((1 << width) - 1)
        self.value >>= width
        self.left -= width
        return out


def _side(bits: _Bits, small: int) -> int:
    return 8 * (bits.u(5) + 1) if small else bits.u((9, 13, 18, 30)[bits.u(2)]) + 1


def _check_header(payload: bytes, height: int, width: int) -> None:
    """Refuses what would make the decoder reserve more than the picture needs (ISO/IEC 18181-1, annex D).

    Raises:
        BitstreamError: The size differs from the container's, or there are previews, animation, deep or extra channels.
    """
    bits = _Bits(payload)
    small = bits.u(1)
    rows = _side(bits, small)
    ratio = bits.u(3)
    if ratio:
        up, down = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        columns = rows * up // down
    else:
        columns = _side(bits, small)
    if (rows, columns) != (height, width):
        raise BitstreamError(f"{_WHERE}: it says {columns}x{rows}, the container {width}x{height}")
    if bits.u(1):
        return
    extra, floats, depth, _, channels = bits.u(1), bits.u(1), bits.u(2), bits.u(1), bits.u(2)
    if extra or floats or depth or channels:
        raise BitstreamError(f"{_WHERE}: more than one 8-bit picture")
