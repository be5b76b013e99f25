import pytest
import torch

from lightning_dlic.imaging.resize import resize
from lightning_dlic.nets.layers import BicubicUp


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_it_is_matlabs_enlargement_borders_included(scale: int) -> None:
    picture = torch.rand(2, 3, 17, 23, generator=torch.Generator().manual_seed(0))
    expected = resize(picture.double(), scale=float(scale))
    assert float((BicubicUp(scale)(picture) - expected).abs().max()) < 1e-6


def test_it_adds_nothing_to_checkpoints() -> None:
    assert BicubicUp(4).state_dict() == {}
