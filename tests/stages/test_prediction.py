"""Prediction stages: what they make of pictures, how they train, and that training computes in the codec's integers."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dlic_registry import DlicError, load
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.export.integers import to_integers
from lightning_dlic.imaging.blocks import seen, seen_back
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.prediction.block_gan import BlockGAN
from lightning_dlic.stages.prediction.pnns_fc import PNNSFC
from lightning_dlic.stages.settings import Settings
from lightning_dlic.training.build import build_stage
from lightning_dlic.training.fit import fit
from lightning_dlic.zoo import load_net, save_net

RECIPE = """\
extends: [base/prediction.yaml]
stages: {{prediction: {{name: {stage}, args: {args}}}}}
data: {{name: folder, args: {{root: "{pictures}", crop: 48, batch_size: 4, workers: 0{transform}}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: {steps}, val_every: {steps}, checkpoint_every: {steps},
  log_every: 1, progress: false}}
run: {{root: "{root}/runs"}}
"""


@pytest.fixture
def train(tmp_path: Path, pictures: Path) -> Callable:
    def run(stage: str, args: str, transform: str = "", steps: int = 2, more: str = ""):
        path = tmp_path / "mine.yaml"
        text = RECIPE.format(stage=stage, args=args, transform=transform, steps=steps, pictures=pictures, root=tmp_path)
        path.write_text(text + more)
        return fit(load_recipe(path))

    return run


def noise(seed=0, size=(2, 3, 48, 64)):
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_task_in_evaluation_is_the_whole_grid_and_everything_known():
    stage = PNNSFC(m=8, width=8).eval()
    grey = noise()[:1, :1]
    inputs, target = stage.task({"image": grey})
    assert inputs.shape == (4 * 6, 2, 320)  # 48x64 holds 6x8 blocks, those at the borders lack context
    assert inputs[:, 1].all()
    assert torch.equal((target[0, 0] * 255).round().byte(), grey[0, 0, 8:16, 8:16])
    assert set(stage.score(inputs, target, target)) == {"psnr", "wins"}
    assert stage.score(inputs, target, target)["wins"] == 1.0
    assert stage.score(inputs, stage.baseline(inputs), target)["wins"] == 0.0


def test_contexts_are_of_the_decoded_picture_blocks_of_the_original():
    stage = PNNSFC(m=4, width=8).eval()
    image = noise()[:1, :1]
    base = torch.full((1, 1, 24, 32), 7, dtype=torch.uint8)
    inputs, target = stage.task({"image": image, "base": base})
    assert (inputs[:, 0] == 7).all()
    assert target.std() > 0.05
    assert inputs.shape[0] == target.shape[0] == 4 * 6


def test_training_draws_as_many_blocks_as_told_and_the_same_for_the_same_seed():
    stage = PNNSFC(m=8, blocks=37, width=8).train()
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(stage.task({"image": noise()}))
    assert drawn[0][0].shape == (37, 2, 320)
    assert not drawn[0][0][:, 1].all()
    assert all(torch.equal(a, b) for a, b in zip(*drawn, strict=True))


def test_pictures_without_room_name_the_remedy():
    with pytest.raises(DlicError, match=r"24x32.* blocks of 16.*\n.*data\.args\.crop"):
        PNNSFC(m=16, width=8).task({"image": noise(size=(1, 1, 24, 32))})


@pytest.mark.parametrize("m", [4, 8])
def test_what_is_trained_is_what_integers_compute(m, tmp_path):
    """The same weights as floats in training's arithmetic, as integers, from a file, in NumPy."""
    torch.manual_seed(m)
    stage = PNNSFC(m=m, width=40, branches=3, differences=m - 4).eval()
    for parameter in stage.net.parameters():  # far from initialisation: activations clip, biases count
        parameter.data.add_(torch.randn_like(parameter) * parameter.detach().std().nan_to_num(0.1).clamp(min=0.02))
    inputs, _ = stage.task({"image": noise(m)[:1]})
    inputs[::3, 1, :30] = 0
    with torch.no_grad():
        expected = (stage(inputs) * 255).round().byte().numpy()
    integer, meta = to_integers(stage.net, {"kind": "prediction", "net": stage.net_recipe()})
    assert torch.equal(torch.from_numpy(expected), (integer(inputs) * 255).round().byte())
    save_net(tmp_path / "net.safetensors", integer, meta)
    again, _ = load_net(tmp_path / "net.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), integer.parameters(), strict=True))
    predictor = IntegerPredictor.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(predictor.predict(*inputs.numpy().transpose(1, 0, 2)), expected)
    assert len(np.unique(expected)) > 20


@pytest.mark.slow
def test_it_learns_and_its_weights_become_integers(train):
    result = train("pnns_fc", "{m: 4, blocks: 512, width: 32}", steps=60)
    assert result.figures.net["psnr"] > 15
    assert set(result.figures.baseline) == {"psnr", "wins"}
    samples = list((result.run.folder / "samples").glob("*.png"))
    assert samples
    net, meta = load_net(result.run.folder / "weights.safetensors")
    integer, _ = to_integers(net, meta)
    assert int(integer.output.shift.min()) >= 1


@pytest.mark.parametrize(
    ("stage", "args", "transform"),
    [
        ("pnns_conv", "{m: 8, blocks: 16, width: 8, dense: 16}", ""),
        (
            "block_gan",
            "{m: 8, blocks: 16, generator: {name: pnns_fc, width: 8}}",
            ", transform: {name: degrade, codec: webp, scale: 2}",
        ),
    ],
)
def test_the_other_stages_train_too(stage, args, transform, train):
    result = train(stage, args, transform)
    assert result.batches == 2
    assert result.figures.net["psnr"] > 5


def test_the_discriminator_sees_blocks_within_their_contexts():
    stage = BlockGAN(m=8, blocks=12, generator={"name": "pnns_fc", "width": 8})
    stage.configure(Settings())
    seen = []
    stage.discriminator.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].shape))
    inputs, target = stage.train().task({"image": noise()})
    roles = [role for role, _ in stage.updates(inputs, target)]
    assert roles == ["generator", "discriminator"]
    assert set(seen) == {(12, 1, 24, 24)}


