"""The codec: containers, base codecs and hints. Knows bytes, and never imports Lightning."""

from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.base_layer import decode_base
from lightning_dlic.codec.container import Bitstream, Chunk, base_codec
from lightning_dlic.codec.describe import describe
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import Planes

__all__ = [
    "BaseCodec",
    "Bitstream",
    "BitstreamError",
    "Chunk",
    "CodecError",
    "Planes",
    "base_codec",
    "decode_base",
    "describe",
]
