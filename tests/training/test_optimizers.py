"""Optimizers and schedules of PyTorch and of others, by recipe."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dlic_registry import DlicError, entries
from lightning_dlic.recipe import check, load_recipe
from lightning_dlic.recipe.signature import signature
from lightning_dlic.stages.optim import build_optimizer
from lightning_dlic.stages.schedules import build_schedule
from lightning_dlic.training.fit import Result, fit
from lightning_dlic.training.provenance import network_state, read_checkpoint
from lightning_dlic.zoo import load_net

Write = Callable[..., Path]


def train(path: Path, *overrides: str) -> Result:
    return fit(load_recipe(path, overrides))


def column(result: Result, name: str) -> dict[int, float]:
    with result.run.metrics.open() as stream:
        return {int(row["step"]): float(row[name]) for row in csv.DictReader(stream) if row.get(name)}


def test_all_of_torchs_optimizers_have_names_and_step() -> None:
    named = {entry.target.rpartition(":")[2]: entry.name for entry in entries("optimizer")}
    # LBFGS calls the network itself, which no loop of batches can have.
    assert set(torch.optim.__all__) - set(named) == {
        *("LBFGS", "Optimizer", "lr_scheduler", "swa_utils", "swap_in_optimizer_params_and_state")
    }
    for name in named.values():
        weight = torch.nn.Parameter(torch.ones(2, 2))
        optimizer = build_optimizer({"name": name, "lr": 0.1}, [("weight", weight)])
        weight.grad = torch.ones(2, 2).to_sparse() if name == "sparse_adam" else torch.ones(2, 2)
        optimizer.step()
        assert not torch.equal(weight, torch.ones(2, 2)), name


def test_all_of_torchs_schedules_that_take_no_function_have_names() -> None:
    targets = {entry.target.rpartition(":")[2] for entry in entries("schedule")}
    functions = {"LambdaLR", "MultiplicativeLR", "LRScheduler"}
    ours = {"SequentialLR": "Sequence", "ChainedScheduler": "Chained"}
    assert {ours.get(name, name) for name in torch.optim.lr_scheduler.__all__} - targets == functions


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"name": "sequence", "parts": {"linear": {"steps": 4, "start_factor": 0.5}, "cosine": {}}},
            [0.5, 0.625, 0.75, 0.875, *(0.5 + 0.5 * math.cos(math.pi * step / 6) for step in range(6))],
        ),
        (
            {
                "name": "sequence",
                "parts": {
                    "up": {"name": "linear", "steps": 0.2, "start_factor": 0.1},
                    "flat": {"name": "constant", "factor": 1.0, "steps": 3},
                    "down": {"name": "linear", "start_factor": 1.0, "end_factor": 0.0},
                },
            },
            [0.1, 0.55, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2],
        ),
        (
            {"name": "chained", "parts": {"linear": {"steps": 2, "start_factor": 0.5}, "exponential": {"gamma": 0.5}}},
            [0.5, 0.375, 0.25, 0.125, 0.0625],
        ),
        ({"name": "polynomial"}, [1 - step / 10 for step in range(10)]),
    ],
)
def test_schedules_of_several_parts_fill_the_run(spec: dict[str, Any], expected: list[float]) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = build_schedule(spec, optimizer, 10)
    rates = []
    for _ in expected:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("{name: sequence, parts: {linear: {}, cosine: {}}}", "parts.linear: say how long it lasts"),
        ("{name: sequence, parts: {linear: {steps: 7}, cosine: {}}}", "take 7 steps, the whole run 6"),
        ("{name: sequence, parts: {linear: {steps: 1}, plateau: {}}}", "plateau stands by itself"),
        (
            "{name: sequence, parts: {linear: {steps: 1, strt: 2}, cosine: {}}}",
            "schedule linear has no argument 'strt'",
        ),
        ("{name: sequence, parts: {liner: {steps: 1}, cosine: {}}}", "Did you mean 'linear'?"),
        ("{name: sequence}", "needs 'parts'"),
        ("{name: cyclic}", "max_lr"),
    ],
)
def test_a_mistake_in_a_schedule_is_told(write_recipe: Write, schedule: str, told: str) -> None:
    path = write_recipe(body=f"optim: {{net: {{name: sgd, lr: 0.1, schedule: {schedule}}}}}")
    with pytest.raises(DlicError, match=r"optim\.net") as error:
        train(path)
    assert told in str(error.value)


@pytest.mark.slow
def test_a_plateau_is_left_by_the_figure_that_is_followed(write_recipe: Write) -> None:
    body = "optim: {net: {name: sgd, lr: 1.0e-3, schedule: {name: plateau, patience: 0, threshold: 9, factor: 0.5}}}"
    path = write_recipe(body=body)
    settings = ("trainer.max_steps=12", "trainer.checkpoint_every=3", "trainer.keep=9", "trainer.log_every=1")
    whole = train(path, *settings)
    # The first validation is the best there can be with that threshold; each after it halves the rate.
    rates = [1e-3] * 6 + [5e-4] * 3 + [2.5e-4] * 3
    assert list(column(whole, "lr/net").values()) == pytest.approx(rates)
    again = fit(load_recipe(whole.run.recipe), resume=f"{whole.run.folder}@9")
    assert list(column(again, "lr/net").values()) == pytest.approx(rates)
    faster = fit(load_recipe(whole.run.recipe, ["optim.net.lr=1.0e-2"]), resume=f"{whole.run.folder}@9")
    assert column(faster, "lr/net")[10] == pytest.approx(2.5e-3)


def test_optimizers_of_others_train_by_their_class(write_recipe: Write) -> None:
    pytest.importorskip("pytorch_optimizer")
    body = "optim: {net: {name: 'pytorch_optimizer:Lion', lr: 1.0e-3, betas: [0.9, 0.99], schedule: {name: cosine}}}"
    result = train(write_recipe(body=body), "trainer.max_steps=3")
    assert result.batches == 3
    for wrong, told in {
        "optim.net.name=pytorch_optimizer:Lionn": "Did you mean 'Lion'?",
        "optim.net.name=no_such_library:Lion": "there is no module 'no_such_library'",
        "optim.net.name=torch.nn:Linear": "does not derive from torch.optim:Optimizer",
    }.items():
        with pytest.raises(DlicError, match="optimizer") as error:
            check(load_recipe(result.run.recipe, [wrong]))
        assert told in str(error.value)


def test_what_optimizers_hand_to_their_bases_is_not_asked_of_a_recipe() -> None:
    library = pytest.importorskip("pytorch_optimizer")
    found = [cls for cls in vars(library).values() if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)]
    known = {cls.__name__: signature(cls).arguments for cls in found}
    assert not [name for name, arguments in known.items() if "defaults" in arguments]
    asking = [n for n, known_ in known.items() if any(a.required for k, a in known_.items() if k != "params")]
    # These wrap another optimizer or the network, or want a length.
    assert len(known) > 100
    assert len(asking) < 25, asking


@pytest.mark.slow
def test_schedule_free_optimizers_are_measured_and_saved_at_their_average(write_recipe: Write) -> None:
    pytest.importorskip("schedulefree")
    path = write_recipe(body="optim: {net: {name: 'schedulefree:AdamWScheduleFree', lr: 0.01, warmup_steps: 2}}")
    settings = ("trainer.max_steps=7", "trainer.checkpoint_every=2", "trainer.keep=9")
    whole = train(path, *settings)
    last = read_checkpoint(whole.run.last)
    walked = {k.removeprefix("net."): v for k, v in last["state_dict"].items() if k.startswith("net.")}
    average = network_state(last)
    assert any(not torch.equal(average[name], walked[name]) for name in walked)
    net, _ = load_net(whole.run.weights)
    assert all(torch.equal(value, average[name]) for name, value in net.state_dict().items())
    # Validations and checkpoints leave no trace in what is trained, wherever they are.
    seldom = train(path, *settings, "trainer.checkpoint_every=5", "trainer.val_every=4")
    assert seldom.run.weights.read_bytes() == whole.run.weights.read_bytes()
    for step in (2, 4):
        again = fit(load_recipe(whole.run.recipe), resume=f"{whole.run.folder}@{step}")
        assert again.run.weights.read_bytes() == seldom.run.weights.read_bytes()
    with pytest.raises(DlicError, match=r"trainer\.ema: a schedule-free optimizer averages"):
        train(path, "trainer.ema=0.9")
