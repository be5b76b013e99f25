"""AlexNet's convolutional part (Krizhevsky et al. 2012), frozen. It judges alone: no loss and no network sees it."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.weights import find_weights

FILE = "alexnet_features.safetensors"
WIDTHS = (64, 192, 384, 256, 256)
"""Channels of its five convolutions."""
ENDS = (2, 5, 8, 10, 12)
"""Where in its sequence the activation of each convolution ends."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class AlexNet(nn.Module):
    """AlexNet in torchvision's order, without its last pooling; takes RGB or grey pictures in [0, 1].

    The weights are frozen. They come from ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights``, else from torchvision, which
    downloads them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        """Loads the network.

        Raises:
            DlicError: No weights were found, and none could be downloaded.
        """
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(d, e, 3, padding=1), nn.ReLU()),
        )
        state = {key.removeprefix("features."): value.float() for key, value in _state().items()}
        self.layers.load_state_dict({key: state[key] for key in self.layers.state_dict()})
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def normalised(self, picture: Tensor) -> Tensor:
        """The picture ``[B, 3|1, H, W]`` in [0, 1] as the first layer wants it."""
        return (picture.expand(-1, 3, -1, -1) - self.mean) / self.std

    def forward(self, picture: Tensor) -> Tensor:
        """Features ``[B, 256, h, w]`` of pictures ``[B, 3|1, H, W]`` in [0, 1], of at least 32x32."""
        features: Tensor = self.layers(self.normalised(picture))
        return features


def _state() -> dict[str, Tensor]:
    path = find_weights(FILE)
    if path is not None:
        return load_file(path)
    try:
        from torchvision.models import AlexNet_Weights

        return dict(AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True))
    except Exception as error:  # whatever the download ends in, the remedy is the same
        raise DlicError(
            f"AlexNet's weights are needed, and could not be downloaded ({error}).\n"
            f"Put {FILE} into the folder that DLIC_WEIGHTS names, or into $DLIC_DATA/weights."
        ) from error
