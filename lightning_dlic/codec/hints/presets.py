"""Usual budgets of hints under names."""

PRESETS = {
    "grid-small": ("grid", 137),
    "grid-large": ("grid", 419),
    "segmentation-small": ("segmentation", 152),
    "segmentation-large": ("segmentation", 601),
}
"""A kind of hints and its bytes, by name."""
