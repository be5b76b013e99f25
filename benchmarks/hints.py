"""Measures hints and prints JSON: presets under the true luma, chroma bytes against base codecs, and files.

python benchmarks/hints.py PICTURES... [--part presets --part chroma --part files --part curve]
    [--net zoo:NAME] [--every 6] [--plot FILE.png]

presets: PSNR-RGB and LPIPS under the true luma at each preset's bytes; regions are cut from the true luma. "plain"
sends each region's mean colour, and the decoder paints cells flat and smooths superpixels by the guided filter;
"filter" is the codec without a network, whose encoder corrects colours for what its filter makes of them. Grey has
no colour; oracle names the network's best branch at every pixel, at the bytes that its map costs: without hints, and
with those of segmentation-large, whose bytes count as well. Pictures without colour are left out.
chroma: bytes of chroma at equal PSNR-ab. That of a base codec costs the colour payload less the grey one, at the
quality and scale (1, 2, 4) that give the most for the bytes; everything is put under the true luma.
curve: PSNR-RGB under the true luma against bytes: hints by each way, and the chroma of JPEG, WebP, AVIF and HEIC, a
colour file's bytes less the grey file's at the same quality, at the best of scales 1, 2 and 4; `--plot` draws it.
files: whole files of 500, 1000, 2000 bytes by `--hints auto`, beside chroma by the base codec, by the search's metric.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reporting.keep import keep

from lightning_dlic.bench.rows import FileRow, rows
from lightning_dlic.codec import base_codec
from lightning_dlic.codec.container import HINTS_CHUNK
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.base import Coloring
from lightning_dlic.codec.hints.chunk import find_hints, prefix
from lightning_dlic.codec.hints.encoder import search
from lightning_dlic.codec.hints.presets import PRESETS
from lightning_dlic.codec.hints.spread import Spread, under
from lightning_dlic.imaging.numpy.color import merge
from lightning_dlic.imaging.numpy.resize import enlarge, shrink
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.source import Source

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
SIZES = (50, 90, 137, 200, 300, 419, 601)
FILES = (500, 1000, 2000)
RANGE = (40, 700)
FILE_QUALITIES = (1, 3, 6, 10, 15, 20, 30, 40, 55, 70)
QUALITIES = {"hevc": range(0, 34, 3), "avif": range(0, 60, 5)}


class Picture:
    """A picture with what all parts need."""

    def __init__(self, source: Source, path: Path) -> None:
        self.name, self.source = path.stem, source
        self.chroma = np.stack(self.source.planes[1:]).astype(np.float32) - 128
        self.aim = Aim.of(self.source.luma, self.chroma)

    def colored(self, chroma: Iterable[F32 | U8]) -> U8:
        """RGB of chroma ``[H, W]``, in levels about 0 or centred at 128, under the true luma."""
        planes = [p if p.dtype == np.uint8 else np.clip(np.floor(p + 128.5), 0, 255).astype(np.uint8) for p in chroma]
        return merge(self.source.luma, *planes)

    def psnr_rgb(self, picture: U8) -> float:
        from lightning_dlic.pipeline.measures import psnr

        return psnr(picture, self.source.picture)

    def lpips(self, picture: U8, net: Any) -> float:
        import torch

        pair = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] / 255.0 for p in (picture, self.source.picture))
        with torch.inference_mode():
            return float(net(*pair))

    def psnr_ab(self, picture: U8) -> float:
        import torch

        from lightning_dlic.metrics.color import lab, psnr_ab

        first, second = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] for p in (picture, self.source.picture))
        return psnr_ab(lab(first), lab(second))

    def hinted(self, kind: str, budget: int, net: Any = None, effort: int = 5, plain: bool = False) -> tuple[int, U8]:
        """Bytes and picture of hints under the true luma, by the guided filter or a network; see `plain` above."""
        hints = find_hints(kind)
        render, branches = (net.render(self.aim.luma), partial(net.hypotheses, self.aim.luma)) if net else (None, None)
        final = net.final(self.source.luma, self.aim) if net else None
        render = flat if plain else render
        found = search(hints, self.aim, budget, effort, render, branches, net is not None, final)
        if found is None:
            raise SystemExit(f"{self.name}: {budget} bytes are too few for {kind}")
        made = hints.decode(found.body, self.source.luma)
        size = len(prefix(hints)) + len(found.body)
        if net:
            return size, self.colored(net(self.source.luma, made))
        if plain and kind == "grid":
            return size, self.colored(
                np.stack(made.planes())
                .repeat(made.factor, 1)
                .repeat(made.factor, 2)[:, : self.source.luma.shape[0], : self.source.luma.shape[1]]
            )
        spread = Spread(self.aim.luma, len(made.colors))
        return size, self.colored(
            under(spread.lines(plane), self.source.luma, 0, (made.factor, made.factor)) for plane in made.planes()
        )


def color(path: Path) -> Source | None:
    """A picture; none where it has no colour."""
    source = Source(load_picture(str(path)))
    return source if any((plane != 128).any() for plane in source.planes[1:]) else None


def flat(made: Coloring) -> F32:
    """Chroma that is one colour a region."""
    return np.stack(made.planes())


def presets(pictures: list[Picture], net: Any) -> dict[str, Any]:
    """Bytes, PSNR-RGB and LPIPS of each preset, mean over pictures."""
    from lightning_dlic.metrics.perceptual import LPIPS

    rows: dict[str, list[tuple[float, ...]]] = {}
    lpips = LPIPS()
    for picture in pictures:
        grey = picture.colored(np.zeros_like(picture.chroma))
        rows.setdefault("grey", []).append((0, picture.psnr_rgb(grey), picture.lpips(grey, lpips)))
        for name, (kind, budget) in PRESETS.items():
            for way, model in (("plain", None), ("filter", None), *([("net", net)] if net else [])):
                size, made = picture.hinted(kind, budget, model, plain=way == "plain")
                figures = picture.psnr_rgb(made), picture.lpips(made, lpips)
                rows.setdefault(f"{name} {way}", []).append((size, *figures))
        if net:
            rows.setdefault("oracle", []).append(oracle(picture, net, None))
            rows.setdefault("oracle, segmentation-large", []).append(
                oracle(picture, net, PRESETS["segmentation-large"])
            )
    found = {name: np.array(values) for name, values in rows.items()}
    return {
        name: {"bytes": v[:, 0].mean(), "most_bytes": v[:, 0].max(), "psnr_rgb": v[:, 1].mean()}
        | ({"lpips": v[:, 2].mean()} if v.shape[1] > 2 else {})
        for name, v in found.items()
    }


def oracle(picture: Picture, net: Any, preset: tuple[str, int] | None) -> tuple[int, float]:
    """Bytes and PSNR-RGB of the best branch at every place of the guide, with the hints of a preset or with none."""
    from lightning_dlic.codec.hints.none import guessed
    from lightning_dlic.codec.hints.oracle import Oracle

    luma, size, made = picture.aim.luma, 0, guessed(picture.aim.luma)
    if preset is not None:
        hints = find_hints(preset[0])
        found = search(hints, picture.aim, preset[1], 3, net.render(luma))
        if found is None:
            raise SystemExit(f"{picture.name}: {preset[1]} bytes are too few")
        made, size = found.coloring, len(prefix(hints)) + len(found.body)
    maps = net.hypotheses(luma, made)
    best = ((maps - picture.aim.chroma) ** 2).sum(1).argmin(0)
    chosen = np.take_along_axis(maps, best[None, None], 0)[0]
    factor = -(-picture.source.luma.shape[0] // luma.shape[0])
    height, width = picture.source.luma.shape
    whole = (enlarge(np.clip(np.floor(p + 128.5), 0, 255).astype(np.uint8), factor, height, width) for p in chosen)
    return size + len(Oracle.code(best)), picture.psnr_rgb(picture.colored(whole))


def chroma_points(picture: Picture, name: str) -> list[tuple[float, float]]:
    """Bytes of chroma and PSNR-ab of a base codec at its qualities and scales, the useful ones."""
    codec, found = base_codec(name), []
    grey = Source(picture.source.luma)
    for scale in (1, 2, 4):
        for quality in QUALITIES[name]:
            planes = picture.source.small(scale)
            payload = codec.encode(planes, quality, 2)
            size = len(payload) - len(codec.encode(grey.small(scale), quality, 2))
            if not RANGE[0] <= size <= RANGE[1]:
                continue
            decoded = codec.decode(payload, *planes.size, True)
            height, width = picture.source.luma.shape
            chroma = [enlarge(plane, 2 * scale, height, width) for plane in decoded.each()[1:]]
            found.append((float(size), picture.psnr_ab(picture.colored(chroma))))
    return _hull(found)


def hint_points(picture: Picture, kind: str, net: Any) -> list[tuple[float, float]]:
    """Bytes and PSNR-ab of hints at `SIZES`."""
    made = [picture.hinted(kind, size, net, effort=3) for size in SIZES]
    return _hull([(float(size), picture.psnr_ab(found)) for size, found in made])


def file_points(picture: Picture, row: FileRow) -> dict[tuple[int, int], tuple[float, float]]:
    """Bytes of chroma and PSNR-RGB of a format's files, by scale and quality."""
    row.open(picture.source.picture)
    height, width = picture.source.luma.shape
    found = {}
    for scale in (1, 2, 4):
        small = [shrink(plane, scale) for plane in np.moveaxis(picture.source.picture, -1, 0)]
        color = Image.fromarray(np.stack(small, -1))
        for quality in FILE_QUALITIES:
            size, decoded = _saved(color, row, quality)
            spent = size - _saved(color.convert("L"), row, quality)[0]
            planes = np.asarray(decoded.convert("YCbCr"))[..., 1:]
            chroma = [enlarge(np.ascontiguousarray(planes[..., i]), scale, height, width) for i in range(2)]
            found[scale, quality] = (float(spent), picture.psnr_rgb(picture.colored(chroma)))
    return found


