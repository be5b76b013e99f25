"""What a benchmark compares: whole files of other codecs, each free to downsize first, and bitstreams of ours."""

from __future__ import annotations

import io
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_registry import DlicError, did_you_mean, entries
from lightning_dlic.bench.placeholders import blurhash, largest_grid, thumbhash, unblurred, unthumbed
from lightning_dlic.codec import Bitstream
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.imaging.numpy.resize import enlarge, shrink, shrunk
from lightning_dlic.pipeline.budget import finest_within
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.hinted import BASE, NONE
from lightning_dlic.pipeline.plan import Pipeline, find_pipeline
from lightning_dlic.pipeline.scales import SCALES, useful, worth_trying
from lightning_dlic.pipeline.search import Search
from lightning_dlic.pipeline.settings import BudgetError, Settings
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
    scale: float
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
    scale: float
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
            DlicError: What writes the format is not installed.
        """
        self.check()
        return FileSession(self, picture)

    def check(self) -> None:
        """Loads what writes the format.

        Raises:
            DlicError: It is not installed.
        """
        module, attribute = self.plugin
        if module:
            try:
                found = import_module(module)
            except ImportError as error:
                raise DlicError(f"bench: {self.format} needs {module}: pip install 'lightning-dlic[bench]'") from error
            if attribute:
                getattr(found, attribute)()

    def write(self, image: Image.Image, quality: int) -> bytes:
        """A file of the picture."""
        out = io.BytesIO()
        image.save(out, self.format, quality=quality, **self.options)
        return out.getvalue()

    def read(self, data: bytes, mode: str) -> U8:
        """What a file holds, in ``L`` or ``RGB``."""
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert(mode))


class MiniRow(FileRow):
    """AVIF with the smallest header, by libavif's own programs where they were built to write it."""

    def check(self) -> None:
        """See `FileRow.check`."""
        program = which("avifenc")
        told = subprocess.run([program, "--help"], capture_output=True, check=False).stdout if program else b""
        if b"--mini" not in told or which("avifdec") is None:
            what = f"{program} was built without --mini" if program else "there is no avifenc on the PATH"
            raise DlicError(
                f"bench: avif-mini needs libavif's avifenc and avifdec with the minimised header, and {what}. "
                "Build libavif with -DAVIF_ENABLE_EXPERIMENTAL_MINI=ON, or leave the row out."
            )

    def write(self, image: Image.Image, quality: int) -> bytes:
        """See `FileRow.write`."""
        with TemporaryDirectory() as folder:
            source, target = Path(folder, "a.png"), Path(folder, "a.avif")
            image.save(source)
            subsampling = "400" if image.mode == "L" else "420"
            asked = ["avifenc", "--mini", "-q", str(quality), "-s", "4", "-y", subsampling, str(source), str(target)]
            subprocess.run(asked, capture_output=True, check=True)
            return target.read_bytes()

    def read(self, data: bytes, mode: str) -> U8:
        """See `FileRow.read`."""
        with TemporaryDirectory() as folder:
            source, target = Path(folder, "a.avif"), Path(folder, "a.png")
            source.write_bytes(data)
            subprocess.run(["avifdec", str(source), str(target)], capture_output=True, check=True)
            return super().read(target.read_bytes(), mode)


@dataclass
class FileSession:
    """A picture's files in one format, each made once whatever the number of budgets."""

    row: FileRow
    picture: U8
    _small: dict[float, Image.Image] = field(default_factory=dict)
    _files: dict[tuple[float, int], bytes] = field(default_factory=dict)
    # Qualities of file formats double their bytes in about a fifth of their range.
    _start: dict[float, float] = field(default_factory=dict)

    def samples(self, limit: int) -> Iterator[Sample]:
        """The finest file within a limit at every scale at which one fits and that is worth trying, decoded."""
        return map(self.decoded, self.files(limit))

    def files(self, limit: int) -> Iterator[Coded]:
        """The same files as they are."""
        height, width = map(int, self.picture.shape[:2])

        def pixels(scale: float) -> int:
            return shrunk(height, scale) * shrunk(width, scale)

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
        return self.row.read(file.data, "L" if self.picture.ndim == 2 else "RGB")

    def _file(self, scale: float, quality: int) -> bytes:
        if scale not in self._small:
            self._small[scale] = Image.fromarray(_each_plane(self.picture, lambda plane: shrink(plane, scale)))
        if (scale, quality) not in self._files:
            self._files[scale, quality] = self.row.write(self._small[scale], quality)
        return self._files[scale, quality]

    def _at(self, scale: float, limit: int) -> Coded | None:
        start = self._start.get(scale, 20.0), 20.0
        quality = finest_within(lambda q: len(self._file(scale, q)), self.row.finest + 1, limit, start)
        if quality is None:
            return None
        self._start[scale] = float(quality)
        return Coded(self._file(scale, quality), scale, f"quality {quality}")


@dataclass(frozen=True)
class PlaceholderRow:
    """BlurHash at the largest grid that fits, or ThumbHash; neither tells the picture's size, which is not counted."""

    name: str

    def open(self, picture: U8) -> PlaceholderSession:
        """Begins with a picture."""
        return PlaceholderSession(self.name, picture)


