"""The network behind the base codec."""

import pytest
import torch

from lightning_dlic.imaging.color import ycbcr_to_rgb
from lightning_dlic.imaging.resize import resize
from lightning_dlic.nets.reconstruction.decoder_unet import DecoderUNet


def _tiny() -> DecoderUNet:
    torch.manual_seed(0)
    return DecoderUNet(scales=[2, 3], widths=[8, 8, 8], blocks=1)


def _base(height: int, width: int) -> torch.Tensor:
    return torch.cat((torch.rand(2, 1, height, width), torch.rand(2, 2, height, width) - 0.5), dim=1)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("size", [(8, 12), (7, 5), (1, 1)])
def test_it_makes_color_pictures_of_any_size(scale: int, size: tuple[int, int]) -> None:
    out = _tiny()(_base(*size), torch.tensor([3.0, torch.nan]), scale, torch.zeros(2))
    assert out.shape == (2, 3, size[0] * scale, size[1] * scale)
    assert out.isfinite().all()


def test_an_untrained_net_starts_near_a_plain_enlargement() -> None:
    torch.manual_seed(0)
    flat = torch.tensor([0.6, 0.1, -0.1]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    with torch.no_grad():
        made = DecoderUNet()(flat, torch.tensor([5.0]), 4, torch.zeros(1))
    assert float((made - resize(ycbcr_to_rgb(flat), scale=4.0)).abs().max()) < 0.2


def test_conditions_change_the_picture_once_trained() -> None:
    net, base = _tiny(), _base(8, 8)[:1]
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    given = [(3.0, 0.0), (6.0, 0.0), (torch.nan, 0.0), (3.0, 1.0)]
    with torch.no_grad():
        made = [net(base, torch.tensor([quality]), 2, torch.tensor([alpha])) for quality, alpha in given]
    for index, picture in enumerate(made):
        assert picture.isfinite().all()
        assert all(float((picture - other).abs().max()) > 1e-3 for other in made[:index])


def test_it_fits_five_megabytes_in_half_precision() -> None:
    assert sum(p.numel() for p in DecoderUNet().parameters()) * 2 < 5_000_000


def test_a_scale_that_it_was_not_built_for_is_refused() -> None:
    with pytest.raises(ValueError, match="2, 3"):
        _tiny()(_base(8, 8), torch.zeros(2), 4, torch.zeros(2))