def _saved(image: Image.Image, row: FileRow, quality: int) -> tuple[int, Image.Image]:
    memory = io.BytesIO()
    image.save(memory, row.format, quality=quality, **row.options)
    decoded = Image.open(memory)
    decoded.load()
    return len(memory.getvalue()), decoded.convert("RGB")


def curve(pictures: list[Picture], net: Any) -> dict[str, list[list[float]]]:
    """Mean bytes and mean PSNR-RGB of each way, at `SIZES` or at each quality."""
    ways = [(f"{kind}, filter", kind, None) for kind in ("grid", "segmentation")]
    ways += [(f"{kind}, network", kind, net) for kind in ("grid", "segmentation")] if net else []
    found: dict[str, list[list[float]]] = {}
    for name, kind, model in ways:
        for size in SIZES:
            made = [picture.hinted(kind, size, model, effort=3) for picture in pictures]
            points = np.array(
                [(spent, picture.psnr_rgb(out)) for picture, (spent, out) in zip(pictures, made, strict=True)]
            )
            found.setdefault(name, []).append(points.mean(0).tolist())
    known = rows(5, "bicubic")
    for name in ("jpeg", "webp", "avif", "heic"):
        row = known[name]
        assert isinstance(row, FileRow)
        each = [file_points(picture, row) for picture in pictures]
        means = np.array([[points[key] for points in each] for key in each[0]]).mean(1)
        found[f"{name} chroma"] = [
            list(p) for p in _hull([(a, b) for a, b in means.tolist() if RANGE[0] <= a <= RANGE[1]])
        ]
    return found


