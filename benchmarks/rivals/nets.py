"""Three other small networks for super-resolution, at about the cost of `compact` with 8 blocks of 48 channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.nets.layers import convolutions, icnr_, pixel_repeat


def conv3(wide: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(wide, out, 3, padding=1)


class Frame(nn.Module):
    """Head, a body at low resolution, one pixel shuffle, the enlarged input added: as in `compact`."""

    def __init__(self, body: nn.Module, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.head, self.body, self.tail = conv3(3, width), body, conv3(width, 3 * scale * scale)
        for layer in convolutions(self):
            nn.init.kaiming_normal_(layer.weight, a=0.1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        for module in self.modules():
            if isinstance(module, Distilled):
                module.quieten()
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
            icnr_(self.tail, scale)

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(x - 0.5)
        out: Tensor = F.pixel_shuffle(self.tail(self.body(features)) + pixel_repeat(x, self.scale), self.scale)
        return out


class Skip(nn.Module):
    """Blocks, a convolution, and the blocks' input added."""

    def __init__(self, blocks: list[nn.Module], width: int) -> None:
        super().__init__()
        self.blocks, self.join = nn.Sequential(*blocks), conv3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.join(self.blocks(x))
        return out


class SpatialAttention(nn.Module):
    """Attention computed at a sixth of the resolution, as in RFANet and RLFN."""

    def __init__(self, width: int, inner: int = 16) -> None:
        super().__init__()
        self.enter, self.leave = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
        self.along, self.shrink, self.middle = (
            nn.Conv2d(inner, inner, 1),
            nn.Conv2d(inner, inner, 3, 2),
            conv3(inner, inner),
        )

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        coarse = self.middle(F.max_pool2d(self.shrink(entered), 7, 3))
        fine = F.interpolate(coarse, x.shape[-2:], mode="bilinear", align_corners=False)
        out: Tensor = x * torch.sigmoid(self.leave(fine + self.along(entered)))
        return out


class Distilled(nn.Module):
    """RLFN's block (Kong et al., CVPRW 2022): three convolutions, a skip, a 1x1 convolution, attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(conv3(width, width) for _ in range(3))
        self.mix, self.attention = nn.Conv2d(width, width, 1), SpatialAttention(width)

    @torch.no_grad()
    def quieten(self) -> None:
        """Blocks start near the identity."""
        self.layers[-1].weight.mul_(0.1)  # type: ignore[operator, union-attr]

    def forward(self, x: Tensor) -> Tensor:
        inner = x
        for layer in self.layers:
            inner = F.leaky_relu(layer(inner), 0.1)
        out: Tensor = self.attention(self.mix(inner + x))
        return out


class Gated(nn.Module):
    """SPAN's block (Wan et al., CVPRW 2024): three convolutions whose output also is a parameter-free attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(conv3(width, width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = self.layers
        inner = third(F.silu(second(F.silu(first(x)))))
        out: Tensor = (inner + x) * (torch.sigmoid(inner) - 0.5)
        return out


class Gates(nn.Module):
    """SPAN's body: blocks, of which the input, the first and the last are joined."""

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Gated(width) for _ in range(blocks))
        self.last, self.join = conv3(width, width), nn.Conv2d(4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs = [x]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        out: Tensor = self.join(torch.cat([x, self.last(outputs[-1]), outputs[1], outputs[-1]], 1))
        return out


class Merged(nn.Module):
    """A plain 3x3 convolution that is trained as the sum of a 3x3, a 1x1 and the identity (Ding et al., CVPR 2021).

    The three are summed into one kernel before they are applied, so that training costs no more than use.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide, self.narrow = conv3(width, width), nn.Conv2d(width, width, 1, bias=False)
        identity = torch.zeros(width, width, 3, 3)
        identity[range(width), range(width), 1, 1] = 1.0
        self.register_buffer("identity", identity)

    def forward(self, x: Tensor) -> Tensor:
        # Two branches of full variance beside the identity would double the signal in each of twenty layers.
        kernel = self.identity + 0.1 * (self.wide.weight + F.pad(self.narrow.weight, (1, 1, 1, 1)))
        return F.leaky_relu(F.conv2d(x, kernel, self.wide.bias, padding=1), 0.1)


def rlfn(scale: int, width: int = 48, blocks: int = 5) -> nn.Module:
    return Frame(Skip([Distilled(width) for _ in range(blocks)], width), width, scale)


def span(scale: int, width: int = 48, blocks: int = 5) -> nn.Module:
    return Frame(Gates(blocks, width), width, scale)


def plain(scale: int, width: int = 48, layers: int = 16) -> nn.Module:
    return Frame(Skip([Merged(width) for _ in range(layers)], width), width, scale)
