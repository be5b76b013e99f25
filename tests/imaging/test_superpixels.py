"""Superpixels: the same everywhere for ever, connected, of about the number asked for."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from skimage import data
from skimage.measure import label as components

from lightning_dlic.imaging.superpixels import MAX_PIXELS, VERSION, slic

# Version 1 of the format: these never change.
GOLDEN = {
    ("waves", 1): "b3481a962dc513f7",
    ("waves", 40): "72c994fbdfb266fd",
    ("waves", 700): "effbe4ac4f9b2384",
    ("camera", 150): "4567ae215cf7e9ea",
}


def waves() -> np.ndarray:
    y, x = np.mgrid[:97, :131]
    return ((x * x // 50 + y * 3 + (x // 20 % 2) * 60 + (y // 31 % 2) * 90) % 256).astype(np.uint8)


PICTURES = {"waves": waves, "camera": lambda: np.ascontiguousarray(data.camera()[100:260, 150:350])}


def digest(labels: np.ndarray) -> str:
    return hashlib.sha256(labels.astype("<i4").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("name", "count"), GOLDEN)
def test_labels_are_those_of_the_format(name: str, count: int) -> None:
    assert VERSION == 1
    assert digest(slic(PICTURES[name](), count)) == GOLDEN[name, count]


@pytest.mark.slow
def test_other_processes_and_threads_agree() -> None:
    code = "import json, numpy as np; from lightning_dlic.imaging.superpixels import slic;"
    code += "y, x = np.mgrid[:64, :80]; print(json.dumps(slic(((x * y) % 256).astype(np.uint8), 60).tolist()))"
    y, x = np.mgrid[:64, :80]
    here = slic(((x * y) % 256).astype(np.uint8), 60)
    env = {**os.environ, "OMP_NUM_THREADS": "3", "NUMBA_NUM_THREADS": "3"}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert json.loads(there.stdout) == here.tolist()


@pytest.mark.parametrize("count", [1, 12, 90, 800])
def test_regions_are_connected_and_about_as_many_as_asked(count: int) -> None:
    labels = slic(data.camera()[::2, ::2], count)
    found = int(labels.max()) + 1
    assert components(labels + 1, connectivity=1, background=0).max() == found
    assert set(np.unique(labels)) == set(range(found))
    assert 0.6 * count <= found <= 2.5 * count


def test_regions_follow_edges() -> None:
    picture = np.zeros((60, 90), np.uint8)
    picture[:, 37:] = 200
    labels = slic(picture, 24)
    assert not set(labels[:, :37].ravel()) & set(labels[:, 37:].ravel())


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (7, 5)])
@pytest.mark.parametrize("count", [1, 3, 5000])
def test_any_size(shape: tuple[int, int], count: int) -> None:
    labels = slic(np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape), count)
    assert labels.shape == shape
    assert labels.dtype == np.int32
    assert labels.min() == 0


def test_refuses_what_it_cannot_cut() -> None:
    for shape, count in (((0, 4), 3), ((4, 4), 0), ((1, MAX_PIXELS + 1), 3)):
        with pytest.raises(ValueError, match="slic takes"):
            slic(np.zeros(shape, np.uint8), count)