def draw(curves: dict[str, list[list[float]]], path: Path) -> None:
    """Draws what `curve` found."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, points in curves.items():
        style = "-o" if "network" in name else "--s" if "filter" in name else ":"
        axes.plot(*np.array(points).T, style, label=name, markersize=4)
    axes.set_xlabel("bytes of colour")
    axes.set_ylabel("PSNR-RGB under the true luma [dB]")
    axes.set_xlim(0, RANGE[1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def _hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points that no smaller one is as good as."""
    kept: list[tuple[float, float]] = []
    for size, value in sorted(points):
        if not kept or (value > kept[-1][1] and size > kept[-1][0]):
            kept.append((size, value))
    return kept


def chroma(pictures: list[Picture], net: Any) -> dict[str, Any]:
    """BD-rates of hints against base codecs, up to 300 and up to 601 bytes, with the pictures that had a figure."""
    from bjontegaard import bd_rate

    rates: dict[str, list[float]] = {}
    curves: dict[str, Any] = {}
    for picture in pictures:
        ways = {kind: hint_points(picture, kind, None) for kind in ("grid", "segmentation")}
        if net:
            ways["segmentation net"] = hint_points(picture, "segmentation", net)
        anchors = {name: chroma_points(picture, name) for name in QUALITIES}
        curves[picture.name] = ways | anchors
        for way, points in ways.items():
            for anchor, others in anchors.items():
                for most in (300, 601):
                    a, b = ([p for p in list_ if p[0] <= most * 1.05] for list_ in (others, points))
                    if min(len(a), len(b)) < 4:
                        continue
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        rate = bd_rate(*zip(*a), *zip(*b), method="akima", require_matching_points=False)  # noqa: B905
                    if np.isfinite(rate):
                        rates.setdefault(f"{way} against {anchor}, up to {most} B", []).append(float(rate))
    means = {name: {"percent": float(np.mean(v)), "pictures": len(v)} for name, v in rates.items()}
    return {"bd_rate": means, "curves": curves}


