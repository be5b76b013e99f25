"""What each pipeline's number names, for the table that freezes it."""

import hashlib
from typing import Any

from lightning_dlic.pipeline.plan import find_pipeline, numbers
from lightning_dlic.zoo.files import locate


def meanings() -> dict[str, dict[str, Any]]:
    """What each number names: its recipe, and by kind and scale the SHA-256 of weights."""
    found = {}
    for number, name in sorted(numbers().items()):
        places = [
            (k, role, target) for k, roles in find_pipeline(name).networks.items() for role, target in roles.items()
        ]
        weights = {f"{kind} x{role}" if role else kind: _fingerprint(target) for kind, role, target in places}
        found[str(number)] = {"recipe": name, "weights": weights}
    return found


def _fingerprint(target: str) -> str:
    path = locate(target)
    return f"{path.stem} {hashlib.sha256(path.read_bytes()).hexdigest()}"
