"""``dlic`` and ``dlic-fit``: the table of verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from dlic_registry.terminal import say
from lightning_dlic import __version__
from lightning_dlic.cli.ends import run
from lightning_dlic.cli.lazy import LazyGroup, Verb, load_verb

# One line a verb; `--help` prints the second string, under the third, without importing the first.
COMPRESS = "Compress"
TRAIN = "Train"
NETWORKS = "Networks"
EXTEND = "Extend"
VERBS = {
    "compress": Verb(
        "lightning_dlic.cli.compress:compress", "Compress a picture, or a folder, into N bytes.", COMPRESS
    ),
    "decompress": Verb(
        "lightning_dlic.cli.decompress:decompress", "Decode a .dlic file, or a folder of them.", COMPRESS
    ),
    "show": Verb(
        "lightning_dlic.cli.show:show", "Draw a .dlic file: the picture, its layers, where its bytes went.", COMPRESS
    ),
    "info": Verb(
        "lightning_dlic.cli.info:info", "Show what is known of a network of the zoo, of a run, or of a file.", COMPRESS
    ),
    "bench": Verb("lightning_dlic.cli.bench:bench", "Measure codecs at byte budgets: table, plots, page.", COMPRESS),
    "demo": Verb("lightning_dlic.cli.demo:demo", "Open a page that codes photographs while you watch.", COMPRESS),
    "fit": Verb("lightning_dlic.cli.fit:fit", "Train the stages of a recipe.", TRAIN),
    "eval": Verb("lightning_dlic.cli.eval:evaluate_targets", "Measure networks and baselines on test sets.", TRAIN),
    "report": Verb(
        "lightning_dlic.cli.report:report_runs", "Write a page about a run, or several beside each other.", TRAIN
    ),
    "prepare": Verb("lightning_dlic.cli.prepare:app", "Download, unpack and cache a set of pictures.", TRAIN),
    "cache": Verb("lightning_dlic.cli.cache:app", "List, check or clear cached pictures.", TRAIN),
    "upscale": Verb(
        "lightning_dlic.cli.upscale:upscale_pictures", "Enlarge a picture, or a folder of pictures.", NETWORKS
    ),
    "export": Verb(
        "lightning_dlic.cli.export:export_net", "Write a network as ONNX or safetensors, and check it.", NETWORKS
    ),
    "push": Verb(
        "lightning_dlic.cli.push:push_network", "Write weights and card to the hub, or into a folder.", NETWORKS
    ),
    "list": Verb(
        "lightning_dlic.cli.list_:list_names", "List registered stages, nets, data sets and the rest.", EXTEND
    ),
    "new": Verb("lightning_dlic.cli.new:new", "Write a package that adds a stage, a net, a codec ...", EXTEND),
}


class Verbs(LazyGroup):
    """The verbs of ``dlic``."""

    verbs = VERBS


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    epilog="Begin with 'dlic compress photo.jpg photo.dlic --bytes 2000', or with 'dlic-fit quickstart'. "
    "'dlic VERB --help' says more of each.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"dlic {__version__}")
        raise typer.Exit


@app.callback()
def dlic(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train deep-learning image compression stages by recipe, and code photographs with them."""


def main() -> None:
    """Entry point ``dlic``."""
    run(typer.main.get_command(app), "dlic")


def fit_main() -> None:
    """Entry point ``dlic-fit``: the verb ``fit`` on its own."""
    run(load_verb("fit", VERBS["fit"]), "dlic-fit")
