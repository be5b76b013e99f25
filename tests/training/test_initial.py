"""What a training starts from: wherever the tensors lie, all of them fit, or it is said that some need not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dlic_registry import DlicError, load
from lightning_dlic.recipe import load_recipe
from lightning_dlic.recipe.find import shipped_folder, shipped_names
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.build import build_stage
from lightning_dlic.training.fit import fit
from lightning_dlic.training.initial import initialise

Write = Callable[..., Path]


def test_weights_are_taken_from_files_of_any_making_and_from_runs(write_recipe: Write, tmp_path: Path) -> None:
    path = write_recipe("first")
    run = fit(load_recipe(path, ["trainer.max_steps=1", "trainer.ema=0.5"])).run
    tensors = load_file(run.weights)
    save_file(tensors, tmp_path / "plain.safetensors")
    save_file({f"model.net.{name}": value for name, value in tensors.items()}, tmp_path / "module.safetensors")
    unfinished = Path(shutil.copytree(run.folder, tmp_path / "unfinished"))
    (unfinished / "weights.safetensors").unlink()
    sources: list[Path | str] = [
        run.weights,
        run.last,
        run.folder,
        f"{run.folder}@1",
        unfinished,
        tmp_path / "plain.safetensors",
    ]
    for source in [*sources, tmp_path / "module.safetensors"]:
        net = build_stage(load_recipe(path, [f"stages.sr.init={source}"]), "sr").net
        for name, value in net.state_dict().items():
            assert torch.equal(value, tensors[name]), (source, name)


def test_weights_that_fit_in_part_are_taken_only_where_that_is_asked_for(write_recipe: Write, tmp_path: Path) -> None:
    path = write_recipe()
    fresh = build_stage(load_recipe(path), "sr").net.state_dict()
    given = {
        "head.weight": torch.ones(fresh["head.weight"].shape),
        "tail.bias": torch.zeros(3),
        "other": torch.zeros(1),
    }
    save_file(given, tmp_path / "part.safetensors")
    init = f"stages.sr.init={tmp_path / 'part.safetensors'}"
    with pytest.raises(
        DlicError, match=r"1 of the network's \d+ .*another shape: tail\.bias; left over: other\n.*partial"
    ):
        build_stage(load_recipe(path, [init]), "sr")
    with pytest.warns(UserWarning, match="another shape"):
        net = build_stage(load_recipe(path, [init, "stages.sr.partial=true"]), "sr").net
    assert torch.equal(net.state_dict()["head.weight"], given["head.weight"])
    assert torch.equal(net.state_dict()["tail.bias"], fresh["tail.bias"])


def test_weights_of_a_plug_in_that_is_missing_name_it(write_recipe: Write, tmp_path: Path) -> None:
    run = fit(load_recipe(write_recipe(), ["trainer.max_steps=1"])).run
    checkpoint = torch.load(run.last, weights_only=True)
    checkpoint["dlic"]["stages"]["sr"] |= {"name": "super", "distribution": "acme-super", "version": "2.1"}
    tensors = checkpoint["state_dict"].values()
    checkpoint["state_dict"] = {f"net.x{number}": value for number, value in enumerate(tensors)}
    torch.save({**checkpoint, "callbacks": {}}, tmp_path / "other.ckpt")
    with pytest.raises(DlicError, match=r"other\.ckpt.*super.*acme-super"):
        build_stage(load_recipe(write_recipe(), [f"stages.sr.init={tmp_path / 'other.ckpt'}"]), "sr")


def test_what_holds_no_weights_for_a_network_is_refused(write_recipe: Write, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.pth")
    (tmp_path / "bad.safetensors").write_bytes(b"{}")
    cases = [
        ("model.pth", "nothing in .*model.pth fits this network"),
        ("bad.safetensors", "not a safetensors file"),
        (".", "not a run's folder"),
    ]
    for name, complaint in cases:
        with pytest.raises(DlicError, match=rf"stages\.sr\.init: .*{complaint}"):
            build_stage(load_recipe(write_recipe(), [f"stages.sr.init={tmp_path / name}"]), "sr")


@pytest.mark.parametrize("name", [name for name in shipped_names() if name.startswith("zoo/")])
def test_shipped_recipes_start_from_weights_that_fit_as_they_say(name: str) -> None:
    folder = shipped_folder()
    assert folder is not None
    recipe = load_recipe(folder / f"{name}.yaml")
    for kind in recipe.train:
        spec = recipe.stages[kind]
        if spec.init is None:
            continue
        stage: Stage = load(kind, spec.name)(**spec.args)
        if spec.partial:
            with pytest.warns(UserWarning, match="another shape"):
                initialise(stage, spec.init, "init", partial=True)
        else:
            initialise(stage, spec.init, "init", partial=False)
