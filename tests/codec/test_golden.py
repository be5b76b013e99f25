"""Files made when the format was fixed decode as they did then."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK
from lightning_dlic.codec.hints.chunk import decode_hints
from lightning_dlic.pipeline.decompress import decompress

FOLDER = Path(__file__).parent / "golden"
# SHA-256 of labels and colours, which are exact; the pictures' chroma is computed in floats.
HINTS = {
    "hints_grid_x1.dlic": ["b7be41079fdcfcac", "66b9e1ff9e8d7a38"],
    "hints_segmentation_x1.dlic": ["628e1edffaf7fcc7", "28aaf66feff85888"],
    "hints_segmentation_x2.dlic": ["639d5ae374e33f19", "2383f40a90109bcc"],
    "hints_grid_net_x1.dlic": ["4b5f4008cd3e2601", "9765aa96e9d62af7"],
    "hints_segmentation_net_x2.dlic": ["b7ea6ebea6489478", "70c0fe727271e6aa"],
}
GOLDEN = json.loads((FOLDER / "golden.json").read_text())


def test_every_file_is_recorded() -> None:
    assert {path.name for path in FOLDER.glob("*.dlic")} == set(GOLDEN)


# What compiles `intra`, once, takes most of a minute of a core.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("intra")) for name in GOLDEN]
)
def test_decodes_as_ever(name: str) -> None:
    data, wanted = (FOLDER / name).read_bytes(), GOLDEN[name]
    assert f"{decode_base(Bitstream.from_bytes(data)).crc32():08x}" == wanted["base_crc32"]
    picture = decompress(data)
    assert list(picture.shape) == wanted["shape"]
    assert picture.dtype == np.uint8
    assert hashlib.sha256(picture.tobytes()).hexdigest() == wanted["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["numpy", "torch", "onnx"])
def test_networks_inside_the_loop_may_run_anywhere(executor: str) -> None:
    """Without compiled code, and with the networks' predictions from elsewhere."""
    if executor == "onnx":
        pytest.importorskip("onnxruntime")
    name = "intra_networks_x2_gray.dlic"
    command = [sys.executable, str(FOLDER.parent / "interpreted.py"), str(FOLDER / name), executor]
    found = subprocess.run(command, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-2000:]
    crc, asked = found.stdout.split(maxsplit=1)
    assert crc == GOLDEN[name]["base_crc32"]
    views = {f"view {view}" for view in range(4)}
    assert set(json.loads(asked)) == {"net 4", "net 8", "net 16", "square", "halved", *views}


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads_do_not_matter(threads: str) -> None:
    name = "intra_networks_x2_gray.dlic"
    code = f"from lightning_dlic.codec import Bitstream, decode_base; from pathlib import Path; \
print(decode_base(Bitstream.from_bytes(Path({str(FOLDER / name)!r}).read_bytes())).crc32())"
    env = os.environ | dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert f"{int(found.stdout):08x}" == GOLDEN[name]["base_crc32"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HINTS if "_net_" in name])
def test_learned_predictions_without_compiled_code(name: str) -> None:
    command = [sys.executable, __file__, str(FOLDER / name)]
    found = subprocess.run(command, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True)
    assert found.stdout.split() == HINTS[name], found.stderr[-2000:]


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("hints")])
def test_labels_and_colors_of_hints_are_as_ever(name: str) -> None:
    assert hashes(FOLDER / name) == HINTS[name]


def hashes(file: Path) -> list[str]:
    """Of labels and colours of a file's hints."""
    stream = Bitstream.from_bytes(file.read_bytes())
    made = decode_hints(stream.chunk(HINTS_CHUNK) or b"", decode_base(stream).y)
    return [hashlib.sha256(part.tobytes()).hexdigest()[:16] for part in (made.labels, made.colors)]


if __name__ == "__main__":
    print(*hashes(Path(sys.argv[1])))