def files(pictures: list[Picture], pipeline: str, effort: int, metric: str) -> dict[str, Any]:
    """Scores of whole files, and in how many pictures hints won."""
    found: dict[str, Any] = {"metric": metric}
    for limit in FILES:
        rows = []
        for picture in pictures:
            asked = {"bytes": limit, "effort": effort, "pipeline": pipeline, "metric": metric}
            made = compress(picture.source.picture, hints="auto", **asked)
            rival = compress(picture.source.picture, hints="base", **asked)
            rows.append((made.score, rival.score, made.stream.chunk(HINTS_CHUNK) is not None, len(made.data)))
        scores = np.array(rows, float)
        found[str(limit)] = {
            "auto": scores[:, 0].mean(),
            "base codec's chroma": scores[:, 1].mean(),
            "worse than the base codec's": int((scores[:, 0] < scores[:, 1]).sum()),
            "hints won": scores[:, 2].mean(),
            "most_bytes": int(scores[:, 3].max()),
        }
    return found


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--part", action="append", choices=("presets", "chroma", "files", "curve"))
    parser.add_argument("--net", help="zoo:NAME or weights of a network for colour")
    parser.add_argument("--plot", type=Path, help="draw the part curve there, as PNG")
    parser.add_argument("--pipeline", default="bicubic")
    parser.add_argument("--metric", default="color", help="of the files")
    parser.add_argument("--effort", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="take each n-th picture")
    parser.add_argument("--json", type=Path, help="keep them there, with what they were made by")
    asked = parser.parse_args()
    found = [p for path in asked.pictures for p in (sorted(path.iterdir()) if path.is_dir() else [path])]
    pictures = [Picture(source, path) for path in found[:: asked.every] if (source := color(path))]
    net = None
    if asked.net:
        from lightning_dlic.operators.base import load_operator

        net = load_operator(asked.net)
    report: dict[str, Any] = {"pictures": [p.name for p in pictures], "net": asked.net}
    parts = asked.part or ["presets", "chroma", "files"]
    if "presets" in parts:
        report["presets"] = presets(pictures, net)
    if "chroma" in parts:
        report["chroma"] = chroma(pictures, net)
    if "curve" in parts:
        report["curve"] = curve(pictures, net)
        if asked.plot:
            draw(report["curve"], asked.plot)
    if "files" in parts:
        report["files"] = files(pictures, asked.pipeline, asked.effort, asked.metric)
    print(json.dumps(report, indent=1))
    if asked.json:
        keep(asked.json, report, "av")


if __name__ == "__main__":
    main()
