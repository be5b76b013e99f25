"""What a training leaves behind, and that its settings do what they say."""

import csv
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dlic_registry import DlicError, load
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.optim import build_optimizer
from lightning_dlic.training.build import build_stage
from lightning_dlic.training.fit import Result, fit
from lightning_dlic.training.provenance import network_state, read_checkpoint
from lightning_dlic.zoo import load_net

Write = Callable[..., Path]
GAN = {
    "stage": "srgan",
    "args": "generator: {name: compact, width: 8, blocks: 1}, "
    "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
}


def train(path: Path, *overrides: str) -> Result:
    return fit(load_recipe(path, overrides))


def rows(result: Result) -> dict[int, dict[str, str]]:
    with result.run.metrics.open() as stream:
        return {int(row["step"]): row for row in csv.DictReader(stream)}


def start_and_end(
    result: Result, path: Path, *overrides: str
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The network's parameters before and after a training."""

    before = build_stage(load_recipe(path, overrides), "sr").net.state_dict()
    return before, network_state(read_checkpoint(result.run.last))


def test_a_run_leaves_all_that_is_needed_to_judge_and_repeat_it(write_recipe: Write) -> None:
    result = train(write_recipe())
    run = result.run
    assert result.batches == 6
    assert result.figures is not None
    assert (run.checkpoints / "step-00000006.ckpt").is_file()
    written = json.loads(run.result.read_text())
    assert written["batches"] == 6
    assert written["baseline"] == "bicubic"
    assert written["figures"]["net"]["psnr_y"] == pytest.approx(result.figures.net["psnr_y"])
    assert written["figures"]["pictures"] == 2
    assert "imresize" in written["protocol"]["resizer"]
    assert list(run.samples.glob("0-step-*.png"))
    assert {1, 3, 6} <= set(rows(result))
    assert float(rows(result)[6]["val/psnr_y"]) > 0
    again = load_recipe(run.recipe)
    assert again.trainer.max_steps == 6
    net, facts = load_net(run.weights)
    assert facts["steps"] == 6
    assert net(torch.rand(1, 3, 8, 8)).shape == (1, 3, 16, 16)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "gan"])
def test_one_seed_gives_one_network(write_recipe: Write, kind: str) -> None:
    path = write_recipe(**(GAN if kind == "gan" else {}))
    first, second, other = (train(path, f"seed={seed}").run.weights.read_bytes() for seed in (5, 5, 6))
    assert first == second
    assert first != other


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(write_recipe: Write) -> None:
    path = write_recipe()
    alone, helped = (train(path, f"data.args.workers={n}").run.weights.read_bytes() for n in (0, 2))
    assert alone == helped


def test_a_finished_run_can_be_made_longer(write_recipe: Write) -> None:
    path = write_recipe()
    short = train(path, "trainer.max_steps=4")
    longer = fit(load_recipe(path, ["trainer.max_steps=8"]), resume=short.run.folder)
    whole = train(path, "trainer.max_steps=8")
    assert longer.run.weights.read_bytes() == whole.run.weights.read_bytes()


def test_a_gan_counts_batches_not_optimizer_steps(write_recipe: Write) -> None:
    result = train(write_recipe(**GAN), "trainer.keep=5")
    assert result.batches == 6
    assert max(rows(result)) == 6
    assert {p.name for p in result.run.checkpoints.glob("step*")} == {"step-00000003.ckpt", "step-00000006.ckpt"}


def test_a_gan_trains_both_sides(write_recipe: Write) -> None:
    path = write_recipe(**GAN)
    result = train(path)
    before, after = start_and_end(result, path)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    columns = rows(result)[6]
    for name in ("train/generator_pixel", "train/generator_adversarial", "train/discriminator_adversarial"):
        assert float(columns[name]) > 0


def test_accumulation_equals_a_larger_batch(write_recipe: Write) -> None:
    body = "optim: {net: {name: sgd, lr: 0.1}}"
    path = write_recipe(body=body)
    split = train(path, "trainer.accumulate=2", "data.args.batch_size=2", "trainer.max_steps=4")
    whole = train(path, "data.args.batch_size=4", "trainer.max_steps=2")
    one, other = (network_state(read_checkpoint(r.run.last)) for r in (split, whole))
    for name in one:
        torch.testing.assert_close(one[name], other[name])


