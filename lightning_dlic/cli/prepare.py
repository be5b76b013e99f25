"""``dlic prepare SET``: download, unpack and cache a set of pictures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from dlic_registry.terminal import printable, say

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Download, unpack and cache a set of pictures.")

Root = Annotated[Path, typer.Option(help="Folder of the set.")]
Gray = Annotated[bool, typer.Option(help="Cache one channel, as training with data.args.gray=true wants it.")]
Downsize = Annotated[
    float, typer.Option(help="Both sides of every picture are divided by this, as data.args.downsize.")
]
Skip = Annotated[bool, typer.Option(help="Leave pictures out that cannot be used, as data.args.on_error=skip.")]


class _Printable(logging.Formatter):
    """Records as lines that a terminal only shows."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)


PartOf = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="K/N",
        help="Cache only the K-th of N parts, on a disk that N machines share; the last to end joins them. Downloads "
        "nothing.",
        show_default=False,
    ),
]


def _cache(data: Any, part: str | None = None) -> None:
    from dlic_datamodules.cache_parts import Part
    from dlic_datamodules.prepare import cache_now, cache_part_now

    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("dlic.data").setLevel(logging.INFO)
    if part is None:
        for name, count in cache_now(data).items():
            say(f"{name}: {count} pictures, cached")
        return
    for name, (count, whole) in cache_part_now(data, Part.parse(part)).items():
        left = "all parts are there, and joined" if whole else "other parts are still to come"
        say(f"{name}: {count} pictures of part {part}, cached; {left}")


def _shared(gray: bool, downsize: float, skip: bool) -> dict[str, Any]:
    return {"gray": gray, "downsize": downsize, "on_error": "skip" if skip else "raise"}


@app.command()
def div2k(
    root: Root,
    small: Annotated[
        list[int] | None, typer.Option(help="Also the official bicubic pictures of scale 2, 3 or 4.")
    ] = None,
    extra: Annotated[list[Path] | None, typer.Option(help="More folders to train on, such as Flickr2K's.")] = None,
    url: Annotated[str | None, typer.Option(help="A mirror's address; the archives' names are appended.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep the archives after unpacking.")] = False,
    gray: Gray = False,
    downsize: Downsize = 1.0,
    skip: Skip = False,
    part: PartOf = None,
) -> None:
    """DIV2K: 800 + 100 photographs, 4 GB; for research only."""
    from dlic_datamodules.errors import DataError
    from dlic_datamodules.prepare import DIV2K_ARCHIVES, DIV2K_SMALL, DIV2K_URL, prepare_div2k

    archives = list(DIV2K_ARCHIVES)
    for scale in small or []:
        if scale not in DIV2K_SMALL:
            raise DataError(f"--small {scale}: DIV2K has bicubic pictures of scale 2, 3 and 4")
        archives += DIV2K_SMALL[scale]
    if part is None:
        prepare_div2k(root, url=(url or DIV2K_URL).rstrip("/"), archives=archives, keep=keep)
    from dlic_datamodules.div2k import DIV2KDataModule

    _cache(DIV2KDataModule(str(root), extra=[str(path) for path in extra or []], **_shared(gray, downsize, skip)), part)


@app.command("raise")
def raise_(
    root: Root,
    csv: Annotated[Path, typer.Option(help="RAISE's list: RAISE_1k.csv ... RAISE_all.csv.")],
    tiff: Annotated[bool, typer.Option(help="TIFF files instead of NEF (larger; NEF needs the extra `raw`).")] = False,
    connections: Annotated[int, typer.Option(min=1, max=16, help="Downloads at once.")] = 4,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many photographs.")] = None,
    host: Annotated[str | None, typer.Option(help="Replaces the host of the links, if the list's is gone.")] = None,
    gray: Gray = False,
    downsize: Downsize = 5.0,
    skip: Skip = False,
    part: PartOf = None,
) -> None:
    """RAISE: camera raw photographs by the list you got from its page; for research only."""
    from dlic_datamodules.prepare import prepare_raise

    if part is None:
        prepare_raise(root, csv, form="tiff" if tiff else "nef", connections=connections, limit=limit, host=host)
    from dlic_datamodules.raise_ import RAISEDataModule

    _cache(RAISEDataModule(str(root), csv=str(csv), **_shared(gray, downsize, skip)), part)


@app.command()
def faces(
    root: Annotated[Path | None, typer.Option(help="Local folder of faces.")] = None,
    repo: Annotated[
        str | None, typer.Option(help="Hub data set such as flwrlabs/celeba, or a folder of parquet.")
    ] = None,
    gray: Gray = False,
    downsize: Downsize = 1.0,
    skip: Skip = False,
    part: PartOf = None,
) -> None:
    """Faces from a local folder or the hub."""
    from dlic_datamodules.faces import FacesDataModule

    _cache(FacesDataModule(None if root is None else str(root), repo=repo, **_shared(gray, downsize, skip)), part)


@app.command()
def imagenet(
    root: Annotated[Path | None, typer.Option(help="Local tree: train/n01440764/*.JPEG, val/.")] = None,
    repo: Annotated[str | None, typer.Option(help="ILSVRC/imagenet-1k, a mirror, or a folder of parquet.")] = None,
    cache: Annotated[bool, typer.Option(help="Cache decoded pictures: about 700 GB at full size.")] = False,
    gray: Gray = False,
    downsize: Downsize = 1.0,
    skip: Skip = False,
    part: PartOf = None,
) -> None:
    """ImageNet-1k: download the hub's set (gated), or look at a local tree."""
    from dlic_datamodules.errors import DataError
    from dlic_datamodules.imagenet import ImageNetDataModule

    data = ImageNetDataModule(
        None if root is None else str(root), repo=repo, cache=cache, **_shared(gray, downsize, skip)
    )
    if cache:
        _cache(data, part)
    elif part is not None:
        raise DataError("--part shares out the caching of a set: add --cache")
    else:
        data.setup("fit")
        say(f"found: {data.summary()['pictures']}; not cached, pictures are decoded as they are drawn")


@app.command()
def folder(
    root: Annotated[list[Path], typer.Option(help="Folder of pictures; may be repeated.")],
    gray: Gray = False,
    downsize: Downsize = 1.0,
    skip: Skip = False,
    part: PartOf = None,
) -> None:
    """Any folders of pictures: only builds the cache."""
    from dlic_datamodules.folder import FolderDataModule

    _cache(FolderDataModule([str(path) for path in root], **_shared(gray, downsize, skip)), part)
