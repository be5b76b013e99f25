"""``dlic report``: what a run has become, on a page that is whole."""

import base64
import io
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from lightning_dlic.pages.curves import Curve, chart
from lightning_dlic.pages.html import tag
from lightning_dlic.pages.runs import flat

Inline = Callable[..., tuple[str, str]]


class Reader(HTMLParser):
    """Words, tables and open elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.outside: list[str] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [value for key, value in attrs if key in ("src", "href") and not str(value).startswith("data:")]
        if tag not in ("meta",):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [value for key, value in attrs if key in ("src", "href") and not str(value).startswith("data:")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if self.open[-1:] == ["h3"]:
            self.titles.append(data)


@pytest.fixture
def run(write_recipe: Callable[..., Path], inline: Inline, tmp_path: Path) -> Path:
    inline("fit", write_recipe(), "trainer.progress=false")
    return tmp_path / "runs" / "tiny" / "001"


def test_a_run_is_on_one_page_with_curves_samples_and_figures(run: Path, inline: Inline, tmp_path: Path) -> None:
    out, _ = inline("report", run)
    text = (run / "report.html").read_text()
    read = Reader(text)
    assert "report.html: 1 run" in out
    assert read.open == []
    assert read.outside == []
    result = json.loads((run / "result.json").read_text())["figures"]
    table = {row[0]: row[1:] for row in read.rows}
    names = table[""]
    assert table["bicubic"] == [f"{result['baseline'][name]:.{4 if 'ssim' in name else 2}f}" for name in names]
    assert table["trained"][names.index("psnr_y")].startswith(f"{result['net']['psnr_y']:.2f} (")
    assert {"val/psnr_y", "train/net_pixel"} <= {title.removesuffix(" (logarithmic)") for title in read.titles}
    # Every sample of the folder, as it looks there.
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])  # type: ignore[index]
    assert data["steps"] == [3, 6]
    with Image.open(run / "samples" / "0-step-00000003.png") as kept:
        size = kept.size
    with Image.open(io.BytesIO(base64.b64decode(data["samples"]["0-0"][0][1].partition(",")[2]))) as shown:
        assert shown.size == size

    # Beside another that has not ended, and whose names try to be more than text.
    other = tmp_path / "runs" / "tiny" / "<script>x"
    shutil.copytree(run, other, ignore=shutil.ignore_patterns("result.json", "*.ckpt", "report.html"))
    recipe = (other / "recipe.yaml").read_text().replace("width: 8", "width: 9")
    (other / "recipe.yaml").write_text(recipe + "# </pre><script>alert(1)</script>\n")
    out, _ = inline("report", tmp_path / "runs" / "tiny", "--out", tmp_path / "both.html")
    text = (tmp_path / "both.html").read_text()
    read = Reader(text)
    assert ("2 runs" in out, read.open) == (True, [])
    assert "<script>x" not in text
    assert "<script>alert" not in text
    assert ["stages.sr.args.width", "8", "9"] in read.rows
    assert any(row[0] == "tiny/<script>x" and row[-1] == "has not ended" for row in read.rows)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("recipe.yaml", "a: [", "recipe.yaml: cannot be understood"),
        ("recipe.yaml", "- a\n", "recipe.yaml: no recipe"),
        ("metrics.csv", "step,a\nx,1\n", "metrics.csv: cannot be understood"),
        ("result.json", "{", "result.json: cannot be understood"),
        ("result.json", "[1]", "result.json: no result"),
    ],
)
def test_damage_is_named(tmp_path: Path, inline: Inline, name: str, content: str, words: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text("name: x\n")
    (run / name).write_text(content)
    assert words in inline("report", run, status=2)[1]
    assert not (run / "report.html").exists()


def test_what_is_no_run_is_refused_and_an_empty_one_is_shown(tmp_path: Path, inline: Inline) -> None:
    assert "not a run's folder" in inline("report", tmp_path, status=2)[1]
    (tmp_path / "recipe.yaml").write_text("name: x\nstages: 3\ntrain: sr\n")
    (tmp_path / "metrics.csv").write_text("step,val/psnr_y,train/x\n5,inf,\n")
    (tmp_path / "result.json").write_text('{"figures": {"net": {"psnr_y": null}}, "seconds": "?"}')
    inline("report", tmp_path)
    assert "None yet" in (tmp_path / "report.html").read_text()


def test_named_sets_have_a_table_each_and_their_baselines_are_drawn(tmp_path: Path, inline: Inline) -> None:
    (tmp_path / "recipe.yaml").write_text("name: x\n")
    (tmp_path / "metrics.csv").write_text("step,val/kodak/psnr_y,val/psnr_y\n5,31,31\n9,32,32\n")
    made = {
        name: {"pictures": count, "net": {"psnr_y": 32.0}, "baseline": {"psnr_y": 30.0 + count}}
        for name, count in {"kodak": 24, "valid": 1}.items()
    }
    (tmp_path / "result.json").write_text(json.dumps({"sets": made, "figures": made["valid"], "baseline": "bicubic"}))
    inline("report", tmp_path)
    read = Reader((tmp_path / "report.html").read_text())
    assert {"kodak", "valid"} <= set(read.titles)
    assert [row[1] for row in read.rows if row[0] in ("bicubic", "trained")] == [
        *("54.00", "32.00 (-22.00)"),
        *("31.00", "32.00 (+1.00)"),
    ]
    drawn = (tmp_path / "report.html").read_text()
    assert "dashed: baseline 54.00" in drawn
    assert "dashed: baseline 31.00" in drawn


def test_charts_draw_what_they_are_given_and_escape_it() -> None:
    drawn = chart("a<b", [Curve("run", [(1, 1.0), (2, 100.0), (3, 10.0)], 0, flat=50.0)], higher_is_better=True)
    assert "a&lt;b (logarithmic)" in drawn
    assert "run 10.00, best 100.00 at 2 (dashed: baseline 50.00)" in drawn
    points = re.search(r'<polyline points="([^"]*)" class="c0"', drawn)[1].split()  # type: ignore[index]
    heights = [float(point.split(",")[1]) for point in points]
    # Higher values are farther up, and decades are equally far apart.
    assert heights[0] - heights[2] == pytest.approx(heights[2] - heights[1], abs=0.2)
    assert chart("one", [Curve("run", [(5, 0.0)])]).count("<circle") == 1
    assert tag("p", "<", title='"') == '<p title="&quot;">&lt;</p>'
    assert flat({"a": {"b": 1, "c": {}}, "d": None}) == {"a.b": 1, "a.c": {}, "d": None}
