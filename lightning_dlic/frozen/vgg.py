"""VGG's convolutional part (Simonyan and Zisserman 2014), frozen, for what compares or judges features of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.frozen.memory import recall
from lightning_dlic.weights import find_weights

FILE = "vgg19_features.safetensors"
FILE_16 = "vgg16_features.safetensors"
_WIDTHS = (64, 128, 256, 512, 512)
# The Oxford weights expect 0..255 RGB less these means.
_OXFORD_MEAN = (123.68, 116.779, 103.939)
_TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_VGG19 = (2, 2, 4, 4, 4)

Statistics = tuple[tuple[float, ...], tuple[float, ...]]


def convolution_index(layer: str, blocks: tuple[int, ...] = _VGG19) -> int:
    """Index in VGG's sequence of the convolution that papers call ``conv<block>_<conv>``.

    Args:
        layer: ``block_convolution``, such as ``5_4``. The activation stands at the next index.
        blocks: Convolutions of each block; VGG-19's by default.

    Raises:
        DlicError: There is no such convolution.
    """
    index, seen = 0, {}
    for block, count in enumerate(blocks, 1):
        for convolution in range(1, count + 1):
            seen[f"{block}_{convolution}"] = index
            index += 2
        index += 1
    if layer not in seen:
        raise DlicError(f"VGG-{len(seen) + 3} has no convolution {layer!r}: it has {', '.join(seen)}")
    return seen[layer]


def width_of(layer: str) -> int:
    """Channels of a convolution that `convolution_index` knows."""
    return _WIDTHS[int(layer.split("_")[0]) - 1]


def vgg_layers(last: int, blocks: tuple[int, ...] = _VGG19) -> nn.Sequential:
    """VGG's layers up to and with index ``last``, untrained: 3x3 convolutions, blocks of which end in a 2x2 maximum."""
    layers: list[nn.Module] = []
    channels = 3
    for width, count in zip(_WIDTHS, blocks, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers[: last + 1])


class VGG(nn.Module):
    """VGG up to and with one of its layers; takes RGB or grey pictures in [0, 1].

    The weights are frozen. They come from `file` in ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights`` (keys ``N.weight``,
    ``N.bias``, or with ``features.`` before them), else from torchvision, which downloads them.

    Attributes:
        blocks: Convolutions of each block.
        file: Where the weights lie.
        filed: Mean and deviation of the pictures in [0, 1] that the weights of the file were made for.
    """

    blocks: ClassVar[tuple[int, ...]]
    file: ClassVar[str]
    filed: ClassVar[Statistics]
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
        self.layers = vgg_layers(last, self.blocks)
        mean, std = self._load()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @property
    def title(self) -> str:
        """What papers call it."""
        return f"VGG-{sum(self.blocks) + 3}"

    def _load(self) -> Statistics:
        """Fills the layers; returns mean and standard deviation for inputs in [0, 1]."""
        wanted = self.layers.state_dict()
        path = find_weights(self.file)
        if path is not None:
            state = {key.removeprefix("features."): value.float() for key, value in load_file(path).items()}
            if lacking := [key for key in wanted if key not in state]:
                raise DlicError(f"{path}: no {lacking[0]} of {self.title} in it")
            self.layers.load_state_dict({key: state[key] for key in wanted})
            return self.filed
        try:
            from torchvision import models

            name = self.title.replace("-", "").lower()
            weights = models.get_model_weights(name)["IMAGENET1K_V1"].get_state_dict(progress=True, check_hash=True)
        except Exception as error:  # whatever the download ends in, the remedy is the same
            raise DlicError(
                f"{self.title}'s weights are needed, and could not be downloaded ({error}).\n"
                f"Put {self.file} into the folder that DLIC_WEIGHTS names, or into $DLIC_DATA/weights."
            ) from error
        state = {key.removeprefix("features."): value for key, value in weights.items()}
        self.layers.load_state_dict({key: state[key] for key in wanted})
        return _TORCHVISION

    def activations(self, picture: Tensor, ends: Sequence[int]) -> list[Tensor]:
        """What stands at the ends of several slices of the layers, those of `remembered` pictures looked up.

        Args:
            picture: ``[B, 3|1, H, W]`` in [0, 1].
            ends: In ascending order.
        """
        known = recall(type(self), picture)
        for end in ends:
            if end not in known:
                start = max((each for each in known if each < end), default=0)
                known[end] = self.layers[start:end](known[start] if start else self.normalised(picture))
        return [known[end] for end in ends]

    def normalised(self, picture: Tensor) -> Tensor:
        """The picture ``[B, 3|1, H, W]`` in [0, 1] as the first layer wants it."""
        return (picture.expand(-1, 3, -1, -1) - self.mean) / self.std

    def forward(self, picture: Tensor) -> Tensor:
        """The last layer's output for pictures ``[B, 3|1, H, W]`` in [0, 1]."""
        features: Tensor = self.layers(self.normalised(picture))
        return features


class VGG19(VGG):
    """VGG-19; a file of its weights holds Oxford's own, for 0..255 RGB less their means."""

    blocks: ClassVar[tuple[int, ...]] = _VGG19
    file: ClassVar[str] = FILE
    filed: ClassVar[Statistics] = tuple(m / 255.0 for m in _OXFORD_MEAN), (1.0 / 255.0,) * 3


class VGG16(VGG):
    """VGG-16; a file of its weights holds torchvision's, with which LPIPS and DISTS were fitted."""

    blocks: ClassVar[tuple[int, ...]] = (2, 2, 3, 3, 3)
    file: ClassVar[str] = FILE_16
    filed: ClassVar[Statistics] = _TORCHVISION


def jittered(output: Tensor, target: Tensor, jitter: int) -> tuple[Tensor, Tensor]:
    """Both pictures less ``jitter`` rows and columns, a random share of them at the top and left.

    Without it the pixel shuffles of a network stand on VGG's pooling grid, and it learns to draw that grid.
    """
    top, left = torch.randint(jitter + 1, (2,)).tolist()
    height, width = (side - jitter for side in output.shape[-2:])
    window = ..., slice(top, top + height), slice(left, left + width)
    return output[window], target[window]
