"""Constants of the base codec `intra`: transforms, scans, angles and where each context model lives.

docs/format/intra.md gives every formula; a test holds the arrays to their SHA-256, so that no
platform's cosine can differ.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]

CTU = 32
"""Side of the largest block."""
SIDES = (4, 8, 16)
"""Blocks that networks predict."""
DOUBTS = (3, 5, 8, 14, 24)
"""Bounds between the classes of how far a block's prediction is from a network's others, in sixteenths of a step."""
HALVINGS = 2
"""How often a block may be halved after the last split into four."""
STEPS = 64
"""Number of quality steps; eight of them halve the quantiser's step."""
ANCHORS = (10, 26, 42)
"""Qualities for which the context models' beginnings are given; others are interpolated."""
LUMA, LUMA_NETWORKS, CHROMA = range(3)
"""Kinds of planes, by what their context models begin with: luma without networks, luma with them, and chroma."""
MATRIX_BITS = 11
PLANAR, DC, HORIZONTAL, DIAGONAL, VERTICAL, NET = 0, 1, 18, 34, 50, 67
"""Prediction modes; from `NET` on, the predictions of a network."""
MAX_BRANCHES = 16
"""Most predictions by a network of one view of a block: each view has so many modes, `BRANCH_CONTEXTS` suffice to name
one, and `net.sizes` has the bits."""
BRANCH_CONTEXTS = 18
"""Contexts that name a network's prediction: 3 of its view, 15 of its number."""
LIMIT = 1 << 17
"""Bound of coefficients, in sixteenths."""
MAX_LEVEL = 1 << 14

# First context of each syntax element.
SPLIT, QUAD, DIRECTION, USE_NET, BRANCH, IS_PLANAR, IS_LISTED, LISTED = 0, 18, 21, 24, 42, 96, 99, 101
KIND, LAST_X, LAST_Y, SIGNIFICANT, ABOVE_1, ABOVE_2, CODED = 105, 109, 129, 149, 185, 206, 227
CONTEXTS = 374


def quantiser_steps() -> I32:
    """Step of the fine grid, in sixteenths of a grey level, by quality."""
    return np.array([round(2560 * 2 ** (-quality / 8)) for quality in range(STEPS)], np.int32)


def matrices() -> I32:
    """Rows are basis functions times 2048: ``[2, 6, 32, 32]`` by kind (DCT-II, DST-VII), log2 of the length, row."""
    found = np.zeros((2, 6, 32, 32), np.int32)
    for log2 in range(2, 6):
        n = 1 << log2
        for k in range(n):
            for i in range(n):
                cosine = math.cos(math.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt((1 if k == 0 else 2) / n)
                sine = math.sin(math.pi * (2 * k + 1) * (i + 1) / (2 * n + 1)) * 2 / math.sqrt(2 * n + 1)
                found[0, log2, k, i] = round(cosine * (1 << MATRIX_BITS))
                found[1, log2, k, i] = round(sine * (1 << MATRIX_BITS))
    return found


def scans() -> tuple[I32, I32]:
    """Diagonal scans by ``4 * (log2 height - 2) + log2 width - 2``.

    Returns:
        ``[16, 1024, 2]`` column and row of each place in the scan, and ``[16, 1024, 5]`` the places of the
        neighbours that are already coded: two to the right, two below, one diagonal; 1024 where there is none.
    """
    order = np.zeros((16, 1024, 2), np.int32)
    near = np.full((16, 1024, 5), 1024, np.int32)
    for shape in range(16):
        height, width = 4 << (shape >> 2), 4 << (shape & 3)
        places = sorted(((x, y) for y in range(height) for x in range(width)), key=lambda p: (p[0] + p[1], p[0]))
        index = {place: number for number, place in enumerate(places)}
        for number, (x, y) in enumerate(places):
            order[shape, number] = x, y
            around = ((x + 1, y), (x + 2, y), (x, y + 1), (x, y + 2), (x + 1, y + 1))
            near[shape, number] = [index.get(place, 1024) for place in around]
    return order, near


def angles() -> tuple[I32, I32]:
    """Displacement in 1/32 samples a row, and 512 times its inverse, by mode 2 ... 66."""
    slopes = (0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32)
    found, inverse = np.zeros(68, np.int32), np.zeros(68, np.int32)
    for mode in range(2, 67):
        away = mode - VERTICAL if mode >= DIAGONAL else HORIZONTAL - mode
        found[mode] = int(math.copysign(slopes[abs(away)], away))
        if away:
            inverse[mode] = round(512 * 32 / slopes[abs(away)])
    return found, inverse


def interpolation() -> I32:
    """Four taps of 64 by 1/32 positions: ``[2, 32, 4]``, sharp (cubic) and smooth."""
    found = np.zeros((2, 32, 4), np.int32)
    for place in range(32):
        t = place / 32
        cubic = (-t * (1 - t) ** 2 / 2, (3 * t**3 - 5 * t**2 + 2) / 2, 0.0, t**2 * (t - 1) / 2)
        taps = [round(64 * tap) for tap in cubic]
        taps[2] = 64 - sum(taps)
        found[0, place] = taps
        found[1, place] = [16 - place // 2, 32 - place // 2, 16 + place // 2, place // 2]
    return found


def bit_costs() -> NDArray[np.float32]:
    """Bits of a symbol by its probability in 1/1024."""
    return np.array([-math.log2((k + 0.5) / 1024) for k in range(1024)], np.float32)


STEP: Any = quantiser_steps()
MATRIX: Any = matrices()
SCAN, NEAR = scans()
ANGLE, INVERSE = angles()
TAPS: Any = interpolation()
COST: Any = bit_costs()
