"""What ships: small enough, described truly, measured as its card says."""

from pathlib import Path

import pytest
from real_data import real_data

import lightning_dlic.zoo
from lightning_dlic.measure.sets import open_set
from lightning_dlic.measure.sr import evaluate
from lightning_dlic.operators.enlarger import NetEnlarger
from lightning_dlic.zoo import inspect_net, load_net, read_card, sha256

FOLDER = Path(lightning_dlic.zoo.__file__).parent
CARDS = [read_card(path) for path in sorted(FOLDER.glob("*.yaml"))]
LIMIT = 5_000_000

each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


def test_weights_and_cards_come_in_pairs():
    assert {p.stem for p in FOLDER.glob("*.safetensors")} == {card.name for card in CARDS}


@each_card
def test_the_card_speaks_of_this_file(card):
    assert sha256(card.weights) == card.sha256
    assert card.weights.stat().st_size <= LIMIT
    meta = inspect_net(card.weights)
    assert (meta["kind"], meta["stage"], meta["steps"]) == (card.kind, card.stage, card.steps)
    assert meta.get("scale", 1) == card.scale
    assert card.licence
    assert all({"name", "licence"} <= set(entry) for entry in card.data)


@each_card
def test_it_loads_and_has_as_many_parameters_as_the_card_says(card):
    net, _ = load_net(f"zoo:{card.name}")
    assert sum(p.numel() for p in net.parameters()) == card.parameters


@pytest.mark.slow
@each_card
def test_the_figures_measure_again(card):
    if card.kind != "sr" or "set5" not in card.figures:
        pytest.skip(f"{card.name} states no figures on Set5")
    folder = real_data("benchmarks/set5")
    (result,) = evaluate([NetEnlarger(card.name, *load_net(f"zoo:{card.name}"))], [open_set(folder)])
    for name in ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"):
        tolerance = 0.01 if name.startswith("psnr") else 0.0005
        assert result.figures[name] == pytest.approx(card.figures["set5"][name], abs=tolerance)
