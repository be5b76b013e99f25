"""Pictures for tests: plain ones, and two hundred that no reader should be given."""

import io
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

FORMATS = {
    "png": "PNG",
    "jpg": "JPEG",
    "webp": "WEBP",
    "tif": "TIFF",
    "gif": "GIF",
    "bmp": "BMP",
    "ppm": "PPM",
    "jp2": "JPEG2000",
    "avif": "AVIF",
}


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Coloured noise, uint8 [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels: np.ndarray | Image.Image, form: str = "PNG", **options: object) -> bytes:
    """A picture file's bytes."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def write_pictures(
    folder: Path, count: int, size: tuple[int, int] = (40, 48), suffix: str = ".png", start: int = 0
) -> None:
    """Writes ``count`` different pictures, numbered from ``start``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.fromarray(noise(*size, seed=number)).save(folder / f"{number:04d}{suffix}")


def flat(number: int, side: int = 32) -> np.ndarray:
    """A picture that tells its number: red and green are its two bytes."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = number % 256, number // 256
    return pixels


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, color: int = 2) -> bytes:
    """A PNG that declares a size, with whatever chunks after its header."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """A deflate stream of so many zero megabytes, itself about a thousandth of that."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def tiff(entries: list[tuple[int, int, int, int]], next_ifd: int = 0, tail: bytes = b"") -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value) each."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + struct.pack("<I", next_ifd) + tail


