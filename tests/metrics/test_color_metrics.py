"""How near colours are, and how vivid."""

import math

import pytest
import torch

from lightning_dlic.imaging.bins import nearest_bin
from lightning_dlic.metrics.color import AbErrors, colorfulness, delta_e, lab, psnr_ab


def _flat(*color: int, size: int = 8) -> torch.Tensor:
    return torch.tensor(color, dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, size, size)


def test_equal_pictures() -> None:
    picture = torch.randint(0, 256, (1, 3, 9, 9), dtype=torch.uint8)
    first = lab(picture)
    areas = AbErrors()
    assert psnr_ab(first, first) == math.inf
    assert delta_e(first, first) == 0
    assert areas.update(first, first) == pytest.approx(100)
    assert areas.auc() == areas.rebalanced() == pytest.approx(100)


def test_colorfulness_of_flat_colors() -> None:
    assert colorfulness(_flat(90, 90, 90)) == 0
    assert colorfulness(_flat(255, 0, 0)) == pytest.approx(0.3 * math.hypot(255, 127.5))


def test_errors_of_known_size() -> None:
    target = lab(_flat(120, 90, 60))
    output = target.clone()
    output[:, 1] += 30.0
    output[:, 2] -= 40.0
    assert psnr_ab(output, target) == pytest.approx(10 * math.log10(255**2 / 1250), abs=1e-3)
    areas = AbErrors()
    assert areas.update(output, target) == pytest.approx(100 * (1 - 50 / 150), abs=1e-3)


def test_rebalanced_area_counts_bins_alike() -> None:
    target = torch.cat((lab(_flat(128, 128, 128, size=30)), lab(_flat(220, 40, 40, size=30))[..., :3]), dim=-1)
    assert len(nearest_bin(target[:, 1:]).unique()) == 2
    grey = target.clone()
    grey[:, 1:] = 0
    areas = AbErrors()
    areas.update(grey, target)
    red = 100 * (1 - float(target[0, 1:, 0, -1].norm()) / 150)
    assert areas.rebalanced() == pytest.approx((100 + red) / 2, abs=0.1)
    assert areas.auc() == pytest.approx((30 * 100 + 3 * red) / 33, abs=0.1)
