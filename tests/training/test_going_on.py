"""Going on with a run: exactly where nothing is changed, as told where something is, and at no cost to the run."""

import csv
import errno
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dlic_registry import DlicError
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import Result, fit
from lightning_dlic.training.lock import hold
from lightning_dlic.training.provenance import CheckpointError, read_checkpoint
from lightning_dlic.training.resume import choose, restore_recipe
from lightning_dlic.training.run import Run
from lightning_dlic.training.target import find_target
from lightning_dlic.zoo import inspect_net

Write = Callable[..., Path]
GAN = {
    "stage": "srgan",
    "args": "generator: {name: compact, width: 8, blocks: 1}, "
    "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
}
KEEP = ("trainer.checkpoint_every=1", "trainer.keep=99")


def train(path: Path, *overrides: str) -> Result:
    return fit(load_recipe(path, overrides))


def resume(target: str | Path, *overrides: str) -> Result:
    found = find_target(str(target))
    return fit(load_recipe(found.run.recipe, overrides), found)


def rates(run: Run, role: str = "net") -> dict[int, float]:
    with run.metrics.open() as stream:
        return {int(row["step"]): float(row[f"lr/{role}"]) for row in csv.DictReader(stream)}


def differences(one: Any, other: Any, at: str = "") -> list[str]:
    """Where two checkpoints are not the same; their recipes, which name their runs, aside."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = {**one, **other}
        return [d for k in keys if k != "recipe" for d in differences(one.get(k), other.get(k), f"{at}/{k}")]
    if isinstance(one, (list, tuple)):
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{at}/{i}")]
    same = torch.equal(one, other) if torch.is_tensor(one) else one == other
    return [] if same else [at]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "gan"])
def test_a_checkpoint_inside_an_accumulation_is_as_good_as_any(write_recipe: Write, kind: str) -> None:
    role = "generator" if kind == "gan" else "net"
    body = f"optim: {{{role}: {{name: adam, lr: 0.01, schedule: {{name: cosine}}}}}}"
    path = write_recipe(body=body, **(GAN if kind == "gan" else {}))
    settings = ("trainer.max_steps=11", "trainer.accumulate=3", "trainer.clip_norm=0.1", "trainer.ema=0.9", *KEEP)
    whole = train(path, *settings).run
    weights, last = whole.weights.read_bytes(), read_checkpoint(whole.last)
    metrics = whole.metrics.read_text()
    for step in (10, 4, 2):
        run = resume(f"{whole.folder}@{step}").run
        assert run.weights.read_bytes() == weights, step
        assert differences(read_checkpoint(run.last), last) == [], step
        assert run.metrics.read_text() == metrics, step


@pytest.mark.slow
def test_a_validation_that_is_made_up_for_keeps_what_was_gathered(run: Run) -> None:
    path = run.checkpoints / "step-00000003.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["callbacks"]["Checkpoints"]["validated"] == 3
    # As it is where a run was killed between the checkpoint and the validation of batch 3, half a step gathered.
    checkpoint["callbacks"]["Checkpoints"]["validated"] = -1
    torch.save(checkpoint, path)
    resume(f"{run.folder}@3")
    again = read_checkpoint(path)
    assert again["callbacks"]["Checkpoints"]["validated"] == 3
    assert differences(again["dlic_gathered"], checkpoint["dlic_gathered"]) == []


SCHEDULES = {
    "cosine": "{name: cosine}",
    "onecycle": "{name: onecycle}",
    "halved": "{name: halved}",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_longer_run_has_the_rates_of_a_run_of_that_length(write_recipe: Write, name: str) -> None:
    path = write_recipe(body=f"optim: {{net: {{name: adam, lr: 0.01, schedule: {SCHEDULES[name]}}}}}")
    short = train(path, "trainer.max_steps=4", "trainer.accumulate=2").run
    longer = resume(short.folder, "trainer.max_steps=10").run
    whole = train(path, "trainer.max_steps=10", "trainer.accumulate=2").run
    # What is logged with a batch is the rate of the next.
    assert [rates(longer)[step] for step in range(5, 11)] == [rates(whole)[step] for step in range(5, 11)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """The folder of a GAN trained for six batches, with a checkpoint after each, two batches a step."""
    folder = tmp_path_factory.mktemp("finished")
    path = folder / "gan.yaml"
    path.write_text(f"""\
