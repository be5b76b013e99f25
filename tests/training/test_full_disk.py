"""A disk that is full, or gone pictures, end a training in a sentence, and lose nothing that was written."""

import io
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dlic_datamodules.errors import DataError
from dlic_registry import MachineError, register
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.training.fit import fit

Write = Callable[..., Path]
FULL: dict[str, int] = {}
GONE: list[Path] = []
SPOILT: dict[Path, bytes | None] = {}


@register("sr", "test_on_a_full_disk")
class OnFullDisk(Compact):
    """A compact stage; from a batch on no file may be longer than FULL says."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        while self.batches == 3 and GONE:
            GONE.pop().unlink()
        while self.batches == 3 and SPOILT:
            path, content = SPOILT.popitem()
            path.unlink() if content is None else path.write_bytes(content)
        if self.batches == FULL.get("batch"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (FULL["bytes"], resource.RLIM_INFINITY))


@pytest.fixture(autouse=True)
def room_again() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    FULL.clear()
    SPOILT.clear()
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("size", "every", "lost"),
    [(20_000, 100, r"step-00000004\.ckpt"), (40, 100, r"metrics\.csv"), (2_000, 3, r"-step-00000003\.png")],
)
def test_what_was_written_stays_and_the_run_goes_on(write_recipe: Write, size: int, every: int, lost: str) -> None:
    path = write_recipe(stage="test_on_a_full_disk")
    words = ["trainer.checkpoint_every=2", f"trainer.val_every={every}"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    FULL.update(batch=3, bytes=size)
    with pytest.raises(MachineError, match=rf"{lost}: cannot be written \(File too large\)(?s:.*)of batch 2 is whole"):
        fit(load_recipe(path, words))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    FULL.clear()
    run = next(path.parent.glob("runs/tiny/*"))
    assert not [*run.rglob("*.part"), *run.rglob("*.new")]
    resumed = fit(load_recipe(run / "recipe.yaml"), resume=run)
    whole = fit(load_recipe(path, words))
    for name in ("weights.safetensors", "metrics.csv"):
        assert (resumed.run.folder / name).read_bytes() == (whole.run.folder / name).read_bytes(), name


def test_pictures_that_go_end_it_with_how_to_go_on(write_recipe: Write, pictures: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(pictures, mine)
    GONE.extend(path for path in mine.rglob("*") if path.is_file())
    words = [f"data.args.root={mine}", "data.args.cache=false", "trainer.checkpoint_every=2", "trainer.val_every=100"]
    with pytest.raises(DataError, match=r"cannot be read(?s:.*)of batch 2 is whole; go on with: dlic-fit --resume"):
        fit(load_recipe(write_recipe(stage="test_on_a_full_disk"), words))


def _png(side: int) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 50).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "more than the share max_failed = 0.05"),
        (b"broken", "more than the share max_failed = 0.05"),
        (_png(4), "none of 2 pictures to measure"),
    ],
)
def test_validation_pictures_that_go_end_it_with_all_that_was_trained(
    write_recipe: Write, tmp_path: Path, content: bytes | None, told: str
) -> None:
    valid = tmp_path / "valid"
    valid.mkdir()
    sound = {valid / f"{name}.png": _png(40) for name in "ab"}
    for path, data in sound.items():
        path.write_bytes(data)
    SPOILT.update(dict.fromkeys(sound, content))
    words = [f"data.args.valid={valid}", "data.args.cache=false", "data.args.on_error=skip", "trainer.max_steps=4"]
    words += ["trainer.val_every=2", "trainer.checkpoint_every=100"]
    recipe = write_recipe(stage="test_on_a_full_disk")
    with pytest.raises(DataError, match=rf"{told}(?s:.*)of batch 4 is whole; go on with: dlic-fit --resume"):
        fit(load_recipe(recipe, words))
    run = next(recipe.parent.glob("runs/tiny/*"))
    assert (run / "best.safetensors").is_file()
    assert not (run / "result.json").exists()
    for path, data in sound.items():
        path.write_bytes(data)
    resumed = fit(load_recipe(run / "recipe.yaml"), resume=run)
    whole = fit(load_recipe(recipe, words))
    for name in ("weights.safetensors", "metrics.csv"):
        assert (resumed.run.folder / name).read_bytes() == (whole.run.folder / name).read_bytes(), name
