"""LPIPS: how far apart two pictures look to a network (Zhang et al., CVPR 2018)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.weights import find_weights

BACKBONE = "alexnet_features.safetensors"
HEADS = "lpips_lin_v0.1.safetensors"
# The mean and deviation of ImageNet, for inputs in [-1, 1] as LPIPS counts them.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
# AlexNet's activations that are compared, as ends of slices of its sequence.
_ENDS = (2, 5, 8, 10, 12)
_WIDTHS = (64, 192, 384, 256, 256)


def _alexnet() -> nn.Sequential:
    """AlexNet's convolutional part in torchvision's order, without its last pooling."""
    a, b, c, d, e = _WIDTHS
    return nn.Sequential(
        *(nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(d, e, 3, padding=1), nn.ReLU()),
    )


def _backbone_state() -> dict[str, Tensor]:
    path = find_weights(BACKBONE)
    if path is not None:
        return load_file(path)
    try:
        from torchvision.models import AlexNet_Weights

        return dict(AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True))
    except Exception as error:  # whatever the download ends in, the remedy is the same
        raise DlicError(
            f"metrics: lpips needs AlexNet's weights, and they could not be downloaded ({error}).\n"
            f"Put {BACKBONE} into the folder that DLIC_WEIGHTS names, or into $DLIC_DATA/weights."
        ) from error


def _head_state() -> list[Tensor]:
    path = find_weights(HEADS)
    if path is not None:
        state = load_file(path)
        return [state[f"alex.lin{i}"].flatten() for i in range(len(_WIDTHS))]
    # Found, not imported: importing the package would build torchvision's models first.
    spec = find_spec("lpips")
    bundled = Path(spec.origin).parent / "weights" / "v0.1" / "alex.pth" if spec and spec.origin else None
    if bundled is None or not bundled.is_file():
        raise DlicError(
            "metrics: lpips needs its linear heads, and the package lpips, which carries them, is not installed.\n"
            f"Put {HEADS} into the folder that DLIC_WEIGHTS names, or pip install lpips."
        )
    loaded = torch.load(bundled, map_location="cpu", weights_only=True)
    return [loaded[f"lin{i}.model.1.weight"].flatten() for i in range(len(_WIDTHS))]


def _unit(features: Tensor) -> Tensor:
    """Features of length 1 at each place."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


class LPIPS(nn.Module):
    """LPIPS v0.1 with AlexNet; lower is more alike.

    The weights come from ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights``; else AlexNet's from torchvision, which downloads
    them, and the heads from the package ``lpips``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        """Loads the network.

        Raises:
            DlicError: No weights were found, and none could be downloaded.
        """
        super().__init__()
        self.features = _alexnet()
        state = {key.removeprefix("features."): value.float() for key, value in _backbone_state().items()}
        self.features.load_state_dict({key: state[key] for key in self.features.state_dict()})
        self.heads = nn.ParameterList(head.float().view(1, -1, 1, 1) for head in _head_state())
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distances ``[B]`` between pictures ``[B, 3|1, H, W]`` in [0, 1], of at least 32x32."""
        a, b = ((p.expand(-1, 3, -1, -1) * 2.0 - 1.0 - self.shift) / self.scale for p in (x, y))
        total, start = x.new_zeros(x.shape[0]), 0
        # Layer by layer for both: only one layer's features are held at a time.
        for head, end in zip(self.heads, _ENDS, strict=True):
            a, b = self.features[start:end](a), self.features[start:end](b)
            total = total + ((_unit(a) - _unit(b)).square() * head).sum(1).mean((1, 2))
            start = end
        return total
