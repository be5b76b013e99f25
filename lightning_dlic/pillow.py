"""``.dlic`` files for Pillow: importing this module makes ``Image.open`` and ``Image.save`` know them.

Pillow looks for no plug-ins by itself, so somebody must import it. It also tells Python's `mimetypes` of the suffix.
"""

from __future__ import annotations

import mimetypes
from typing import IO, Any

from PIL import Image, ImageFile

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, BitstreamError
from lightning_dlic.codec.container import HINTS_CHUNK, MAGIC, SUFFIX
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress

FORMAT, MIME = "DLIC", "image/x-dlic"
_BYTES = 2000


class DlicImageFile(ImageFile.ImageFile):
    """A bitstream as Pillow sees it: its size is known at once, its pixels when they are asked for."""

    format = FORMAT
    format_description = "lightning-dlic bitstream"
    _stream: bytes | None = None

    def _open(self) -> None:
        assert self.fp is not None
        data = self.fp.read()
        try:
            stream = Bitstream.from_bytes(data)
        except BitstreamError as error:
            # What Pillow takes for: not a file of this format.
            raise SyntaxError(str(error)) from error
        self._size = stream.width, stream.height
        self._mode = "RGB" if stream.color or stream.chunk(HINTS_CHUNK) is not None else "L"
        self.info["dlic"] = {"codec": stream.codec, "scale": stream.scale, "bytes": len(data)}
        self._stream = data

    def load(self) -> Any:
        """Decodes the picture, once.

        Raises:
            OSError: The file is damaged.
        """
        if self._stream is not None:
            try:
                made = Image.fromarray(decompress(self._stream))
            except DlicError as error:
                raise OSError(str(error)) from error
            self.im = (made if made.mode == self.mode else made.convert(self.mode)).im
            self._stream = None
        return super().load()


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, file: IO[bytes], _: str | bytes) -> None:
    """Saves with the options of `lightning_dlic.compress`; 2,000 bytes where none says how far to go."""
    options = dict(image.encoderinfo)
    if not {"bytes", "quality", "target"} & set(options):
        options["bytes"] = _BYTES
    try:
        file.write(compress(image, **options).data)
    except DlicError as error:
        raise ValueError(str(error)) from error


Image.register_open(FORMAT, DlicImageFile, _accept)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, SUFFIX)
Image.register_mime(FORMAT, MIME)
mimetypes.add_type(MIME, SUFFIX)
