"""Several stages as one: in the order of their kinds, each on what the one before hands on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dlic_registry import DlicError, local, register
from lightning_dlic.imaging.color import luma
from lightning_dlic.imaging.resize import resize
from lightning_dlic.kinds.base import Kind, Slot
from lightning_dlic.nets.colorization.floors import GuidedFloor
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.chain import Chain
from lightning_dlic.stages.relay import Leg, Relay
from lightning_dlic.stages.settings import Settings
from lightning_dlic.transforms.degrade import Degrade
from lightning_dlic.transforms.hinted import Hinted

SR = {"name": "compact", "args": {"scale": 2, "channels": 1, "width": 8, "blocks": 1}}
NET = {"name": "multihypothesis_compact", "branches": 2, "widths": [8, 8]}
COLOR = {"name": "multihypothesis", "args": {"net": NET}}
BOTH = {"colorization": COLOR, "sr": SR}


@pytest.fixture(scope="module")
def batch(pictures: Path) -> dict[str, Tensor]:
    crops = [np.array(Image.open(path))[:48, :64] for path in sorted((pictures / "train").glob("*.png"))[:4]]
    image = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()
    keys = np.arange(4, dtype=np.uint64)
    degraded = Degrade("webp", scale=2)({"image": image}, keys)
    return Hinted(none=0.0)(degraded, keys)


def chain(stages: dict[str, Any] | None = None, train: tuple[str, ...] = ("sr",), **losses: Any) -> Chain:
    torch.manual_seed(0)
    made = Chain(stages or BOTH, train)
    made.configure(Settings(losses=losses))
    return made


def test_hinted_keeps_the_base_layer_that_it_is_given(batch: dict[str, Tensor]) -> None:
    keys = np.arange(4, dtype=np.uint64)
    again = Degrade("webp", scale=2)({"image": batch["image"]}, keys)
    assert torch.equal(batch["base"], again["base"])
    assert batch["hints"].shape == (4, 6, 48, 64)
    assert Hinted(degrade={"codec": "webp", "scale": 2})({"image": batch["image"]}, keys)["base"].shape == (
        4,
        1,
        24,
        32,
    )
    colored = Degrade("webp", scale=2, color=True)({"image": batch["image"]}, keys)
    assert Hinted()(colored, keys)["base"].shape[1] == 3
    with pytest.raises(DlicError, match="recolored"):
        Hinted(recolored=0.5)(colored, keys)


def test_stages_stand_in_the_order_of_their_kinds_and_hand_on_what_they_make(batch: dict[str, Tensor]) -> None:
    stage = chain().eval()
    assert list(stage.parts) == ["sr", "colorization"]
    relay, target = stage.task(batch)
    after, legs = stage.run(relay)
    assert torch.equal(relay.luma, batch["base"] / 255.0)
    assert torch.equal(legs["sr"].output, stage.parts["sr"].net(relay.luma))
    given, hints = legs["colorization"].inputs
    assert torch.equal(given, legs["sr"].output.clamp(0.0, 1.0))
    assert torch.equal(legs["colorization"].output, stage.parts["colorization"].net.hypotheses(given, hints))
    made = stage(relay)
    assert made.shape == target.shape == (4, 3, 48, 64)
    # The picture has the luma that super-resolution made, and the original's is what it is compared with.
    torch.testing.assert_close(luma(made), after.luma.clamp(0.0, 1.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(legs["sr"].target(), luma(target))


def test_without_networks_it_is_bicubic_and_a_guided_filter(batch: dict[str, Tensor]) -> None:
    stage = chain().eval()
    relay, _ = stage.task(batch)
    assert stage.baseline_name == "bicubic + guided filter"
    large = resize(batch["base"] / 255.0, scale=2.0)
    hints = stage.run(relay)[1]["colorization"].inputs[1]
    plain = replace(relay, luma=large, scale=1, chroma=GuidedFloor()(large, hints)).picture()
    torch.testing.assert_close(stage.baseline(relay), plain)


def test_hints_of_the_batch_are_taken_everywhere_and_turn_with_its_pictures(batch: dict[str, Tensor]) -> None:
    stage = chain()
    relay, target = stage.task(batch)
    flipped = (target != batch["image"] / 255.0).flatten(1).any(1)
    while flipped.all() or not flipped.any():
        relay, target = stage.task(batch)
        flipped = (target != batch["image"] / 255.0).flatten(1).any(1)
    assert relay.hints is not None
    for part, given in ((relay.hints, batch["hints"]), (relay.luma, batch["base"] / 255.0)):
        for index, turned in enumerate(flipped.tolist()):
            assert torch.equal(part[index], given[index].flip(-1) if turned else given[index])
    assert stage.run(relay)[1]["colorization"].inputs[1] is relay.hints
    # Validation is on what training is on: the hints that a file would carry.
    judged = stage.eval().task(batch)[0]
    assert torch.equal(stage.run(judged)[1]["colorization"].inputs[1], batch["hints"])


def test_frozen_stages_let_gradients_through_and_take_none(batch: dict[str, Tensor]) -> None:
    stage = chain()
    stage.train()
    assert not stage.parts["colorization"].training
    assert stage.parts["sr"].training
    ((roles, terms),) = stage.updates(*stage.task(batch))
    assert roles == ("sr",)
    # Chroma alone: what moves luma's network then passes through the frozen one.
    relay, _ = stage.run(stage.task(batch)[0])
    assert relay.chroma is not None
    relay.chroma.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in stage.parts["sr"].net.head.parameters())
    assert all(p.grad is None for p in stage.parts["colorization"].parameters())
    assert set(terms) == {"pixel"}


def test_losses_are_on_the_final_picture_and_on_a_stages_own_output(batch: dict[str, Tensor]) -> None:
    mse = {"name": "mse", "weight": 2.0}
    own = {"sr": {"pixel": mse}, "colorization": {"nearest": {"name": "nearest"}, "mine": mse}}
    stage = chain(None, ("sr", "colorization"), pixel={"name": "l1"}, **own)
    relay, target = stage.task(batch)
    torch.manual_seed(1)
    ((roles, terms),) = stage.updates(relay, target)
    assert roles == ("sr", "colorization")
    assert set(terms) == {"pixel", "sr_pixel", "colorization_nearest", "colorization_mine"}
    after, legs = stage.run(relay)
    torch.testing.assert_close(terms["pixel"], (after.rgb() - target).abs().mean())
    torch.testing.assert_close(terms["sr_pixel"], 2.0 * (legs["sr"].output - luma(target)).square().mean())
    with pytest.raises(DlicError, match=r"losses\.sr: neither sr nor a stage before it is trained"):
        chain(None, ("colorization",), sr={"pixel": mse})


def test_a_reconstruction_stands_in_the_place_of_both(batch: dict[str, Tensor]) -> None:
    net = {"name": "decoder_unet", "scales": [2], "widths": [16, 16], "blocks": 1}
    whole = {"reconstruction": {"name": "decoder", "args": {"net": net}}}
    stage = chain(whole, ("reconstruction",)).eval()
    keys = np.arange(4, dtype=np.uint64)
    colored = Degrade("webp", scale=2, color=True)({"image": batch["image"]}, keys)
    relay, target = stage.task(colored)
    inputs = stage.run(relay)[1]["reconstruction"].inputs
    alone = stage.parts["reconstruction"].task(colored)[0]
    torch.testing.assert_close(inputs.ycbcr, alone.ycbcr)
    assert inputs.scale == alone.scale
    assert stage(relay).shape == target.shape
    with pytest.raises(DlicError, match="'reconstruction' stands in the place of 'sr'"):
        chain({**BOTH, **whole})


# A kind of a third party


class Restoration(Stage):
    """What stages of the kind derive from."""

    kind: ClassVar[str] = "mending"

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Conv2d(1, 1, 3, padding=1)

    def link(self, relay: Relay) -> Leg:
        output = relay.luma + self.produce(relay.luma)
        return Leg(replace(relay, luma=output), relay.luma, output, lambda: relay.reference()[:, :1])


class Silent(Restoration):
    """A stage that does not say how it stands in a chain."""

    link = Stage.link


class MendingKind(Kind):
    """A kind between the base layer and super-resolution."""

    stage: ClassVar[str] = f"{__name__}:Restoration"
    slot: ClassVar[Slot | None] = Slot(before=("sr",))


@pytest.fixture
def mending() -> Iterator[None]:
    before = dict(local.CLASSES)
    register("kind", "mending")(MendingKind)
    register("mending", "mend")(Restoration)
    register("mending", "silent")(Silent)
    yield
    local.CLASSES.clear()
    local.CLASSES.update(before)


@pytest.mark.usefixtures("mending")
def test_a_stage_of_another_kind_joins(batch: dict[str, Tensor]) -> None:
    stages = {"sr": SR, "mending": {"name": "mend"}, "colorization": COLOR}
    stage = chain(stages, ("mending",), pixel={"name": "l1"}, mending={"pixel": {"name": "mse"}})
    assert list(stage.parts) == ["mending", "sr", "colorization"]
    relay, target = stage.task(batch)
    ((roles, terms),) = stage.updates(relay, target)
    assert (roles, set(terms)) == (("mending",), {"pixel", "mending_pixel"})
    small = relay.reference()[:, :1]
    assert small.shape == relay.luma.shape
    # The base layer before it was coded: nearer to the decoded one than any other picture's.
    assert float((small - relay.luma).abs().mean()) < 0.05
    terms["pixel"].backward()
    assert stage.parts["mending"].net.weight.grad.any()  # type: ignore[union-attr, operator]
    with pytest.raises(DlicError, match=r"'silent' of kind 'mending' has no part in chains"):
        chain({"sr": SR, "mending": {"name": "silent"}})
