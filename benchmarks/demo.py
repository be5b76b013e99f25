"""`dlic demo` as a person waits for it: until its page answers, and until a large photograph is coded and to be had.

    python benchmarks/demo.py [--bytes 2000] [--photo FILE ...] [--json FILE]

The page is started as a command of its own and asked over HTTP as a browser asks it. Without `--photo` the picture is
one of 12 megapixels, as JPEG and as HEIC: twelve squares of photographs that ship with scikit-image, enlarged, with
the grain of a small sensor. Seconds of processors are of the server and of all that it started: what a busy machine
disturbs less. Needs the extras `demo` and `heic`.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from reporting.keep import keep
from skimage import data

MAIN = "import sys; sys.argv[0] = 'dlic'; from lightning_dlic.cli.main import main; main()"
COLUMNS, ROWS, SIDE = 4, 3, 1000
SQUARES = ("astronaut", "chelsea", "coffee", "rocket")
QUALITY, GRAIN = 90, 3.0
TICK = 0.3


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--photo", type=Path, nargs="+", default=[])
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def mosaic() -> Image.Image:
    """4000x3000 pixels."""
    whole, generator = Image.new("RGB", (COLUMNS * SIDE, ROWS * SIDE)), np.random.default_rng(0)
    for place in range(COLUMNS * ROWS):
        photo = Image.fromarray(getattr(data, SQUARES[(place + place // COLUMNS) % len(SQUARES)])()).convert("RGB")
        side = min(photo.size)
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        square = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        grain = generator.normal(0, GRAIN, (SIDE, SIDE, 1))
        grainy = Image.fromarray(np.clip(np.asarray(square) + grain, 0, 255).astype(np.uint8))
        whole.paste(grainy, (place % COLUMNS * SIDE, place // COLUMNS * SIDE))
    return whole


def photographs(files: list[Path]) -> dict[str, bytes]:
    """Files to give to the page, by what the table calls them."""
    if files:
        return {file.name: file.read_bytes() for file in files}
    from pillow_heif import register_heif_opener

    register_heif_opener()
    picture, made = mosaic(), {}
    for form in ("JPEG", "HEIF"):
        out = io.BytesIO()
        picture.save(out, form, quality=QUALITY)
        made[f"mosaic.{form.lower().replace('jpeg', 'jpg').replace('heif', 'heic')}"] = out.getvalue()
    return made


def processor_seconds(process: int) -> float:
    """Of a process and all below it, as far as they live or were waited for."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        below = [word for task in Path(f"/proc/{process}/task").iterdir() for word in _children(task)]
    except OSError:
        return 0.0
    own = sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(word)) for word in below)


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


class Page:
    """`dlic demo` in a process of its own, and what it took to answer."""

    def __init__(self) -> None:
        begun = time.perf_counter()
        command = [sys.executable, "-c", MAIN, "demo", "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.process.stdout.readline())
        if not found:
            raise SystemExit("dlic demo did not say where its page is")
        self.port = int(found[1])
        self.ask("GET", "/")
        self.answers = time.perf_counter() - begun
        self.ask("GET", "/api/about")
        self.complete = time.perf_counter() - begun

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
        return json.loads(content) if answer.headers["content-type"] == "application/json" else content

    def follow(self, job: dict[str, Any], look: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        while True:
            look(job)
            if job["state"] in ("done", "failed", "stopped"):
                break
            time.sleep(TICK)
            job = self.ask("GET", f"/api/jobs/{job['job']}")
        if job["state"] != "done":
            raise SystemExit(f"{job['state']}: {job['error']}")
        return dict(job["made"])

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Steps:
    """Seconds by the clock and of processors, by what the page says that it does."""

    def __init__(self, page: Page) -> None:
        self.page, self.begun, self.processors = page, time.perf_counter(), processor_seconds(page.process.pid)
        self.steps: dict[str, list[float]] = {}
        self.to_be_had = 0.0, 0.0
        self._last = 0.0, 0.0

    def passed(self) -> tuple[float, float]:
        return time.perf_counter() - self.begun, processor_seconds(self.page.process.pid) - self.processors

    def look(self, job: dict[str, Any]) -> None:
        now = self.passed()
        spent = self.steps.setdefault(job["step"] or "Waiting", [0.0, 0.0])
        for place in range(2):
            spent[place] += now[place] - self._last[place]
        self._last = now
        if "png" in job["made"].get("ours", {}) and not self.to_be_had[0]:
            self.to_be_had = now


def wait(page: Page, content: bytes, limit: int) -> dict[str, Any]:
    """Gives a photograph to the page, and waits for all that it makes of it."""
    steps = Steps(page)
    read = page.ask("POST", "/api/pictures", content)
    shown = page.follow(read, steps.look)["original"]
    body = json.dumps({"bytes": limit, "pipeline": page.ask("GET", "/api/about")["pipeline"]}).encode()
    room = f"/api/pictures/{read['picture']}"
    made = page.follow(page.ask("POST", f"{room}/code", body), steps.look)
    ours, passed = made["ours"], steps.passed()
    stream, png = (page.ask("GET", f"{room}/files/{ours[name]}") for name in ("dlic", "png"))
    with Image.open(io.BytesIO(png)) as image:
        size = image.size
    return {
        "file_bytes": len(content),
        "pixels": [shown["width"], shown["height"]],
        "coded_bytes": len(stream),
        "whole_png": list(size) == [shown["width"], shown["height"]],
        "until_shown_and_to_be_had": _spent(steps.to_be_had),
        "until_rivals_and_figures_are_there": _spent(passed),
        "steps": {step: _spent(spent) for step, spent in steps.steps.items()},
    }


def _spent(spent: Sequence[float]) -> dict[str, float]:
    return {"seconds": round(spent[0], 1), "processors": round(spent[1], 1)}


def main() -> None:
    options = parse()
    given, page = photographs(options.photo), Page()
    try:
        opened = {
            "seconds_until_the_page_answers": round(page.answers, 1),
            "seconds_until_its_pipelines_are_there": round(page.complete, 1),
        }
        photos = {name: wait(page, content, options.bytes) for name, content in given.items()}
    finally:
        page.end()
    result = {
        "protocol": f"dlic demo, the pipeline that the page offers first, {options.bytes} bytes; in turn, one visitor",
        "photographs": photos,
        **opened,
    }
    print(json.dumps(result, indent=2))
    if options.json:
        keep(options.json, result, "starlette", "uvicorn", "pillow-heif")


if __name__ == "__main__":
    main()
