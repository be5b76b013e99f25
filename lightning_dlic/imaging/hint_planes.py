"""How hints lie in planes: what the codec paints and networks for colour take."""

PLANES = 6
"""Planes of hints."""
SIDE, STEP = 64.0, 32.0
"""Pixels, and levels, that the fourth and the fifth plane of hints count in."""
