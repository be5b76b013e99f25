"""A training whose numbers leave their range ends in a sentence, and what it saved before stays good."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dlic_registry import DlicError, register
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.stages.watch import DivergedError, Watch
from lightning_dlic.training.ema import EMA
from lightning_dlic.training.fit import fit
from lightning_dlic.training.provenance import read_checkpoint
from lightning_dlic.zoo import load_net

Write = Callable[..., Path]
GAN = {
    "stage": "srgan",
    "args": "generator: {name: compact, width: 8, blocks: 1}, "
    "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
}
QUIET = ("trainer.log_every=1000", "trainer.val_every=1000", "trainer.progress=false")


@register("loss", "test_lost_from_batch")
class LostFromBatch(nn.Module):
    """A loss that is fine up to a batch; from then on its value, or its gradient alone, is not a number."""

    def __init__(self, batch: int, gradient_alone: bool = False) -> None:
        super().__init__()
        self.left, self.gradient_alone = batch, gradient_alone

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.left -= 1
        loss = (output - target).abs().mean()
        if self.left > 0:
            return loss
        return (output * 0).sqrt().sum() if self.gradient_alone else loss * math.nan


@pytest.mark.parametrize("gradient_alone", [False, True])
def test_a_loss_or_a_gradient_ends_the_run_and_the_last_checkpoint_stays(
    write_recipe: Write, gradient_alone: bool
) -> None:
    loss = f"losses: {{pixel: {{name: test_lost_from_batch, batch: 5, gradient_alone: {str(gradient_alone).lower()}}}}}"
    path = write_recipe(body=loss)
    what = "gradient" if gradient_alone else "pixel loss"
    with pytest.raises(DivergedError, match=rf"the {what} of net is nan at batch 5(?s:.*)of batch 3.*--resume") as lost:
        fit(load_recipe(path, ["trainer.ema=0.9", *QUIET]))
    assert lost.value.status == 1
    run = next(path.parent.glob("runs/tiny/*"))
    checkpoint = read_checkpoint(run / "checkpoints/last.ckpt")
    assert checkpoint["dlic_batches"] == 3
    assert all(value.isfinite().all() for value in checkpoint["callbacks"]["EMA"]["shadow"].values())
    assert not (run / "weights.safetensors").exists()
    overrides = ["losses.pixel.batch=1000"]
    assert fit(load_recipe(run / "recipe.yaml", overrides), resume=run).figures is not None


def test_a_checkpoint_right_before_it_is_not_the_one_to_go_on_from(write_recipe: Write) -> None:
    path = write_recipe(body="losses: {pixel: {name: test_lost_from_batch, batch: 5}}")
    with pytest.raises(DivergedError, match=r"of batch 4 leads there; .* --resume .*@2$"):
        fit(load_recipe(path, ["trainer.checkpoint_every=2", *QUIET]))
    run = next(path.parent.glob("runs/tiny/*"))
    fit(load_recipe(run / "recipe.yaml", ["losses.pixel.batch=1000"]), resume=f"{run}@2")
    assert [file.name for file in run.glob("checkpoints/step-*")] == ["step-00000006.ckpt"]


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_either_side_of_a_gan_is_looked_at(write_recipe: Write, role: str) -> None:
    body = f"optim: {{{role}: {{name: sgd, lr: 1.0e+30}}}}"
    with pytest.raises(DivergedError, match=r"is (nan|inf) at batch 2"):
        fit(load_recipe(write_recipe(body=body, **GAN), list(QUIET)))


@register("sr", "test_poisoned")
class Poisoned(Compact):
    """A compact stage; after its second batch, part of what a checkpoint holds beside the weights is no number."""

    poisons: ClassVar[str] = ""

    def on_train_batch_end(self, *_: Any) -> None:
        if self.batches == 2 and self.poisons == "average":
            next(iter(next(c for c in self.trainer.callbacks if isinstance(c, EMA)).shadow.values())).fill_(math.nan)
        if self.batches == 2 and self.poisons == "optimizer":
            next(iter(self.trainer.optimizers[0].state.values()))["exp_avg_sq"].fill_(math.inf)


@pytest.mark.parametrize(("poisons", "place"), [("average", "EMA"), ("optimizer", "optimizer_states")])
def test_all_of_a_checkpoint_must_be_finite(
    write_recipe: Write, monkeypatch: pytest.MonkeyPatch, poisons: str, place: str
) -> None:
    monkeypatch.setattr(Poisoned, "poisons", poisons)
    path = write_recipe(stage="test_poisoned")
    with pytest.raises(DivergedError, match=rf"after batch 4 .*{place}.* is not finite(?s:.*)of batch 2 is whole"):
        fit(load_recipe(path, ["trainer.ema=0.9", "trainer.checkpoint_every=2", *QUIET]))


def test_weights_that_left_the_range_in_the_last_step_are_not_saved(write_recipe: Write) -> None:
    path = write_recipe(body="optim: {net: {name: sgd, lr: 3.0e+38}}\nlosses: {pixel: {name: l1, weight: 1.0e+6}}")
    with pytest.raises(DivergedError, match=r"after batch 1 net.*not finite"):
        fit(load_recipe(path, ["trainer.max_steps=1", *QUIET]))
    assert not list(path.parent.rglob("*.ckpt"))
    assert not list(path.parent.rglob("*.safetensors"))


def test_a_network_that_gives_no_picture_is_never_the_best(write_recipe: Write) -> None:
    path = write_recipe(body="optim: {net: {name: sgd, lr: 1.0e+37}}")
    with pytest.raises(DivergedError, match=r"after batch 1: .*not finite"):
        fit(load_recipe(path, ["trainer.max_steps=1", "trainer.val_every=1", "trainer.progress=false"]))
    assert not list(path.parent.rglob("*.safetensors"))


def test_a_picture_met_exactly_leaves_results_that_json_holds(write_recipe: Write, tmp_path: Path) -> None:
    (tmp_path / "valid").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "valid" / "black.png")
    run = fit(load_recipe(write_recipe(), [f"data.args.valid={tmp_path / 'valid'}"])).run
    figures = json.loads(run.result.read_text(), parse_constant=pytest.fail)["figures"]
    assert figures["baseline"]["psnr_y"] == 100
    assert 0 < load_net(run.best)[1]["psnr_y"] <= 100


def test_weights_to_start_from_must_be_finite(write_recipe: Write) -> None:
    path = write_recipe()
    checkpoint = fit(load_recipe(path, ["trainer.max_steps=1", *QUIET])).run.last
    state = torch.load(checkpoint, weights_only=True)
    state["state_dict"][next(iter(state["state_dict"]))].fill_(math.nan)
    torch.save(state, path.parent / "broken.ckpt")
    with pytest.raises(DlicError, match=r"stages\.sr\.init: .* in .*broken\.ckpt is not finite"):
        fit(load_recipe(path, [f"stages.sr.init={path.parent / 'broken.ckpt'}"]))


def test_norms_of_half_precision_do_not_overflow_by_themselves() -> None:
    parameter = nn.Parameter(torch.zeros(4, dtype=torch.float16))
    parameter.grad = torch.full((4,), 6e4, dtype=torch.float16)
    watch = Watch()
    watch.look(1, "net", {}, [parameter])
    parameter.grad[0] = math.inf
    with pytest.raises(DivergedError, match="gradient of net is inf at batch 1"):
        watch.look(1, "net", {}, [parameter])


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["optim.net.lr=1e38"], r"after batch \d.*beyond single precision: lower its rate"),
        (["optim.net.schedule={name: cosine, T_max: 0}"], r"optim\.net\.schedule: ZeroDivisionError"),
        (["optim.net.groups={a: {match: 'tail*', lr: -1}}"], r"optim\.net: groups\.a: Invalid learning rate: -1"),
        (["losses.pixel={name: l1_lattice, period: 0}"], r"losses\.pixel: period must be at least 2"),
        (["stages.sr.args.width=0"], r"stages\.sr\.args: net\.head\.weight has no elements"),
        (["stages.sr.args.width=-1"], r"stages\.sr\.args: Trying to create tensor with negative dimension"),
        (["trainer.accelerator=tpu"], r"trainer: .*torch_xla"),
    ],
)
def test_numbers_that_no_class_checks_end_in_a_sentence(write_recipe: Write, overrides: list[str], told: str) -> None:
    body = "optim: {net: {name: adam, lr: 0.001}}\nlosses: {pixel: {name: l1}}"
    with pytest.raises(DlicError, match=told):
        fit(load_recipe(write_recipe(body=body), [*overrides, *QUIET]))
