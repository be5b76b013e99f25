"""Tables of the pages from what single scripts keep in `benchmarks/results`, or cards: ``<!-- report: NAME -->``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lightning_dlic.zoo import find_card
from reporting.keep import ROOT

KEPT = ROOT / "benchmarks" / "results"
Found = dict[str, Any]
PRESETS = ("grid-small", "segmentation-small", "grid-large", "segmentation-large")
SETS = {"imagenet_valid": "imagenet/valid", "kodak": "kodak"}


def drawn(name: str) -> str:
    """A table, and a line that says when and by what it was measured, if no card does."""
    if name in OF_CARDS:
        return "\n".join(OF_CARDS[name]()) + "\n"
    found = json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))
    return "\n".join((*TABLES[name](found), "", stamp(name, found["made_by"]))) + "\n"


def stamp(name: str, made: Found) -> str:
    """When, where and by what."""
    told = made["date"], f"commit {made['commit'][:12]}{' and changes' if made.get('changed') else ''}", made["cpu"]
    return f"`{made['command']}`, {', '.join(told)}; `benchmarks/results/{name}.json`."


def rows(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Markdown: the first column is words, the others are figures."""
    yield f"| {' | '.join(head)} |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for cells in body:
        yield f"| {' | '.join(cells)} |"


def steps(found: Found, sides: tuple[str, str]) -> list[str]:
    """Steps a second by the clock and by processors, and the ratio of medians."""
    cells = []
    for unit in ("steps_per_s", "steps_per_cpu_s"):
        cells += [" to ".join(dict.fromkeys(f"{pick(found[unit][side]):.2f}" for pick in (min, max))) for side in sides]
        cells.append(f"{found[unit]['ratio_of_medians']:.2f}")
    return cells


def _beside(rival: str) -> list[str]:
    return [
        "",
        *("`dlic-fit`, steps/s", f"{rival}, steps/s", "ratio"),
        *("`dlic-fit`, steps/CPU s", f"{rival}, steps/CPU s", "ratio"),
    ]


def basicsr(found: Found) -> Iterator[str]:
    """Steps a second beside BasicSR's loop."""
    yield from rows(
        _beside("BasicSR"), ([f"`{net}`", *steps(each, ("dlic-fit", "BasicSR"))] for net, each in found["nets"].items())
    )
    yield from ("", f"{found['protocol']}; threads: {found['threads']}; load average {found['made_by']['load']:.0f}.")


def overhead(found: Found) -> Iterator[str]:
    """Steps a second beside a bare loop."""
    yield from rows(_beside("bare loop"), [["`compact`", *steps(found, ("dlic-fit", "bare"))]])
    yield from ("", f"{found['protocol']}; threads: {found['threads']}; load average {found['made_by']['load']:.0f}.")


def inference(found: Found) -> Iterator[str]:
    """Seconds a megapixel."""
    figures = found["seconds_per_megapixel"]
    plain = next(each["best"] for name, each in figures.items() if name.endswith(", PyTorch") and "un" not in name)
    yield from rows(
        ["", "s/MP, best", "s/MP, median", "times PyTorch's speed"],
        (
            [name, f"{each['best']:.4f}", f"{each['median']:.4f}", f"{plain / each['best']:.2f}"]
            for name, each in figures.items()
        ),
    )
    yield from ("", f"Threads: {found['threads']}; input of {found['side']}x{found['side']} pixels; {found['rounds']}.")


def intra(found: Found) -> Iterator[str]:
    """BD-rates of `intra`."""
    sizes = {"1/2": "1/2 (384x256)", "1/4": "1/4 (192x128)", "96x64": "96x64"}
    columns = {
        "intra_against_hevc": "against hevc",
        "intra_against_webp_file": "against WebP",
        "intra_against_avif_file": "against AVIF",
        "intra_off_against_hevc": "without networks, against hevc",
        "intra_against_intra_off": "networks on against off",
    }
    yield from rows(
        ["luma", *columns.values()],
        ([sizes[size], *(f"{found[size][key]:+.1f} %" for key in columns)] for size in sizes if size in found),
    )
    spent = found["seconds_192x128"]
    yield ""
    yield (
        f"{found['pictures']} pictures of {found['folder']}, {found['psnr'][0]:.0f} to {found['psnr'][1]:.0f} dB, "
        f"effort {found['effort']}. Luma of 192x128 took "
        f"{spent['encode_cpu']:.2f} s of CPU time to encode and {spent['decode_cpu']:.2f} s to decode, compiled code "
        "being in the cache."
    )


