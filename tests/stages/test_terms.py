"""Any name under a recipe's losses is a term: a registered loss of output and target."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dlic_registry import DlicError, load
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.settings import Settings

MSE = {"name": "mse", "weight": 3.0}
HINTED = {"name": "multihypothesis_compact", "branches": 2, "widths": [8, 8]}
STAGES: dict[str, tuple[str, str, dict[str, Any], set[str]]] = {
    "sr": ("sr", "compact", {"scale": 2, "width": 8, "blocks": 1}, {"mine"}),
    "gan": (
        "sr",
        "srgan",
        {"scale": 2, "generator": {"name": "compact", "width": 8}, "discriminator": {"name": "srgan_discriminator"}},
        {"mine", "adversarial"},
    ),
    "color": ("colorization", "multihypothesis", {"net": HINTED}, {"mine", "nearest"}),
    "classes": ("colorization", "colorful", {"net": {"name": "colorful_compact"}}, {"mine", "classes"}),
    "blocks": ("prediction", "pnns_fc", {"m": 4, "blocks": 32, "width": 16, "branches": 2}, {"mine", "rate"}),
    "whole": (
        "reconstruction",
        "decoder",
        {"net": {"name": "decoder_unet", "scales": [2], "widths": [16, 16], "blocks": 1}},
        {"mine"},
    ),
}
SPECIAL = {
    "adversarial": {"name": "bce", "weight": 0.01},
    "nearest": {"name": "nearest"},
    "classes": {"name": "soft_cross_entropy"},
    "rate": {"name": "nearest_rate"},
}


@pytest.fixture(scope="module")
def batch(pictures: Path) -> dict[str, Tensor]:
    crops = [np.array(Image.open(path))[:48, :48] for path in sorted((pictures / "train").glob("*.png"))[:2]]
    return {"image": torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()}


@pytest.mark.parametrize("which", STAGES)
def test_a_term_of_any_name_trains_any_stage(which: str, batch: dict[str, Tensor]) -> None:
    kind, name, arguments, terms = STAGES[which]
    torch.manual_seed(0)
    stage = load(kind, name)(**arguments)
    stage.configure(Settings(losses={"mine": MSE, **{term: SPECIAL[term] for term in terms if term != "mine"}}))
    inputs, target = stage.task(batch)
    (_, made), *_ = stage.updates(inputs, target)
    assert set(made) == terms
    made["mine"].backward()
    assert any(p.grad is not None and p.grad.any() for p in stage.net.parameters())
    # Weighted, and of what people would compare: nought where the output is the target.
    output = stage.produce(inputs)
    one, other = stage.compared("mine", inputs, output, target)
    assert one.shape == other.shape
    torch.testing.assert_close(stage.term("mine", one, other), 3.0 * (one - other).square().mean())


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ({"name": "nearest"}, r"losses\.mine: Nearest does not compare an output of \(2, 3, 48, 48\)"),
        ({"name": "bce"}, r"losses\.mine: BCE does not compare"),
    ],
)
def test_a_loss_that_does_not_fit_is_told(loss: dict[str, Any], words: str, batch: dict[str, Tensor]) -> None:
    stage = load("sr", "compact")(scale=2, width=8, blocks=1)
    stage.configure(Settings(losses={"mine": loss}))
    with pytest.raises(DlicError, match=words):
        list(stage.updates(*stage.task(batch)))


def test_nothing_to_train_for_is_told() -> None:
    stage = load("sr", "compact")(scale=2, width=8, blocks=1)
    with pytest.raises(DlicError, match="every term is switched off"):
        stage.configure(Settings(losses={"pixel": None}))


def test_a_stage_with_updates_of_its_own_says_whether_it_takes_further_terms() -> None:
    class Closed(Stage):
        """Makes its own updates."""

        def updates(self, inputs: Any, target: Tensor) -> Iterator[tuple[str, dict[str, Tensor]]]:
            yield "net", {"pixel": self.term("pixel", inputs, target)}

    class Open(Closed):
        """Says that it takes them."""

        more_terms: ClassVar[bool] = True

    assert [Stage.more_terms, Closed.more_terms, Open.more_terms] == [True, False, True]
