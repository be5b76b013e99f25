"""``dlic bench`` on two small pictures, with files that any machine can write."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from forking import run_forked
from PIL import Image
from plugin_maker import DLIC

pytest.importorskip("bjontegaard", reason="the extra bench is not installed")
pytest.importorskip("matplotlib", reason="the extra bench is not installed")
pytestmark = pytest.mark.slow


ACME = """
from dlic_registry import register
from torch import nn

@register("metric", "acme_means")
class Means(nn.Module):
    higher_is_better, title = False, "means apart"

    def forward(self, output, target):
        return 255 * (output.mean() - target.mean()).abs()

@register("metric", "acme_set")
class Apart(nn.Module):
    higher_is_better, over_set = False, True

    def __init__(self):
        super().__init__()
        self.made, self.real = [], []

    def update(self, pictures, real):
        (self.real if real else self.made).append(pictures.mean())

    def compute(self):
        return 255 * abs(sum(self.made) / len(self.made) - sum(self.real) / len(self.real))
"""


def bench(*arguments: object, folders: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    return run_forked(DLIC, "bench", *arguments, folders=folders)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skimage import data

    path = tmp_path_factory.mktemp("bench")
    Image.fromarray(data.astronaut()[:180, 100:284]).save(path / "a.png")
    Image.fromarray(data.chelsea()[:180, 100:278]).save(path / "b.png")
    return path


@pytest.fixture(scope="module")
def result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    out = tmp_path_factory.mktemp("out")
    (out / "acme_metrics.py").write_text(ACME)
    theirs = {"name": "theirs", "results": {"bpp": [0.2, 0.4], "psnr": [20.0, 24.0], "ms-ssim": [0.9, 0.95]}}
    (out / "theirs.json").write_text(json.dumps(theirs))
    done = bench(
        folder,
        *("--plugin", "acme_metrics"),
        *("--budgets", "800,1400,2400,5000", "--codecs", "webp,hevc,codec:webp,ours", "--effort", 2),
        *("--metrics", "psnr_rgb,psnr_y,ssim_y,ms_ssim,acme_means,acme_set", "--pipeline", "bicubic"),
        *(
            "--published",
            out / "theirs.json",
            "--json",
            out / "r.json",
            "--plot",
            out / "r.png",
            "--html",
            out / "r.html",
            "--compressai",
            out / "c",
        ),
        folders=(out,),
    )
    assert done.returncode == 0, done.stderr
    return out, json.loads((out / "r.json").read_text()), done.stdout


def test_no_file_exceeds_its_budget(result: tuple[Path, dict, str]) -> None:
    records = result[1]["records"]
    assert records
    assert all(0 < record["bytes"] <= record["budget"] for record in records)
    assert {record["picture"] for record in records} == {"a.png", "b.png"}


def test_summary_has_means_of_each_metrics_best(result: tuple[Path, dict, str]) -> None:
    measured = result[1]
    (row,) = [r for r in measured["summary"] if r["codec"] == "webp" and r["budget"] == 2400]
    best = [
        record["ssim_y"]
        for record in measured["records"]
        if (record["codec"], record["budget"]) == ("webp", 2400) and "ssim_y" in record["best_by"]
    ]
    assert row["ssim_y"] == pytest.approx(sum(best) / 2)
    assert row["missed"] == 0
    # A metric of others chooses among the files too, and lower is better where it says so.
    first = [r for r in measured["records"] if (r["picture"], r["codec"], r["budget"]) == ("a.png", "webp", 2400)]
    assert min(first, key=lambda r: r["acme_means"]) in [r for r in first if "acme_means" in r["best_by"]]
    assert "means apart" in (result[0] / "r.html").read_text()


def test_a_set_is_judged_by_the_files_of_the_first_metric(result: tuple[Path, dict, str]) -> None:
    out, measured, printed = result
    assert "acme_set" in printed
    (row,) = [r for r in measured["summary"] if (r["codec"], r["budget"]) == ("webp", 2400)]
    mine = [
        r for r in measured["records"] if (r["codec"], r["budget"]) == ("webp", 2400) and "psnr_rgb" in r["best_by"]
    ]
    made, real = (
        [np.asarray(Image.open(out / "r" / name)).mean() for name in names]
        for names in ([record["file"] for record in mine], [f"{record['picture']}-original.png" for record in mine])
    )
    assert row["acme_set"] == pytest.approx(abs(np.mean(made) - np.mean(real)), abs=1e-3)
    assert all("acme_set" not in record for record in measured["records"])


def test_ours_spends_fewer_bytes_than_files_of_webp(result: tuple[Path, dict, str]) -> None:
    rates = {(r["anchor"], r["metric"]): r["percent"] for r in result[1]["bd_rate"]}
    assert rates["webp", "psnr_y"] < -10
    assert rates["webp", "ssim_y"] < -10
    assert rates["hevc", "ssim_y"] <= 0.5
    assert "BD-rate of ours against webp" in result[2]


def test_a_base_codec_is_a_row_in_our_container(result: tuple[Path, dict, str]) -> None:
    mine = [record for record in result[1]["records"] if record["codec"] == "codec:webp"]
    assert {(record["picture"], record["budget"]) for record in mine} >= {("a.png", 800), ("b.png", 5000)}
    assert all(record["setting"].startswith("webp quality") for record in mine)


def test_avif_with_the_smallest_header_is_written_or_refused(folder: Path) -> None:
    from dlic_registry import DlicError
    from lightning_dlic.bench.rows import MiniRow

    with Image.open(folder / "a.png") as image:
        picture = np.asarray(image)
    if shutil.which("avifenc") is None:
        with pytest.raises(DlicError, match="avif-mini needs libavif's avifenc and avifdec"):
            MiniRow("AVIF").open(picture)
        return
    session = MiniRow("AVIF").open(picture)
    assert all(sample.size <= 900 and sample.picture.shape == picture.shape for sample in session.samples(900))


def test_plot_page_and_export(result: tuple[Path, dict, str]) -> None:
    out, measured, _ = result
    with Image.open(out / "r.png") as image:
        assert image.width > 500
    page = (out / "r.html").read_text()
    files = {record["file"] for record in measured["records"]}
    assert files <= {path.name for path in (out / "r").glob("*.png")}
    assert all(name in page for name in files)
    assert 'type="range"' in page
    from lightning_dlic.bench.report import read_published

    # MS-SSIM of theirs is of RGB, which is none of ours.
    assert read_published(out / "theirs.json")["results"].keys() == {"bpp", "psnr_rgb"}
    export = json.loads((out / "c" / "ours.json").read_text())
    assert export["name"] == "ours"
    assert len(export["results"]["bpp"]) == len(export["results"]["psnr-rgb"]) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codecs", "jpg"], "Did you mean 'jpeg'"),
        (["--budgets", "1kk"], "--budgets"),
        (["--metrics", "psnr_rbg"], "Did you mean 'psnr_rgb'"),
        (["--published", __file__, "--plot", "p.png"], "no figures in CompressAI's layout"),
    ],
)
def test_mistakes_are_named(folder: Path, arguments: list[str], message: str) -> None:
    done = bench(folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_lpips_is_left_out_with_a_note_unless_asked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DLIC_WEIGHTS", "DLIC_DATA", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    few = (folder, "--codecs", "jpeg", "--budgets", 2400, "--limit", 1)
    done = bench(*few)
    assert (done.returncode, done.stderr.count("LPIPS left out")) == (0, 1), done.stderr
    assert "psnr_rgb" in done.stdout
    assert " lpips " not in done.stdout
    asked = bench(*few, "--metrics", "psnr_rgb,lpips")
    assert asked.returncode != 0
    assert "alexnet" in asked.stderr.lower()


def test_info_of_a_bitstream(inline: Callable[..., tuple[str, str]]) -> None:
    golden = Path(__file__).parents[1] / "codec" / "golden" / "hevc_x2_color.dlic"
    facts = json.loads(inline("info", golden, "--json")[0])
    assert facts["bytes"] == golden.stat().st_size
    assert facts["base"]["codec"] == "hevc"