def hints(found: Found) -> Iterator[str]:
    """PSNR-RGB and LPIPS of the presets by three ways."""
    figures = found["presets"]
    ways = {"plain": "plain", "filter": "filter", "net": "network"}
    head = ["PSNR-RGB / LPIPS", "most bytes", *ways.values()]
    body = []
    for preset in PRESETS:
        each = [figures[f"{preset} {way}"] for way in ways]
        values = [f"{one['psnr_rgb']:.2f} dB / {one['lpips']:.3f}" for one in each]
        body.append([f"`{preset}`", f"{max(one['most_bytes'] for one in each):.0f}", *values])
    yield from rows(head, body)
    grey = figures["grey"]
    yield ""
    yield f"{len(found['pictures'])} pictures of Kodak; grey has {grey['psnr_rgb']:.2f} dB / {grey['lpips']:.3f}."


def hints_curve(found: Found) -> Iterator[str]:
    """PSNR-RGB of hints by their bytes and ways."""
    curves = {name: points for name, points in found["curve"].items() if not name.endswith("chroma")}
    body = []
    for each in zip(*curves.values(), strict=True):
        most = max(spent for spent, _ in each)
        body.append([f"at most {most:.0f} bytes", *(f"{psnr:.2f}" for _, psnr in each)])
    yield from rows(["PSNR-RGB, dB", *curves], body)
    yield ""
    yield f"{len(found['pictures'])} pictures of Kodak."


def tiny(found: Found) -> Iterator[str]:
    """PSNR-RGB and LPIPS of placeholders by budget; how many pictures a codec misses."""
    budgets = sorted({row["budget"] for row in found["summary"]})
    titles = {"blurhash": "BlurHash", "thumbhash": "ThumbHash", "avif": "AVIF", "ours:tiny": "**dlic** `tiny`"}
    figures = {(row["codec"], row["budget"]): row for row in found["summary"]}
    body = []
    for codec in dict.fromkeys(row["codec"] for row in found["summary"]):
        cells = []
        for budget in budgets:
            row = figures.get((codec, budget), {"missed": len(found["pictures"])})
            cells.append(
                f"misses {row['missed']}" if row["missed"] else f"{row['psnr_rgb']:.2f} dB / {row['lpips']:.3f}"
            )
        body.append([titles.get(codec, codec), *cells])
    yield from rows(["PSNR-RGB / LPIPS at most", *(f"{budget} bytes" for budget in budgets)], body)