@pytest.mark.parametrize("kind", ["plain", "gan"])
def test_clipping_bounds_every_step(write_recipe: Write, kind: str) -> None:
    roles = ("generator", "discriminator") if kind == "gan" else ("net",)
    optim = ", ".join(f"{role}: {{name: sgd, lr: 1.0}}" for role in roles)
    path = write_recipe(body=f"optim: {{{optim}}}", **(GAN if kind == "gan" else {}))
    overrides = ("trainer.max_steps=1", "trainer.clip_norm=0.001")
    before, after = start_and_end(train(path, *overrides), path)
    moved = torch.stack([(after[n] - before[n]).norm() for n in before]).norm()
    assert 0.0005 < float(moved) <= 0.0010001


@pytest.mark.parametrize("kind", ["plain", "gan"])
def test_schedules_step_once_a_batch(write_recipe: Write, kind: str) -> None:
    role = "generator" if kind == "gan" else "net"
    body = f"optim: {{{role}: {{name: adam, lr: 0.01, schedule: {{name: multistep, milestones: [2, 4], gamma: 0.1}}}}}}"
    result = train(write_recipe(body=body, **(GAN if kind == "gan" else {})))
    rates = [float(rows(result)[step][f"lr/{role}"]) for step in (1, 3, 5)]
    assert rates == pytest.approx([0.01, 0.001, 0.0001], rel=0.01)


def test_a_schedule_takes_its_length_from_the_run(write_recipe: Write) -> None:
    body = "optim: {net: {name: adam, lr: 0.01, schedule: {name: cosine}}}"
    result = train(write_recipe(body=body), "trainer.max_steps=10")
    assert float(rows(result)[10]["lr/net"]) < 1e-4


def test_a_schedule_halves_the_rate_at_shares_of_the_run(write_recipe: Write) -> None:
    body = "optim: {net: {name: adam, lr: 0.01, schedule: {name: halved, at: [0.4, 0.8]}}}"
    for steps in (5, 10):
        logged = rows(train(write_recipe(body=body), f"trainer.max_steps={steps}"))
        rates = [float(logged[step]["lr/net"]) for step in range(1, steps + 1)]
        # What is logged with a batch is the rate of the next.
        pairs = enumerate(pairwise(rates), 2)
        changes = {step / steps: after / before for step, (before, after) in pairs if before != after}
        assert changes == pytest.approx({0.4: 0.5, 0.8: 0.5})


@pytest.mark.parametrize(
    ("optim", "complaint"),
    [
        ("lr: 0.01, schedule: {name: halved, at: [0.5, 1.0]}", r"optim\.net: at must be shares of the run"),
        ("lr: 0.01, schedule: {name: halved, at: [3]}", r"optim\.net: at must be shares .*, not \[3\]"),
        ("lr: 0.01, betas: [0.9, 1.5]", r"optim\.net: .*1\.5"),
    ],
)
def test_values_that_an_optimizer_refuses_name_the_role(optim: str, complaint: str, write_recipe: Write) -> None:
    with pytest.raises(DlicError, match=complaint):
        train(write_recipe(body=f"optim: {{net: {{name: adam, {optim}}}}}"))


def test_the_average_is_of_the_generator_alone_and_is_what_ships(write_recipe: Write) -> None:
    result = train(write_recipe(**GAN), "trainer.ema=0.9")
    checkpoint = read_checkpoint(result.run.last)
    live = {k.removeprefix("net."): v for k, v in checkpoint["state_dict"].items() if k.startswith("net.")}
    shadow = checkpoint["callbacks"]["EMA"]["shadow"]
    shipped = load_file(result.run.weights)
    assert set(shadow) == set(live) == set(shipped)
    assert any(not torch.equal(live[name], shadow[name]) for name in live)
    for name, value in shadow.items():
        torch.testing.assert_close(shipped[name].reshape(value.shape), value, rtol=0, atol=0)


def test_a_checkpoint_says_where_it_comes_from(write_recipe: Write) -> None:
    checkpoint = torch.load(train(write_recipe()).run.last, weights_only=True)
    made = checkpoint["dlic"]["stages"]["sr"]
    assert (made["kind"], made["name"], made["distribution"]) == ("sr", "compact", "lightning-dlic")
    assert made["version"]
    assert checkpoint["dlic"]["recipe"]["trainer"]["max_steps"] == 6


