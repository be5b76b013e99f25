"""Trained networks; the tests put one here."""

from lightning_dlic.zoo.shelf import Shelf


class Weights(Shelf):
    """Networks of the tests."""
