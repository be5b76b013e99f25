"""Codecs side by side at byte budgets, each measured by the same functions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.errors import PictureError
from dlic_datamodules.work_processes import KilledError, run_jobs
from dlic_registry import import_plugins
from lightning_dlic.bench.rows import Sample, pick_rows
from lightning_dlic.metrics.terms import counted
from lightning_dlic.pipeline.pictures import load_picture, save_picture

if TYPE_CHECKING:
    from lightning_dlic.metrics.named import NamedMetric

U8 = NDArray[np.uint8]
Record = dict[str, Any]
PROTOCOL = {
    "bytes": "whole files, as stat counts them",
    "search": "per picture, budget and codec: the finest file within the budget at each scale "
    "(but the smallest only those of .012 bits a coded pixel or more); per metric the best; "
    "of a pipeline that says what is best, the one file that compress makes",
    "psnr_rgb": "over all three channels, peak 255",
    "psnr_y": "BT.601 studio range, MATLAB rgb2ycbcr of the 8-bit RGB; peak 255; no border cropped",
    "ssim_y": "on the Y of psnr_y; Gaussian 11x11, sigma 1.5, whole windows; no border cropped",
    "ms_ssim": "5 scales, on the Y of psnr_y; left out for pictures under 176 pixels",
    "lpips": "AlexNet v0.1; grey as three equal channels",
    "over_set": "fd_alex and the like: of all pictures' files that are best by the first metric of single pictures",
    "resizer": "MATLAB bicubic, antialiased, both ways; a network enlarges where a pipeline has one",
    "seconds": "of the search over all scales, shared by the budgets and divided by their number; of a file's decoding",
    "mean": "over pictures; a budget that a codec misses on any picture has no mean",
    "bd_rate": "Bjontegaard, akima, per picture over bytes actually used, mean over pictures with at least 4 points",
}


@dataclass(frozen=True)
class Task:
    """What is measured of every picture.

    Attributes:
        budgets: Bytes.
        codecs: Comma-separated names of rows.
        metrics: Registered names, of those that judge single pictures.
        plugins: Modules that register what the names stand for, imported in each process.
        effort: Of our searches.
        pipeline: Whose networks enlarge ours.
        gray: Whether only the luma is coded.
        keep: Folder for decoded pictures; None keeps none.
    """

    budgets: tuple[int, ...]
    codecs: str
    metrics: tuple[str, ...]
    effort: int = 5
    pipeline: str = "photo"
    gray: bool = False
    plugins: tuple[str, ...] = ()
    keep: Path | None = None


@dataclass(frozen=True)
class Measured:
    """What was found of a folder's pictures.

    Attributes:
        records: One for each picture, codec, budget and metric that chose another file.
        failed: Why a picture could not be measured, by its name.
    """

    records: list[Record]
    failed: dict[str, str]


def measure_folder(pictures: Mapping[str, Path], task: Task, workers: int, tell: Callable[[str], None]) -> Measured:
    """Measures every picture; one that cannot be does not cost the others.

    Args:
        pictures: Files by names that are unique.
        task: What to measure.
        workers: Processes; more than the machine has cores makes the seconds meaningless.
        tell: Called with a line a picture.
    """
    work, jobs, found = partial(_guarded, task=task), list(pictures.items()), dict[str, list[Record] | str]()
    parts = enumerate(map(work, jobs)) if workers <= 1 else run_jobs(work, jobs, workers)
    for number, (index, part) in enumerate(parts, 1):
        name = jobs[index][0]
        found[name] = str(part) if isinstance(part, KilledError) else part
        what = part if isinstance(found[name], str) else f"{len(part)} files chosen"
        tell(f"[{number}/{len(jobs)}] {name}: {what}")
    records = [record for name in pictures for record in found[name] if not isinstance(record, str)]
    return Measured(records, {name: part for name in pictures if isinstance(part := found[name], str)})


def _guarded(job: tuple[str, Path], task: Task) -> list[Record] | str:
    """Records of one picture, or why there are none."""
    try:
        return measure_picture(*job, task)
    except PictureError as error:
        return error.reason


def kept_name(picture: str, what: str) -> str:
    """The file, in the folder of kept pictures, of something made of a picture."""
    return f"{picture.replace('/', '-')}-{what}.png"


def measure_picture(picture_name: str, path: Path, task: Task) -> list[Record]:
    """Records of one picture."""
    import_plugins(task.plugins)
    picture, found = load_picture(path, gray=task.gray), []
    if task.keep is not None:
        save_picture(picture, task.keep / kept_name(picture_name, "original"))
    for name, row in pick_rows(task.codecs, task.effort, task.pipeline).items():
        session, start = row.open(picture), time.perf_counter()
        made = [(budget, list(session.samples(budget))) for budget in task.budgets]
        seconds = (time.perf_counter() - start) / len(task.budgets)
        for budget, samples in made:
            for record in _best(samples, picture, task.metrics):
                record |= {"picture": picture_name, "codec": name, "budget": budget, "encode_seconds": seconds}
                sample = record.pop("sample")
                if task.keep is not None:
                    record["file"] = kept_name(picture_name, f"{name}-{budget}-{record['best_by'][0]}")
                    save_picture(sample.picture, task.keep / record["file"])
                record["pixels"] = picture.shape[0] * picture.shape[1]
                found.append(record)
    return found


def _best(samples: list[Sample], picture: U8, metrics: tuple[str, ...]) -> list[Record]:
    """The samples that are best by some metric, each once."""
    scored = [(sample, score(sample.picture, picture, metrics)) for sample in samples]
    chosen: dict[int, list[str]] = {}
    for metric in metrics:
        sign = _sign(metric)
        able = [index for index, (_, figures) in enumerate(scored) if metric in figures]
        if able:
            best = max(able, key=lambda index: (sign * scored[index][1][metric], -scored[index][0].size))
            chosen.setdefault(best, []).append(metric)
    return [_record(*scored[index], names) for index, names in chosen.items()]


def _record(sample: Sample, figures: Mapping[str, float], names: list[str]) -> Record:
    return {
        "best_by": names,
        "bytes": sample.size,
        "scale": sample.scale,
        "setting": sample.setting,
        "decode_seconds": sample.decode_seconds,
        "sample": sample,
        **figures,
    }


def score(output: U8, target: U8, metrics: tuple[str, ...]) -> dict[str, float]:
    """Metrics of a decoded picture, by `PROTOCOL`; those that a picture is too small for are left out."""
    import torch

    from lightning_dlic.metrics.named import figures

    torch.set_num_threads(1)
    found = figures(opened(metrics), tensor(output), tensor(target))
    return {name: counted(name, value) for name, value in found.items()}


@cache
def opened(metrics: tuple[str, ...]) -> list[NamedMetric]:
    """The metrics of these names, built once a process."""
    from lightning_dlic.metrics.named import open_metrics

    return open_metrics(metrics, over_set=True)


def _sign(metric: str) -> int:
    return 1 if opened((metric,))[0].higher_is_better else -1


def tensor(picture: U8) -> Any:
    """A picture as metrics take it, uint8 ``[1, C, H, W]``."""
    import torch

    planes = picture[..., None] if picture.ndim == 2 else picture
    # A copy: what Pillow gives is read-only, which torch warns of.
    return torch.from_numpy(planes.copy()).permute(2, 0, 1)[None]


def summarize(records: list[Record], metrics: Iterable[str], pictures: int) -> list[Record]:
    """A row for each codec and budget: the mean over pictures of each metric's best files.

    ``missed`` counts pictures on which the codec had no file within the budget; then there are no means.
    """
    found = []
    for codec, budget in dict.fromkeys((record["codec"], record["budget"]) for record in records):
        mine = [r for r in records if (r["codec"], r["budget"]) == (codec, budget)]
        row: Record = {"codec": codec, "budget": budget, "missed": pictures - len({r["picture"] for r in mine})}
        if not row["missed"]:
            for metric in metrics:
                best = [r for r in mine if metric in r["best_by"]]
                if len(best) == pictures:
                    row[metric] = _mean(r[metric] for r in best)
            row["bytes"] = _mean(r["bytes"] for r in mine)
            row["encode_seconds"] = _mean(r["encode_seconds"] for r in mine)
            row["decode_seconds"] = _mean(r["decode_seconds"] for r in mine)
        found.append(row)
    return found


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)


def curve(records: list[Record], codec: str, metric: str, picture: str) -> list[tuple[float, float]]:
    """Bytes and metric of a codec's best files of a picture, by bytes, without points that more bytes made worse."""
    mine = [r for r in records if (r["codec"], r["picture"]) == (codec, picture) and metric in r["best_by"]]
    sign = _sign(metric)
    points: list[tuple[float, float]] = []
    for size, value in sorted({(float(r["bytes"]), sign * float(r[metric])) for r in mine}):
        if not points or (value > points[-1][1] and size > points[-1][0]):
            points.append((size, value))
    return points


def bd_rates(records: list[Record], test: str, metrics: Iterable[str]) -> list[Record]:
    """BD-rate of a codec against each of the others: per cent of bytes at equal quality, negative for fewer."""
    import warnings

    from bjontegaard import bd_rate

    pictures = list(dict.fromkeys(record["picture"] for record in records))
    found = []
    for anchor in dict.fromkeys(record["codec"] for record in records):
        for metric in metrics:
            if anchor == test:
                continue
            values = []
            for picture in pictures:
                a, b = (curve(records, codec, metric, picture) for codec in (anchor, test))
                if min(len(a), len(b)) < 4:
                    continue
                with warnings.catch_warnings():
                    # Where two codecs' qualities overlap little, it warns; such pictures still count.
                    warnings.simplefilter("ignore", UserWarning)
                    rate = bd_rate(
                        *zip(*a, strict=True), *zip(*b, strict=True), method="akima", require_matching_points=False
                    )
                if math.isfinite(rate):
                    values.append(float(rate))
            if values:
                found.append(
                    {"test": test, "anchor": anchor, "metric": metric, "percent": _mean(values), "n": len(values)}
                )
    return found
