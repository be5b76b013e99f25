"""Cards: reading, writing, finding."""

from dataclasses import replace

import pytest
import torch

from dlic_registry import DlicError, load
from lightning_dlic.zoo import Card, cards, find_card, load_net, read_card, save_net, sha256, write_card


@pytest.fixture
def card(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIC_ZOO", str(tmp_path))
    torch.manual_seed(0)
    net = load("net", "srcnn")(scale=2, channels=1)
    path = tmp_path / "tiny_x2.safetensors"
    save_net(path, net, {"kind": "sr", "scale": 2, "channels": 1, "net": {"name": "srcnn", "args": {}}})
    made = Card(
        name="tiny_x2",
        kind="sr",
        stage="srcnn",
        summary="Untrained; it shows what a card says.",
        recipe="srcnn_div2k",
        command="dlic-fit recipes/srcnn_div2k.yaml stages.sr.args.scale=2",
        steps=0,
        hours=0.0,
        machine="2 CPU cores",
        data=[{"name": "none", "pictures": 0, "licence": "none"}],
        licence="Apache-2.0",
        sha256=sha256(path),
        parameters=sum(p.numel() for p in net.parameters()),
        scale=2,
        channels=1,
        figures={"set5": {"psnr_y": 33.66}},
        folder=tmp_path,
    )
    write_card(made)
    return made


def test_a_card_is_read_as_it_was_written(card, tmp_path):
    assert read_card(tmp_path / "tiny_x2.yaml") == card
    assert find_card("tiny_x2") == card
    assert cards()["tiny_x2"] == card
    assert load_net("zoo:tiny_x2")[1]["scale"] == 2


def test_an_unknown_name_suggests_the_nearest(card):
    with pytest.raises(DlicError, match=r"unknown zoo network 'zoo:tiny_x4'\. Did you mean 'tiny_x2'"):
        load_net("zoo:tiny_x4")
    for name in ("", "../tiny_x2", "a/b", "tiny_x2.yaml"):
        with pytest.raises(DlicError, match="unknown zoo network"):
            find_card(name)


def test_missing_weights_are_named(card):
    card.weights.unlink()
    with pytest.raises(DlicError, match=r"tiny_x2\.safetensors are missing"):
        find_card("tiny_x2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("steps:", "stepps:"), "unknown field 'stepps'. Did you mean 'steps'"),
        (("steps: 0\n", ""), "missing 1 required .*'steps'"),
        (("steps: 0", "steps: many"), "steps must not be 'many'"),
        (("kind: sr", "- kind"), "not a card"),
        (("kind: sr", "kind: !!python/object/apply:os.getcwd []"), "not a card"),
    ],
)
def test_a_card_that_is_wrong_says_where(card, tmp_path, change, message):
    path = tmp_path / "tiny_x2.yaml"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(DlicError, match=message) as error:
        read_card(path)
    assert str(path) in str(error.value)


def test_ones_own_zoo_comes_before_the_packages(card, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    write_card(replace(card, summary="Another.", folder=other))
    monkeypatch.setenv("DLIC_ZOO", f"{other}:{tmp_path}")
    assert cards()["tiny_x2"].summary == "Another."
