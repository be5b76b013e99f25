"""What a component does not inherit: arguments of another that stood in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Keys beside a name that belong to the place, whatever stands there; all others are the component's arguments.
_PLACES = {
    "optim": ("lr", "schedule", "groups"),
    "losses": ("weight",),
}
# Arguments that every set of pictures takes: how a recipe trains, whichever pictures it trains on.
SHARED_DATA = (
    *("crop", "batch_size", "workers", "augment", "to_gray", "gray", "downsize", "on_error", "max_failed", "small"),
    *("cache", "cache_dir", "max_pixels", "val_limit", "val_crop", "valid_sets", "transform"),
)


def left_behind(at: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Keys that a mapping loses when one that names another component is laid over it.

    Args:
        at: Where they stand.
        old: What is inherited.
        new: What is laid over it.

    Returns:
        The old component's arguments, from that mapping on; nothing where the new one names none or the same.

    Example:
        >>> left_behind(("losses", "pixel"), {"name": "charbonnier", "epsilon": 0.1, "weight": 2.0}, {"name": "l1"})
        [('epsilon',)]
    """
    names = old.get("name"), new.get("name")
    several = at[-1:] == ("transform",) or at == ("logger",)
    if several and isinstance(names[1], str) and "name" not in old:
        # One by name takes the place of several.
        return [(key,) for key in old]
    if at == ("logger",) and "name" in old and "name" not in new and all(isinstance(v, dict) for v in new.values()):
        # And several that of one.
        return [(key,) for key in old]
    if not all(isinstance(name, str) for name in names) or names[0] == names[1]:
        return []
    # These have names, and are no components: a recipe, a run, arguments of which one is called name.
    if not at or at[-1] == "args" or at[0] == "run":
        return []
    if at[0] in ("stages", "data", "base", "hints", "downsize") and "args" not in at:
        args = old.get("args")
        kept = SHARED_DATA if at[0] == "data" else ()
        return [("args", key) for key in args if key not in kept] if isinstance(args, Mapping) else []
    return [(key,) for key in old if key != "name" and key not in _PLACES.get(at[0], ())]


def names_first(overrides: Sequence[str]) -> list[str]:
    """Overrides in the order in which they act: a name drops what was inherited, not what is given beside or below it.

    Args:
        overrides: ``key=value`` texts.
    """

    def order(text: str) -> tuple[bool, int]:
        key = text.partition("=")[0]
        named = key.endswith(".name")
        return not named, key.count(".") if named else 0

    return sorted(overrides, key=order)