def test_frozen_loss_networks_stay_out_of_checkpoints(
    write_recipe: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    from lightning_dlic.frozen.vgg import FILE, vgg_layers

    save_file({f"features.{k}": v for k, v in vgg_layers(3).state_dict().items()}, tmp_path / FILE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    body = "losses: {content: {name: perceptual, layer: '1_2'}, adversarial: {name: bce, weight: 0.001}}"
    result = train(write_recipe(body=body, **GAN))
    state = read_checkpoint(result.run.last)["state_dict"]
    assert {key.split(".")[0] for key in state} == {"net", "discriminator"}
    assert float(rows(result)[6]["train/generator_content"]) > 0
    assert "train/generator_pixel" not in rows(result)[6]


@pytest.mark.slow
def test_srgan_goes_on_from_srresnet_by_two_commands(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    from lightning_dlic.frozen.vgg import FILE, vgg_layers

    save_file({f"features.{k}": v for k, v in vgg_layers(3).state_dict().items()}, tmp_path / FILE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    data = ("data.name=folder", f"data.args={{root: {pictures}, crop: 32, batch_size: 2, workers: 0}}")
    short = (
        "trainer.max_steps=20",
        "trainer.val_every=20",
        "trainer.log_every=10",
        "trainer.precision=32-true",
        "logger=null",
    )
    first = train(Path("srresnet_div2k"), *data, *short, "stages.sr.args={blocks: 1, width: 8}")
    # A generator that does not learn keeps what it was given.
    still = ("optim.generator={name: sgd, lr: 0.0}", "losses.content.layer='1_2'")
    small = ("generator={name: srresnet, blocks: 1, width: 8}", "discriminator={name: srgan_discriminator, width: 4}")
    second = train(Path("srgan_div2k"), *data, *short, *still, *(f"stages.sr.args.{text}" for text in small))
    before, after = (load_file(result.run.weights) for result in (first, second))
    weights = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(before[name], after[name]) for name in weights)
    assert float(rows(second)[20]["lr/discriminator"]) == pytest.approx(1e-5)


def test_groups_of_parameters_learn_at_their_own_rates(write_recipe: Write) -> None:
    groups = "groups: {still: {match: [tail.*, head.bias], lr: 0.0}, late: {match: 'join*', lr: 0.004}}"
    body = f"optim: {{net: {{name: sgd, lr: 0.001, {groups}, schedule: {{name: onecycle}}}}}}"
    path = write_recipe(body=body)
    before, after = start_and_end(train(path), path)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {"tail.weight", "tail.bias", "head.bias"}
    with pytest.raises(
        DlicError, match=r"optim\.net: groups\.far: nothing matches 'toil\.\*'\nParameters left to it: head"
    ):
        train(path, "optim.net.groups.far={match: toil.*, lr: 1.0}", "run.name=none")
    spec = load_recipe("srcnn_div2k").optim["net"]
    net = load("net", "srcnn")(scale=3)
    rates = {len(g["params"]): g["lr"] for g in build_optimizer(spec, net.named_parameters()).param_groups}
    assert rates == {4: 1e-4, 2: 1e-5}  # weights and biases of two layers, and of the last


def test_init_takes_a_trained_generator(write_recipe: Write) -> None:
    trained = train(write_recipe("first"), "trainer.max_steps=3").run.last
    path = write_recipe("second", **GAN)
    overrides = (
        f"stages.sr.init={trained}",
        "optim.generator.lr=0.0",
        "optim.generator.name=sgd",
        "trainer.max_steps=1",
    )
    after = network_state(read_checkpoint(train(path, *overrides).run.last))
    for name, value in network_state(read_checkpoint(trained)).items():
        assert torch.equal(after[name], value)


def test_init_from_something_else_says_so(write_recipe: Write, tmp_path: Path) -> None:
    (tmp_path / "not.ckpt").write_bytes(b"no checkpoint")
    for value, message in ((tmp_path / "absent.ckpt", "no file"), (tmp_path / "not.ckpt", "safely")):
        with pytest.raises(DlicError, match=message):
            train(write_recipe(), f"stages.sr.init={value}")


def test_half_precision_that_a_cpu_cannot_do_falls_back_and_says_so(write_recipe: Write) -> None:
    with pytest.warns(UserWarning, match="32-true"):
        result = train(write_recipe(), "trainer.precision=16-mixed")
    assert result.figures is not None


def test_a_crop_that_the_scale_does_not_divide_is_refused(write_recipe: Write) -> None:
    with pytest.raises(DlicError, match=r"data\.args\.crop is 25"):
        train(write_recipe(), "data.args.crop=25")


def test_a_run_of_that_name_is_never_overwritten(write_recipe: Write) -> None:
    path = write_recipe()
    result = train(path, "run.name=mine")
    before = result.run.weights.read_bytes()
    with pytest.raises(DlicError, match="--resume"):
        train(path, "run.name=mine", "seed=9")
    assert result.run.weights.read_bytes() == before


@pytest.mark.slow
def test_compiled_training_gives_a_network_that_scores(write_recipe: Write) -> None:
    result = train(write_recipe(), "trainer.compile=true", "trainer.max_steps=4")
    assert result.figures is not None
    assert result.figures.net["psnr_y"] > 10