extends: [base/sr.yaml]
train: sr
stages: {{sr: {{name: {GAN["stage"]}, args: {{scale: 2, channels: 3, {GAN["args"]}}}}}}}
optim: {{generator: {{name: adam, lr: 0.01}}, discriminator: {{name: sgd, lr: 0.01, schedule: {{name: cosine}}}}}}
data: {{name: folder, args: {{root: "{pictures}", crop: 24, batch_size: 2, workers: 0}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 6, val_every: 3, checkpoint_every: 1, keep: 9, log_every: 1}}
run: {{root: "{folder}", name: made}}
""")
    os.environ.pop("DLIC_RUN_DIR", None)
    return train(path, "trainer.accumulate=2").run.folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    """A copy of it, to be spoiled."""
    return Run(Path(shutil.copytree(finished, tmp_path / "copy")))


@pytest.mark.parametrize(
    ("overrides", "role", "expected"),
    [
        (["optim.generator.lr=0.001"], "generator", [0.001] * 4),
        (
            ["optim.generator.schedule={name: multistep, milestones: [2], gamma: 0.1}"],
            "generator",
            0.001,
        ),
        (["optim.discriminator.schedule=null"], "discriminator", [0.01] * 4),
        (["optim.generator.betas=[0.5, 0.9]", "optim.generator.weight_decay=0.1"], "generator", [0.01] * 4),
    ],
)
def test_what_is_changed_holds_from_the_next_batch(run: Run, overrides: list[str], role: str, expected: Any) -> None:
    resume(f"{run.folder}@2", *overrides)
    after = [rates(run, role)[step] for step in (3, 4, 5, 6)]
    assert after == pytest.approx(expected if isinstance(expected, list) else [0.01, *[expected] * 3])
    groups = read_checkpoint(run.last)["optimizer_states"][0]["param_groups"]
    if "betas" in overrides[0]:
        assert (list(groups[0]["betas"]), groups[0]["weight_decay"]) == ([0.5, 0.9], 0.1)
    # And is what the run goes on by.
    assert resume(run.folder, "trainer.max_steps=8").batches == 8


@pytest.mark.parametrize(
    ("target", "overrides", "complaint"),
    [
        ("", ["stages.sr.args.generator.width=16"], r"stages\.sr\.args\.generator\.width.*8 -> 16.*\n.*sr\.init="),
        ("", ["stages.sr.name=compact", "stages.sr.args=null", "optim=null"], r"stages\.sr\.name.*another run"),
        ("", ["stages.sr.init=zoo:compact_x2"], r"stages\.sr\.init: counts only where a run starts"),
        ("", ["optim.generator.name=sgd"], r"optim\.generator: .*another optimizer"),
        ("", ["optim.generator.amsgrad=true"], r"optim\.generator: .*amsgrad"),
        ("", ["run.name=other"], r"run\.name: a resumed run stays"),
        ("", ["trainer.max_steps=3"], r"trainer\.max_steps: 3, but .* has seen 6 batches"),
        ("", ["optim.discriminator.schedule.total_steps=1"], r"total_steps"),
        ("", ["data.args.root=absent"], "no folder"),
        ("", ["data.args.crop=25"], "scale 2 does not divide"),
        ("@7", [], r"has no checkpoint after batch 7; it has: 1, 2, 3, 4, 5, 6"),
        ("/checkpoints", [], "is not a run's folder"),
        ("/absent", [], "is no folder"),
    ],
)
def test_a_resume_that_fails_says_why_and_leaves_all_as_it_was(
    run: Run, target: str, overrides: list[str], complaint: str
) -> None:
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with pytest.raises(DlicError, match=complaint):
        resume(f"{run.folder}{target}", *overrides)
    lock = run.folder / ".lock"
    after = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file() and path != lock}
    assert after == {path: data for path, data in before.items() if path != lock}


def test_a_length_that_the_recipe_gives_a_schedule_must_be_given_anew(write_recipe: Write) -> None:
    path = write_recipe(body="optim: {net: {name: adam, lr: 0.01, schedule: {name: cosine, T_max: 4}}}")
    short = train(path, "trainer.max_steps=4").run
    with pytest.raises(DlicError, match=r"T_max.*climb again"):
        resume(short.folder, "trainer.max_steps=8")
    longer = resume(short.folder, "trainer.max_steps=8", "optim.net.schedule.T_max=null").run
    assert rates(longer)[6] == pytest.approx(0.01 * 0.146447, rel=1e-4)


def test_going_back_keeps_what_came_after(run: Run) -> None:
    with pytest.warns(UserWarning, match="after batch 4 lies in"):
        resume(f"{run.folder}@4", "optim.generator.lr=0.3")
    aside = run.folder / "until-00000006"
    assert {"step-00000005.ckpt", "step-00000006.ckpt", "metrics.csv", "recipe.yaml"} <= set(os.listdir(aside))
    assert rates(run, "generator")[6] == pytest.approx(0.3)
    assert read_checkpoint(run.last)["dlic_batches"] == 6
    # The best there was is of a course that is left, however good it was.
    with run.metrics.open() as stream:
        figure = [float(row["val/psnr_y"]) for row in csv.DictReader(stream) if row["step"] == "6"]
    assert [inspect_net(run.best)["psnr_y"]] == pytest.approx(figure)
    assert inspect_net(aside / "best.safetensors")["psnr_y"] > figure[0]


def test_the_latest_run_is_found_and_a_checkpoint_stands_for_its_run(finished: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b")):
        copy = Path(shutil.copytree(finished, tmp_path / "runs" / "gan" / name))
        os.utime(copy / "checkpoints" / "last.ckpt", (number, number))
    newest = tmp_path / "runs" / "gan" / "b"
    assert find_target("latest", tmp_path / "runs").run.folder == newest
    assert find_target("latest@3", tmp_path / "runs").step == 3
    assert find_target(str(newest / "checkpoints" / "step-00000003.ckpt")) == find_target(f"{newest}@3")
    with pytest.raises(DlicError, match=r"no run below .*\n.*run\.root"):
        find_target("latest", tmp_path / "nowhere")


def flip(path: Path, member: str) -> None:
    """Flips a bit in a member of the archive, or in its table of contents."""
    with zipfile.ZipFile(path) as archive:
        found = [info for info in archive.infolist() if info.filename.endswith(member)]
        place = found[-1].header_offset + 200 if member else archive.start_dir + 20
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("member", ["data.pkl", "data/0", ""])
def test_a_flipped_bit_is_noticed_and_an_older_checkpoint_taken(run: Run, finished: Path, member: str) -> None:
    flip(run.checkpoints / "step-00000006.ckpt", member)
    run.last.unlink()
    with pytest.warns(UserWarning, match=r"step-00000006\.ckpt: damaged.*going on from .*step-00000005"):
        resume(run.folder)
    assert run.weights.read_bytes() == Run(finished).weights.read_bytes()
    assert differences(read_checkpoint(run.last), read_checkpoint(Run(finished).last)) == []


def test_a_forged_checkpoint_is_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    forged, refused = tmp_path / "forged.ckpt", 0
    with zipfile.ZipFile(run.last) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    for place in range(2, 600, 7):
        with zipfile.ZipFile(forged, "w") as archive:  # which writes the checksums of what it is given
            for name, data in members.items():
                archive.writestr(name, data[:place] + data[place + 1 :] if name.endswith("data.pkl") else data)
        try:
            read_checkpoint(forged)
        except CheckpointError:
            refused += 1
    assert refused > 60
    whole = torch.load(run.last, weights_only=True)
    for key in ("dlic", "state_dict", "dlic_batches", "loops"):
        torch.save({name: value for name, value in whole.items() if name != key}, forged)
        with pytest.raises(CheckpointError, match=r"not a checkpoint of dlic-fit"):
            read_checkpoint(forged)


def test_where_every_checkpoint_is_damaged_the_weights_are_named(run: Run) -> None:
    for path in run.checkpoints.iterdir():
        flip(path, "data.pkl")
    with pytest.raises(DlicError, match=r"damaged(.*\n)+.*init=.*weights\.safetensors"):
        resume(run.folder)
    with pytest.raises(DlicError, match=r"damaged(.*\n)+.*--resume .*@5"):
        resume(f"{run.folder}@6")


def test_a_run_without_its_recipe_takes_it_from_its_checkpoint(run: Run) -> None:
    before = run.recipe.read_text()
    run.recipe.write_text("")
    with pytest.warns(UserWarning, match=r"recipe\.yaml: missing or empty; taken from .*step-00000006"):
        restore_recipe(find_target(str(run.folder)))
    assert run.recipe.read_text() == before


def test_without_hard_links_the_last_checkpoint_is_a_copy(write_recipe: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:  # as exFAT does, which no test can mount
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    run = train(write_recipe()).run
    assert run.last.stat().st_nlink == 1
    newest = run.checkpoints / "step-00000006.ckpt"
    assert run.last.read_bytes() == newest.read_bytes()
    # And stands in for it.
    flip(newest, "data.pkl")
    with pytest.warns(UserWarning, match=r"damaged.*going on from .*last\.ckpt"):
        assert choose(find_target(str(run.folder))).path == run.last


HOLD = "import sys; from pathlib import Path; from lightning_dlic.training.lock import hold\n"
HOLD += "with hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_two_processes_do_not_train_in_one_folder(run: Run) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(DlicError, match=rf"process {holder.pid} on .* trains in this folder\.\n.*remove .*\.lock"):
        resume(run.folder)
    holder.kill()
    holder.communicate()
    # Killed, it has said no farewell, and holds nothing.
    with hold(run.folder):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("data.args.batch_size=3", r"sees 6 pictures, not 4 .*1 x 2 x 3, not 1 x 2 x 2"),
        ("data.args.batch_size=3", r"has 3 pictures on all devices together, not 2 .* some are left out"),
        ("trainer.accumulate=3", r"sees 6 pictures, not 4 .*1 x 3 x 2, not 1 x 2 x 2"),
        ("data.args.val_limit=1", r"best weights are looked for anew"),
        ("trainer.precision=64-true", r"other machinery than before \(precision"),
        ("trainer.ema=0.9", r"trainer\.ema: None -> 0\.9"),
        ("losses.pixel={name: mse, weight: 2.0}", r"losses\.pixel"),
        ("seed=7", r"seed: 0 -> 7"),
    ],
)
def test_what_else_is_changed_is_taken_and_told(run: Run, override: str, told: str) -> None:
    # After batch 5, which has gathered half a step.
    with pytest.warns(UserWarning, match=told):
        resume(f"{run.folder}@5", override, "trainer.max_steps=8")
    assert read_checkpoint(run.last)["dlic_batches"] == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resume(run.folder)


def test_a_run_goes_on_with_the_defaults_it_began_with(write_recipe: Write) -> None:
    run = train(write_recipe(body="losses: {pixel: {name: charbonnier}}")).run
    checkpoint = torch.load(run.last, weights_only=True)
    recorded = checkpoint["dlic"]["defaults"]["losses.pixel"]
    assert recorded["args"]
    name = next(iter(recorded["args"]))
    # As of a version in which it was another.
    recorded["args"][name] *= 2
    for path in run.checkpoints.iterdir():
        path.unlink()
    torch.save(checkpoint, run.checkpoints / "step-00000006.ckpt")
    with pytest.warns(UserWarning, match=rf"losses\.pixel\.{name}: .*as where the run began"):
        resume(run.folder, "trainer.max_steps=7")
    assert load_recipe(run.recipe).losses["pixel"] == {
        "name": "charbonnier",
        "weight": 1.0,
        name: recorded["args"][name],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resume(run.folder, "trainer.progress=true")


def test_a_run_of_before_defaults_were_recorded_must_say_what_its_features_are(run: Run) -> None:
    path = run.checkpoints / "step-00000006.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["dlic"]["defaults"]
    content = {"content": {"name": "perceptual", "weight": 1.0}}
    checkpoint["dlic"]["recipe"]["losses"] = content
    torch.save(checkpoint, path)
    run.recipe.unlink()
    restore_recipe(find_target(str(run.folder)))
    with pytest.raises(DlicError, match=r"losses\.content: .*activated(?s:.*)losses\.content\.activated=false"):
        resume(run.folder)


@pytest.mark.slow
def test_a_folder_that_no_recipe_names_is_recorded_too(
    write_recipe: Write, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recipe()
    path.write_text(path.read_text().replace(f'root: "{pictures}", ', ""))
    monkeypatch.delenv("DLIC_DATA", raising=False)
    shutil.copytree(pictures, tmp_path / "here" / "data" / "photos")
    monkeypatch.chdir(tmp_path / "here")
    run = train(path).run
    monkeypatch.chdir(tmp_path)
    assert load_recipe(run.recipe).data.args["root"] == str(tmp_path / "here" / "data" / "photos")
    assert resume(run.folder, "trainer.max_steps=7").batches == 7
