"""The package from Python: lazy, and what it offers by name."""

import subprocess
import sys

import numpy as np
import pytest

import lightning_dlic as dlic
from dlic_registry import DlicError


def test_importing_and_looking_imports_nothing_heavy() -> None:
    code = (
        "import sys; import lightning_dlic as dlic; dir(dlic); dlic.entries('loss');"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'pytorch_lightning')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


@pytest.mark.slow
def test_upscale_enlarges_by_networks_and_kernels_and_refuses_others() -> None:
    picture = np.tile(np.arange(24, dtype=np.uint8) * 10, (20, 1))
    assert dlic.upscale(picture, "codec_y_x2").shape == (40, 48)
    assert dlic.upscale(np.stack([picture] * 3, -1), "bicubic", 3).shape == (60, 72, 3)
    with pytest.raises(DlicError, match="not a network that enlarges"):
        dlic.upscale(picture, "multihypothesis_compact")
    with pytest.raises(DlicError, match="compact_x4"):
        dlic.upscale(picture, "compact_x5")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="comprss"):
        dlic.comprss  # noqa: B018
