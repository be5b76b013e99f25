"""What the training of a chain leaves behind: all that a single stage's does, for each stage that it trains."""

import csv
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dlic_registry import DlicError
from lightning_dlic.api.targets import find_target, load_target_net
from lightning_dlic.recipe import load_recipe
from lightning_dlic.recipe.pipeline import load_pipeline
from lightning_dlic.training.build import build_chain
from lightning_dlic.training.fit import Result, fit
from lightning_dlic.training.provenance import network_state, read_checkpoint
from lightning_dlic.zoo import load_net

Write = Callable[..., Path]
DISCRIMINATOR = "discriminator: {name: srgan_discriminator, width: 4, dense: 8}"


def train(path: Path, *overrides: str) -> Result:
    return fit(load_recipe(path, overrides))


def columns(result: Result) -> dict[str, str]:
    with result.run.metrics.open() as stream:
        return list(csv.DictReader(stream))[-1]


@pytest.mark.slow
def test_a_chain_leaves_weights_of_each_stage_and_says_what_it_gains(write_chain: Write) -> None:
    result = train(write_chain(), "trainer.ema=0.9")
    run = result.run
    assert not run.weights.exists()
    assert not run.best.exists()
    for kind in ("sr", "colorization"):
        for path in (run.weights_of(kind), run.best_of(kind)):
            _, facts = load_net(path)
            assert (facts["kind"], facts["steps"] in (3, 6)) == (kind, True)
        assert run.weights_of(kind) == run.folder / "weights" / f"{kind}.safetensors"
        assert find_target(str(run.weights_of(kind))).file == run.weights_of(kind)
    with pytest.raises(DlicError, match=r"several networks; name one: .*colorization\.safetensors, .*sr\.safetensors"):
        find_target(str(run.folder))
    with pytest.raises(DlicError, match="a chain's, of colorization and sr"):
        load_target_net(find_target(str(run.last)))
    written = json.loads(run.result.read_text())
    assert [(s["kind"], s["trained"]) for s in written["stages"]] == [("colorization", True), ("sr", True)]
    assert written["baseline"] == "bicubic + guided filter"
    assert set(written["weights"]) == {"sr", "colorization"}
    for figures in ("net", "baseline", "initial"):
        assert set(written["figures"][figures]) == {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"}
    assert written["figures"]["initial"] != written["figures"]["net"]
    assert list(run.samples.glob("0-step-*.png"))
    last = columns(result)
    assert {"train/joint_pixel", "train/joint_colorization_nearest", "lr/sr", "lr/colorization", "val/psnr_rgb"} <= set(
        last
    )
    checkpoint = read_checkpoint(run.last)
    assert set(checkpoint["dlic"]["stages"]) == {"sr", "colorization"}


@pytest.mark.slow
def test_frozen_stages_stay_what_they_are_and_only_the_others_are_averaged(write_chain: Write) -> None:
    first = train(write_chain("first"))
    start = [f"stages.{kind}.init={first.run.folder}" for kind in ("sr", "colorization")]
    path = write_chain("second", train="sr")
    result = train(path, *start, "trainer.ema=0.9", "losses.colorization=null")
    checkpoint = read_checkpoint(result.run.last)
    given = {kind: network_state(read_checkpoint(first.run.last), kind) for kind in ("sr", "colorization")}
    made = {kind: network_state(checkpoint, kind) for kind in given}
    assert all(torch.equal(value, made["colorization"][name]) for name, value in given["colorization"].items())
    assert any(not torch.equal(value, made["sr"][name]) for name, value in given["sr"].items())
    assert {name.split(".")[0] for name in checkpoint["callbacks"]["EMA"]["shadow"]} == {"sr"}
    # The codec needs both: what came from a run and was not trained lies beside what was.
    pipeline = load_pipeline(result.run.folder)
    assert [path.stem for path in (result.run.folder / "best").iterdir()] == ["sr"]
    assert {kind: Path(spec["weights"]).name for kind, spec in pipeline.stages.items()} == {
        "sr": "sr.safetensors",
        "colorization": "colorization.safetensors",
    }
    assert pipeline.hints.name == "auto"
    shipped = load_file(result.run.weights_of("sr"))
    assert all(torch.equal(value.reshape(made["sr"][name].shape), made["sr"][name]) for name, value in shipped.items())


@pytest.mark.slow
def test_a_chain_is_trained_against_a_discriminator(write_chain: Write) -> None:
    result = train(write_chain(body=DISCRIMINATOR), "losses.adversarial={name: bce, weight: 0.01}")
    last = columns(result)
    for name in ("train/joint_adversarial", "train/joint_pixel", "train/discriminator_adversarial"):
        assert float(last[name]) > 0
    state = read_checkpoint(result.run.last)["state_dict"]
    fresh = build_chain(load_recipe(result.run.recipe)).state_dict()
    for part in ("net.sr.net.", "net.colorization.net.", "discriminator."):
        assert any(not torch.equal(state[name], fresh[name]) for name in fresh if name.startswith(part)), part


def test_all_stages_of_a_chain_wait_for_an_accumulation(write_chain: Write) -> None:
    path = write_chain()
    words = ("trainer.accumulate=2", "trainer.max_steps=4", "trainer.checkpoint_every=1", "trainer.keep=4")
    run = train(path, *words, "trainer.val_every=4").run
    states = [build_chain(load_recipe(path)).net.state_dict()]
    states += [network_state(read_checkpoint(run.checkpoints / f"step-{step:08d}.ckpt")) for step in range(1, 5)]
    for kind in ("sr", "colorization"):
        names = [name for name in states[0] if name.startswith(f"{kind}.net.")]
        same = [all(torch.equal(a[name], b[name]) for name in names) for a, b in pairwise(states)]
        assert same == [True, False, True, False]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["train=sr"], r"stages\.colorization: is not trained here, and has no weights"),
        (["optim.net.lr=1"], r"optim\.net: the chain has no role 'net'\nIts roles: colorization, sr\."),
        (["losses.adversarial={name: bce}"], r"losses\.adversarial: the chain has no discriminator"),
        ([DISCRIMINATOR.replace(": ", "=", 1)], r"discriminator: has nothing to train for"),
        (["losses.sr={name: l1}"], r"losses\.sr: stands for a stage"),
        (["losses.sr.pixel={name: bce}"], r"losses\.sr\.pixel: loss bce does not compare"),
        (["losses.sr.pixel={name: l2}"], r"losses\.sr\.pixel\.name: unknown loss 'l2'"),
        (["losses.pixel={name: nearest}"], r"losses\.pixel: Nearest does not compare an output of \(2, 3, 32, 32\)"),
        (["stages.prediction={name: pnns_fc}"], r"stages: stages of the kind 'prediction' have no place"),
        (["stages.sr={name: learned_downsize}"], r"learned_downsize .* has no part behind a base codec"),
        (["stages.sr.args.scale=4"], r"sr enlarges by 4, but what comes to it is 1/2"),
        (["monitor=psnr"], r"monitor: no validation gives 'psnr'\nDid you mean 'psnr_y'"),
        (["losses.pixel=null", "losses.colorization=null"], r"losses: every term is switched off"),
    ],
)
def test_what_does_not_make_a_chain_is_told(write_chain: Write, overrides: list[str], words: str) -> None:
    with pytest.raises(DlicError, match=words):
        train(write_chain(), *overrides)


