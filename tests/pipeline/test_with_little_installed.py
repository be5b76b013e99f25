"""Decoding where torch or Numba is missing, and where nothing can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lightning_dlic

GOLDEN = Path(__file__).parent / "golden"
CODEC_GOLDEN = Path(__file__).parents[1] / "codec" / "golden"
SCRIPT = """
import sys
for name in sys.argv.pop(1).split():
    sys.modules[name] = None
from lightning_dlic.cli.main import main
main()
"""


def dlic(blocked: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, blocked, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_without_torch_onnx_runtime_makes_every_golden_file_within_a_level(tmp_path: Path) -> None:
    names = [file.stem for file in GOLDEN.glob("*.dlic")]
    folder = tmp_path / "files"
    folder.mkdir()
    for name in names:
        shutil.copy(GOLDEN / f"{name}.dlic", folder)
    script = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path; import numpy as np;"
        "from lightning_dlic.pipeline.decompress import decompress;"
        "[np.save(file.with_suffix('.npy'), decompress(file.read_bytes(), strict=True))"
        " for file in Path(sys.argv[1]).glob('*.dlic')]"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, timeout=300)
    for name in names:
        made = np.load(folder / f"{name}.npy").astype(int)
        with Image.open(GOLDEN / f"{name}.png") as image:
            off = np.abs(made - np.asarray(image))
        # A level of chroma moves B by 1.8; only samples at the edge of rounding may move at all.
        assert off.max() <= (1 if "color" not in name and "hints" not in name else 3), name
        assert off.mean() < 0.01, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photo_4_x3", "named_color_x2"])
def test_without_both_interpolation_and_a_warning(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = dlic("torch onnxruntime", "decompress", GOLDEN / f"{name}.dlic", out)
    assert done.returncode == 0, done.stderr
    assert "networks need torch" in done.stderr
    assert "Traceback" not in done.stderr
    with Image.open(out) as image, Image.open(GOLDEN / f"{name}.png") as wanted:
        assert (image.size, image.mode) == (wanted.size, wanted.mode)
        assert np.abs(np.asarray(image).astype(int) - np.asarray(wanted)).mean() < 12
    done = dlic("torch onnxruntime", "decompress", "--strict", GOLDEN / f"{name}.dlic", tmp_path / "strict.png")
    assert done.returncode == 2
    assert "networks need torch" in done.stderr
    assert not (tmp_path / "strict.png").exists()


@pytest.mark.slow
def test_without_torch_pictures_are_compressed_by_interpolation(tmp_path: Path) -> None:
    with Image.open(GOLDEN / "photo_x4.png") as image:
        image.save(tmp_path / "picture.png")
    asked = "--bytes", 300, "--effort", 1
    done = dlic("torch onnxruntime", "compress", tmp_path / "picture.png", tmp_path / "a.dlic", *asked)
    assert done.returncode == 0, done.stderr
    assert "networks need torch" in done.stderr
    assert dlic("torch", "decompress", "--strict", tmp_path / "a.dlic", tmp_path / "b.png").returncode == 0


@pytest.mark.slow
def test_without_numba_hints_decode_alike_and_networks_of_intra_end_in_a_sentence(tmp_path: Path) -> None:
    for name in ("hints_segmentation_x2", "hevc_x2_color", "intra_x2_gray"):
        made = []
        for blocked in ("numba", ""):
            done = dlic(blocked, "decompress", CODEC_GOLDEN / f"{name}.dlic", tmp_path / f"{name}.png")
            assert done.returncode == 0, done.stderr
            made.append((tmp_path / f"{name}.png").read_bytes())
        assert made[0] == made[1]
    done = dlic("numba torch", "info", CODEC_GOLDEN / "hints_segmentation_x2.dlic")
    assert done.returncode == 0, done.stderr
    done = dlic("numba torch", "info", GOLDEN / "photo_4_x1.5.dlic")
    assert "photo (number 4)" in done.stdout, done.stderr
    done = dlic("numba", "decompress", CODEC_GOLDEN / "intra_networks_x2_gray.dlic", tmp_path / "a.png")
    assert (done.returncode, "needs" in done.stderr or "Numba" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A read-only installation and home: what is compiled is not kept, and all else is as usual."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv, so that the superuser may not write everywhere")
    package, home = tmp_path / "package", tmp_path / "home"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(lightning_dlic.__file__).parent, package / "lightning_dlic", ignore=ignore)
    home.mkdir()
    for path in [*package.rglob("*"), package, home]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    env = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    env |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONPATH": str(package)}
    command = [setpriv, "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", SCRIPT, "none"]
    file = CODEC_GOLDEN / "hints_segmentation_x2.dlic"
    try:
        for arguments in (["info", file], ["decompress", file, tmp_path / "out.png"]):
            done = subprocess.run(
                [*command, *map(str, arguments)], env=env, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stderr
            assert not done.stderr
    finally:
        for path in [*package.rglob("*"), package, home]:
            path.chmod(0o755)
    assert (tmp_path / "out.png").exists()
    assert not list(package.rglob("*.nbi"))
