"""Pages in a real browser, Debian's Chromium without a window. DLIC_SHOTS names a folder for what they look like."""

import base64
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from running_demo import Demo
from skimage import data

from lightning_dlic.pages.report import report
from lightning_dlic.pages.runs import read_run
from lightning_dlic.pipeline.decompress import decompress

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (it is in the extra test)")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="no Chromium with its driver here: apt-get install chromium chromium-driver",
    ),
]
WIDTHS = {1440: 900, 768: 1024, 360: 740}
# Drops a file as a hand would.
DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
const moved = new DataTransfer();
moved.items.add(new File([bytes], arguments[1]));
for (const kind of ["dragenter", "dragover", "drop"])
  document.body.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: moved}));
"""
CHOOSE = """
const select = document.getElementById(arguments[0]);
select.value = arguments[1];
select.dispatchEvent(new Event("change"));
"""
LOOK = (Path(__file__).parent / "look.js").read_text()


class Page:
    """The page as somebody in front of it has it."""

    def __init__(self, driver: Any, demo: Demo, folder: Path) -> None:
        self.driver, self.demo, self.downloads = driver, demo, folder
        self.shots = Path(os.environ.get("DLIC_SHOTS", folder / "shots"))
        self.shots.mkdir(parents=True, exist_ok=True)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.driver.execute_script("return document.querySelector(arguments[0]).textContent", selector))

    def until(self, ready: Callable[[], Any], what: str, seconds: float = 300) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := ready():
                return found
            time.sleep(0.1)
        pytest.fail(f"{what}: not after {seconds} s; status {self.text('#status')!r}, error {self.text('#error')!r}")

    def forget(self) -> None:
        """Empties what `done` waits for."""
        self.driver.execute_script("document.getElementById('status').textContent = ''")

    def done(self, word: str = "Done") -> None:
        self.until(lambda: self.text("#status").startswith(word), word)

    def drop(self, content: bytes, name: str) -> None:
        self.forget()
        self.driver.execute_script(DROP, base64.b64encode(content).decode(), name)

    def keys(self, selector: str, *keys: str) -> None:
        self.find(selector).send_keys(*keys)

    def size(self, width: int, dark: bool = False) -> None:
        shape = {"width": width, "height": WIDTHS[width], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})

    def look(self, name: str) -> None:
        """At every width and in both lights: a picture is kept, nothing sticks out, all text can be read."""
        for width in WIDTHS:
            for dark in (False, True):
                self.size(width, dark)
                made = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                file = self.shots / f"{name}-{width}-{'dark' if dark else 'light'}.png"
                file.write_bytes(base64.b64decode(made["data"]))
                assert self.driver.execute_script(LOOK) == {"outside": [], "pale": []}, file.name
        self.size(1440)

    def saved(self, link: str) -> bytes:
        """What a link downloads, under the name of the file that was given."""
        for old in self.downloads.glob("photo*"):
            old.unlink()
        self.find(link).click()
        suffix = Path(self.find(link).get_attribute("download")).suffix
        # The browser writes < and > as it likes.
        found = self.until(lambda: self.whole(suffix), f"download of {suffix}")
        return bytes(found[0].read_bytes())

    def whole(self, suffix: str) -> list[Path]:
        """Downloads that have come to their end."""
        under_way = list(self.downloads.glob("*.crdownload"))
        return [file for file in self.downloads.glob(f"photo*{suffix}") if not under_way and file.stat().st_size]


@pytest.fixture(scope="module")
def page(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    from selenium.webdriver.chrome.service import Service

    folder = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        page = Page(driver, demo, folder)
        page.size(1440)
        driver.get(demo.address)
        page.until(lambda: driver.find_elements("css selector", "#samples button"), "the beginning")
        yield page
        told = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        asked = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    finally:
        driver.quit()
    # Whatever the tests have done: nobody else was asked for anything, and nothing went wrong unseen.
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    assert len(urls) > 20
    assert [url for url in urls if not url.startswith((demo.address, "data:", "blob:", "file:"))] == []
    assert told == []


# What is asked of the server about coding waits until the page has said that it is cancelled.
HOLD = """window.plain = window.fetch; window.held = true;
window.fetch = async (path, options) => {
  if (!path.endsWith("/code")) return window.plain(path, options);
  const said = document.getElementById("status");
  while (said.textContent !== "Cancelled.") await new Promise((next) => setTimeout(next, 20));
  const answer = await window.plain(path, options);
  setTimeout(() => { window.held = false; }, 100);
  return answer;
};"""
LET_GO = "window.fetch = window.plain;"


def photo(size: tuple[int, int] = (192, 144), form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(data.chelsea()).resize(size).save(out, form)
    return out.getvalue()


def rows(page: Page) -> dict[str, dict[str, str]]:
    """The table, by row and title of column."""
    return dict(
        page.driver.execute_script("""
    return [...document.querySelectorAll("#figures tbody tr")].map((row) => [row.className,
      Object.fromEntries([...row.querySelectorAll("td")].map((cell) => [cell.dataset.label, cell.textContent]))]);""")
    )


def size_of(text: str) -> int:
    return int(text.removesuffix(" B").replace(",", ""))


def test_the_beginning_is_good_to_look_at(page: Page) -> None:
    page.look("start")
    from selenium.webdriver.common.keys import Keys

    page.keys("body", Keys.TAB)
    assert page.driver.switch_to.active_element.text == "To the content"


def test_drop_compare_and_slide(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.drop(photo(), "photo of a <b>cat</b>.png")
    page.done()
    table = rows(page)
    assert list(table) == ["original", "ours", "jpeg", "webp", "avif"]
    assert all(size_of(table[name]["Bytes"]) <= 2000 for name in table if name != "original")
    assert all(float(row["PSNR"].split()[0]) > 15 for name, row in table.items() if name != "original")
    assert table["ours"]["2G"] == "0.4 s"
    shown = "return [...document.querySelectorAll('#stage img')].map((i) => i.complete && i.naturalWidth)"
    page.until(lambda: page.driver.execute_script(shown) == [192, 192], "both pictures")
    assert page.text("#parts").startswith("Base layer")
    # The divider follows the keyboard, and the sides the choice.
    page.keys("#divide", Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert "--at: 49%" in page.find("#stage").get_attribute("style")
    page.driver.execute_script(CHOOSE, "zoom", "4")
    wide = "return document.getElementById('over').getBoundingClientRect().width"
    assert page.driver.execute_script(wide) > 3.9 * page.find("#stage").size["width"]
    page.driver.execute_script(CHOOSE, "right", "avif")
    assert page.text("#tag-right").startswith("AVIF")
    page.find("[value=beside] + span").click()
    assert len(page.driver.find_elements("css selector", "#beside figure img")) == 5
    page.look("beside")
    page.find("[value=slider] + span").click()


def test_fewer_bytes_by_the_keyboard_and_another_pipeline(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.find("#pipelines [value=bicubic]").click()
    page.forget()
    page.keys("#bytes", Keys.HOME, *[Keys.ARROW_RIGHT] * 12)
    limit = int(page.find("#exact").get_attribute("value"))
    assert 100 < limit < 400

    def fits() -> bool:
        ours = rows(page).get("ours", {}).get("Bytes", "no B")
        return page.text("#status") == f"Done: {ours}" and size_of(ours) <= limit

    page.until(fits, "fewer bytes")
    assert page.text("#summary").startswith(rows(page)["ours"]["Bytes"].removesuffix(" B"))


def test_what_is_saved_is_the_bitstream_and_its_picture_and_opens_again(page: Page) -> None:
    stream, png = page.saved("#get-dlic"), page.saved("#get-png")
    assert len(stream) == size_of(rows(page)["ours"]["Bytes"])
    with Image.open(io.BytesIO(png)) as image:
        assert np.array_equal(np.asarray(image), decompress(stream))
    path = page.downloads / "photo again.dlic"
    path.write_bytes(stream)
    page.forget()
    page.find("#file").send_keys(str(path))
    page.done("Opened")
    assert list(rows(page)) == ["ours"]
    assert page.text("#summary").startswith(str(len(stream)))
    assert not page.find("#choices").is_displayed()
    page.look("opened")


def test_ways_of_colour_beside_each_other(page: Page) -> None:
    page.drop(photo((128, 96), "WEBP"), "photo.webp")
    page.done()
    page.find("#compare").click()
    page.done("Compared")
    titles = [entry.text for entry in page.driver.find_elements("css selector", "#hints figcaption strong")]
    assert titles == ["Grid", "Superpixels", "None: guessed"]
    maps = page.driver.find_elements("css selector", "#hints img[alt^=Regions]")
    assert len(maps) == 2
    page.look("hints")


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"no picture", "notes.txt", "This file cannot be shown: not a picture"),
        (photo()[:300], "half.png", "This file cannot be shown"),
        (b"\xd1\x1c\x10\x11\x40\x40", "bad.dlic", "byte"),
        (b"", "empty.png", "The file is empty."),
    ],
)
def test_a_bad_file_is_a_sentence_and_leaves_the_desk_as_it_was(
    page: Page, content: bytes, name: str, words: str
) -> None:
    before = page.text("#summary")
    page.drop(content, name)
    page.until(lambda: page.find("#error").is_displayed(), "a sentence")
    assert words in page.text("#error")
    assert page.text("#summary") == before
    assert page.find("#desk").is_displayed()
    page.look("error") if name == "notes.txt" else None
    page.find("#error button").click()


def test_a_report_shows_samples_as_they_were_at_a_batch(page: Page, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    (tmp_path / "samples").mkdir()
    (tmp_path / "recipe.yaml").write_text("name: x\ntrain: [sr]\nstages: {sr: {name: compact}}\n")
    rows = "".join(f"{step},{30 + step / 1000},{2 / step}\n" for step in (100, 200, 300))
    (tmp_path / "metrics.csv").write_text(f"step,val/psnr_y,train/net_pixel\n{rows}")
    for step in (100, 300):
        shade = Image.new("RGB", (60, 20), (step // 2, 0, 0))
        shade.save(tmp_path / "samples" / f"0-step-{step:08d}.png")
    (tmp_path / "report.html").write_bytes(report([read_run(tmp_path)]))
    page.driver.get((tmp_path / "report.html").as_uri())
    newest = page.find(".samples img").get_attribute("src")
    assert page.text("#step-words") == "batch 300"
    page.keys("#step", Keys.HOME)
    assert page.text("#step-words") == page.text(".samples [data-at]") == "batch 100"
    assert page.find(".samples img").get_attribute("src") != newest
    page.look("report")
    page.driver.get(page.demo.address)
    page.until(lambda: page.driver.find_elements("css selector", "#samples button"), "the beginning")


def test_work_can_be_cancelled_and_begun_again(page: Page) -> None:
    # Whether the server has answered yet or not.
    for hold, step in ((HOLD, "Beginning"), (LET_GO, "Looking")):
        page.driver.execute_script(hold)
        page.drop(photo((1200, 900), "JPEG"), "photo.jpg")
        page.until(lambda: page.text("#status").startswith("Coding"), "coding")
        page.until(lambda step=step: page.text("#step").startswith(step), step)
        page.find("#stop").click()
        assert page.text("#status") == "Cancelled."
        page.until(lambda: page.driver.execute_script("return !window.held"), "the server's answer")
        assert page.text("#status") == "Cancelled."
        assert not page.find("#work").is_displayed()
    page.find("#another").click()
    assert page.find("#drop").is_displayed()
    page.drop(photo((96, 72)), "photo.png")
    page.done()
    assert list(rows(page)) == ["original", "ours", "jpeg", "webp", "avif"]
