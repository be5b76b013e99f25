"""Metrics that judge what is made by how it looks: Frechet distances, SSIMULACRA 2, DISTS."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from real_data import real_data
from safetensors.torch import save_file
from skimage import data
from torch.nn import functional as F

from dlic_registry import DlicError, load
from lightning_dlic.frozen.vgg import FILE, FILE_16, vgg_layers


def _tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]


def _blurred(picture: torch.Tensor, side: int) -> torch.Tensor:
    return F.avg_pool2d(picture.float(), side, 1, side // 2, count_include_pad=False).round().to(torch.uint8)


@pytest.fixture(scope="module")
def pictures() -> list[torch.Tensor]:
    return [
        _tensor(data.astronaut()[:256, :256]),
        _tensor(data.chelsea()[:200, :330]),
        _tensor(data.coffee()[:130, :200]),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fd_alex", "fd_vgg19"])
def test_frechet_distances_grow_with_blur_and_know_no_order(
    name: str, pictures: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLIC_WEIGHTS", str(real_data("weights")))
    metric, real = load("metric", name)(patch=32), [picture[..., :128, :160] for picture in pictures]

    def distance(made: list[torch.Tensor]) -> float:
        metric.reset()
        for picture in real:
            metric.update(picture, real=True)
        for picture in made:
            metric.update(picture, real=False)
        return float(metric.compute())

    little, much = (distance([_blurred(picture, side) for picture in real]) for side in (3, 7))
    assert 0.1 < little < 0.8 * much
    assert distance(real[::-1]) < 1e-3 * little
    assert metric.higher_is_better is False


def test_the_frechet_distance_is_that_of_the_patches_features(
    pictures: list[torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    save_file(vgg_layers(3).state_dict(), tmp_path / FILE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    metric = load("metric", "fd_vgg19")(patch=64, layer="1_2")
    made = _blurred(pictures[0], 5)
    metric.update(pictures[0], real=True)
    metric.update(made, real=False)
    sides = []
    for picture in (pictures[0], made):
        cut = [picture[..., y : y + 64, x : x + 64] for y in range(0, 256, 64) for x in range(0, 256, 64)]
        with torch.no_grad():
            sides.append(metric.patches.network(torch.cat(cut) / 255.0).mean((2, 3)).double().numpy())
    (mean_a, mean_b), (cov_a, cov_b) = (
        [f(side) for side in sides] for f in (lambda s: s.mean(0), lambda s: np.cov(s.T))
    )
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
    expected = np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * roots
    assert float(metric.compute()) == pytest.approx(expected, rel=1e-4)
    # One smaller than a patch is made as large.
    metric.update(pictures[0][..., :20, :30], real=False)
    assert int(metric.fake_features_num_samples) == 17
    with pytest.raises(ValueError, match="patch"):
        load("metric", "fd_vgg19")(patch=16, layer="1_2")


def test_ssimulacra2_of_a_photograph(pictures: list[torch.Tensor]) -> None:
    pytest.importorskip("ssimulacra2")
    metric, target = load("metric", "ssimulacra2")(), pictures[1][..., 60:188, 140:300]
    assert metric.picture(target, target) == pytest.approx(100.0)
    shifted = (target.int() + 2).clamp(max=255).to(torch.uint8)
    values = [metric.picture(made, target) for made in (shifted, _blurred(target, 3), _blurred(target, 7))]
    # Nothing that one sees, something, and much.
    assert values[0] > 90 > values[1] > 60 > values[2] > 0
    assert metric.picture(target[:, :1], target[:, :1]) == pytest.approx(100.0)


def test_ssimulacra2_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ssimulacra2", None)
    with pytest.raises(DlicError, match=r"pip install 'lightning-dlic\[ssimulacra2\]'"):
        load("metric", "ssimulacra2")()


@pytest.mark.slow
def test_dists_is_that_of_torchmetrics(
    pictures: list[torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchmetrics.functional.image import dists
    from torchvision.models import vgg

    torch.manual_seed(0)
    # Without the classifier, which takes ten seconds to draw and is thrown away.
    features = vgg.make_layers(vgg.cfgs["D"])
    monkeypatch.setattr(dists, "vgg16", lambda **_: SimpleNamespace(features=features))
    save_file({f"features.{name}": value for name, value in features.state_dict().items()}, tmp_path / FILE_16)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    theirs, ours = dists.DISTSNetwork().eval(), load("metric", "dists")()
    target = pictures[1][..., :101, :120]
    made = _blurred(target, 5)
    with torch.no_grad():
        expected = float(theirs(made / 255.0, target / 255.0))
    assert ours.picture(made, target) == pytest.approx(expected, rel=1e-3)
    assert ours.picture(target, target) == pytest.approx(0.0, abs=1e-5)
    assert ours.state_dict() == {}


def test_dists_names_the_file_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DLIC_WEIGHTS", "DLIC_DATA", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(DlicError, match=f"VGG-16's weights .*\nPut {FILE_16} into the folder"):
        load("metric", "dists")()
