"""What is computed once and kept serves training, wherever it was first asked for."""

from contextlib import AbstractContextManager

import pytest
import torch

from lightning_dlic.imaging import bins
from lightning_dlic.imaging.constants import kept
from lightning_dlic.imaging.resize import resize


@pytest.mark.parametrize(("where", "side"), [(torch.inference_mode(), 23), (torch.device("meta"), 29)])
def test_what_is_kept_is_plain_wherever_it_was_first_made(where: AbstractContextManager[None], side: int) -> None:
    with where:
        resize(torch.zeros(1, 1, side, side), size=(11, 11))
    picture = torch.rand(1, 1, side, side, requires_grad=True)
    resize(picture, size=(11, 11)).sum().backward()
    assert picture.grad is not None


def test_colours_of_classes_can_be_learned_after_a_picture_was_coloured() -> None:
    bins.ab_bins.cache_clear()
    with torch.inference_mode():
        bins.ab_bins()
    chances = torch.rand(1, len(bins.ab_bins()), 2, 2, requires_grad=True)
    bins.annealed_mean(chances, 0.4).sum().backward()
    assert chances.grad is not None


def test_it_is_computed_once() -> None:
    asked: list[int] = []

    @kept(4)
    def ones(side: int) -> torch.Tensor:
        asked.append(side)
        return torch.ones(side)

    assert ones(3) is ones(3)
    assert asked == [3]