def photographs(found: Found) -> Iterator[str]:
    """Whom the rule takes for photographs."""
    body = []
    for row in found["rows"]:
        marks = sorted(row["marks"])
        told = " ... ".join(f"{mark:.2f}" for mark in (marks[0], marks[len(marks) // 2], marks[-1]))
        body.append([row["pictures"], str(row["number"]), str(row["taken_for_photographs"]), told])
    yield from rows(["pictures", "number", "taken for photographs", "least, median, greatest mark"], body)


def between_scales(found: Found) -> Iterator[str]:
    """What a further scale adds to the search."""
    records = [record for record in found["records"] if record["scale"]]
    body = []
    for pipeline, limit, scale in dict.fromkeys((r["pipeline"], r["limit"], r["scale"]) for r in records):
        mine = [r for r in records if (r["pipeline"], r["limit"], r["scale"]) == (pipeline, limit, scale)]
        gains = {by: [r["gain"] for r in mine if r["by"] == by] for by in ("psnr", "ms_ssim")}
        means = (f"{sum(values) / len(values):+.4f}" for values in gains.values())
        taken = sum(r["chosen"] == scale for r in mine if r["by"] == "psnr")
        body.append([f"`{pipeline}`, {limit} bytes", f"{scale:g}", *means, f"{taken} of {len(gains['psnr'])}"])
    yield from rows(["", "scale", "PSNR-RGB, dB", "MS-SSIM", "pictures that took it by PSNR"], body)


def demo(found: Found) -> Iterator[str]:
    """What a visitor of the demonstration waits for."""
    waits = {"until_shown_and_to_be_had": "until it is to be had", "until_rivals_and_figures_are_there": "until all is"}
    head = ["a photograph of 12 megapixels", "bytes", *(f"{words}, CPU s" for words in waits.values())]
    body = []
    for name, photo in found["photographs"].items():
        spent = (f"{photo[wait]['processors']:.1f}" for wait in waits)
        body.append([name.rpartition(".")[2].upper(), f"{photo['coded_bytes']:,}", *spent])
    yield from rows(head, body)
    yield ""
    yield (
        f"The page answered after {found['seconds_until_the_page_answers']:.1f} s by the clock. "
        f"Protocol: {found['protocol']}; load average {found['made_by']['load']:.0f}."
    )


def data(found: Found) -> Iterator[str]:
    """Crops a second from files and from the cache."""
    first = found["crops_per_cpu_s"]["decode PNG"]
    body = ([way, f"{rate:,.0f}", f"{rate / first:,.0f}"] for way, rate in found["crops_per_cpu_s"].items())
    yield from rows(["", "crops a second of one core", "times the first"], body)
    built = found["cache"]
    yield ""
    yield (
        f"The cache of {built['pictures']:.0f} photographs took {built['build_s']:.0f} s to build and "
        f"{built['again_s']:.1f} s to open again, by the clock; load average {found['made_by']['load']:.0f}."
    )


def prediction() -> Iterator[str]:
    """PSNR of predicted blocks, and shares of blocks that the networks win, of their cards."""
    columns = {
        "psnr": ("network, dB", "{:.2f}"),
        "psnr_planar": ("planar, dB", "{:.2f}"),
        "psnr_best35_oracle": ("best of 35, dB", "{:.2f}"),
        "wins_planar": ("blocks better than planar", "{:.0%}"),
    }
    body = [
        [f"`{name}`", data, *(form.format(figures[key]) for key, (_, form) in columns.items())]
        for name in ("pnns_4", "pnns_8", "pnns_16")
        for data, figures in find_card(name).figures.items()
    ]
    yield from rows(["", "", *(title for title, _ in columns.values())], body)


def guessed() -> Iterator[str]:
    """PSNR-RGB of colour without hints, of cards."""
    body = []
    for name in ("multihypothesis_compact", "colorful_compact"):
        for data, figures in find_card(name).figures.items():
            ways = (figures.get(f"{way}_psnr_rgb") for way in ("grey", "net", "net_vivid"))
            body.append([f"`{name}`, {SETS[data]}", *("" if value is None else f"{value:.2f}" for value in ways)])
    yield from rows(["PSNR-RGB, dB", "grey", "network", "rebalanced"], body)


def hinted() -> Iterator[str]:
    """PSNR-RGB of colour with hints, by the filter and by the network, of its card."""
    figures = find_card("multihypothesis_compact").figures
    body = []
    for preset in PRESETS:
        pairs = ((figures[data][f"{way}_{preset}_psnr_rgb"] for way in ("floor", "net")) for data in SETS)
        body.append([f"`{preset}`", *(f"{value:.2f}" for pair in pairs for value in pair)])
    head = [f"{data}, {way}" for data in SETS.values() for way in ("filter", "network")]
    yield from rows(["PSNR-RGB, dB", *head], body)


TABLES: dict[str, Callable[[Found], Iterator[str]]] = {
    "basicsr": basicsr,
    "overhead": overhead,
    "inference": inference,
    "intra": intra,
    "hints": hints,
    "hints_curve": hints_curve,
    "tiny": tiny,
    "photographs": photographs,
    "between_scales": between_scales,
    "demo": demo,
    "data": data,
}
"""By the name of the JSON that they are of."""
OF_CARDS = {"cards-prediction": prediction, "cards-guessed": guessed, "cards-hinted": hinted}
"""Of the zoo's cards, which say themselves what measured them."""