@dataclass(frozen=True)
class PlaceholderSession:
    """A picture's placeholders."""

    name: str
    picture: U8

    def samples(self, limit: int) -> Iterator[Sample]:
        """The one within a limit, if there is one, shown at the picture's size."""
        gray, size = self.picture.ndim == 2, self.picture.shape[:2]
        color = np.stack([self.picture] * 3, axis=-1) if gray else self.picture
        grid = largest_grid(limit)
        if self.name == "blurhash" and grid is not None:
            text = blurhash(color, *grid)
            found, setting, start = len(text), f"{grid[0]}x{grid[1]} cosines", time.perf_counter()
            shown = unblurred(text, *size)
        elif self.name == "thumbhash" and len(data := thumbhash(color)) <= limit:
            found, setting, start = len(data), "its one size", time.perf_counter()
            shown = unthumbed(data, *size)
        else:
            return
        shown = luma(shown) if gray else shown
        yield Sample(found, shown, 1, setting, time.perf_counter() - start)


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

    def open(self, picture: U8) -> OurSession | WholeSession:
        """Begins with a picture."""
        source, recipe = Source(picture), find_pipeline(self.pipeline)
        if recipe.metric is not None:
            return WholeSession(self, recipe, picture)
        settings = Settings(self.codec, SCALES, self.effort, recipe)
        hints = recipe.hints if source.color and recipe.hints != NONE else BASE
        # By MS-SSIM of luma hints would give all bytes to it: chroma stays the base codec's.
        ways = (("ssim" if hints == BASE else "color", hints), ("psnr", hints), ("ms_ssim", BASE))
        return OurSession([Search(source, settings, *way) for way in ways])


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
            yield _decoded(data, candidate.stream, candidate.quality, self.searches[0].settings.pipeline)


@dataclass(frozen=True)
class WholeSession:
    """A picture's bitstreams by a pipeline that says what is best: one a budget, as `compress` makes it."""

    row: OurRow
    recipe: Pipeline
    picture: U8

    def samples(self, limit: int) -> Iterator[Sample]:
        """The bitstream; none where the budget is too small."""
        try:
            made = compress(
                self.picture, bytes=limit, codec=self.row.codec, effort=self.row.effort, pipeline=self.recipe
            )
        except BudgetError:
            return
        yield _decoded(made.data, made.stream, made.quality, self.recipe)


def _decoded(data: bytes, stream: Bitstream, quality: int, pipeline: Pipeline) -> Sample:
    start = time.perf_counter()
    picture = decompress(data, pipeline=pipeline)
    seconds = time.perf_counter() - start
    return Sample(len(data), picture, stream.factor, f"{stream.codec} quality {quality}", seconds)


Row = FileRow | PlaceholderRow | OurRow


def rows(effort: int, pipeline: str) -> dict[str, Row]:
    """All rows by name."""
    return {
        "jpeg": FileRow("JPEG", {"optimize": True, "progressive": True, "subsampling": 2}, finest=95),
        "webp": FileRow("WEBP", {"method": 6}),
        "avif": FileRow("AVIF", {"speed": 4}),
        "avif-mini": MiniRow("AVIF"),
        "jxl": FileRow("JXL", {"effort": 7}, ("pillow_jxl", "")),
        "heic": FileRow("HEIF", {}, ("pillow_heif", "register_heif_opener")),
        "blurhash": PlaceholderRow("blurhash"),
        "thumbhash": PlaceholderRow("thumbhash"),
        "hevc": OurRow("hevc", "bicubic", effort),
        "ours": OurRow("auto", pipeline, effort),
    }


def pick_rows(names: str, effort: int, pipeline: str) -> dict[str, Row]:
    """The rows of a comma-separated list.

    ``ours:NAME`` is ours with the pipeline of that name; ``codec:NAME``, or a name that no file has, a registered base
    codec in our container, searched as ours is and enlarged by interpolation.

    Raises:
        DlicError: One of the names is unknown.
    """
    known = rows(effort, pipeline)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    codecs = {entry.name for entry in entries("codec")}
    for name in wanted:
        if name.startswith("ours:"):
            own = name.removeprefix("ours:")
            find_pipeline(own)
            known[name] = OurRow("auto", own, effort)
        elif name not in known and name.removeprefix("codec:") in codecs:
            known[name] = OurRow(name.removeprefix("codec:"), "bicubic", effort)
        elif name not in known:
            hint = did_you_mean(name, [*known, *codecs])
            raise DlicError(
                f"bench: unknown codec {name!r}.{hint} Known: {', '.join(dict.fromkeys([*known, *sorted(codecs)]))}."
            )
    return {name: known[name] for name in wanted}


def _each_plane(picture: U8, work: Callable[[U8], U8]) -> U8:
    if picture.ndim == 2:
        return work(picture)
    return np.stack([work(np.ascontiguousarray(picture[..., index])) for index in range(3)], axis=-1)
