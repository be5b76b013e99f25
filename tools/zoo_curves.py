"""Curves of the zoo's networks on four photographs that none has seen, each beside its rival."""

from __future__ import annotations

import numpy as np
import torch
from drawn import U8, coded, curve, photographs
from numpy.typing import NDArray

from lightning_dlic.api.networks import upscale
from lightning_dlic.imaging.blocks import cut, cut_blocks, grid
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.measure.colorings import floors, networks, parse_hints
from lightning_dlic.operators.base import Operator
from lightning_dlic.operators.predictor import HEVCPredictor
from lightning_dlic.pipeline.assemble import advanced, finished
from lightning_dlic.zoo import Card
from lightning_dlic.zoo.downsize import LearnedDownsize

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)


def psnr(made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """In dB, over all samples."""
    error = np.square(made.astype(np.float64) - truth).mean()
    return float(10 * np.log10(255.0**2 / max(error, 1e-9)))


def on_base_layers(card: Card, operator: Operator) -> U8:
    """Means over the pictures, by the bytes of base layers that HEVC codes."""
    color = card.kind == "reconstruction"
    scale = 2 if 2 in operator.facts.scales else operator.facts.scales[0]
    points: dict[str, list[float]] = {"bytes": [], "bicubic": [], card.name: []}
    for share in SHARES:
        found = []
        for picture in photographs():
            layers, size = coded(picture, scale, share, color)
            truth = picture if color else split(picture)[0]
            ways = finished(layers), finished(advanced(layers, [operator]))
            found.append([size, *(psnr(way, truth) for way in ways)])
        for name, value in zip(points, np.mean(found, axis=0), strict=True):
            points[name].append(float(value))
    size = points.pop("bytes")
    across = f"bytes of the base layer, scale {scale}"
    return curve({name: (size, line) for name, line in points.items()}, across, f"PSNR-{'RGB' if color else 'Y'}, dB")


def on_sizes(card: Card, operator: Operator) -> U8:
    """By the size of the originals, made small by bicubic, or by the network where it brings its own downsizing."""
    lines: dict[str, list[float]] = {"bicubic": [], card.name: []}
    shrink = LearnedDownsize(card.scale, weights=f"zoo:{card.name}") if hasattr(operator.net, "downsizer") else None
    sides = (96, 144, 192, 240)
    for side in sides:
        found = []
        for picture in photographs():
            truth = _resized(picture if card.channels == 3 else split(picture)[0], side)
            plain = _resized(truth, side // card.scale)
            small = plain if shrink is None else learned(shrink, truth)
            found.append([psnr(upscale(plain, "bicubic", card.scale), truth), psnr(upscale(small, card.name), truth)])
        for name, value in zip(lines, np.mean(found, axis=0), strict=True):
            lines[name].append(float(value))
    return curve({name: (sides, line) for name, line in lines.items()}, "pixels a side", "PSNR, dB")


def learned(shrink: LearnedDownsize, picture: U8) -> U8:
    """A small picture, RGB uint8, as a network makes it of a large one."""
    made = shrink(torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous())[0]
    return (made * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def on_hints(card: Card, operator: Operator) -> U8:
    """By the bytes of hints, under the true luma."""
    asked = parse_hints("none,segmentation,75,segmentation,150,segmentation,300,segmentation,600")
    lines = {}
    for ways in (floors("floor", asked), networks(card.name, operator, asked)):
        points = []
        for way in ways:
            found = []
            for picture in photographs():
                luma, *chroma = split(picture)
                made, size = way.color(luma, np.stack(chroma).astype(np.float32) - 128)
                found.append((size, psnr(made, picture)))
            points.append(np.mean(found, axis=0))
        across, up = np.array(points).T.tolist()
        lines[ways[0].name] = across, up
    return curve(lines, "bytes of hints", "PSNR-RGB, dB")


def on_blocks(card: Card, operator: Operator) -> U8:
    """By the size of the pictures, beside modes of HEVC."""
    m, sides = operator.m, (60, 120, 240)
    lines: dict[str, list[float]] = {"planar": [], "best35-satd": [], card.name: []}
    predictors = (HEVCPredictor("planar"), HEVCPredictor("satd"), operator)
    for side in sides:
        for name, predict in zip(lines, predictors, strict=True):
            found = []
            for picture in photographs():
                plane = torch.from_numpy(_resized(split(picture)[0], side))[None, None]
                corners = grid(side, side, m)
                where = torch.cat((torch.zeros_like(corners[:, :1]), corners), dim=1)
                context, truth = cut(plane, where, m).numpy(), cut_blocks(plane, where, m)[:, 0].numpy()
                found.append(np.square(predict(context, np.ones_like(context), truth).astype(float) - truth).mean())
            lines[name].append(float(10 * np.log10(255.0**2 / np.mean(found))))
    return curve({name: (sides, line) for name, line in lines.items()}, "pixels a side", "PSNR of blocks, dB")


def _resized(picture: U8, side: int) -> U8:
    planes = torch.from_numpy(picture.reshape(*picture.shape[:2], -1)).permute(2, 0, 1)
    made = resize_uint8(planes, size=(side, side)).permute(1, 2, 0).contiguous().numpy()
    return made if picture.ndim == 3 else made[..., 0]
