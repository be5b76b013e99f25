"""Recipes of chains that train a few steps on small photographs."""

from collections.abc import Callable
from pathlib import Path

import pytest

NET = "{name: multihypothesis_compact, branches: 2, widths: [8, 8], blocks: 1}"


@pytest.fixture
def write_chain(tmp_path: Path, pictures: Path) -> Callable[..., Path]:
    """Writes a recipe of a chain of sr and colorization on decoded base layers with hints."""

    def write(name: str = "chain", body: str = "", train: str = "[colorization, sr]") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"""\
train: {train}
stages:
  colorization: {{name: multihypothesis, args: {{net: {NET}}}}}
  sr: {{name: compact, args: {{scale: 2, channels: 1, width: 8, blocks: 1}}}}
losses:
  pixel: {{name: l1}}
  colorization: {{nearest: {{name: nearest, weight: 0.1}}}}
data:
  name: folder
  args:
    root: "{pictures}"
    crop: 32
    batch_size: 2
    workers: 0
    augment: false
    transform: {{degrade: {{codec: webp, scale: 2}}, hinted: {{none: 0.2}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 6, val_every: 3, checkpoint_every: 3, log_every: 1, clip_norm: 1.0}}
run: {{root: "{tmp_path / "runs"}"}}
{body}
""")
        return path

    return write
