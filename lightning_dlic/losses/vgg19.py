"""VGG-19's convolutional part (Simonyan and Zisserman 2014), frozen, for the losses that compare its features."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.weights import find_weights

FILE = "vgg19_features.safetensors"
# Channels of VGG-19's convolutions; "M" is a 2x2 maximum.
_PLAN: tuple[int | str, ...] = (
    *(64, 64, "M"),
    *(128, 128, "M"),
    *(256, 256, 256, 256, "M"),
    *(512, 512, 512, 512, "M"),
    *(512, 512, 512, 512, "M"),
)
# The Oxford weights expect 0..255 RGB less these means.
_OXFORD_MEAN = (123.68, 116.779, 103.939)
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_STD = (0.229, 0.224, 0.225)


def convolution_index(layer: str) -> int:
    """Index in VGG-19's sequence of the convolution that papers call ``conv<block>_<conv>``.

    Args:
        layer: ``block_convolution``, such as ``5_4``. The activation stands at the next index.

    Raises:
        DlicError: There is no such convolution.
    """
    at, seen = (1, 0), {}
    for index, item in enumerate(_indexed()):
        if item == "M":
            at = (at[0] + 1, 0)
        elif item is not None:
            at = (at[0], at[1] + 1)
            seen[f"{at[0]}_{at[1]}"] = index
    if layer not in seen:
        raise DlicError(f"VGG-19 has no convolution {layer!r}: it has {', '.join(seen)}")
    return seen[layer]


def _indexed() -> list[int | str | None]:
    """The plan with a None for each activation: one item an index of the sequence."""
    return [part for item in _PLAN for part in ((item,) if item == "M" else (item, None))]


def vgg19_layers(last: int) -> nn.Sequential:
    """VGG-19's layers up to and with index ``last``, untrained."""
    layers: list[nn.Module] = []
    channels = 3
    for item in _indexed()[: last + 1]:
        if isinstance(item, int):
            layers.append(nn.Conv2d(channels, item, 3, padding=1))
            channels = item
        else:
            layers.append(nn.MaxPool2d(2, 2) if item else nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class VGG19(nn.Module):
    """VGG-19 up to and with one of its layers; takes RGB or grey pictures in [0, 1].

    The weights are frozen. They come from ``vgg19_features.safetensors`` in ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights``
    (keys ``N.weight``, ``N.bias``, or with ``features.`` before them), else from torchvision, which downloads them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, last: int) -> None:
        """Loads the network.

        Args:
            last: Index of the last layer kept: as `convolution_index` gives it, or one more for its activation.

        Raises:
            DlicError: No weights were found, and none could be downloaded.
        """
        super().__init__()
        self.layers = vgg19_layers(last)
        mean, std = self._load()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def _load(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Fills the layers; returns mean and standard deviation for inputs in [0, 1]."""
        wanted = self.layers.state_dict()
        path = find_weights(FILE)
        if path is not None:
            state = {key.removeprefix("features."): value.float() for key, value in load_file(path).items()}
            self.layers.load_state_dict({key: state[key] for key in wanted if key in state})
            return tuple(m / 255.0 for m in _OXFORD_MEAN), (1.0 / 255.0,) * 3
        try:
            from torchvision.models import VGG19_Weights, vgg19

            full = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
        except Exception as error:  # whatever the download ends in, the remedy is the same
            raise DlicError(
                f"losses: VGG-19's weights are needed, and could not be downloaded ({error}).\n"
                f"Put {FILE} into the folder that DLIC_WEIGHTS names, or into $DLIC_DATA/weights."
            ) from error
        self.layers.load_state_dict({key: value for key, value in full.state_dict().items() if key in wanted})
        return _TORCHVISION_MEAN, _TORCHVISION_STD

    def normalised(self, picture: Tensor) -> Tensor:
        """The picture ``[B, 3|1, H, W]`` in [0, 1] as the first layer wants it."""
        return (picture.expand(-1, 3, -1, -1) - self.mean) / self.std

    def forward(self, picture: Tensor) -> Tensor:
        """The last layer's output for pictures ``[B, 3|1, H, W]`` in [0, 1]."""
        features: Tensor = self.layers(self.normalised(picture))
        return features


def jittered(output: Tensor, target: Tensor, jitter: int) -> tuple[Tensor, Tensor]:
    """Both pictures less ``jitter`` rows and columns, a random share of them at the top and left.

    Without it the pixel shuffles of a network stand on VGG's pooling grid, and it learns to draw that grid.
    """
    top, left = torch.randint(jitter + 1, (2,)).tolist()
    height, width = (side - jitter for side in output.shape[-2:])
    window = ..., slice(top, top + height), slice(left, left + width)
    return output[window], target[window]
