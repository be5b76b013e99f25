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

from dlic_registry import DlicError, did_you_mean
from lightning_dlic.imaging.numpy.resize import enlarge, shrink
from lightning_dlic.pipeline.budget import finest_within
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.hinted import BASE, NONE
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.pipeline.scales import SCALES, useful, worth_trying
from lightning_dlic.pipeline.search import Search
from lightning_dlic.pipeline.settings import Settings
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
class Coded:
    """A file under a budget, not decoded yet.

    Attributes:
        data: The whole file.
        scale: Factor by which the coded picture is smaller.
        setting: Quality, in words.
    """

    data: bytes
    scale: int
    setting: str


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

    def open(self, picture: U8) -> FileSession:
        """Begins with a picture.

        Raises:
            DlicError: The plug-in is not installed.
        """
        module, attribute = self.plugin
        if module:
            try:
                found = import_module(module)
            except ImportError as error:
                raise DlicError(f"bench: {self.format} needs {module}: pip install 'lightning-dlic[bench]'") from error
            if attribute:
                getattr(found, attribute)()
        return FileSession(self, picture)


@dataclass
class FileSession:
    """A picture's files in one format, each made once whatever the number of budgets."""

    row: FileRow
    picture: U8
    _small: dict[int, Image.Image] = field(default_factory=dict)
    _files: dict[tuple[int, int], bytes] = field(default_factory=dict)
    # Qualities of file formats double their bytes in about a fifth of their range.
    _start: dict[int, float] = field(default_factory=dict)

    def samples(self, limit: int) -> Iterator[Sample]:
        """The finest file within a limit at every scale at which one fits and that is worth trying, decoded."""
        return map(self.decoded, self.files(limit))

    def files(self, limit: int) -> Iterator[Coded]:
        """The same files as they are."""
        height, width = map(int, self.picture.shape[:2])

        def pixels(scale: int) -> int:
            return -(-height // scale) * -(-width // scale)

        for scale in worth_trying(useful(SCALES, pixels), limit, pixels):
            found = self._at(scale, limit)
            if found:
                yield found

    def decoded(self, file: Coded) -> Sample:
        """What a file decodes to, at the picture's size."""
        before = time.perf_counter()
        small = self.small(file)
        whole = _each_plane(small, lambda plane: enlarge(plane, file.scale, *self.picture.shape[:2]))
        return Sample(len(file.data), whole, file.scale, file.setting, time.perf_counter() - before)

    def small(self, file: Coded) -> U8:
        """What a file holds, at its own size."""
        with Image.open(io.BytesIO(file.data)) as image:
            return np.asarray(image.convert("L" if self.picture.ndim == 2 else "RGB"))

    def _file(self, scale: int, quality: int) -> bytes:
        if scale not in self._small:
            self._small[scale] = Image.fromarray(_each_plane(self.picture, lambda plane: shrink(plane, scale)))
        if (scale, quality) not in self._files:
            out = io.BytesIO()
            self._small[scale].save(out, self.row.format, quality=quality, **self.row.options)
            self._files[scale, quality] = out.getvalue()
        return self._files[scale, quality]

    def _at(self, scale: int, limit: int) -> Coded | None:
        start = self._start.get(scale, 20.0), 20.0
        quality = finest_within(lambda q: len(self._file(scale, q)), self.row.finest + 1, limit, start)
        if quality is None:
            return None
        self._start[scale] = float(quality)
        return Coded(self._file(scale, quality), scale, f"quality {quality}")


@dataclass(frozen=True)
class OurRow:
    """Our bitstreams; with hints for colour where the pipeline has some.

    Attributes:
        codec: Base codec, or ``auto``.
        pipeline: Pipeline whose networks enlarge and colour.
        effort: Of the search.
    """

    codec: str
    pipeline: str
    effort: int = 5

    def open(self, picture: U8) -> OurSession:
        """Begins with a picture."""
        source, recipe = Source(picture), find_pipeline(self.pipeline)
        settings = Settings(self.codec, SCALES, self.effort, recipe)
        hints = recipe.hints if source.color and recipe.hints != NONE else BASE
        metrics = ("ssim" if hints == BASE else "color", "psnr")
        return OurSession([Search(source, settings, metric, hints) for metric in metrics])


@dataclass
class OurSession:
    """A picture's bitstreams, each encoded once whatever the number of budgets and metrics."""

    searches: list[Search]

    def samples(self, limit: int) -> Iterator[Sample]:
        """The bitstreams that `compress` would make by a metric."""
        found = {}
        for search in self.searches:
            for candidate in search.all_within(limit):
                found[candidate.stream.to_bytes()] = candidate
        for data, candidate in found.items():
            start = time.perf_counter()
            decoded = decompress(data, pipeline=self.searches[0].settings.pipeline)
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
    """The rows of a comma-separated list; ``ours:NAME`` is ours with the pipeline of that name.

    Raises:
        DlicError: One of the names is unknown.
    """
    known = rows(effort, pipeline)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name.startswith("ours:"):
            own = name.removeprefix("ours:")
            find_pipeline(own)
            known[name] = OurRow("auto", own, effort)
        elif name not in known:
            hint = did_you_mean(name, known)
            raise DlicError(f"bench: unknown codec {name!r}.{hint} Known: {', '.join(known)}.")
    return {name: known[name] for name in wanted}


def _each_plane(picture: U8, work: Callable[[U8], U8]) -> U8:
    if picture.ndim == 2:
        return work(picture)
    return np.stack([work(np.ascontiguousarray(picture[..., index])) for index in range(3)], axis=-1)