@pytest.mark.parametrize("m", [4, 8, 16])
def test_satd_and_l2_know_differences(m):
    satd, block_l2 = load("loss", "satd")(), load("loss", "block_l2")()
    target = torch.rand(5, 1, m, m)
    assert satd(target, target) == 0
    assert satd(target + 0.1, target).item() == pytest.approx(0.1 / m, rel=1e-4)  # one coefficient of m^2 holds it all
    assert block_l2(target + 0.1, target).item() == pytest.approx(0.1, rel=1e-2)


@pytest.mark.parametrize("m", [4, 16])
def test_the_rate_of_the_nearest(m):
    rate = load("loss", "nearest_rate")(step=10.0, guard=0.0, named=False)
    target = torch.rand(6, 1, m, m)
    assert rate(target, target) == 0
    # A flat difference is one coefficient of m steps of 10: log2(1 + m^2) / 2 bits for m^2 samples.
    flat = rate(target + 10 / 255, target).item()
    assert flat == pytest.approx(math.log2(1 + m**2) / 2 / m**2, rel=1e-4)
    far = target + 0.3
    assert rate(torch.cat([far, target + 10 / 255], 1), target).item() == pytest.approx(flat, rel=1e-4)
    # With a guard the others learn, too.
    both = torch.cat([far, target + 10 / 255], 1).requires_grad_()
    load("loss", "nearest_rate")(guard=0.1)(both, target).backward()
    assert both.grad[:, 0].abs().sum() > 0


def test_the_rate_of_halved_blocks_sees_what_a_codec_takes_of_them():
    target, made = torch.rand(8, 1, 8, 8), torch.rand(8, 3, 8, 8)
    made[4:6, 1:2, :4] = target[4:6, :, :4]  # right in the upper half
    made[6:, 2:3, :, :4] = target[6:, :, :, :4]  # right in the left one
    whole = load("loss", "nearest_rate")(guard=0.0, named=False)
    halved = load("loss", "nearest_rate")(guard=0.0, named=False, halvings=1)
    spent = whole(made[:4], target[:4]).item()
    assert halved(made, target).item() == pytest.approx(spent * 4 / 6, rel=1e-5)  # of 6 blocks' samples, 4 cost
    assert whole(made[4:], target[4:]).item() > 0.1
    with pytest.raises(ValueError, match="fewer for blocks of 8, not 4"):
        load("loss", "nearest_rate")(halvings=4)(made, target)
    with pytest.raises(ValueError, match="at least 0"):
        load("loss", "nearest_rate")(halvings=-1)


def test_naming_a_prediction_costs_what_its_share_tells():
    rate = {named: load("loss", "nearest_rate")(step=10.0, guard=0.0, named=named) for named in (False, True)}
    target = torch.rand(4000, 1, 8, 8)
    near, far = target + 1 / 255, target + 40 / 255
    even = torch.cat([torch.where(torch.arange(4000)[:, None, None, None] % 2 > 0, near, far), near * 0], 1)
    even[::2, 1:] = near[::2]
    # One bit a block says which of two equally frequent ones it is.
    assert (rate[True](even, target) - rate[False](even, target)).item() == pytest.approx(1 / 64, rel=0.02)
    # Predictions that are always alike cost nothing: the first is always taken.
    alike = torch.cat([near, near], 1)
    assert (rate[True](alike, target) - rate[False](alike, target)).item() < 1e-3


def test_a_network_of_several_predictions():
    stage = PNNSFC(m=4, width=16, branches=3, differences=2)
    assert stage.net(torch.zeros(2, 2, 80, dtype=torch.uint8)).shape == (2, 5, 4, 4)
    with pytest.raises(ValueError, match="branches"):
        PNNSFC(m=4, branches=0)
    with pytest.raises(ValueError, match="need a hidden layer"):
        PNNSFC(m=4, depth=0, differences=1)


