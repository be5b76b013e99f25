"""``dlic compress``: pictures to bitstreams."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlic_datamodules.work_processes import cores
from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import printable_json, say
from lightning_dlic.cli.notes import notes
from lightning_dlic.cli.places import STANDARD, is_folder, parse_bytes, place, run_folder, tell_outcomes
from lightning_dlic.cli.plugins import Plugins
from lightning_dlic.metrics.strict_json import strict_json

if TYPE_CHECKING:
    from lightning_dlic.codec import Bitstream
    from lightning_dlic.pipeline.compress import Compressed
    from lightning_dlic.pipeline.plan import Pipeline

_TRANSPARENCY = ("flatten", "refuse")
# Encodings at a time of a single picture.
_THREADS = 2


@dataclass(frozen=True)
class Options:
    """What the user asked for, in the words of `lightning_dlic.pipeline.compress.compress`."""

    bytes: int | None
    quality: float | None
    target: dict[str, float] | None
    codec: str
    scale: float | str
    metric: str | None
    effort: int
    pipeline: Pipeline | str
    hints: str | None
    alpha: float | str | None
    gray: bool
    transparency: str
    threads: int = _THREADS


def compress(
    source: Annotated[
        str | None, typer.Argument(help="A picture, a folder of pictures, or - for standard input.", show_default=False)
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(help="The .dlic file, a folder for a folder, or - for standard output.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Values in place of the pipeline's: hints.name=grid ...")
    ] = None,
    bytes_: Annotated[
        str | None, typer.Option("--bytes", metavar="N", help="Limit of the whole file: 1500, 2k (2000), 2Ki (2048).")
    ] = None,
    quality: Annotated[
        float | None, typer.Option(min=0, max=100, help="Quality of the base codec, 0 to 100, no search.")
    ] = None,
    goal: Annotated[str | None, typer.Option("--target", help="psnr=DB, ssim=VALUE or lpips=VALUE.")] = None,
    codec: Annotated[
        str, typer.Option("--codec", "--base", help="Base codec, or auto for the best exact one.")
    ] = "auto",
    scale: Annotated[
        str, typer.Option(help="Factor of downsizing, 1 to 16 in sixteenths, such as 1.5, or auto for the best.")
    ] = "auto",
    metric: Annotated[
        str | None,
        typer.Option(
            help="What --bytes is best by: ssim, ms_ssim, psnr, color, lpips or look. Default: the pipeline's."
        ),
    ] = None,
    effort: Annotated[int, typer.Option(min=1, max=9, help="1 is fastest, 9 smallest.")] = 5,
    pipeline: Annotated[
        str, typer.Option(help="Name (see dlic list pipeline) or recipe of a pipeline, a run's folder, or auto.")
    ] = "photo",
    print_recipe: Annotated[
        bool, typer.Option("--print-recipe", help="Print the pipeline as resolved, check it, code nothing.")
    ] = False,
    hints: Annotated[
        str | None,
        typer.Option(
            help="Colour by: base, grid, segmentation or none; add ,BYTES. Or grid-small and the like, or auto."
        ),
    ] = None,
    alpha: Annotated[
        str | None,
        typer.Option(
            help="How much networks may make up: 0, faithful, to 1, vivid; or auto. The pipeline's by default."
        ),
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="Code the luma only.")] = False,
    transparency: Annotated[str, typer.Option(help="Transparency: flatten on white, or refuse.")] = "flatten",
    workers: Annotated[int, typer.Option(min=0, help="Processes for a folder; 0 for one a core.")] = 0,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE",
            help="Share a folder out by ray, or ray:ADDRESS of a cluster; SOURCE and TARGET may be s3://...",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="In a folder, make again what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON, a line a picture.")] = False,
    plugin: Plugins = None,
) -> None:
    """Compress a picture, or a folder, into N bytes.

    Or to a quality, or to a target. Orientation and colour profile are applied; all other metadata is dropped. Of a
    folder, files that are there already are skipped; pictures that cannot be read are named, and the rest goes on.
    """
    import_plugins(plugin or [])
    from lightning_dlic.pipeline.plan import find_pipeline
    from lightning_dlic.recipe import to_yaml
    from lightning_dlic.recipe.pipeline import load_pipeline

    if pipeline == "auto" and (overrides or print_recipe):
        raise DlicError("--pipeline auto chooses by each picture: name one, photo or faithful, to override or print it")
    chosen = pipeline if pipeline == "auto" else find_pipeline(pipeline, overrides or [])
    if print_recipe:
        say(to_yaml(load_pipeline(pipeline, overrides or [])).rstrip())
        return
    if source is None or target is None:
        raise DlicError("which picture, and where to? dlic compress SOURCE TARGET --bytes N")
    if transparency not in _TRANSPARENCY:
        raise DlicError(f"--transparency must be flatten or refuse, not {transparency!r}")
    if sum(value is not None for value in (bytes_, quality, goal)) != 1:
        raise DlicError("one of --bytes, --quality and --target must say how far to compress")
    limit = None if bytes_ is None else parse_bytes(bytes_, "--bytes")
    far = limit, quality, _goal(goal)
    strength = _strength(alpha)
    options = Options(*far, codec, _scale(scale), metric, effort, chosen, hints, strength, gray, transparency)
    if on is not None:
        _remote(source, target, options, on, workers, overwrite, as_json)
        return
    if "://" in source or "://" in target:
        raise DlicError(
            f"{source if '://' in source else target}: addresses are for folders that are shared out: --on ray"
        )
    if is_folder(source):
        _folder(Path(source), target, options, workers or cores(), overwrite, as_json)
        return
    target = place(source, target, ".dlic", overwrite)
    with notes():
        report = _one(source, target, options)
    line = printable_json(strict_json(report)) if as_json else _sentence(report)
    say(line, err=target == STANDARD)


def _goal(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    name, _, value = text.partition("=")
    try:
        return {name: float(value)}
    except ValueError:
        raise DlicError(f"--target {text!r}: write a metric and a number, such as psnr=32 or ssim=0.9") from None


def _strength(text: str | None) -> float | str | None:
    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        hint = f" What becomes of transparency is --transparency {text}." if text in _TRANSPARENCY else ""
        raise DlicError(f"--alpha {text!r}: write auto or a number from 0, faithful, to 1, vivid.{hint}") from None


def _scale(text: str) -> float | str:
    if text == "auto":
        return text
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        raise DlicError(f"--scale {text[:40]!r}: write auto or a number from 1 to 16") from None


def _one(source: str, target: str, options: Options) -> dict[str, Any]:
    from dlic_datamodules.files import write_file
    from lightning_dlic.pipeline.compress import compress as run
    from lightning_dlic.pipeline.pictures import load_picture

    asked = {item.name: getattr(options, item.name) for item in fields(options)}
    picture = load_picture(source, transparency=asked.pop("transparency"), gray=asked.pop("gray"))
    made = run(picture, **asked)
    if target == STANDARD:
        sys.stdout.buffer.write(made.data)
    else:
        write_file(target, made.data)
    return _report(source, target, made)


def _report(source: str, target: str, made: Compressed) -> dict[str, Any]:
    from lightning_dlic.codec.networks import named_networks, stream_alpha

    stream = made.stream
    return {
        "source": source,
        "target": target,
        "bytes": len(made.data),
        "width": stream.width,
        "height": stream.height,
        "color": stream.color,
        "codec": stream.codec,
        "scale": stream.factor,
        "quality": made.quality,
        "pipeline": stream.pipeline,
        "networks": [network.name for network in named_networks(stream) or ()],
        "alpha": stream_alpha(stream),
        "hints": _hints(stream),
        "metric": made.metric,
        "score": made.score,
    }


def _hints(stream: Bitstream) -> dict[str, Any] | None:
    from lightning_dlic.codec.container import HINTS_CHUNK

    body = stream.chunk(HINTS_CHUNK)
    if body is None:
        return None
    from lightning_dlic.codec.hints.chunk import describe_hints

    return describe_hints(body)


def _sentence(report: dict[str, Any]) -> str:
    from lightning_dlic.codec import base_codec
    from lightning_dlic.pipeline.plan import pipeline_title

    # As --quality has it; the report has the codec's own step.
    quality = 100 * report["quality"] / max(1, base_codec(report["codec"]).steps - 1)
    how = f"{report['codec']}, scale {report['scale']}, quality {quality:.0f}"
    net = "" if report["pipeline"] is None else f", pipeline {pipeline_title(report['pipeline'])}"
    net += f", networks {' '.join(report['networks'])}" if report["networks"] else ""
    net += f", alpha {report['alpha']:.2g}" if report["alpha"] else ""
    hints = report["hints"]
    net += f", hints {hints['name']} {hints['bytes']} bytes" if hints else ""
    return f"{report['target']}: {report['bytes']} bytes ({how}{net}; {report['metric']} {report['score']:.4f})"


def _folder(source: Path, target: str, options: Options, workers: int, overwrite: bool, as_json: bool) -> None:
    from dlic_datamodules.folder_work import plan
    from dlic_datamodules.formats import PICTURE_SUFFIXES
    from lightning_dlic.codec.container import SUFFIX

    if target == STANDARD:
        raise DlicError(f"{source} is a folder; name a folder for its bitstreams, not standard output")
    found = plan(source, Path(target), PICTURE_SUFFIXES, SUFFIX)
    # Encodings at a time: what is left of the cores for each process.
    threads = max(1, cores() // max(1, min(workers, len(found.pairs))))
    run_folder(found, partial(_work, replace(options, threads=min(threads, _THREADS)), as_json), workers, overwrite)


def _remote(source: str, target: str, options: Options, on: str, workers: int, overwrite: bool, as_json: bool) -> None:
    from dlic_datamodules.formats import PICTURE_SUFFIXES
    from dlic_datamodules.remote_work import engine_address, plan_remote, run_on_ray
    from lightning_dlic.codec.container import SUFFIX

    if STANDARD in (source, target):
        raise DlicError("--on shares out a folder, not standard input")
    address = engine_address(on)
    found = plan_remote(source, target, PICTURE_SUFFIXES, SUFFIX)
    outcomes = run_on_ray(found, partial(_work, replace(options, threads=1), as_json), address, workers, overwrite)
    tell_outcomes(outcomes, len(found.pairs), found.others)


def _work(options: Options, as_json: bool, source: Path, target: Path) -> str:
    report = _one(str(source), str(target), options)
    return strict_json(report) if as_json else _sentence(report)