def _bombs() -> dict[str, bytes]:
    scans = encoded(noise(16, 16), "JPEG", progressive=True)
    marker = scans.index(b"\xff\xda")
    huge = {"w": 65500, "h": 65500}
    jpeg = encoded(noise(8, 8), "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    jpeg_bomb = jpeg[: frame + 5] + struct.pack(">HH", huge["h"], huge["w"]) + jpeg[frame + 9 :]
    gif = encoded(noise(8, 8), "GIF")
    bmp = encoded(noise(8, 8), "BMP")
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a" * 1000)
    size = [(256, 4, 1, 60000), (257, 4, 1, 60000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    strips = [(273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, 60000), (279, 4, 1, 1 << 30)]
    return {
        "declares_10e9.png": png(100000, 100000, chunk(b"IDAT", zeros(1))),
        "zeros_900m.png": png(30000, 30000, chunk(b"IDAT", zeros(300))),
        "just_over.png": png(8193, 8192, chunk(b"IDAT", zeros(1))),
        "thin.png": png(1 << 30, 1, chunk(b"IDAT", zeros(1))),
        "deep.png": png(60000, 60000, chunk(b"IDAT", zeros(1)), depth=16, color=6),
        "no_size.png": png(0, 10, chunk(b"IDAT", zeros(1))),
        "negative.png": png((1 << 32) - 1, (1 << 32) - 1),
        "text_bomb.png": png(8, 8, chunk(b"zTXt", b"a\0\0" + zeros(200)), chunk(b"IDAT", zlib.compress(bytes(8 * 25)))),
        "profile_bomb.png": png(
            8, 8, chunk(b"iCCP", b"a\0\0" + zeros(200)), chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
        ),
        "many_chunks.png": png(8, 8, *[chunk(b"tEXt", b"k\0v")] * 20000, chunk(b"IDAT", zlib.compress(bytes(8 * 25)))),
        "long_chunk.png": png(8, 8)[:33] + struct.pack(">I", 0xFFFFFFF0) + b"IDAT" + bytes(100),
        "declares_4g.jpg": jpeg_bomb,
        "scans.jpg": scans[:marker] + scans[marker:-2] * 3000 + b"\xff\xd9",
        "declares_4g.gif": gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:],
        "declares_4g.bmp": bmp[:18] + struct.pack("<ii", 65000, 65000) + bmp[26:],
        "negative.bmp": bmp[:18] + struct.pack("<ii", -(1 << 31), -(1 << 31)) + bmp[26:],
        "declares.ppm": b"P6 99999 99999 255\n" + bytes(100),
        "digits.ppm": b"P6 " + b"9" * 100000 + b" 9 255\n",
        "no_end.pgm": b"P2 4000 4000 255\n" + b"1 " * 1000,
        "declares.tif": tiff(size + strips, tail=bytes(200)),
        "loop.tif": tiff(size[:1], next_ifd=8),
        "entries.tif": b"II*\0\x08\0\0\0\xff\xff" + bytes(1000),
        "offset.tif": b"II*\0\xff\xff\xff\x7f" + bytes(10),
        "float.tif": encoded(Image.fromarray(np.linspace(0, 1e9, 64, dtype=np.float32).reshape(8, 8)), "TIFF"),
        "wide_ints.tif": encoded(Image.fromarray(np.full((8, 8), 1 << 30, np.int32)), "TIFF"),
        "text_info.png": encoded(noise(8, 8), "PNG", pnginfo=text)[:60],
    }


def _impostors() -> dict[str, bytes]:
    return {
        "empty.jpg": b"",
        "empty.png": b"",
        "text.jpg": b"This is no picture.\n" * 10,
        "page.png": b"<!doctype html><title>404 Not Found</title>",
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
        "script.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n{} loop\n",
        "document.png": b"%PDF-1.7\n1 0 obj<<>>endobj\n",
        "layers.png": b"8BPS\0\1" + bytes(40),
        "zip.jpg": b"PK\3\4" + bytes(100),
        "program.png": b"\x7fELF" + bytes(100),
        "riff.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff" + bytes(50),
        "start.jpg": b"\xff\xd8",
        "soi.jpg": b"\xff\xd8" * 1000,
        "signature.png": b"\x89PNG\r\n\x1a\n",
        "box.avif": b"\0\0\0\x1cftypavif" + bytes(16) + b"\xff" * 64,
        "stream.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\xff" * 64,
        "codestream.j2k": b"\xff\x4f\xff\x51\0\x2f" + b"\xff" * 64,
        "noise.tif": random.Random(1).randbytes(4000),
        "noise.gif": b"GIF89a" + random.Random(2).randbytes(4000),
        "noise.jpg": b"\xff\xd8\xff\xe0" + random.Random(3).randbytes(4000),
    }


def hostile_files() -> dict[str, bytes]:
    """Name and content of files that hold no usable picture, or one that is damaged: about two hundred."""
    files = {**_bombs(), **_impostors()}
    chance = random.Random(0)
    for suffix, form in FORMATS.items():
        whole = encoded(noise(24, 28), form)
        for number, share in enumerate((0.02, 0.2, 0.4, 0.6, 0.8, 0.98)):
            files[f"cut{number}.{suffix}"] = whole[: int(share * len(whole))]
        for number in range(12):
            damaged = bytearray(whole)
            for _ in range(1 + number):
                # Headers are where a wrong byte hurts.
                damaged[chance.randrange(min(len(damaged), 64 if number % 2 else len(damaged)))] = chance.randrange(256)
            files[f"flip{number}.{suffix}"] = bytes(damaged)
    return files


def write_hostile(folder: Path) -> int:
    """Writes `hostile_files` and things that are no regular files; returns how many names look like pictures."""
    folder.mkdir(parents=True)
    for name, data in hostile_files().items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "self.png").symlink_to("self.png")
    with open(folder / "sparse.png", "wb") as file:
        file.truncate(20 << 30)
    good = encoded(noise(24, 28))
    odd = [
        b'comma,quote".png',
        b"line\nbreak.png",
        "çé日本語🙂.png".encode(),
        b"bytes\xff\xfe.png",
        b"-dash.png",
        b" .png",
    ]
    for name in [*odd, b"n" * 251 + b".png"]:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(good)
    deep = folder / "loop"
    deep.mkdir()
    (deep / "back.png").symlink_to("../loop")
    (deep / "again").symlink_to("..")
    return sum(1 for entry in os.scandir(folder) if entry.is_symlink() or not entry.is_dir())