@pytest.mark.parametrize(("own", "further"), [((2, 0), (2, 0)), ((2, 0), (5, 0)), ((2, 0), (2, 3)), ((1, 1), (1, 4))])
def test_integers_that_ship_can_be_trained_further(
    own: tuple[int, int], further: tuple[int, int], tmp_path: Path
) -> None:
    torch.manual_seed(3)
    branches = sum(further)
    first = PNNSFC(m=4, width=24, branches=own[0], differences=own[1]).eval()
    for parameter in first.net.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    integer, meta = to_integers(first.net, {"kind": "prediction", "net": first.net_recipe()})
    save_net(tmp_path / "net.safetensors", integer, meta)
    recipe = tmp_path / "further.yaml"
    recipe.write_text(f"""
train: prediction
stages:
  prediction:
    name: pnns_fc
    args: {{m: 4, width: 24, branches: {further[0]}, differences: {further[1]}}}
    init: {tmp_path / "net.safetensors"}
data: {{name: sample}}
trainer: {{max_steps: 1}}
""")
    again = build_stage(load_recipe(str(recipe)), "prediction").eval()
    inputs, _ = first.task({"image": noise(5)[:1]})
    with torch.no_grad():
        before, after = first(inputs), again(inputs)
    assert torch.equal(before, after[:, :2])
    state = again.net.integer_state()
    assert all(torch.equal(state[name][: len(value)], value) for name, value in first.net.integer_state().items())
    assert after.shape[1] == branches
    # Those that are new resemble one that was there, and no two are alike.
    for new in range(2, branches):
        distance = (after[:, new] - before[:, new % 2]).abs().mean()
        assert 0 < distance < (before[:, 0] - before[:, 1]).abs().mean()
    assert len(torch.unique(after.flatten(2), dim=1)[0]) == branches


@pytest.mark.slow
def test_a_deeper_network_with_differences_begins_as_the_one_it_grows_from() -> None:
    torch.manual_seed(5)
    small, large = PNNSFC(m=4, width=24, branches=3).eval(), PNNSFC(m=4, width=24, depth=3, differences=4).eval()
    output = small.net.output
    output.weight.data.normal_(std=0.2)
    output.weight.data[:, 24:] = output.weight.data[:16, 24:].repeat(3, 1)  # differences know no short cut
    small.net.hidden[1].weight.data.mul_(0.2)
    small.net.hidden[1].bias.data.fill_(1.0)  # a layer passes on what is not negative
    large.net.load_state_dict(large.init_state(small.net.state_dict()))
    inputs, _ = small.task({"image": noise(5)[:1]})
    with torch.no_grad():
        before, after = small(inputs), large(inputs)
    assert torch.equal(after[:, 0], before[:, 0])
    assert (after[:, 1:3] - before[:, 1:]).abs().mean() < 2 / 255  # weights are rounded anew
    assert (before[:, 1:] - before[:, :1]).abs().mean() > 8 / 255
    assert len(torch.unique(after.flatten(2), dim=1)[0]) == 5
    fewer = PNNSFC(m=4, width=24, depth=3, differences=2).eval()
    fewer.net.load_state_dict(fewer.init_state(large.net.state_dict()))
    with torch.no_grad():
        assert torch.equal(fewer(inputs), after[:, :3])


@pytest.mark.parametrize("source", ["zoo:pnns_8", "zoo:compact_x4"])
def test_what_is_of_another_network_is_refused(source: str) -> None:
    # More outputs than the source has, so that they would be repeated if its inputs fitted.
    recipe = [f"stages.prediction.init={source}", "stages.prediction.args={m: 4, width: 24, branches: 60}"]
    with pytest.raises(DlicError, match=f"nothing in {source} fits"):
        build_stage(load_recipe("base/prediction", recipe), "prediction")


def test_what_init_does_not_take_is_told() -> None:
    args = ["stages.prediction.init=zoo:pnns_4", "stages.prediction.partial=true"]
    args += ["stages.prediction.args={m: 4, width: 256, depth: 5, branches: 16}"]
    with pytest.warns(UserWarning, match=r"12 of .*12 tensors taken; left over: hidden\.5\.weight, hidden\.5\.bias$"):
        build_stage(load_recipe("base/prediction", args), "prediction")


@pytest.mark.parametrize("view", [1, 2, 3])
def test_the_rate_may_choose_a_prediction_of_another_view(view):
    stage = PNNSFC(m=8, blocks=16, width=16, branches=2, views=4).train()
    stage.configure(Settings(losses={"rate": {"name": "nearest_rate", "named": False, "guard": 0.0}}))
    inputs, _ = stage.task({"image": noise()[:1, :1, :32, :32]})
    made = seen_back(stage(seen(inputs, 8, view)).detach(), view)[:, 1:2]
    ((_, terms),) = stage.updates(inputs, made)
    assert terms["rate"].item() == pytest.approx(0.0, abs=1e-6)
    stage.views = view
    ((_, terms),) = stage.updates(inputs, made)
    assert terms["rate"].item() > 1e-3


def test_views_out_of_range():
    with pytest.raises(ValueError, match="from 1 to 4, not 5"):
        PNNSFC(m=8, width=16, views=5)
