"""The site builds strictly, orders every page, and asks nothing of another host."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lightning_dlic as dlic

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, from a copy of what it is made of."""
    pytest.importorskip("zensical", reason="the site's generator is missing: pip install 'lightning-dlic[docs]'")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    config = (ROOT / "zensical.toml").read_text()
    sources = [str(ROOT), str(ROOT / "registry"), str(ROOT / "datamodules")]
    found = re.sub(r"(?m)^paths = .*$", f"paths = {sources!r}", config)
    (folder / "zensical.toml").write_text(found)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "site"


def test_every_page_is_there_and_found_in_the_order(site: Path) -> None:
    built = {page.relative_to(site).with_suffix("") for page in site.rglob("*.html")} - {Path("404")}
    pages = [page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")]
    written = {page.with_name("index") if page.name == "README" else page for page in pages}
    assert built == written
    start = (site / "index.html").read_text()
    listed = {Path(target).with_suffix("") for target in re.findall(r'href="([\w/.-]+\.html)', start)}
    assert written <= listed | {Path("index")}


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?https?:[^>]*>|<link\b[^>]*\bhref=\"?https?:[^>]*>"
    )
    pages = {page: page.read_text() for page in site.rglob("*.html")}
    assert [match[0] for text in pages.values() for match in loads.finditer(text)] == []
    sheets = [sheet.read_text() for sheet in site.rglob("*.css")]
    assert sheets
    assert not any(re.search(r"url\([\"']?https?:|@import [\"']https?:", sheet) for sheet in sheets)


def test_search_works_without_a_server(site: Path) -> None:
    start = (site / "index.html").read_text()
    assert "assets/iframe-worker.js" in start
    index = (site / "search.js").read_text()
    assert index.startswith("var __index")
    assert "superpixels" in index


def test_the_reference_has_all_that_the_package_offers(site: Path) -> None:
    pages = "".join(page.read_text() for page in (site / "reference" / "api").glob("*.html"))
    assert "Parameters:" in pages
    for name in set(dlic.__all__) - {"__version__"}:
        offered = getattr(dlic, name)
        assert f'id="{offered.__module__}.{offered.__name__}"' in pages
