"""A benchmark's plots, page and exports."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlic_datamodules.files import write_file
from dlic_registry import DlicError
from lightning_dlic.bench.bench import kept_name, opened
from lightning_dlic.metrics.strict_json import strict_json

Record = dict[str, Any]


_OURS = "lightning-dlic bench"


def _mean_pixels(result: Record) -> float:
    pixels: dict[str, int] = {record["picture"]: record["pixels"] for record in result["records"]}
    return sum(pixels.values()) / max(1, len(pixels))


def write_json(path: Path, result: Record) -> None:
    """Writes everything that was measured."""
    write_file(path, (strict_json(result, indent=1) + "\n").encode())


def write_compressai(folder: Path, result: Record) -> list[Path]:
    """Writes a file a codec in the layout of CompressAI's ``results``: lists of bpp and metrics over budgets.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mean_pixels = _mean_pixels(result)
    written = []
    for codec in dict.fromkeys(row["codec"] for row in result["summary"]):
        rows = [row for row in result["summary"] if row["codec"] == codec and not row["missed"]]
        lists: dict[str, list[float]] = {"bpp": [8 * row["bytes"] / mean_pixels for row in rows]}
        for metric in result["metrics"]:
            if rows and all(metric in row for row in rows):
                lists[metric.replace("_", "-")] = [row[metric] for row in rows]
        lists["encoding_time"] = [row["encode_seconds"] for row in rows]
        lists["decoding_time"] = [row["decode_seconds"] for row in rows]
        content = {"name": codec, "description": f"{_OURS} on {result['folder']}", "results": lists}
        path = folder / f"{codec}.json"
        write_file(path, (strict_json(content, indent=2) + "\n").encode())
        written.append(path)
    return written


def read_published(path: Path) -> Record:
    """Reads figures in CompressAI's layout: a name, and under ``results`` lists of bpp and metrics.

    Returns:
        ``name``, and ``results`` by our names of metrics. PSNR of theirs is of RGB; their MS-SSIM, of RGB too, is none
        of ours, and is left out.

    Raises:
        DlicError: The file is not of that layout.
    """
    try:
        content = json.loads(path.read_bytes())
        lists = {name: [float(value) for value in values] for name, values in content["results"].items()}
        ours = str(content.get("description", "")).startswith(_OURS)
        metrics = {_published_name(name): values for name, values in lists.items() if ours or not _of_rgb(name)}
        if not lists["bpp"] or any(len(values) != len(lists["bpp"]) for values in metrics.values()):
            raise ValueError("lists of other lengths than bpp")
        return {"name": str(content["name"]), "results": metrics}
    except OSError as error:
        raise DlicError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise DlicError(f"{path}: no figures in CompressAI's layout ({what}): a name, and results with bpp") from error


def _of_rgb(name: str) -> bool:
    return name.startswith("ms-ssim")


def _published_name(name: str) -> str:
    return "psnr_rgb" if name == "psnr" else name.replace("-", "_")


