"""lightning-dlic: train deep-learning image compression stages by recipe, and code photographs with them.

Importing this package costs nothing: torch and Lightning come in with the functions that need them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlic_registry import entries as entries
    from dlic_registry import register as register
    from lightning_dlic.api.files import decode as decode
    from lightning_dlic.api.files import encode as encode
    from lightning_dlic.api.measuring import evaluate as evaluate
    from lightning_dlic.api.networks import load as load
    from lightning_dlic.api.networks import upscale as upscale
    from lightning_dlic.api.training import fit as fit
    from lightning_dlic.pipeline.compress import compress as compress
    from lightning_dlic.pipeline.decompress import decompress as decompress
    from lightning_dlic.pipeline.plan import find_pipeline as find_pipeline

__version__ = "0.2.0"

_LAZY = {
    "compress": "lightning_dlic.pipeline.compress",
    "decompress": "lightning_dlic.pipeline.decompress",
    "encode": "lightning_dlic.api.files",
    "decode": "lightning_dlic.api.files",
    "find_pipeline": "lightning_dlic.pipeline.plan",
    "load": "lightning_dlic.api.networks",
    "upscale": "lightning_dlic.api.networks",
    "fit": "lightning_dlic.api.training",
    "evaluate": "lightning_dlic.api.measuring",
    "register": "dlic_registry",
    "entries": "dlic_registry",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_LAZY]
