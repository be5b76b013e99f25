"""What a checkpoint carries from one training of a stage to the next, beside tensors and optimizer states."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from dlic_registry import DlicError
from lightning_dlic.stages.averages import awake
from lightning_dlic.stages.hyperparameters import plain
from lightning_dlic.stages.optim import build_optimizer, counters

if TYPE_CHECKING:
    from lightning_dlic.stages.loop import Loop


def save(stage: Loop, checkpoint: dict[str, Any]) -> None:
    """Adds to a checkpoint what `load` takes: of a training that nobody but Lightning counts, the number of batches.

    Args:
        stage: The stage.
        checkpoint: As Lightning has made it.
    """
    checkpoint["dlic_batches"], checkpoint["dlic_steps"] = stage.batches, stage.steps
    if not stage.settings.whole_run:
        return
    checkpoint["dlic_optim"] = {
        "specs": {role: plain(stage.optimizer_spec(role)) for role in stage.roles},
        "total_steps": stage.total_steps,
    }
    if stage.gathered is not None:
        # Saved again before the first batch, after a validation that was made up for: not put back yet.
        checkpoint["dlic_gathered"] = stage.gathered
    gradients = {role: [p.grad for p in stage.role_parameters(role)] for role in stage.roles}
    if any(gradient is not None for role in gradients.values() for gradient in role):
        checkpoint["dlic_gathered"] = {
            "gradients": gradients,
            "accumulate": stage.settings.accumulate,
            "scale": _loss_scale(stage),
        }
    _place(checkpoint, stage.batches, stage.settings.max_steps)


def load(stage: Loop, checkpoint: dict[str, Any]) -> None:
    """Takes counts and gradients of a checkpoint; makes its optimizer states suit the recipe of today.

    Args:
        stage: The stage, with the settings of today.
        checkpoint: Changed in place, before Lightning takes the rest from it.

    Raises:
        DlicError: An optimizer cannot go on as the recipe wants it to.
    """
    stage.batches = int(checkpoint["dlic_batches"])
    stage.steps = int(checkpoint.get("dlic_steps", stage.batches // stage.settings.accumulate))
    # Where Lightning builds a stage from a checkpoint there is nothing to go on with.
    if not stage.settings.whole_run:
        return
    stage.gathered = checkpoint.get("dlic_gathered")
    _place(checkpoint, stage.batches, stage.settings.max_steps)
    if "dlic_optim" in checkpoint:
        _carry_optimizers(stage, checkpoint, **checkpoint["dlic_optim"])


def put_back(stage: Loop) -> None:
    """Gives the parameters the gradients that a checkpoint inside an accumulation held."""
    if stage.gathered is None:
        return
    # Each batch weighs 1 / accumulate in the step that it ends in, whatever it was when it was gathered.
    factor = stage.gathered["accumulate"] / stage.settings.accumulate * _loss_scale(stage) / stage.gathered["scale"]
    for role, gradients in stage.gathered["gradients"].items():
        for parameter, gradient in zip(stage.role_parameters(role), gradients, strict=True):
            parameter.grad = None if gradient is None else _scaled(gradient.to(parameter), factor)
    stage.gathered = None


def _scaled(gradient: torch.Tensor, factor: float) -> torch.Tensor:
    return gradient.clone() if factor == 1.0 else gradient * factor


def _loss_scale(stage: Loop) -> float:
    """What losses are multiplied by under 16-bit precision."""
    scaler = getattr(stage.trainer.precision_plugin, "scaler", None)
    return 1.0 if scaler is None else float(scaler.get_scale())


def _place(checkpoint: dict[str, Any], batches: int, max_steps: int) -> None:
    """Writes Lightning's counters as they are right after a batch, wherever the checkpoint was saved.

    The whole run is one epoch. Of validations nothing is counted: whether one is due is ours to say.
    """
    checkpoint["epoch"] = 0
    loops = checkpoint["loops"]["fit_loop"]
    done = {"ready": batches, "completed": batches - 1, "started": batches, "processed": batches}
    begun = {"ready": 1, "completed": 0, "started": 1, "processed": 0}
    none = dict.fromkeys(begun, 0)
    loops["epoch_progress"] = {"total": dict(begun), "current": dict(begun)}
    last = batches >= max_steps
    loops["epoch_loop.batch_progress"] = {"total": dict(done), "current": dict(done), "is_last_batch": last}
    loops["epoch_loop.val_loop.batch_progress"] = {"total": dict(none), "current": dict(none), "is_last_batch": False}
    loops["epoch_loop.state_dict"] = {"_batches_that_stepped": batches - 1}


def _carry_optimizers(stage: Loop, checkpoint: dict[str, Any], specs: dict[str, Any], total_steps: int) -> None:
    """Where a role's values or its schedule's length have changed, its state goes on under the new ones.

    Rates are from here on what they are at this step in a run that has had the new values from its start.
    """
    scheduled = [role for role in stage.roles if specs[role].get("schedule")]
    saved = dict(zip(scheduled, checkpoint["lr_schedulers"], strict=True))
    schedules = []
    for index, role in enumerate(stage.roles):
        spec = plain(stage.optimizer_spec(role))
        lasts = not spec.get("schedule") or stage.total_steps == total_steps
        if spec == specs[role] and lasts:
            schedules += [saved[role]] if role in saved else []
            continue
        _refuse(stage, role, specs[role], spec)
        optimizer, schedule = stage.build_optimizer(role)
        state = checkpoint["optimizer_states"][index]
        if schedule is not None:
            before = build_optimizer(specs[role], stage.named_role_parameters(role))
            falls = [old["lr"] / new["lr"] for old, new in zip(state["param_groups"], before.param_groups, strict=True)]
            _go_on(schedule, saved.get(role), stage.steps, falls)
            schedules.append(schedule.state_dict())
        groups = optimizer.state_dict()["param_groups"]
        rates = [state["param_groups"][0]["lr"], groups[0]["lr"]]
        if rates[0] != rates[1]:
            warnings.warn(f"optim.{role}: the rate goes on at {rates[1]:.4g}; it was {rates[0]:.4g}", stacklevel=2)
        counted = counters(optimizer)
        state["param_groups"] = [
            {**new, **{key: old[key] for key in counted if key in old}, "params": old["params"]}
            for new, old in zip(groups, state["param_groups"], strict=True)
        ]
    checkpoint["lr_schedulers"] = schedules


def _go_on(schedule: LRScheduler, saved: Any, steps: int, falls: list[float]) -> None:
    """Brings a schedule to where it would stand by now."""
    if not isinstance(schedule, ReduceLROnPlateau):
        for _ in range(steps):
            schedule.step()
        return
    # What validations gave is not computed again: the rate is as much below its start as it was.
    if saved is not None and "num_bad_epochs" in saved:
        for group, fall in zip(schedule.optimizer.param_groups, falls, strict=True):
            group["lr"] *= fall
        kept = {key: saved[key] for key in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")}
        schedule.load_state_dict({**schedule.state_dict(), **kept})


def _refuse(stage: Loop, role: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuses what the optimizer's state cannot follow."""
    if old["name"] != new["name"]:
        raise _another(role, f"{old['name']} has other states than {new['name']}")
    members = [[(name, group["match"]) for name, group in (spec.get("groups") or {}).items()] for spec in (old, new)]
    if members[0] != members[1]:
        raise _another(role, "its parameters fall into other groups")
    # One number in place of each tensor: whether the new values can go on from the old states is quickly tried.
    probes = [(name, nn.Parameter(torch.zeros((1,) * p.ndim))) for name, p in stage.named_role_parameters(role)]
    for _, probe in probes:
        probe.grad = torch.ones_like(probe)
    before, after = (build_optimizer(spec, probes) for spec in (old, new))
    for optimizer in (before, after):
        awake(optimizer)
    before.step()
    try:
        after.load_state_dict({**after.state_dict(), "state": before.state_dict()["state"]})
        after.step()
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and key != "schedule")
        raise _another(role, f"{', '.join(changed)}: its states were not kept for that") from error


def _another(role: str, why: str) -> DlicError:
    return DlicError(
        f"optim.{role}: a run cannot go on with another optimizer ({why}).\n"
        "Start a new run from its weights: stages.KIND.init=RUN"
    )
