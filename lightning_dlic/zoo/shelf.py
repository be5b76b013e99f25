"""How a package of somebody else ships trained networks."""

from __future__ import annotations


class Shelf:
    """A folder of trained networks with their cards, registered under the kind ``zoo``.

    A subclass is empty: the folder is that of its module. Networks in it are written ``OWNER:NAME``, OWNER being the
    name that the class is registered under. Each is a ``NAME.safetensors`` with a card ``NAME.yaml`` beside it.

    Example:
        In ``acme/weights/__init__.py``, with ``acme = "acme.weights:Weights"`` in the entry-point group
        ``lightning_dlic.zoo``:

        >>> class Weights(Shelf):
        ...     '''Networks of Acme.'''
    """
