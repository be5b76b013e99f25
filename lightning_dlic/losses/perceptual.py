"""The VGG content loss of SRGAN: distances between feature maps of a network trained to recognise objects."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from dlic_registry import DlicError
from lightning_dlic.weights import find_weights

FILE = "vgg19_features.safetensors"
# Channels of VGG-19's convolutions; "M" is a 2x2 maximum (Simonyan and Zisserman 2014).
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


def _layer_index(block: int, conv: int) -> int:
    """Index in the ``features`` sequence of the convolution that papers call ``conv<block>_<conv>``."""
    seen_block, seen_conv, index = 1, 0, 0
    for item in _PLAN:
        if item == "M":
            seen_block, seen_conv, index = seen_block + 1, 0, index + 1
            continue
        seen_conv += 1
        if (seen_block, seen_conv) == (block, conv):
            return index
        index += 2
    raise ValueError(f"VGG-19 has no convolution {block}_{conv}")


def _features(last: int) -> nn.Sequential:
    """VGG-19's layers up to and with the one at index ``last``; a convolution's activation is the next."""
    layers: list[nn.Module] = []
    channels = 3
    for item in _PLAN:
        if isinstance(item, str):
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, item, 3, padding=1), nn.ReLU(inplace=True)]
            channels = item
    return nn.Sequential(*layers[: last + 1])


class Perceptual(nn.Module):
    """Mean squared distance of VGG-19 features (Ledig et al. 2017; VGG54 is convolution 5_4 after its activation).

    The factor on the features is part of the loss: the paper's content loss weighs 1 beside its adversarial one.

    The weights are frozen and never part of a checkpoint. They come from ``vgg19_features.safetensors`` in
    ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights`` (keys ``N.weight``, ``N.bias``, or with ``features.`` before them), else
    from torchvision, which downloads them.
    """

    def __init__(
        self, layer: str = "5_4", rescale: float = 1.0 / 12.75, jitter: int = 0, activated: bool = True
    ) -> None:
        """Loads the network.

        Args:
            layer: Convolution whose output is compared, as ``block_convolution``.
            rescale: Factor on the features; the paper's 1/12.75, which makes .006 of their squares, brings the loss
                near the MSE's size.
            jitter: Both pictures lose so many rows and columns, a random share of them at the top and left. Without it
                the pixel shuffles of a network stand on VGG's pooling grid, and it learns to draw that grid.
            activated: Whether the convolution's activation is applied. Features before it are many times larger.

        Raises:
            DlicError: No weights were found, and none could be downloaded; the layer does not exist; or the jitter is
                negative.
        """
        super().__init__()
        if jitter < 0:
            raise DlicError(f"losses: perceptual jitter must be at least 0, not {jitter}")
        self.jitter = jitter
        try:
            block, conv = (int(part) for part in layer.split("_"))
            last = _layer_index(block, conv)
        except ValueError as error:
            raise DlicError(f"losses: perceptual layer {layer!r} is not one of VGG-19 (such as '5_4')") from error
        self.rescale = rescale
        self.features = _features(last + activated)
        mean, std = self._load()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    mean: Tensor
    std: Tensor

    def _load(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Fills the layers; returns mean and standard deviation for inputs in [0, 1]."""
        path = find_weights(FILE)
        if path is not None:
            state = {key.removeprefix("features."): value.float() for key, value in load_file(path).items()}
            wanted = {key: state[key] for key in self.features.state_dict() if key in state}
            self.features.load_state_dict(wanted)
            return tuple(m / 255.0 for m in _OXFORD_MEAN), (1.0 / 255.0,) * 3
        try:
            from torchvision.models import VGG19_Weights, vgg19

            full = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
        except Exception as error:  # whatever the download ends in, the remedy is the same
            raise DlicError(
                f"losses: perceptual needs VGG-19's weights, and they could not be downloaded ({error}).\n"
                f"Put {FILE} into the folder that DLIC_WEIGHTS names, or into $DLIC_DATA/weights."
            ) from error
        self.features.load_state_dict({k: v for k, v in full.state_dict().items() if k in self.features.state_dict()})
        return _TORCHVISION_MEAN, _TORCHVISION_STD

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares RGB (or grey) pictures ``[B, 3|1, H, W]`` in [0, 1]; a scalar."""
        top, left = torch.randint(self.jitter + 1, (2,)).tolist()
        height, width = (side - self.jitter for side in output.shape[-2:])
        window = ..., slice(top, top + height), slice(left, left + width)
        x, y = (self._embed(picture[window]) for picture in (output, target.detach()))
        return F.mse_loss(x, y)

    def _embed(self, picture: Tensor) -> Tensor:
        features: Tensor = self.features((picture.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return features * self.rescale