def write_plot(path: Path, result: Record, published: Sequence[Record] = ()) -> None:
    """Draws a rate-distortion plot for each metric, two in a row.

    Args:
        path: The picture.
        result: What was measured.
        published: Figures of others on the same pictures, as `read_published` gives them, which are drawn dashed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    mean_pixels = _mean_pixels(result)
    metrics = [m for m in result["metrics"] if any(m in row for row in result["summary"])]
    columns = max(1, min(2, len(metrics)))
    lines = max(1, -(-len(metrics) // columns))
    figure, axes = pyplot.subplots(lines, columns, figsize=(5 * columns, 4 * lines), squeeze=False)
    budgets = sorted({row["budget"] for row in result["summary"]})
    for axis in axes.flat[len(metrics) :]:
        axis.set_visible(False)
    for axis, metric in zip(axes.flat, metrics, strict=False):
        for codec in dict.fromkeys(row["codec"] for row in result["summary"]):
            rows = [row for row in result["summary"] if row["codec"] == codec and metric in row]
            width = 2.5 if codec == "ours" else 1.2
            axis.plot([r["bytes"] for r in rows], [r[metric] for r in rows], marker="o", label=codec, linewidth=width)
        for other in published:
            if metric in other["results"]:
                sizes = [bpp * mean_pixels / 8 for bpp in other["results"]["bpp"]]
                axis.plot(sizes, other["results"][metric], "--", marker=".", label=other["name"], linewidth=1.0)
        axis.set(xlabel="bytes of the file", ylabel=_title(metric), xscale="log")
        axis.minorticks_off()
        axis.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    out = io.BytesIO()
    figure.savefig(out, dpi=120, format="png")
    pyplot.close(figure)
    write_file(path, out.getvalue())


def write_page(path: Path, result: Record, pictures: Path) -> None:
    """Writes an HTML page: the table, and any two codecs on either side of a slider.

    Args:
        path: The page.
        result: With records that name files.
        pictures: Folder of those files and of the originals.
    """
    place = pictures.relative_to(path.parent) if pictures.is_relative_to(path.parent) else pictures
    shown: dict[str, dict[str, dict[str, str]]] = {}
    for record in result["records"]:
        if "file" not in record:
            continue
        figures = ", ".join(f"{m} {record[m]:.3f}" for m in result["metrics"] if m in record)
        by = "/".join(record["best_by"])
        label = f"{record['codec']} {record['bytes']} B, x{record['scale']} (best by {by}: {figures})"
        group = shown.setdefault(
            f"{record['picture']} at {record['budget']} B", {"original": {"file": "", "label": ""}}
        )
        key = f"{record['codec']} {by}"
        group[key] = {"file": f"{place}/{record['file']}", "label": label}
        group["original"] = {"file": f"{place}/{kept_name(record['picture'], 'original')}", "label": "original"}
    # "</" inside a script would end it.
    data = strict_json(shown).replace("</", "<\\/")
    page = _PAGE.replace("@TITLE@", html.escape(f"Benchmark of {result['folder']}"))
    page = page.replace("@TABLE@", _table(result)).replace("@DATA@", data)
    write_file(path, page.encode(errors="backslashreplace"))


def _table(result: Record) -> str:
    metrics = result["metrics"]
    columns = ["codec", "budget", "bytes", *metrics, "encode_seconds", "decode_seconds", "missed"]
    head = "".join(f"<th>{_title(c) if c in metrics else c.replace('_', ' ')}</th>" for c in columns)
    best = _best_values(result)
    lines = []
    for row in result["summary"]:
        cells = []
        for column in columns:
            value = row.get(column, "")
            text = f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
            mark = column in result["metrics"] and value != "" and value == best.get((row["budget"], column))
            cells.append(f"<td>{f'<b>{text}</b>' if mark else text}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _title(metric: str) -> str:
    unit = " [dB]" if metric.startswith("psnr") else ""
    return f"{opened((metric,))[0].title}{unit}"


def _best_values(result: Record) -> dict[tuple[int, str], float]:
    found: dict[tuple[int, str], float] = {}
    for row in result["summary"]:
        for metric in result["metrics"]:
            if metric in row:
                choose = max if opened((metric,))[0].higher_is_better else min
                key = row["budget"], metric
                found[key] = choose(found.get(key, row[metric]), row[metric])
    return found


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@TITLE@</title><style>
body { font: 15px sans-serif; margin: 1.5em } table { border-collapse: collapse; font-size: 13px }
td, th { padding: .2em .6em; text-align: right; border-bottom: 1px solid #ddd }
#stage { position: relative; display: inline-block; line-height: 0 }
#stage img { max-width: 95vw } #right { position: absolute; left: 0; top: 0 }
#slider { width: 100% } .label { font-size: 13px; margin: .3em 0 }
</style></head><body><h1>@TITLE@</h1>
<p>Left: <select id="a"></select> Right: <select id="b"></select> Picture: <select id="p"></select></p>
<div class="label" id="la"></div><div class="label" id="lb"></div>
<div id="stage"><img id="left" alt="left"><img id="right" alt="right"></div>
<input id="slider" type="range" min="0" max="100" value="50" aria-label="divide">
@TABLE@
<script>
const data = @DATA@, at = id => document.getElementById(id);
function fill(select, names, wanted) {
  select.replaceChildren(...names.map(name => new Option(name, name)));
  if (names.includes(wanted)) select.value = wanted;
}
function cut() { at("right").style.clipPath = `inset(0 0 0 ${at("slider").value}%)`; }
function show() {
  const group = data[at("p").value]; if (!group) return;
  for (const [select, image, label] of [["a", "left", "la"], ["b", "right", "lb"]]) {
    const one = group[at(select).value]; if (!one) continue;
    at(image).src = one.file; at(label).textContent = `${image}: ${one.label}`;
  }
  cut();
}
function choose() {
  const names = Object.keys(data[at("p").value] || {});
  fill(at("a"), names, at("a").value || names[1]); fill(at("b"), names, at("b").value || names[names.length - 1]);
  show();
}
fill(at("p"), Object.keys(data)); at("p").onchange = choose;
at("a").onchange = at("b").onchange = show; at("slider").oninput = cut; choose();
</script></body></html>
"""
