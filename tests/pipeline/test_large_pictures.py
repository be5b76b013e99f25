"""Pictures of 100 megapixels in less than 2 GB."""

import json
from pathlib import Path

import pytest
from forking import run_forked
from PIL import Image
from skimage import data

SETUP = """
import json, sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dlic_registry import load
from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture
from lightning_dlic.operators.enlarger import NetEnlarger
from lightning_dlic.measure.sets import open_set
from lightning_dlic.measure.sr import evaluate
from lightning_dlic.operators.upscale import upscale_file

folder, side = Path(sys.argv[1]), int(sys.argv[2])
net = load("net", "compact")(scale=4, channels=3, width=8, blocks=1)
enlarger = NetEnlarger("compact", net, {"kind": "sr", "scale": 4, "channels": 3})
patch = np.random.default_rng(0).integers(0, 256, (125, 125, 3), dtype=np.uint8)

def peak():
    # Not getrusage: its maximum goes on from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
"""

UPSCALE = """
write_picture(folder / "small.png", Picture(np.tile(patch, (side // 500, side // 500, 1))))
upscale_file(folder / "small.png", folder / "large.ppm", enlarger)
with Image.open(folder / "large.ppm") as image:
    print(json.dumps({"pixels": image.width * image.height, "peak": peak()}))
"""

EVALUATE = """
evaluate([enlarger], [open_set(folder / "small")])
before = peak()
(result,) = evaluate([enlarger], [open_set(folder / "large")])
print(json.dumps({"pixels": result.pixels, "before": before, "peak": peak()}))
"""


def _run(code: str, folder: Path, side: int) -> dict[str, int]:
    # Pillow warns of a picture that large; that it is meant so is the point.
    done = run_forked(SETUP + code, folder, side)
    assert done.returncode == 0, done.stderr
    used: dict[str, int] = json.loads(done.stdout)
    assert used["pixels"] == side * side
    return used


@pytest.mark.slow
def test_100_megapixels_are_made_in_less_than_2_gigabytes(tmp_path: Path) -> None:
    assert _run(UPSCALE, tmp_path, 10_000)["peak"] * 1024 < 2e9


@pytest.mark.slow
def test_measuring_takes_no_more_bytes_a_pixel_than_100_megapixels_may(tmp_path: Path) -> None:
    # Scoring 100 megapixels takes a minute; a quarter of them shows what each costs.
    side = 5000
    photograph = Image.fromarray(data.astronaut()[:500, :500])
    for name, size in (("small", 500), ("large", side)):
        canvas = Image.new("RGB", (size, size))
        for place in range((size // 500) ** 2):
            canvas.paste(photograph, (place // (size // 500) * 500, place % (size // 500) * 500))
        (tmp_path / name).mkdir()
        canvas.save(tmp_path / name / "picture.png", compress_level=1)
    used = _run(EVALUATE, tmp_path, side)
    each = (used["peak"] - used["before"]) * 1024 / side**2
    assert used["before"] * 1024 + each * 1e8 < 2e9
