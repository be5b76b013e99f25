"""Loader processes that are no forks know what plug-in modules register."""

import multiprocessing

import pytest

from dlic_datamodules.folder import FolderDataModule
from dlic_registry import import_plugins, local

MODULE = """
import numpy as np
from dlic_registry import register
from lightning_dlic.codec import BaseCodec, Planes


@register("codec", "spawned_codec")
class SpawnedCodec(BaseCodec):
    exact = True
    steps = 2

    def encode(self, planes, quality, effort=5):
        return planes.y.tobytes()

    def decode(self, payload, height, width, color):
        return Planes(np.frombuffer(payload, np.uint8).reshape(height, width) & 0xF0)
"""


@pytest.mark.slow
def test_a_codec_of_a_plugin_works_in_spawned_loader_processes(pictures, tmp_path, monkeypatch):
    (tmp_path / "spawned_plugin.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    import_plugins(["spawned_plugin"])
    transform = {"name": "degrade", "codec": "spawned_codec", "scale": 2}
    data = FolderDataModule(str(pictures), crop=24, batch_size=2, workers=1, cache=False, transform=transform)
    data.configure(steps=1)
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        (batch,) = data.train_dataloader()
    finally:
        multiprocessing.set_start_method(before, force=True)
    assert batch["base"].shape == (2, 1, 12, 12)
    assert int((batch["base"] & 0x0F).max()) == 0