def test_clipping_and_schedules_hold_for_each_stage_of_a_chain(write_chain: Write) -> None:
    sgd = "{{name: sgd, lr: 0.5, schedule: {{name: multistep, milestones: [{step}], gamma: 0.1}}}}"
    path = write_chain(body=f"optim: {{sr: {sgd.format(step=2)}, colorization: {sgd.format(step=3)}}}")
    words = ("trainer.max_steps=4", "trainer.val_every=4", "trainer.checkpoint_every=1", "trainer.keep=4")
    run = train(path, *words, "trainer.clip_norm=1.0e-3").run
    with run.metrics.open() as stream:
        rows = list(csv.DictReader(stream))
    # What is logged with a batch is the rate of the next.
    for kind, rates in (("sr", [0.5, 0.05, 0.05, 0.05]), ("colorization", [0.5, 0.5, 0.05, 0.05])):
        assert [float(row[f"lr/{kind}"]) for row in rows if row["lr/sr"]][:4] == pytest.approx(rates), kind
        states = [
            network_state(read_checkpoint(run.checkpoints / f"step-{step:08d}.ckpt"), kind) for step in range(1, 5)
        ]
        for number, (before, after) in enumerate(pairwise(states)):
            moved = torch.stack([(after[name] - before[name]).norm() for name in before]).norm()
            # A step of plain SGD is the rate times a gradient of at most this norm, of each stage for itself.
            assert 0 < moved <= 1.001e-3 * rates[number], (kind, number)


def test_a_sweep_reaches_whatever_a_chain_says(write_chain: Write) -> None:
    drawn = ["optim.sr.lr=0.003", "losses.colorization.nearest.weight=0.7", "stages.sr.args.blocks=2"]
    run = train(write_chain(), *drawn, "data.args.transform.hinted.none=0.5", "trainer.max_steps=1").run
    resolved = load_recipe(run.recipe)
    assert resolved.optim["sr"]["lr"] == 0.003
    assert resolved.losses["colorization"] == {"nearest": {"name": "nearest", "weight": 0.7}}
    assert resolved.data.args["transform"]["hinted"] == {"none": 0.5}
    assert load_net(run.weights_of("sr"))[1]["net"]["args"]["blocks"] == 2
