"""Smoothing across the edges of blocks, after a whole plane is decoded."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from lightning_dlic.codec.intra.jit import entry, inner
from lightning_dlic.codec.intra.syntax import HEIGHT, WIDTH
from lightning_dlic.codec.intra.tables import STEP

STRENGTHS = 4


def thresholds(quality: int, strength: int) -> tuple[int, int]:
    """How rough two sides may be to be smoothed, and by how much a sample may change."""
    return max(0, (140 - 3 * quality) >> 1), ((int(STEP[quality]) << (strength - 1)) + 80) // 160 if strength else 0


@inner
def _roughness(pixels, at, across):
    return abs(np.int64(pixels[at + 2 * across]) - 2 * np.int64(pixels[at + across]) + pixels[at])


@inner
def _strong(pixels, at, across):
    """Three samples of either side, the first at ``at`` and at ``at - across``; a change of 2 limits is the most."""
    p2, p1, p0 = pixels[at - 3 * across], pixels[at - 2 * across], pixels[at - across]
    q0, q1, q2 = pixels[at], pixels[at + across], pixels[at + 2 * across]
    p3, q3 = pixels[at - 4 * across], pixels[at + 3 * across]
    pixels[at - across] = (p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1 + 4) >> 3
    pixels[at - 2 * across] = (p2 + p1 + p0 + q0 + 2) >> 2
    pixels[at - 3 * across] = (2 * p3 + 3 * p2 + p1 + p0 + q0 + 4) >> 3
    pixels[at] = (p1 + 2 * p0 + 2 * q0 + 2 * q1 + q2 + 4) >> 3
    pixels[at + across] = (p0 + q0 + q1 + q2 + 2) >> 2
    pixels[at + 2 * across] = (p0 + q0 + q1 + 3 * q2 + 2 * q3 + 4) >> 3


@inner
def _weak(pixels, at, across, limit, smooth_p, smooth_q):
    p2, p1, p0 = np.int64(pixels[at - 3 * across]), np.int64(pixels[at - 2 * across]), np.int64(pixels[at - across])
    q0, q1, q2 = np.int64(pixels[at]), np.int64(pixels[at + across]), np.int64(pixels[at + 2 * across])
    change = (9 * (q0 - p0) - 3 * (q1 - p1) + 8) >> 4
    if abs(change) >= 10 * limit:
        return
    change = min(max(change, -limit), limit)
    half = limit >> 1
    if smooth_p:
        bent = min(max((((p2 + p0 + 1) >> 1) - p1 + change) >> 1, -half), half)
        pixels[at - 2 * across] = min(max(p1 + bent, 0), 255)
    if smooth_q:
        bent = min(max((((q2 + q0 + 1) >> 1) - q1 - change) >> 1, -half), half)
        pixels[at + across] = min(max(q1 + bent, 0), 255)
    pixels[at - across] = min(max(p0 + change, 0), 255)
    pixels[at] = min(max(q0 - change, 0), 255)


@inner
def _edge(pixels, at, across, along, wide, rough, limit):
    """Four samples of an edge; ``at`` is the first behind it, ``wide`` whether both blocks have more than 4."""
    far = at + 3 * along
    before = _roughness(pixels, at - across, -across) + _roughness(pixels, far - across, -across)
    behind = _roughness(pixels, at, across) + _roughness(pixels, far, across)
    if before + behind >= rough:
        return
    strong = wide
    for line in (at, far):
        bend = _roughness(pixels, line - across, -across) + _roughness(pixels, line, across)
        spread = abs(pixels[line - 4 * across] - pixels[line - across]) + abs(pixels[line] - pixels[line + 3 * across])
        jump = abs(pixels[line] - pixels[line - across])
        if 2 * bend >= rough >> 2 or spread >= rough >> 3 or jump >= (5 * limit + 1) >> 1:
            strong = False
    side = (rough + (rough >> 1)) >> 3
    for index in range(4):
        if strong:
            _strong(pixels, at + index * along, across)
        else:
            _weak(pixels, at + index * along, across, limit, before < side, behind < side)


@entry
def smooth_edges(pixels, maps, rough, limit):
    """Smooths upright edges from left to right, row of blocks by row, then level ones from top to bottom.

    Args:
        pixels: Decoded samples, int32 ``[H, W]``, changed in place.
        maps: Of the plane.
        rough: Edges between sides rougher than this stay.
        limit: Largest change of the weak filter.
    """
    height, width = pixels.shape
    flat = pixels.reshape(-1)
    for upright in (1, 0):
        for y in range(0, height, 4):
            for x in range(0, width, 4):
                place = x if upright else y
                size = np.int64(maps[WIDTH if upright else HEIGHT, y >> 2, x >> 2])
                if place == 0 or place & ((1 << size) - 1):
                    continue
                if upright:
                    wide = min(size, np.int64(maps[WIDTH, y >> 2, (x >> 2) - 1])) > 2
                    _edge(flat, y * width + x, 1, width, wide, rough, limit)
                else:
                    wide = min(size, np.int64(maps[HEIGHT, (y >> 2) - 1, x >> 2])) > 2
                    _edge(flat, y * width + x, width, 1, wide, rough, limit)
