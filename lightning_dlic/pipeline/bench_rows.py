"""What a benchmark compares: whole files of other codecs, each free to downsize first, and bitstreams of ours."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_registry import DlicError, suggest
from lightning_dlic.imaging.resize_np import enlarge, shrink
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.fit import finest_within
from lightning_dlic.pipeline.recipe import find_pipeline
from lightning_dlic.pipeline.search import SCALES, Search, Settings
from lightning_dlic.pipeline.source import Source

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """One file under a budget.

    Attributes:
        size: Bytes of the whole file.
        picture: What it decodes to, enlarged to the original's size.
        scale: Factor by which the coded picture is smaller.
        setting: Codec and quality, in words.
        decode_seconds: Time from bytes to picture.
    """

    size: int
    picture: U8
    scale: int
    setting: str
    decode_seconds: float


@dataclass(frozen=True)
class FileRow:
    """A codec that writes its own files, through Pillow.

    Attributes:
        format: Pillow's name of it.
        options: What `Image.save` gets besides the quality.
        plugin: Module that teaches Pillow the format, and its attribute to call; empty for none.
        finest: Highest quality.
    """

    format: str
    options: dict[str, object] = field(default_factory=dict)
    plugin: tuple[str, str] = ("", "")
    finest: int = 100

    def samples(self, picture: U8, limit: int) -> Iterator[Sample]:
        """The finest file within a limit at every scale at which one fits."""
        self._prepare()
        for scale in SCALES:
            found = self._at(picture, scale, limit)
            if found:
                yield found

    def _prepare(self) -> None:
        module, attribute = self.plugin
        if not module:
            return
        try:
            found = import_module(module)
        except ImportError as error:
            raise DlicError(f"bench: {self.format} needs {module}: pip install 'lightning-dlic[bench]'") from error
        if attribute:
            getattr(found, attribute)()

    def _at(self, picture: U8, scale: int, limit: int) -> Sample | None:
        small = Image.fromarray(_each_plane(picture, lambda plane: shrink(plane, scale)))
        files: dict[int, bytes] = {}

        def size(quality: int) -> int:
            out = io.BytesIO()
            small.save(out, self.format, quality=quality, **self.options)
            files[quality] = out.getvalue()
            return len(files[quality])

        # Qualities of file formats double their bytes in about a fifth of their range.
        quality = finest_within(size, self.finest + 1, limit, (20.0, 20.0))
        if quality is None:
            return None
        start = time.perf_counter()
        with Image.open(io.BytesIO(files[quality])) as image:
            decoded = np.asarray(image.convert("L" if picture.ndim == 2 else "RGB"))
        whole = _each_plane(decoded, lambda plane: enlarge(plane, scale, *picture.shape[:2]))
        seconds = time.perf_counter() - start
        return Sample(len(files[quality]), whole, scale, f"quality {quality}", seconds)


@dataclass(frozen=True)
class OurRow:
    """Our bitstreams.

    Attributes:
        codec: Base codec, or ``auto``.
        pipeline: Pipeline whose networks enlarge.
        effort: Of the search.
    """

    codec: str
    pipeline: str
    effort: int = 5

    def samples(self, picture: U8, limit: int) -> Iterator[Sample]:
        """The bitstreams among which `compress` would choose by a metric."""
        from lightning_dlic.pipeline.compress import scorer

        source, recipe = Source(picture), find_pipeline(self.pipeline)
        search = Search(source, Settings(self.codec, SCALES, self.effort, recipe), scorer(source, "ssim"))
        for candidate in search.all_within(limit):
            data = candidate.stream.to_bytes()
            start = time.perf_counter()
            decoded = decompress(data)
            seconds = time.perf_counter() - start
            setting = f"{candidate.stream.codec} quality {candidate.quality}"
            yield Sample(len(data), decoded, candidate.stream.scale, setting, seconds)


Row = FileRow | OurRow


def rows(effort: int, pipeline: str) -> dict[str, Row]:
    """All rows by name."""
    return {
        "jpeg": FileRow("JPEG", {"optimize": True, "progressive": True, "subsampling": 2}, finest=95),
        "webp": FileRow("WEBP", {"method": 6}),
        "avif": FileRow("AVIF", {"speed": 4}),
        "jxl": FileRow("JXL", {"effort": 7}, ("pillow_jxl", "")),
        "heic": FileRow("HEIF", {}, ("pillow_heif", "register_heif_opener")),
        "hevc": OurRow("hevc", "bicubic", effort),
        "ours": OurRow("auto", pipeline, effort),
    }


def pick_rows(names: str, effort: int, pipeline: str) -> dict[str, Row]:
    """The rows of a comma-separated list.

    Raises:
        DlicError: One of the names is unknown.
    """
    known = rows(effort, pipeline)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            near = suggest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise DlicError(f"bench: unknown codec {name!r}.{hint} Known: {', '.join(known)}.")
    return {name: known[name] for name in wanted}


def _each_plane(picture: U8, work: Callable[[U8], U8]) -> U8:
    if picture.ndim == 2:
        return work(picture)
    return np.stack([work(np.ascontiguousarray(picture[..., index])) for index in range(3)], axis=-1)
